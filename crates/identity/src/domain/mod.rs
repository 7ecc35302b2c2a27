//! What identity knows, without I/O: realms, users and their contacts, links, sessions, and who may do what with them.

pub(crate) mod access;
pub(crate) mod audit;
mod autologin;
mod contact_change;
mod contacts;
mod credential;
mod deletion;
mod email;
mod group;
pub(crate) mod guessing;
mod introduction;
mod link;
mod passkey;
mod password;
mod password_change;
mod phone_code;
mod policy;
mod realm;
mod registration;
mod second_factor;
mod session;
mod sign_on;
mod social_account;
mod station;
mod transliteration;
mod user;

pub(crate) use autologin::{Autologin, AutologinReader};
pub(crate) use contact_change::{ContactChanger, EmailChange};
pub(crate) use contacts::{Contact, Contacts, InvalidPhone, InvalidUserName, Login, NameStem, PhoneNumber, PhoneRule, UserName};
pub(crate) use credential::{Credential, CredentialKind};
pub(crate) use deletion::{IntendedDeletion, UserDeleted, UserDeleter, UserDeletion};
pub(crate) use email::{EmailAddress, InvalidEmail};
pub(crate) use group::{Group, GroupActivity, GroupChange, GroupMembership};
pub(crate) use introduction::Introduction;
pub(crate) use link::{Link, LinkChannel, LinkPurpose};
pub(crate) use passkey::{
    AskedIn, MOST_PASSKEYS, Passkey, PasskeyChallenge, PasskeyProblem, PasskeyPurpose, PasskeyRecord, PasskeySite,
};
pub(crate) use password::{Characters, Guessable, Password, PasswordRefused, PasswordRule};
pub(crate) use password_change::{OwnerSetsPasswords, PasswordChangeProblem, PasswordChangeRule, PasswordProof, TypedPassword};
pub(crate) use phone_code::{CodeNumber, PhoneCode};
pub(crate) use policy::{InvalidPolicy, Policy, PolicyChange, SessionLifetimes, StartingStatus};
pub(crate) use realm::{
    Company, CompanyKind, CompanySettings, InvalidCashDesk, InvalidSetting, Realm, RealmChange, RealmChanged, RealmSettings,
    is_language, is_name,
};
pub(crate) use registration::{Newcomer, Registration, RegistrationRule, SelfRegistration};
pub(crate) use second_factor::{
    HalfSignedIn, HeldFactors, RECOVERY_CODES, SecondFactor, SecondFactorChange, SecondFactorRule, SecondFactorState,
    SecondFactorWanted, TypedCode,
};
pub(crate) use session::{FirstFactor, Proof, Refresh, SecondFactorKind, Session, SessionUser};
pub(crate) use sign_on::{AssertedName, Assertion, ExternalId, SignOnKey, SignOnRule};
pub(crate) use social_account::{
    ProviderAccount, ProviderName, ProviderSays, SocialAccount, SocialAccountChange, SocialProvider, SocialSignIn, SocialVisit,
    WaysIn,
};
pub(crate) use station::Station;
pub(crate) use transliteration::Standard;
pub(crate) use user::{
    Activation, ContactChanged, Standing, StandingChange, StandingChanged, StoredUser, User, UserCreated, UserStatus,
};
