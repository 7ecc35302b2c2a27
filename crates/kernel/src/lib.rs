//! The words every service shares: typed ids, time, callers, permits, kinds of error.
//!
//! Pure: no async, no I/O, no dependency on another crate of this workspace. What only one service
//! says does not belong here.

mod access;
mod actor;
mod call;
mod caller;
mod error_kind;
mod fault;
mod id;
mod line;
mod name;
mod request;
mod secret;
mod time;

pub use access::{Action, Authorized, Decision, Permit, Refusal};
pub use actor::{Actor, ActorKind};
pub use call::{Call, Client, Errand, Origin};
pub use caller::{Caller, Component, GatewayCaller, PlatformAdminCaller, Role, ServiceCaller, Through, UserCaller};
pub use error_kind::ErrorKind;
pub use fault::Fault;
pub use id::{
    ActorId, AttributeId, AuditEntryId, AvatarId, CaseId, CommandId, CompanyId, CredentialId, DeadLetterId, DeliveryId,
    DepartmentId, DeviceId, EventId, GroupId, Id, IdSource, InvalidId, LinkId, ObjectId, PhoneCodeId, RandomIds, RealmId,
    RecoverySetId, SecondFactorId, SessionId, SignOnKeyId, SocialAccountId, SocialVisitId, UserId, of,
};
pub use line::{InvalidLine, Line};
pub use name::{InvalidName, NameField, NameForm, NameLetters, NameNeed, NameRule, PersonName};
pub use request::{NamedRequest, RepeatError};
pub use secret::Secret;
pub use time::{Clock, Timestamp};
