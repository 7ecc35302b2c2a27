//! Facts of other services, read for the planner.

use api::cabinet::case_monitoring::events::v1 as pb_cases;
use api::cabinet::identity::events::v1 as pb_identity;
use api::cabinet::profile::events::v1 as pb_profile;
use api::cabinet::r#type::v1::{AudienceMember, AudienceReason};
use async_trait::async_trait;
use kernel::{Fault, Timestamp, UserId};
use messaging::{Handler, HandlerError, Lane, Message, SubscriptionSpec, inbox};
use prost::Message as _;
use sqlx::PgPool;

use crate::application::{PersonVersion, Plan, Planner, RealmVersion, StatusChange};
use crate::domain::{Channel, Kind, NewDelivery, ObjectId};

const USER_CREATED: &str = "identity.user.created.v1";
const USER_EMAIL_CHANGED: &str = "identity.user.email_changed.v1";
const USER_PHONE_CHANGED: &str = "identity.user.phone_changed.v1";
const USER_ROLE_CHANGED: &str = "identity.user.role_changed.v1";
const USER_BLOCKED: &str = "identity.user.blocked.v1";
const USER_UNBLOCKED: &str = "identity.user.unblocked.v1";
const USER_INVITED: &str = "identity.user.invited.v1";
const PASSWORD_RESET_REQUESTED: &str = "identity.user.password_reset_requested.v1";
const PASSWORD_RESET_BY_SMS_REQUESTED: &str = "identity.user.password_reset_by_sms_requested.v1";
const PASSWORD_CHANGED: &str = "identity.user.password_changed.v1";
const SESSION_COMPROMISED: &str = "identity.session.compromised.v1";
const PROFILE_CHANGED: &str = "profile.profile.changed.v1";
const PHONE_CODE_REQUESTED: &str = "identity.user.phone_code_requested.v1";
const PHONE_CHANGE_REQUESTED: &str = "identity.user.phone_change_requested.v1";
const EMAIL_CHANGE_REQUESTED: &str = "identity.user.email_change_requested.v1";
const EMAIL_REPLACED: &str = "identity.user.email_replaced.v1";
const PHONE_REPLACED: &str = "identity.user.phone_replaced.v1";
const REGISTRATION_REQUESTED: &str = "identity.user.registration_requested.v1";
const REGISTRATION_REPEATED: &str = "identity.user.registration_repeated.v1";
const SECOND_FACTOR_CHANGED: &str = "identity.user.second_factor_changed.v1";
const SOCIAL_ACCOUNT_CHANGED: &str = "identity.user.social_account_changed.v1";
const REALM_CHANGED: &str = "identity.realm.changed.v1";
const CASE_CREATED: &str = "case_monitoring.case.created.v1";
const CASE_STATUS_CHANGED: &str = "case_monitoring.case.status_changed.v1";

/// What the planner is told of, lane by lane.
pub(crate) const PLANNER: [SubscriptionSpec; 2] = [
    SubscriptionSpec {
        consumer: Planner::CONSUMER,
        lane: Lane::Normal,
        bindings: &[
            USER_CREATED,
            USER_EMAIL_CHANGED,
            USER_PHONE_CHANGED,
            USER_ROLE_CHANGED,
            USER_BLOCKED,
            USER_UNBLOCKED,
            PROFILE_CHANGED,
            REALM_CHANGED,
            CASE_CREATED,
            CASE_STATUS_CHANGED,
        ],
        retry_tiers: &messaging::RETRY_TIERS,
    },
    SubscriptionSpec {
        consumer: Planner::CONSUMER,
        lane: Lane::Security,
        bindings: &[
            USER_INVITED,
            PASSWORD_RESET_REQUESTED,
            PASSWORD_RESET_BY_SMS_REQUESTED,
            PASSWORD_CHANGED,
            SESSION_COMPROMISED,
            PHONE_CODE_REQUESTED,
            PHONE_CHANGE_REQUESTED,
            EMAIL_CHANGE_REQUESTED,
            EMAIL_REPLACED,
            PHONE_REPLACED,
            REGISTRATION_REQUESTED,
            REGISTRATION_REPEATED,
            SECOND_FACTOR_CHANGED,
            SOCIAL_ACCOUNT_CHANGED,
        ],
        retry_tiers: &messaging::RETRY_TIERS,
    },
];

/// Reads facts and hands them to the planner.
pub(crate) struct PlannerHandler {
    pub(crate) planner: Planner,
    pub(crate) pool: PgPool,
}

/// Why a fact cannot be read.
#[derive(Debug, thiserror::Error)]
enum UnreadableFact {
    #[error("a type of fact that nobody here knows")]
    UnknownType,
    #[error("not the protocol buffer its type says")]
    Malformed(#[from] prost::DecodeError),
    #[error("an id is not a UUID")]
    Id(#[from] kernel::InvalidId),
    #[error("a part is missing")]
    Incomplete,
    #[error("a moment is none")]
    Moment(#[from] jiff::Error),
}

#[async_trait]
impl Handler for PlannerHandler {
    async fn consume(&self, batch: &[Message]) -> Result<(), HandlerError> {
        let mut plan = Plan::default();
        for message in batch {
            self.add(&mut plan, message).map_err(|error| HandlerError::Rejected(error.into()))?;
        }
        self.planner.write(plan).await.map_err(|error| error.0.into())
    }

    async fn probe(&self) -> Result<(), Fault> {
        inbox::probe(&self.pool, Planner::CONSUMER).await
    }
}

impl PlannerHandler {
    fn add(&self, plan: &mut Plan, message: &Message) -> Result<(), UnreadableFact> {
        plan.seen(message.event_id);
        match message.event_type.as_str() {
            CASE_CREATED => {}
            REALM_CHANGED => plan.realm_changed(realm(message)?),
            PROFILE_CHANGED => plan.profile_changed(profile(message)?),
            CASE_STATUS_CHANGED => plan.status_changed(&status_change(message)?, || self.planner.delivery_id()),
            USER_INVITED
            | PASSWORD_RESET_REQUESTED
            | PASSWORD_RESET_BY_SMS_REQUESTED
            | PASSWORD_CHANGED
            | SESSION_COMPROMISED
            | PHONE_CODE_REQUESTED
            | PHONE_CHANGE_REQUESTED
            | EMAIL_CHANGE_REQUESTED
            | EMAIL_REPLACED
            | PHONE_REPLACED
            | REGISTRATION_REPEATED
            | SECOND_FACTOR_CHANGED
            | SOCIAL_ACCOUNT_CHANGED => {
                // It may have overtaken the news of another address or phone.
                plan.person_changed(person(message)?);
                plan.tell(self.delivery(message, notice(message)?));
            }
            // There is nobody yet whom anybody could be asked about.
            REGISTRATION_REQUESTED => plan.tell(self.delivery(message, notice(message)?)),
            USER_BLOCKED => {
                plan.person_changed(person(message)?);
                plan.tell(self.delivery(message, notice(message)?));
            }
            _ => plan.person_changed(person(message)?),
        }
        Ok(())
    }

    fn delivery(&self, message: &Message, notice: Notice) -> NewDelivery {
        NewDelivery {
            realm_id: message.realm_id,
            cause_id: message.cause_id,
            object_id: notice.object_id,
            user_id: notice.user_id,
            delivery_id: self.planner.delivery_id(),
            event_id: message.event_id,
            kind: notice.kind,
            channel: notice.channel,
            expires_at: notice.expires_at,
            content: message.payload.clone(),
            traceparent: message.traceparent.clone(),
        }
    }
}

/// Who is told what of his own account.
#[derive(Clone, Copy)]
struct Notice {
    kind: Kind,
    channel: Channel,
    object_id: ObjectId,
    user_id: UserId,
    expires_at: Option<Timestamp>,
}

fn notice(message: &Message) -> Result<Notice, UnreadableFact> {
    let payload = message.payload.as_slice();
    let (kind, object_id, user_id, link_end) = match message.event_type.as_str() {
        USER_INVITED => {
            let fact = pb_identity::UserInvited::decode(payload)?;
            (Kind::Invitation, fact.link_id, fact.user_id, Some(moment(fact.expire_time)?))
        }
        PASSWORD_RESET_REQUESTED => {
            let fact = pb_identity::UserPasswordResetRequested::decode(payload)?;
            (Kind::PasswordReset, fact.link_id, fact.user_id, Some(moment(fact.expire_time)?))
        }
        PASSWORD_RESET_BY_SMS_REQUESTED => {
            let fact = pb_identity::UserPasswordResetBySmsRequested::decode(payload)?;
            (Kind::PasswordReset, fact.link_id, fact.user_id, Some(moment(fact.expire_time)?))
        }
        PHONE_CODE_REQUESTED => {
            let fact = pb_identity::UserPhoneCodeRequested::decode(payload)?;
            (Kind::PhoneCode, fact.code_id, fact.user_id, Some(moment(fact.expire_time)?))
        }
        PHONE_CHANGE_REQUESTED => {
            let fact = pb_identity::UserPhoneChangeRequested::decode(payload)?;
            (Kind::PhoneChange, fact.code_id, fact.user_id, Some(moment(fact.expire_time)?))
        }
        EMAIL_CHANGE_REQUESTED => {
            let fact = pb_identity::UserEmailChangeRequested::decode(payload)?;
            (Kind::EmailChange, fact.link_id, fact.user_id, Some(moment(fact.expire_time)?))
        }
        EMAIL_REPLACED => {
            let fact = pb_identity::UserEmailReplaced::decode(payload)?;
            (Kind::EmailReplaced, fact.user_id.clone(), fact.user_id, None)
        }
        PHONE_REPLACED => {
            let fact = pb_identity::UserPhoneReplaced::decode(payload)?;
            (Kind::PhoneReplaced, fact.user_id.clone(), fact.user_id, None)
        }
        REGISTRATION_REQUESTED => {
            let fact = pb_identity::UserRegistrationRequested::decode(payload)?;
            (Kind::Registration, fact.link_id, fact.user_id, Some(moment(fact.expire_time)?))
        }
        REGISTRATION_REPEATED => {
            let fact = pb_identity::UserRegistrationRepeated::decode(payload)?;
            (Kind::RegistrationRepeated, fact.user_id.clone(), fact.user_id, Some(moment(fact.expire_time)?))
        }
        SECOND_FACTOR_CHANGED => {
            let fact = pb_identity::UserSecondFactorChanged::decode(payload)?;
            (Kind::SecondFactorChanged, fact.user_id.clone(), fact.user_id, None)
        }
        SOCIAL_ACCOUNT_CHANGED => {
            let fact = pb_identity::UserSocialAccountChanged::decode(payload)?;
            (Kind::SocialAccountChanged, fact.user_id.clone(), fact.user_id, None)
        }
        PASSWORD_CHANGED => {
            let fact = pb_identity::UserPasswordChanged::decode(payload)?;
            (Kind::PasswordChanged, fact.user_id.clone(), fact.user_id, None)
        }
        SESSION_COMPROMISED => {
            let fact = pb_identity::SessionCompromised::decode(payload)?;
            (Kind::SessionCompromised, fact.session_id, fact.user_id, None)
        }
        USER_BLOCKED => {
            let fact = pb_identity::UserBlocked::decode(payload)?;
            (Kind::AccountBlocked, fact.user_id.clone(), fact.user_id, None)
        }
        _ => return Err(UnreadableFact::UnknownType),
    };
    // A dispatcher of the release before that claims it has no words for it, and gives it up: it mails nothing.
    let channel = match message.event_type.as_str() {
        PASSWORD_RESET_BY_SMS_REQUESTED => Channel::Sms,
        _ => kind.channel(),
    };
    let expires_at = [message.expires_at, link_end].into_iter().flatten().min();
    Ok(Notice { kind, channel, object_id: object_id.parse()?, user_id: user_id.parse()?, expires_at })
}

fn moment(at: Option<prost_types::Timestamp>) -> Result<Timestamp, UnreadableFact> {
    let at = at.ok_or(UnreadableFact::Incomplete)?;
    Ok(Timestamp::new(at.seconds, at.nanos)?)
}

/// The facts about users say the same: who, and which version.
fn person(message: &Message) -> Result<PersonVersion, UnreadableFact> {
    let payload = message.payload.as_slice();
    let (user_id, version) = match message.event_type.as_str() {
        USER_CREATED => pb_identity::UserCreated::decode(payload).map(|fact| (fact.user_id, fact.version)),
        USER_EMAIL_CHANGED => pb_identity::UserEmailChanged::decode(payload).map(|fact| (fact.user_id, fact.version)),
        USER_PHONE_CHANGED => pb_identity::UserPhoneChanged::decode(payload).map(|fact| (fact.user_id, fact.version)),
        USER_ROLE_CHANGED => pb_identity::UserRoleChanged::decode(payload).map(|fact| (fact.user_id, fact.version)),
        USER_BLOCKED => pb_identity::UserBlocked::decode(payload).map(|fact| (fact.user_id, fact.version)),
        USER_UNBLOCKED => pb_identity::UserUnblocked::decode(payload).map(|fact| (fact.user_id, fact.version)),
        USER_INVITED => pb_identity::UserInvited::decode(payload).map(|fact| (fact.user_id, fact.version)),
        PASSWORD_RESET_REQUESTED => {
            pb_identity::UserPasswordResetRequested::decode(payload).map(|fact| (fact.user_id, fact.version))
        }
        PASSWORD_RESET_BY_SMS_REQUESTED => {
            pb_identity::UserPasswordResetBySmsRequested::decode(payload).map(|fact| (fact.user_id, fact.version))
        }
        PASSWORD_CHANGED => pb_identity::UserPasswordChanged::decode(payload).map(|fact| (fact.user_id, fact.version)),
        PHONE_CODE_REQUESTED => pb_identity::UserPhoneCodeRequested::decode(payload).map(|fact| (fact.user_id, fact.version)),
        SESSION_COMPROMISED => pb_identity::SessionCompromised::decode(payload).map(|fact| (fact.user_id, fact.version)),
        EMAIL_CHANGE_REQUESTED => pb_identity::UserEmailChangeRequested::decode(payload).map(|fact| (fact.user_id, fact.version)),
        PHONE_CHANGE_REQUESTED => pb_identity::UserPhoneChangeRequested::decode(payload).map(|fact| (fact.user_id, fact.version)),
        EMAIL_REPLACED => pb_identity::UserEmailReplaced::decode(payload).map(|fact| (fact.user_id, fact.version)),
        PHONE_REPLACED => pb_identity::UserPhoneReplaced::decode(payload).map(|fact| (fact.user_id, fact.version)),
        REGISTRATION_REPEATED => pb_identity::UserRegistrationRepeated::decode(payload).map(|fact| (fact.user_id, fact.version)),
        SECOND_FACTOR_CHANGED => pb_identity::UserSecondFactorChanged::decode(payload).map(|fact| (fact.user_id, fact.version)),
        SOCIAL_ACCOUNT_CHANGED => pb_identity::UserSocialAccountChanged::decode(payload).map(|fact| (fact.user_id, fact.version)),
        _ => return Err(UnreadableFact::UnknownType),
    }?;
    Ok(PersonVersion { realm_id: message.realm_id, user_id: user_id.parse()?, version })
}

fn realm(message: &Message) -> Result<RealmVersion, UnreadableFact> {
    let fact = pb_identity::RealmChanged::decode(message.payload.as_slice())?;
    Ok(RealmVersion { realm_id: fact.realm_id.parse()?, version: fact.version })
}

fn profile(message: &Message) -> Result<PersonVersion, UnreadableFact> {
    let fact = pb_profile::ProfileChanged::decode(message.payload.as_slice())?;
    Ok(PersonVersion { realm_id: message.realm_id, user_id: fact.user_id.parse()?, version: fact.version })
}

/// Those of an audience who asked for the case.
pub(crate) fn requesters(audience: &[AudienceMember]) -> Result<Vec<UserId>, kernel::InvalidId> {
    let is_requester = |member: &&AudienceMember| member.reasons().any(|reason| reason == AudienceReason::Requester);
    audience.iter().filter(is_requester).map(|member| member.user_id.parse()).collect()
}

/// The version of the case that a status change tells of; none if it cannot be read.
pub(crate) fn case_version(content: &[u8]) -> Option<i64> {
    pb_cases::CaseStatusChanged::decode(content).ok()?.case.map(|case| case.version)
}

fn status_change(message: &Message) -> Result<StatusChange, UnreadableFact> {
    let fact = pb_cases::CaseStatusChanged::decode(message.payload.as_slice())?;
    let case = fact.case.ok_or(UnreadableFact::Incomplete)?;
    // A silent change tells nobody; that the case has a newer version holds for the letters of other changes all the same.
    let told = if fact.silent { &[] } else { fact.audience.as_slice() };
    Ok(StatusChange {
        event_id: message.event_id,
        realm_id: message.realm_id,
        cause_id: message.cause_id,
        case_id: case.case_id.parse()?,
        case_version: case.version,
        requesters: requesters(told)?,
        content: message.payload.clone(),
        traceparent: message.traceparent.clone(),
    })
}
