//! Ticking and unticking.

use std::sync::Arc;

use kernel::{Authorized, Call, RealmId, UserId};

use super::{Error, People, PreferenceStore, Users};
use crate::domain::access::Action;
use crate::domain::{Preference, Preferences};

pub(crate) struct PreferenceUseCases {
    pub(crate) preferences: Arc<dyn PreferenceStore>,
    pub(crate) people: Arc<dyn People>,
    pub(crate) users: Arc<dyn Users>,
}

#[derive(Debug)]
pub(crate) struct UpdatePreferences {
    pub(crate) wanted: Preferences,
    /// Which of them are to change; the others stay.
    pub(crate) named: Vec<Preference>,
}

impl PreferenceUseCases {
    pub(crate) async fn update(&self, call: &Call, command: UpdatePreferences) -> Result<Authorized<Preferences>, Error> {
        let realm_id = call.realm_id()?;
        let user_id = command.wanted.user_id;
        let permit = call.authorize(&Action::UpdatePreferences { realm_id, user_id })?;
        self.require_user(call, realm_id, user_id).await?;
        let preferences = self.preferences.update(&permit, realm_id, command.wanted, &command.named).await?;
        Ok(permit.show(preferences))
    }

    /// I21: who is not known here yet is asked of identity.
    async fn require_user(&self, call: &Call, realm_id: RealmId, user_id: UserId) -> Result<(), Error> {
        let contacts = self.users.contacts(realm_id, &[user_id], call.deadline()).await?;
        if contacts.is_empty() {
            return Err(Error::UserNotFound);
        }
        self.people.learn(realm_id, &contacts).await?;
        Ok(())
    }
}
