//! Taking back a tick by the link at the foot of a letter (N10; RFC 8058).

use std::sync::Arc;

use kernel::{Authorized, Call, Clock, Fault, Refusal};

use super::{PreferenceStore, Realm, Realms, Speeches, UnsubscribeTokens};
use crate::domain::access::Action;
use crate::domain::{Preferences, Unsubscription};

pub(crate) struct UnsubscribeUseCases {
    pub(crate) tokens: Arc<dyn UnsubscribeTokens>,
    pub(crate) preferences: Arc<dyn PreferenceStore>,
    pub(crate) realms: Arc<dyn Realms>,
    pub(crate) speeches: Arc<dyn Speeches>,
    pub(crate) clock: Arc<dyn Clock>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum UnsubscribeError {
    #[error("there is no such link")]
    LinkNotValid,
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl UnsubscribeUseCases {
    /// Answers with the realm, as the person is shown it. Changes nothing: mail scanners open links.
    pub(crate) async fn inspect(&self, call: &Call, token: &str) -> Result<Authorized<Realm>, UnsubscribeError> {
        let unsubscription = self.tokens.read(token).ok_or(UnsubscribeError::LinkNotValid)?;
        let permit = call.authorize(&Action::FollowLink)?;
        Ok(permit.show(self.realm(call, unsubscription).await?))
    }

    /// Takes the tick back; as often as one likes.
    pub(crate) async fn unsubscribe(&self, call: &Call, token: &str) -> Result<Authorized<Realm>, UnsubscribeError> {
        let unsubscription = self.tokens.read(token).ok_or(UnsubscribeError::LinkNotValid)?;
        let permit = call.authorize(&Action::FollowLink)?;
        // First, so that whoever is told to try again has lost nothing yet.
        let realm = self.realm(call, unsubscription).await?;
        let Unsubscription { realm_id, user_id, preference } = unsubscription;
        self.preferences.update(&permit, realm_id, Preferences::none(user_id), &[preference], self.clock.now()).await?;
        Ok(permit.show(realm))
    }

    async fn realm(&self, call: &Call, unsubscription: Unsubscription) -> Result<Realm, UnsubscribeError> {
        let Unsubscription { realm_id, user_id, .. } = unsubscription;
        let realm = self.realms.get(realm_id, call.errand()).await?.ok_or(UnsubscribeError::LinkNotValid)?;
        // Whoever was mailed is known; while there is news of him, the realm's language will do for a page.
        let speech = self.speeches.known(realm_id, &[user_id]).await?.remove(&user_id).unwrap_or_default();
        Ok(realm.spoken(&speech))
    }
}
