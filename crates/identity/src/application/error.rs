//! How identity's use cases end when they do not succeed.

use std::time::Duration;

use kernel::{Component, Fault, InvalidLine, InvalidName, NameField, Refusal, RepeatError};

use crate::domain::{
    Contact, InvalidCashDesk, InvalidEmail, InvalidPhone, InvalidPolicy, InvalidSetting, InvalidUserName, PasskeyProblem,
    PasswordChangeProblem, PasswordRefused,
};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("what is said of the user is not valid")]
    UserInvalid(Vec<UserProblem>),
    #[error("another user has these contacts")]
    ContactsTaken(Vec<Contact>),
    #[error("there is no such user")]
    UserNotFound,
    #[error("somebody else kept changing the user")]
    UserChanged,
    #[error("nobody does this to himself")]
    ActingOnOneself,
    #[error("who is to be deleted was not shown like this: prepare it again")]
    DeletionNotConfirmed,
    #[error("the company would be left without an active owner")]
    LastOwner,
    #[error("the user is blocked")]
    UserBlocked,
    #[error("there is no such company")]
    CompanyNotFound,
    #[error("there is no such group")]
    GroupNotFound,
    #[error("a name has something to see in it")]
    GroupNameMissing,
    #[error(transparent)]
    GroupNameInvalid(#[from] InvalidLine),
    #[error("the leader is no active user of the company")]
    LeaderInvalid,
    #[error("there is no such realm")]
    RealmNotFound,
    #[error("no preset has this name")]
    PresetUnknown,
    #[error("the settings of the realm are not valid")]
    RealmSettingsInvalid(Vec<InvalidSetting>),
    #[error(transparent)]
    CashDeskInvalid(#[from] InvalidCashDesk),
    #[error("the policy is not valid")]
    PolicyInvalid(Vec<InvalidPolicy>),
    #[error("it has changed since it was read")]
    EtagMismatch,
    #[error("the invitation is over: ask for a password reset")]
    InvitationOver,
    #[error("the link is not valid")]
    LinkNotValid,
    #[error("the link opens nothing any more")]
    AutologinOver,
    #[error("nobody registers himself here")]
    RegistrationClosed,
    #[error("the password is refused")]
    PasswordRefused { field: &'static str, reasons: Vec<PasswordRefused> },
    #[error("the password is not changed")]
    PasswordNotChanged(Vec<PasswordChangeProblem>),
    #[error("it is not the caller's password")]
    CurrentPasswordWrong,
    #[error("the caller has no password yet")]
    PasswordMissing,
    #[error("the caller signed in too long ago for this")]
    ReauthenticationRequired,
    #[error("nobody signs in with this")]
    SignInRefused,
    #[error("too many passwords are being checked; try again later")]
    SignInBusy,
    #[error("this was tried too often; try again later")]
    AttemptsLimited { after: Duration },
    #[error("the session is over: sign in again")]
    SessionOver,
    #[error("there is no such session")]
    SessionNotFound,
    #[error("a one-time password only sets another")]
    NewPasswordNeeded,
    #[error("there is no such credential")]
    CredentialNotFound,
    #[error("the credential or its secret is wrong")]
    CredentialRefused,
    #[error("there is no phone number to confirm")]
    PhoneMissing,
    #[error("the phone number is confirmed already")]
    PhoneConfirmed,
    #[error("it is fixed by now: support changes it")]
    ContactFixed,
    #[error("it cannot be used: ask support")]
    ContactRefused(Contact),
    #[error("a code was sent a moment ago, or enough of them today")]
    CodeLimited,
    #[error("it is another code")]
    CodeWrong,
    #[error("there is no code to be tried: ask for another")]
    CodeOver,
    #[error("the sign-in is over: begin again")]
    SignInOver,
    #[error("there is a second factor already")]
    SecondFactorOn,
    #[error("there is no second factor")]
    SecondFactorMissing,
    #[error("users of this role sign in with a second factor here")]
    SecondFactorRequired,
    #[error("the realm's service has not said so")]
    SignOnRefused,
    #[error("somebody else has what the realm's service says")]
    SignOnConflict,
    #[error("users of this role sign in through the realm's own service here")]
    SignOnRequired,
    #[error("it is no Ed25519 public key in PEM")]
    SignOnKeyInvalid,
    #[error("there is no such key")]
    SignOnKeyNotFound,
    #[error("it is what no user is called by")]
    ExternalIdInvalid,
    #[error("another user is called so")]
    ExternalIdTaken,
    #[error("{} cannot be asked now", .0.as_str())]
    ServiceAway(Component, #[source] Fault),
    #[error("no such provider serves the realm")]
    SocialProviderNotFound,
    #[error("nobody was sent to a provider with this, or he has come back already: begin again")]
    SocialSignInOver,
    #[error("nobody signs in with this account")]
    SocialSignInRefused,
    #[error("the provider does not answer as one: begin again later")]
    SocialProviderAway,
    #[error("the account is nobody's, and nobody comes in by it: sign in otherwise, and link it")]
    SocialAccountUnknown,
    #[error("the account's address is a user's: sign in as he does, and link it")]
    SocialEmailTaken,
    #[error("another user has linked the account")]
    SocialAccountTaken,
    #[error("another account of the provider is linked: unlink it first")]
    SocialProviderLinked,
    #[error("the caller has linked no such account")]
    SocialAccountNotFound,
    #[error("it is the last way in which the caller signs in")]
    LastWayIn,
    #[error("there is a second factor: it has to be shown")]
    SecondFactorNotShown,
    #[error("it is no passkey that is taken here")]
    PasskeyRefused { field: &'static str, problem: PasskeyProblem },
    #[error("nothing is asked of a passkey here, or not any more: ask again")]
    PasskeyChallengeOver,
    #[error("there may be a copy of the passkey: use another factor")]
    PasskeyCopied,
    #[error("somebody has this passkey already")]
    PasskeyTaken,
    #[error("the caller has as many passkeys as there may be")]
    PasskeyLimit,
    #[error("there is no such passkey")]
    PasskeyNotFound,
    #[error("no passkeys can be made at the realm's public address")]
    PasskeysUnavailable,
    #[error(transparent)]
    Repeat(#[from] RepeatError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What is wrong with something that is said of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UserProblem {
    #[error(transparent)]
    Email(#[from] InvalidEmail),
    #[error(transparent)]
    Phone(#[from] InvalidPhone),
    #[error(transparent)]
    UserName(#[from] InvalidUserName),
    #[error("this contact must be given")]
    Missing(Contact),
    #[error("{1}")]
    Name(NameField, InvalidName),
    #[error("every new user is ACTIVE here")]
    StatusNotChosen,
    #[error("there is nobody of this role in the company")]
    RoleNotOfCompany,
}
