//! Identity's facts as the contract writes them.

use api::cabinet::identity::events::v1 as pb;
use kernel::{Call, CommandId, EventId, RealmId, Timestamp};
use messaging::{Aggregate, Lane, NewEvent};
use prost::Message as _;
use runtime::grpc::timestamp;

use crate::application::{Addressee, NewEmailChange, NewLink, NewPhoneCode, NewRegistration, ReplacementNotice};
use crate::domain::{
    Contact, ContactChanged, LinkChannel, LinkPurpose, RealmChanged, SecondFactorChange, Session, SocialAccountChange,
    StandingChange, StandingChanged, User, UserCreated, UserDeleted,
};

const REALM: &str = "realm";
const USER: &str = "user";
const SESSION: &str = "session";

pub(crate) fn realm_changed(call: &Call, event_id: EventId, changed: &RealmChanged) -> NewEvent {
    let payload = pb::RealmChanged { realm_id: changed.realm_id.to_string(), version: changed.version };
    let aggregate = Aggregate { kind: REALM, id: changed.realm_id.as_uuid(), version: changed.version };
    event(call, event_id, changed.realm_id, aggregate, "identity.realm.changed.v1", payload.encode_to_vec(), changed.at)
}

pub(crate) fn user_created(call: &Call, event_id: EventId, realm_id: RealmId, created: UserCreated, now: Timestamp) -> NewEvent {
    let payload = pb::UserCreated {
        user_id: created.user_id.to_string(),
        company_id: created.company_id.to_string(),
        version: created.version,
    };
    let aggregate = Aggregate { kind: USER, id: created.user_id.as_uuid(), version: created.version };
    event(call, event_id, realm_id, aggregate, "identity.user.created.v1", payload.encode_to_vec(), now)
}

pub(crate) fn contact_changed(call: &Call, event_id: EventId, realm_id: RealmId, changed: ContactChanged) -> NewEvent {
    let (user_id, company_id, version) = (changed.user_id.to_string(), changed.company_id.to_string(), changed.version);
    let (event_type, payload) = match changed.contact {
        Contact::Email => {
            ("identity.user.email_changed.v1", pb::UserEmailChanged { user_id, company_id, version }.encode_to_vec())
        }
        Contact::Phone | Contact::UserName => {
            ("identity.user.phone_changed.v1", pb::UserPhoneChanged { user_id, company_id, version }.encode_to_vec())
        }
    };
    let aggregate = Aggregate { kind: USER, id: changed.user_id.as_uuid(), version: changed.version };
    event(call, event_id, realm_id, aggregate, event_type, payload, changed.at)
}

pub(crate) fn standing_changed(call: &Call, event_id: EventId, realm_id: RealmId, changed: StandingChanged) -> NewEvent {
    let (user_id, company_id, version) = (changed.user_id.to_string(), changed.company_id.to_string(), changed.version);
    let (event_type, payload) = match changed.change {
        StandingChange::Role => {
            ("identity.user.role_changed.v1", pb::UserRoleChanged { user_id, company_id, version }.encode_to_vec())
        }
        StandingChange::Blocked => {
            let block_time = Some(timestamp(changed.at));
            ("identity.user.blocked.v1", pb::UserBlocked { user_id, company_id, version, block_time }.encode_to_vec())
        }
        StandingChange::Unblocked => {
            ("identity.user.unblocked.v1", pb::UserUnblocked { user_id, company_id, version }.encode_to_vec())
        }
    };
    let aggregate = Aggregate { kind: USER, id: changed.user_id.as_uuid(), version: changed.version };
    event(call, event_id, realm_id, aggregate, event_type, payload, changed.at)
}

/// A link is to be sent: worth nothing once the link has ended. That it goes by SMS makes it a fact of another type. Notification of the
/// release before would mail what is of a type that it knows, whatever else it says; of this one it hears nothing, or puts it by, until
/// there is one that texts it, or it is over.
pub(crate) fn link_made(call: &Call, new: &NewLink) -> NewEvent {
    let link = &new.link;
    let (user_id, link_id) = (link.user_id.to_string(), link.id.to_string());
    let (sealed_token, expire_time) = (new.sealed_token.clone(), Some(timestamp(link.expires_at)));
    let version = new.user_version;
    let (event_type, payload) = match (link.purpose, &link.channel) {
        (LinkPurpose::Invitation, _) => {
            ("identity.user.invited.v1", pb::UserInvited { user_id, link_id, sealed_token, expire_time, version }.encode_to_vec())
        }
        (LinkPurpose::PasswordReset, LinkChannel::Email) => (
            "identity.user.password_reset_requested.v1",
            pb::UserPasswordResetRequested { user_id, link_id, sealed_token, expire_time, version }.encode_to_vec(),
        ),
        (LinkPurpose::PasswordReset, LinkChannel::Sms(_)) => (
            "identity.user.password_reset_by_sms_requested.v1",
            pb::UserPasswordResetBySmsRequested { user_id, link_id, sealed_token, expire_time, version }.encode_to_vec(),
        ),
    };
    let aggregate = Aggregate { kind: USER, id: link.user_id.as_uuid(), version };
    let told = event(call, new.event_id, link.realm_id, aggregate, event_type, payload, link.created_at);
    NewEvent { lane: Lane::Security, expires_at: Some(link.expires_at), ..told }
}

/// A code is to be sent: worth nothing once it has ended.
pub(crate) fn phone_code_made(call: &Call, new: &NewPhoneCode) -> NewEvent {
    let code = &new.code;
    let (user_id, code_id, version) = (code.user_id.to_string(), code.id.to_string(), new.user_version);
    let (sealed_code, expire_time) = (new.sealed_code.clone(), Some(timestamp(code.expires_at)));
    let (event_type, payload) = match new.sealed_phone.clone() {
        None => {
            let fact = pb::UserPhoneCodeRequested { user_id, code_id, sealed_code, expire_time, version };
            ("identity.user.phone_code_requested.v1", fact.encode_to_vec())
        }
        Some(sealed_phone) => {
            let fact = pb::UserPhoneChangeRequested { user_id, code_id, sealed_code, sealed_phone, expire_time, version };
            ("identity.user.phone_change_requested.v1", fact.encode_to_vec())
        }
    };
    let aggregate = Aggregate { kind: USER, id: code.user_id.as_uuid(), version };
    let told = event(call, new.event_id, code.realm_id, aggregate, event_type, payload, code.created_at);
    NewEvent { lane: Lane::Security, expires_at: Some(code.expires_at), ..told }
}

/// A link is to be mailed to an address that somebody wants: worth nothing once it has ended.
pub(crate) fn email_change_requested(call: &Call, new: &NewEmailChange) -> NewEvent {
    let change = &new.change;
    let payload = pb::UserEmailChangeRequested {
        user_id: change.user_id.to_string(),
        link_id: change.link_id.to_string(),
        sealed_token: new.sealed_token.clone(),
        sealed_address: new.sealed_address.clone(),
        expire_time: Some(timestamp(change.expires_at)),
        version: new.user_version,
    };
    let aggregate = Aggregate { kind: USER, id: change.user_id.as_uuid(), version: new.user_version };
    let event_type = "identity.user.email_change_requested.v1";
    let told = event(call, new.event_id, change.realm_id, aggregate, event_type, payload.encode_to_vec(), change.created_at);
    NewEvent { lane: Lane::Security, expires_at: Some(change.expires_at), ..told }
}

/// Somebody has registered: a link is to be mailed to whoever is no user yet, and a user is to be told that he has an account.
pub(crate) fn registered(call: &Call, new: &NewRegistration) -> NewEvent {
    let registration = &new.registration;
    let (user_id, expire_time) = (registration.user_id.to_string(), Some(timestamp(registration.expires_at)));
    let (event_type, payload, version) = match new.addressee {
        Addressee::Newcomer => {
            let (sealed_token, sealed_address) = (new.sealed_token.clone(), new.sealed_address.clone());
            let (link_id, language) = (registration.link_id.to_string(), registration.newcomer.introduction.language.clone());
            let language = language.unwrap_or_default();
            let fact = pb::UserRegistrationRequested { user_id, link_id, sealed_token, sealed_address, expire_time, language };
            ("identity.user.registration_requested.v1", fact.encode_to_vec(), 0)
        }
        Addressee::User { version, .. } => {
            let request_time = Some(timestamp(registration.created_at));
            let fact = pb::UserRegistrationRepeated { user_id, request_time, expire_time, version };
            ("identity.user.registration_repeated.v1", fact.encode_to_vec(), version)
        }
    };
    let aggregate = Aggregate { kind: USER, id: registration.user_id.as_uuid(), version };
    let told = event(call, new.event_id, registration.realm_id, aggregate, event_type, payload, registration.created_at);
    NewEvent { lane: Lane::Security, expires_at: Some(registration.expires_at), ..told }
}

/// A user is told that another contact has taken the place of his.
pub(crate) fn contact_replaced(call: &Call, notice: &ReplacementNotice, realm_id: RealmId, changed: ContactChanged) -> NewEvent {
    let (user_id, version) = (changed.user_id.to_string(), changed.version);
    let replace_time = Some(timestamp(changed.at));
    let sealed_address = notice.sealed_address.clone();
    let (event_type, payload) = match changed.contact {
        Contact::Email => {
            let fact = pb::UserEmailReplaced { user_id, sealed_address, replace_time, version };
            ("identity.user.email_replaced.v1", fact.encode_to_vec())
        }
        Contact::Phone | Contact::UserName => {
            let fact = pb::UserPhoneReplaced { user_id, sealed_address, replace_time, version };
            ("identity.user.phone_replaced.v1", fact.encode_to_vec())
        }
    };
    let aggregate = Aggregate { kind: USER, id: changed.user_id.as_uuid(), version };
    let told = event(call, notice.event_id, realm_id, aggregate, event_type, payload, changed.at);
    NewEvent { lane: Lane::Security, ..told }
}

/// Told by whoever deletes a user, and again as long as not everybody has heard of it.
pub(crate) fn user_deleted(
    event_id: EventId,
    realm_id: RealmId,
    cause_id: CommandId,
    traceparent: Option<String>,
    deleted: UserDeleted,
) -> NewEvent {
    let payload = pb::UserDeleted {
        user_id: deleted.user_id.to_string(),
        company_id: deleted.company_id.to_string(),
        version: deleted.version,
        delete_time: Some(timestamp(deleted.at)),
    };
    NewEvent {
        event_id,
        realm_id,
        aggregate: Aggregate { kind: USER, id: deleted.user_id.as_uuid(), version: deleted.version },
        lane: Lane::Normal,
        cause_id,
        event_type: "identity.user.deleted.v1",
        payload: payload.encode_to_vec(),
        traceparent,
        occurred_at: deleted.at,
        expires_at: None,
    }
}

pub(crate) fn password_changed(call: &Call, event_id: EventId, user: &User, now: Timestamp) -> NewEvent {
    let version = user.version() + 1;
    let payload = pb::UserPasswordChanged { user_id: user.id().to_string(), change_time: Some(timestamp(now)), version };
    let aggregate = Aggregate { kind: USER, id: user.id().as_uuid(), version };
    let told =
        event(call, event_id, user.realm_id(), aggregate, "identity.user.password_changed.v1", payload.encode_to_vec(), now);
    NewEvent { lane: Lane::Security, ..told }
}

pub(crate) fn second_factor_changed(
    call: &Call,
    event_id: EventId,
    user: &User,
    change: SecondFactorChange,
    now: Timestamp,
) -> NewEvent {
    let version = user.version() + 1;
    let change = match change {
        SecondFactorChange::On => pb::SecondFactorChange::On,
        SecondFactorChange::Off => pb::SecondFactorChange::Off,
        SecondFactorChange::Reset => pb::SecondFactorChange::Reset,
        SecondFactorChange::RecoveryCodes => pb::SecondFactorChange::RecoveryCodes,
        SecondFactorChange::PasskeyAdded => pb::SecondFactorChange::PasskeyAdded,
        SecondFactorChange::PasskeyDeleted => pb::SecondFactorChange::PasskeyDeleted,
        SecondFactorChange::PasskeyCopied => pb::SecondFactorChange::PasskeyCopied,
    };
    let (user_id, change_time) = (user.id().to_string(), Some(timestamp(now)));
    let payload = pb::UserSecondFactorChanged { user_id, change_time, version, change: change.into() };
    let aggregate = Aggregate { kind: USER, id: user.id().as_uuid(), version };
    let told =
        event(call, event_id, user.realm_id(), aggregate, "identity.user.second_factor_changed.v1", payload.encode_to_vec(), now);
    NewEvent { lane: Lane::Security, ..told }
}

/// What has become of an account of a provider, and of whom.
pub(crate) struct SocialAccountFact<'a> {
    pub(crate) change: SocialAccountChange,
    pub(crate) provider_label: &'a str,
    /// The user's version after it.
    pub(crate) version: i64,
    pub(crate) at: Timestamp,
}

pub(crate) fn social_account_changed(call: &Call, event_id: EventId, user: &User, fact: &SocialAccountFact<'_>) -> NewEvent {
    let change = match fact.change {
        SocialAccountChange::Linked => pb::SocialAccountChange::Linked,
        SocialAccountChange::Unlinked => pb::SocialAccountChange::Unlinked,
    };
    let payload = pb::UserSocialAccountChanged {
        user_id: user.id().to_string(),
        change_time: Some(timestamp(fact.at)),
        version: fact.version,
        change: change.into(),
        provider_label: fact.provider_label.to_owned(),
    };
    let aggregate = Aggregate { kind: USER, id: user.id().as_uuid(), version: fact.version };
    let event_type = "identity.user.social_account_changed.v1";
    let told = event(call, event_id, user.realm_id(), aggregate, event_type, payload.encode_to_vec(), fact.at);
    NewEvent { lane: Lane::Security, ..told }
}

pub(crate) fn session_compromised(
    call: &Call,
    event_id: EventId,
    session: &Session,
    user_version: i64,
    now: Timestamp,
) -> NewEvent {
    let payload = pb::SessionCompromised {
        user_id: session.user_id.to_string(),
        session_id: session.id.to_string(),
        notice_time: Some(timestamp(now)),
        version: user_version,
    };
    let aggregate = Aggregate { kind: SESSION, id: session.id.as_uuid(), version: session.generation };
    let told =
        event(call, event_id, session.realm_id, aggregate, "identity.session.compromised.v1", payload.encode_to_vec(), now);
    NewEvent { lane: Lane::Security, ..told }
}

fn event(
    call: &Call,
    event_id: EventId,
    realm_id: RealmId,
    aggregate: Aggregate,
    event_type: &'static str,
    payload: Vec<u8>,
    at: Timestamp,
) -> NewEvent {
    NewEvent {
        event_id,
        realm_id,
        aggregate,
        lane: Lane::Normal,
        cause_id: call.command_id(),
        event_type,
        payload,
        traceparent: call.traceparent().map(str::to_owned),
        occurred_at: at,
        expires_at: None,
    }
}
