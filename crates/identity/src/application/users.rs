//! Adding and reading users.

use std::sync::Arc;

use kernel::{Authorized, Call, Caller, Clock, CompanyId, IdSource, RealmId, Refusal, Role, UserId};

use super::{ChangeStandingError, Companies, Error, InsertUserError, UpdateUserError, Users};
use crate::domain::access::Action;
use crate::domain::{EmailAddress, Standing, User};

/// How often a change is tried that others keep overtaking.
const ATTEMPTS: usize = 5;

pub(crate) struct UserUseCases {
    pub(crate) users: Arc<dyn Users>,
    pub(crate) companies: Arc<dyn Companies>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

#[derive(Debug)]
pub(crate) struct CreateUser {
    pub(crate) company_id: CompanyId,
    pub(crate) role: Role,
    pub(crate) email: String,
}

#[derive(Debug)]
pub(crate) struct ChangeUserEmail {
    pub(crate) user_id: UserId,
    pub(crate) email: String,
}

#[derive(Debug)]
pub(crate) struct ChangeStanding {
    pub(crate) user_id: UserId,
    pub(crate) standing: Standing,
}

#[derive(Debug)]
pub(crate) struct BatchGetUsers {
    /// Wanted of callers that belong to no realm.
    pub(crate) realm_id: Option<RealmId>,
    pub(crate) user_ids: Vec<UserId>,
}

/// The users that were found, and the ids that were not, or that the caller may not know of.
#[derive(Debug)]
pub(crate) struct UsersFound {
    pub(crate) users: Vec<Authorized<User>>,
    pub(crate) missing: Vec<UserId>,
}

impl UserUseCases {
    pub(crate) async fn create(&self, call: &Call, command: CreateUser) -> Result<Authorized<User>, Error> {
        let permit = call.authorize(&Action::CreateUser { company_id: command.company_id })?;
        let realm_id = call.realm_id()?;
        if !self.companies.contains(realm_id, command.company_id) {
            return Err(Error::CompanyNotFound);
        }
        let email = EmailAddress::parse(&command.email)?;
        let now = self.clock.now();
        let (user, created) = User::create(realm_id, self.ids.new_id(now), command.company_id, command.role, email, now);
        self.users.insert(&permit, call, &user, self.ids.new_id(now), created).await.map_err(|error| match error {
            InsertUserError::EmailTaken => Error::EmailTaken,
            InsertUserError::Fault(fault) => Error::Fault(fault),
        })?;
        Ok(permit.show(user))
    }

    pub(crate) async fn change_email(&self, call: &Call, command: ChangeUserEmail) -> Result<Authorized<User>, Error> {
        let realm_id = call.realm_id()?;
        let email = EmailAddress::parse(&command.email)?;
        for _ in 0..ATTEMPTS {
            let mut user = self.users.get(realm_id, command.user_id).await?.ok_or(Error::UserNotFound)?;
            let permit = call.authorize(&Action::ChangeEmail(&user)).map_err(hidden_user)?;
            let now = self.clock.now();
            let Some(changed) = user.change_email(email.clone(), now) else { return Ok(permit.show(user)) };
            match self.users.update_email(&permit, call, &user, self.ids.new_id(now), changed).await {
                Ok(()) => return Ok(permit.show(user)),
                Err(UpdateUserError::Stale) => {}
                Err(UpdateUserError::EmailTaken) => return Err(Error::EmailTaken),
                Err(UpdateUserError::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Error::UserChanged)
    }

    pub(crate) async fn change_standing(&self, call: &Call, command: ChangeStanding) -> Result<Authorized<User>, Error> {
        let realm_id = call.realm_id()?;
        for _ in 0..ATTEMPTS {
            let mut user = self.users.get(realm_id, command.user_id).await?.ok_or(Error::UserNotFound)?;
            let permit = call.authorize(&Action::ChangeStanding(&user)).map_err(hidden_user)?;
            let Caller::User(owner) = call.caller() else { return Err(Refusal::Denied.into()) };
            if owner.user_id == command.user_id {
                return Err(Error::ActingOnOneself);
            }
            let now = self.clock.now();
            let Some(changed) = user.change_standing(command.standing, now) else { return Ok(permit.show(user)) };
            match self.users.update_standing(&permit, call, &user, owner.user_id, self.ids.new_id(now), changed).await {
                Ok(()) => return Ok(permit.show(user)),
                Err(ChangeStandingError::Fault(fault)) => return Err(fault.into()),
                // His token may be older than the decision that took his office away.
                Err(ChangeStandingError::Stale) if !self.users.is_active_owner(realm_id, owner.user_id).await? => {
                    return Err(Refusal::Denied.into());
                }
                Err(ChangeStandingError::Stale) => {}
            }
        }
        Err(Error::UserChanged)
    }

    pub(crate) async fn batch_get(&self, call: &Call, query: BatchGetUsers) -> Result<UsersFound, Error> {
        let own_realm = call.caller().realm_id();
        let Some(realm_id) =
            own_realm.or(query.realm_id).filter(|realm_id| query.realm_id.is_none_or(|asked| asked == *realm_id))
        else {
            return Ok(UsersFound { users: Vec::new(), missing: query.user_ids });
        };
        let stored = self.users.list(realm_id, &query.user_ids).await?;
        let mut users = Vec::with_capacity(stored.len());
        let mut missing = query.user_ids;
        for user in stored {
            if let Ok(permit) = call.authorize(&Action::SeeUser(&user)) {
                missing.retain(|id| *id != user.id());
                users.push(permit.show(user));
            }
        }
        Ok(UsersFound { users, missing })
    }
}

/// A user who may not be seen is answered as one who does not exist.
fn hidden_user(refusal: Refusal) -> Error {
    if refusal == Refusal::Hidden { Error::UserNotFound } else { Error::Refused(refusal) }
}
