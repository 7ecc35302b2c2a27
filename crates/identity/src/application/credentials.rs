//! Credentials of machines: services of a realm, and gateways.

use std::sync::Arc;

use kernel::{Authorized, Call, Caller, Clock, CredentialId, GatewayCaller, IdSource, RealmId, Secret, ServiceCaller};

use super::{AccessToken, AccessTokens, Credential, CredentialKind, Credentials, Error, Realms, Secrets};
use crate::domain::access::Action;

pub(crate) struct CredentialUseCases {
    pub(crate) credentials: Arc<dyn Credentials>,
    pub(crate) realms: Arc<dyn Realms>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) tokens: Arc<dyn AccessTokens>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

#[derive(Debug)]
pub(crate) struct CreateCredential {
    pub(crate) realm_id: RealmId,
    pub(crate) kind: CredentialKind,
    pub(crate) name: String,
}

/// A credential together with its secret, which is shown once.
#[derive(Debug)]
pub(crate) struct CredentialCreated {
    pub(crate) credential: Credential,
    pub(crate) secret: Secret<String>,
}

impl CredentialUseCases {
    pub(crate) async fn create(&self, call: &Call, command: CreateCredential) -> Result<Authorized<CredentialCreated>, Error> {
        let permit = call.authorize(&Action::ManageCredentials)?;
        self.realms.get(command.realm_id).await?.ok_or(Error::RealmNotFound)?;
        let now = self.clock.now();
        let CreateCredential { realm_id, kind, name } = command;
        let credential = Credential { id: self.ids.new_id(now), realm_id, kind, name, created_at: now };
        let new = self.secrets.credential_secret();
        self.credentials.insert(&permit, &credential, &new.hash).await?;
        Ok(permit.show(CredentialCreated { credential, secret: new.secret }))
    }

    pub(crate) async fn list(&self, call: &Call, realm_id: RealmId) -> Result<Authorized<Vec<Credential>>, Error> {
        let permit = call.authorize(&Action::ManageCredentials)?;
        self.realms.get(realm_id).await?.ok_or(Error::RealmNotFound)?;
        Ok(permit.show(self.credentials.list(realm_id).await?))
    }

    pub(crate) async fn delete(&self, call: &Call, id: CredentialId) -> Result<Authorized<()>, Error> {
        let permit = call.authorize(&Action::ManageCredentials)?;
        if !self.credentials.delete(&permit, id, self.clock.now()).await? {
            return Err(Error::CredentialNotFound);
        }
        Ok(permit.show(()))
    }

    pub(crate) async fn issue_token(
        &self,
        call: &Call,
        id: CredentialId,
        secret: &str,
    ) -> Result<Authorized<AccessToken>, Error> {
        let permit = call.authorize(&Action::ShowSecret)?;
        let found = self.credentials.find(id, &self.secrets.credential_hash(secret)).await?;
        let Credential { realm_id, kind, name, .. } = found.ok_or(Error::CredentialRefused)?;
        let caller = match kind {
            CredentialKind::Service => Caller::Service(ServiceCaller { realm_id, credential_id: id, name }),
            CredentialKind::Gateway => Caller::Gateway(GatewayCaller { realm_id, credential_id: id }),
        };
        Ok(permit.show(self.tokens.issue(&caller, 0, self.clock.now())?))
    }
}
