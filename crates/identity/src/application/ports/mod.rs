//! What identity's use cases want of the world.

mod realms;
mod secrets;
mod signing_in;
mod users;

pub(crate) use realms::{Administrator, Administrators, AuditEntries, CompanyInserted, Credentials, Presets, Realms};
pub(crate) use secrets::{
    AccessToken, AccessTokens, DeviceToken, HashError, LinkToken, NewSecret, PasswordHasher, PublishedKey, RefreshToken,
    Revocations, Secrets, Waiting,
};
pub(crate) use signing_in::{
    Attempts, CountedBy, Links, NewLink, NewPassword, NewPhoneCode, PasswordSetter, Passwords, PhoneCodes, Redemption, Sessions,
    SessionsEnding, TriedCode,
};
pub(crate) use users::{
    Account, Admission, Admitted, ChangeStandingError, Decision, GroupWriteError, Groups, InsertError, UpdateUserError, Users,
};
