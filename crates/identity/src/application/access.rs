//! What a process needs to tell a good access token from one that is not.

use std::sync::Arc;

use kernel::{Authorized, Call, Caller, Clock, Component};
use runtime::token::Subject;

use super::{AccessToken, AccessTokens, Error, PublishedKey, Revocations, Secrets};
use crate::domain::access::Action;

pub(crate) struct AccessUseCases {
    pub(crate) revocations: Arc<dyn Revocations>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) tokens: Arc<dyn AccessTokens>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl AccessUseCases {
    pub(crate) fn signing_keys(&self, call: &Call) -> Result<Authorized<Vec<PublishedKey>>, Error> {
        let permit = call.authorize(&Action::ReadPublished)?;
        Ok(permit.show(self.tokens.published()))
    }

    /// Lets a component watch; what it sees is streamed by the adapter that feeds this process itself.
    pub(crate) fn watch(call: &Call) -> Result<Authorized<()>, Error> {
        Ok(call.authorize(&Action::WatchAccess)?.show(()))
    }

    pub(crate) async fn is_revoked(&self, call: &Call, subjects: &[Subject]) -> Result<Authorized<bool>, Error> {
        let permit = call.authorize(&Action::WatchAccess)?;
        Ok(permit.show(self.revocations.is_revoked(subjects).await?))
    }

    pub(crate) fn component_token(
        &self,
        call: &Call,
        component: Component,
        secret: &str,
    ) -> Result<Authorized<AccessToken>, Error> {
        let permit = call.authorize(&Action::ShowSecret)?;
        if !self.secrets.is_component_secret(secret) {
            return Err(Error::CredentialRefused);
        }
        Ok(permit.show(self.tokens.issue(&Caller::Component(component), 0, None, self.clock.now())?))
    }
}
