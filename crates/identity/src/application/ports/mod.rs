//! What identity's use cases want of the world.

mod autologins;
mod contacts;
mod deletions;
mod exports;
mod passkeys;
mod realms;
mod registrations;
mod second_factors;
mod secrets;
mod sign_on;
mod signing_in;
mod social_accounts;
mod users;

pub(crate) use autologins::Autologins;
pub(crate) use contacts::{
    ContactSetter, ContactUpdate, EmailChanges, NewEmailChange, NewPhoneCode, PhoneCodes, ReplacementNotice, TriedCode,
};
pub(crate) use deletions::{DeleteUserError, Deletions, NewDeletion};
pub(crate) use exports::{Exports, Keeper, KeptRecord, KeptRecords};
pub(crate) use passkeys::{
    Ceremony, NewPasskey, PasskeyAssertionError, PasskeyInserted, PasskeyRegistrationError, PasskeyUpdate, Passkeys, Registrant,
    RelyingParty,
};
pub(crate) use realms::{Administrator, Administrators, AuditEntries, CompanyInserted, Credentials, Presets, Realms};
pub(crate) use registrations::{Addressee, Confirmation, Confirmed, NewRegistration, Registrations};
pub(crate) use second_factors::{
    Enrolment, FactorConfirmation, FactorUpdate, NewRecoveryCodes, OneTimeCodes, RecoveryCodesLeft, SecondFactors, UsedCode,
};
pub(crate) use secrets::{
    AccessToken, AccessTokens, DeviceToken, HashError, LinkToken, NewSecret, PasswordHasher, PublishedKey, RefreshToken,
    Revocations, Secrets, Waiting,
};
pub(crate) use sign_on::{Assertions, NotAsserted, SentFirst, SignOns, UserLinked};
pub(crate) use signing_in::{
    Attempts, CountedBy, EndedByOthers, Lifted, Links, NewLink, NewPassword, PasswordSetter, Passwords, Redemption, Sessions,
    SessionsEnding, Stations,
};
pub(crate) use social_accounts::{
    Asking, CameIn, Linked, NewSocialAccount, ProviderError, SocialAccounts, SocialAdmission, SocialProviders, Unlinking,
    VisitSecrets,
};
pub(crate) use users::{
    Account, Admission, Admitted, ChangeStandingError, Decision, GroupWriteError, Groups, InsertError, StoredPassword,
    UpdateUserError, Users,
};
