//! The sessions of somebody else, for those who are asked for help (I24).

use kernel::{Authorized, Call, RealmId, SessionId, UserId};

use super::user_actions::{may_help, realm_asked_about};
use super::{EndedByOthers, Error, SessionUseCases};
use crate::domain::Session;

/// Whose sessions they are.
#[derive(Debug)]
pub(crate) struct OfUser {
    /// Wanted of callers that belong to no realm.
    pub(crate) realm_id: Option<RealmId>,
    pub(crate) user_id: UserId,
}

impl SessionUseCases {
    pub(crate) async fn list_of(&self, call: &Call, query: OfUser) -> Result<Authorized<Vec<Session>>, Error> {
        let realm_id = realm_asked_about(call, query.realm_id)?;
        let user = self.users.get(realm_id, query.user_id).await?.ok_or(Error::UserNotFound)?;
        let permit = may_help(call, &user)?;
        Ok(permit.show(self.going_on(realm_id, user.id()).await?))
    }

    /// Ends all of them if none is named; answers with how many have ended by it.
    pub(crate) async fn end_of(
        &self,
        call: &Call,
        command: OfUser,
        session_id: Option<SessionId>,
    ) -> Result<Authorized<usize>, Error> {
        let realm_id = realm_asked_about(call, command.realm_id)?;
        let user = self.users.get(realm_id, command.user_id).await?.ok_or(Error::UserNotFound)?;
        let permit = may_help(call, &user)?;
        let ended = session_id.map_or(EndedByOthers::All, EndedByOthers::One);
        let count = self.sessions.end_for(&permit, call, &user, ended, self.clock.now()).await?;
        Ok(permit.show(count.ok_or(Error::SessionNotFound)?))
    }
}
