//! What a caller may do with a user: asked before it is done, and shown with the user, so that a front end greys out the rest.

use kernel::{Call, Caller, Permit, RealmId, Refusal, Role, Timestamp, UserId};

use super::Error;
use crate::domain::access::Action;
use crate::domain::{Contact, Introduction, Link, Policy, User, UserStatus};

/// A user, and what the caller may do with him at that moment.
#[derive(Debug)]
pub(crate) struct UserView {
    pub(crate) user: User,
    pub(crate) actions: Vec<UserAction>,
    /// What was said of him when he was added, for whoever keeps profiles.
    pub(crate) introduction: Option<Introduction>,
}

/// One thing that may be done with a user.
#[derive(Debug)]
pub(crate) struct UserAction {
    pub(crate) kind: UserActionKind,
    /// Why the caller would be refused; nothing if he would not.
    pub(crate) refusal: Option<Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserActionKind {
    ResendInvitation,
    ChangeEmail,
    ChangePhone,
    SetPassword,
    ChangeRole,
    Block,
    Unblock,
    ResetSecondFactor,
    EndSessions,
    LiftLimits,
    Delete,
}

impl UserView {
    pub(crate) fn of(call: &Call, user: User, policy: &Policy, now: Timestamp) -> Self {
        let actions = actions(call, &user, policy, now);
        Self { user, actions, introduction: None }
    }
}

fn actions(call: &Call, user: &User, policy: &Policy, now: Timestamp) -> Vec<UserAction> {
    // Components have no front end, and whoever has just made somebody may not see him any more.
    if matches!(call.caller(), Caller::Component(_)) || call.authorize(&Action::SeeUser(user)).is_err() {
        return Vec::new();
    }
    let other_status = match user.status() {
        UserStatus::Active => UserActionKind::Block,
        UserStatus::Blocked => UserActionKind::Unblock,
    };
    [
        (UserActionKind::ResendInvitation, may_invite_again(call, user, now).err()),
        (UserActionKind::ChangeEmail, may_change_contacts(call, user, policy).err()),
        (UserActionKind::ChangePhone, may_change_contacts(call, user, policy).err()),
        (UserActionKind::SetPassword, may_set_password(call, user, policy).err()),
        (UserActionKind::ChangeRole, may_change_standing(call, user).err()),
        (other_status, may_change_standing(call, user).err()),
        (UserActionKind::ResetSecondFactor, may_reset_second_factor(call, user).err()),
        (UserActionKind::EndSessions, may_help(call, user).err()),
        (UserActionKind::LiftLimits, may_help(call, user).err()),
        (UserActionKind::Delete, may_delete(call, user, policy).err()),
    ]
    .into_iter()
    .map(|(kind, refusal)| UserAction { kind, refusal })
    .collect()
}

pub(super) fn may_invite_again(call: &Call, user: &User, now: Timestamp) -> Result<Permit, Error> {
    let permit = call.authorize(&Action::InviteAgain(user)).map_err(hidden_user)?;
    if user.status() == UserStatus::Blocked {
        return Err(Error::UserBlocked);
    }
    // Whose address is verified has used it.
    let is_over = user.is_email_verified() || !user.contacts().has(Contact::Email);
    if is_over || !user.activated_at().is_some_and(|activated_at| Link::invites_at(activated_at, now)) {
        return Err(Error::InvitationOver);
    }
    Ok(permit)
}

pub(super) fn may_change_contacts(call: &Call, user: &User, policy: &Policy) -> Result<Permit, Error> {
    call.authorize(&Action::ChangeContacts { user, by: policy.contact_changes }).map_err(hidden_user)
}

/// Nobody decides about himself (I3).
pub(super) fn may_change_standing(call: &Call, user: &User) -> Result<(Permit, UserId), Error> {
    let permit = call.authorize(&Action::ChangeStanding(user)).map_err(hidden_user)?;
    let Caller::User(owner) = call.caller() else { return Err(Refusal::Denied.into()) };
    if owner.user_id == user.id() {
        return Err(Error::ActingOnOneself);
    }
    Ok((permit, owner.user_id))
}

/// Whoever forgets his own is mailed a link.
pub(super) fn may_set_password(call: &Call, user: &User, policy: &Policy) -> Result<(Permit, UserId), Error> {
    let action = Action::SetPassword { user, by_owner: policy.password_change.by_owner };
    let permit = call.authorize(&action).map_err(hidden_user)?;
    let Caller::User(owner) = call.caller() else { return Err(Refusal::Denied.into()) };
    if owner.user_id == user.id() {
        return Err(Error::ActingOnOneself);
    }
    Ok((permit, owner.user_id))
}

/// Whose second factor somebody takes away (I25); one's own one turns off.
pub(super) fn may_reset_second_factor(call: &Call, user: &User) -> Result<(Permit, UserId), Error> {
    let permit = call.authorize(&Action::ResetSecondFactor(user)).map_err(hidden_user)?;
    let Caller::User(decider) = call.caller() else { return Err(Refusal::Denied.into()) };
    if decider.user_id == user.id() {
        return Err(Error::ActingOnOneself);
    }
    Ok((permit, decider.user_id))
}

/// Whose sessions somebody else ends, and whose limits he lifts (I23, I24).
pub(super) fn may_help(call: &Call, user: &User) -> Result<Permit, Error> {
    call.authorize(&Action::HelpUser(user)).map_err(hidden_user)
}

/// The realm that a call is about. Those who run the platform name it; to everybody else no realm but his own exists.
pub(super) fn realm_asked_about(call: &Call, named: Option<RealmId>) -> Result<RealmId, Error> {
    if let Caller::PlatformAdmin(_) = call.caller() {
        return named.ok_or(Error::RealmNotFound);
    }
    let own = call.realm_id()?;
    if named.is_none_or(|named| named == own) { Ok(own) } else { Err(Error::RealmNotFound) }
}

/// Whom somebody deletes, and in which office (I13). Nobody deletes himself (I3).
pub(super) fn may_delete(call: &Call, user: &User, policy: &Policy) -> Result<(Permit, UserId, Role), Error> {
    let permit = call.authorize(&Action::DeleteUser { user, by: policy.deletion }).map_err(hidden_user)?;
    let Caller::User(deleter) = call.caller() else { return Err(Refusal::Denied.into()) };
    if deleter.user_id == user.id() {
        return Err(Error::ActingOnOneself);
    }
    Ok((permit, deleter.user_id, deleter.role))
}

/// A user who may not be seen is answered as one who does not exist.
pub(super) fn hidden_user(refusal: Refusal) -> Error {
    if refusal == Refusal::Hidden { Error::UserNotFound } else { Error::Refused(refusal) }
}

/// A company that may not be seen is answered as one that does not exist.
pub(super) fn hidden_company(refusal: Refusal) -> Error {
    if refusal == Refusal::Hidden { Error::CompanyNotFound } else { Error::Refused(refusal) }
}
