//! Deleting users, for good: who is to be deleted is shown first, and just that is confirmed (I13).

use std::sync::Arc;

use kernel::{Authorized, Call, Clock, IdSource, RealmId, Refusal, Secret, Timestamp, UserId};

use super::user_actions::{UserView, hidden_user, may_delete};
use super::{DeleteUserError, Deletions, Error, NewDeletion, Realms, Secrets, Users};
use crate::domain::access::Action;
use crate::domain::{IntendedDeletion, Policy, User, UserDeletion};

pub(crate) struct DeletionUseCases {
    pub(crate) deletions: Arc<dyn Deletions>,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) realms: Arc<dyn Realms>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

/// Who is about to be deleted, and what confirms it until then.
pub(crate) struct PreparedDeletion {
    pub(crate) user: UserView,
    pub(crate) confirmation: Secret<String>,
    pub(crate) expires_at: Timestamp,
}

pub(crate) struct DeleteUser {
    pub(crate) user_id: UserId,
    pub(crate) confirmation: String,
}

impl DeletionUseCases {
    pub(crate) async fn prepare(&self, call: &Call, user_id: UserId) -> Result<Authorized<PreparedDeletion>, Error> {
        let realm_id = call.realm_id()?;
        let policy = self.policy(realm_id).await?;
        let user = self.users.get(realm_id, user_id).await?.ok_or(Error::UserNotFound)?;
        let (permit, deleted_by, _) = may_delete(call, &user, &policy)?;
        let now = self.clock.now();
        let expires_at = IntendedDeletion::confirmable_until(now);
        let confirmation = self.secrets.deletion_confirmation(intended(&user, deleted_by), expires_at);
        Ok(permit.show(PreparedDeletion { user: UserView::of(call, user, &policy, now), confirmation, expires_at }))
    }

    pub(crate) async fn delete(&self, call: &Call, command: DeleteUser) -> Result<Authorized<UserDeletion>, Error> {
        let realm_id = call.realm_id()?;
        let policy = self.policy(realm_id).await?;
        let Some(user) = self.users.get(realm_id, command.user_id).await? else { return self.get(call, command.user_id).await };
        let (permit, deleted_by, as_role) = may_delete(call, &user, &policy)?;
        let now = self.clock.now();
        let confirmed_until = self.secrets.deletion_confirmed_until(intended(&user, deleted_by), &command.confirmation);
        if confirmed_until.is_none_or(|end| end <= now) {
            return Err(Error::DeletionNotConfirmed);
        }
        let deleted = user.delete(now);
        let new = NewDeletion { user: &user, deleted, event_id: self.ids.new_id(now), deleted_by, as_role };
        match self.deletions.delete(&permit, call, &new).await {
            Ok(()) => Ok(permit.show(UserDeletion { realm_id, deleted, erasures: Vec::new() })),
            // By somebody else, perhaps, who has deleted him: he is looked for again.
            Err(DeleteUserError::Stale) if self.users.get(realm_id, user.id()).await?.is_none() => {
                self.get(call, user.id()).await
            }
            Err(DeleteUserError::Stale) => Err(Error::DeletionNotConfirmed),
            Err(DeleteUserError::OutOfOffice) => Err(Refusal::Denied.into()),
            Err(DeleteUserError::LastOwner) => Err(Error::LastOwner),
            Err(DeleteUserError::Fault(fault)) => Err(fault.into()),
        }
    }

    pub(crate) async fn get(&self, call: &Call, user_id: UserId) -> Result<Authorized<UserDeletion>, Error> {
        let realm_id = call.realm_id()?;
        let deletion = self.deletions.get(realm_id, user_id).await?.ok_or(Error::UserNotFound)?;
        let permit = call.authorize(&Action::SeeDeletion(&deletion)).map_err(hidden_user)?;
        Ok(permit.show(deletion))
    }

    async fn policy(&self, realm_id: RealmId) -> Result<Policy, Error> {
        Ok(self.realms.get(realm_id).await?.ok_or(Error::RealmNotFound)?.policy)
    }
}

fn intended(user: &User, deleted_by: UserId) -> IntendedDeletion {
    IntendedDeletion { realm_id: user.realm_id(), user_id: user.id(), version: user.version(), deleted_by }
}
