//! What identity does, as stories. Knows ports, not techniques.

mod access;
mod administrators;
mod audit;
mod autologins;
mod conflicts;
mod contacts;
mod credentials;
mod deletions;
mod error;
mod exports;
mod factor_entrants;
mod factor_proofs;
mod groups;
mod guessing;
mod limits;
mod links;
mod passkeys;
mod passwords;
mod ports;
mod realms;
mod registrations;
mod second_factors;
mod sessions;
mod sign_on;
mod social_accounts;
mod user_actions;
mod user_sessions;
mod users;
mod vpn;

pub(crate) use access::AccessUseCases;
pub(crate) use administrators::{AdministratorUseCases, SignInAdministrator};
pub(crate) use audit::{AuditUseCases, ListAuditEntries};
pub(crate) use autologins::{AutologinUseCases, MadeAutologin, RedeemedAutologin};
pub(crate) use contacts::ContactUseCases;
pub(crate) use credentials::{CreateCredential, CredentialUseCases};
pub(crate) use deletions::{DeleteUser, DeletionUseCases};
pub(crate) use error::{Error, UserProblem};
pub(crate) use exports::{ExportSummary, ExportUseCases, Exported};
pub(crate) use factor_entrants::Entrants;
pub(crate) use factor_proofs::{FactorProofs, ShownFactor};
pub(crate) use groups::{CreateGroup, GroupUseCases, ListGroupUsers, NewGroupPart, UpdateGroup};
pub(crate) use guessing::{Guessing, PLATFORM};
pub(crate) use limits::LimitUseCases;
pub(crate) use links::{LinkUseCases, RedeemLink, ResetContact};
pub(crate) use passkeys::{BeginPasskey, FinishPasskey, PasskeyRegistered, PasskeyUseCases, SignInWithPasskey};
pub(crate) use passwords::{ChangePassword, OtherSessions, PasswordUseCases, SetUserPassword};
pub(crate) use ports::{
    AccessToken, AccessTokens, Account, Addressee, Administrator, Administrators, Admission, Admitted, Asking, Assertions,
    Attempts, AuditEntries, Autologins, CameIn, Ceremony, ChangeStandingError, CompanyInserted, Confirmation, Confirmed,
    ContactSetter, ContactUpdate, CountedBy, Credentials, Decision, DeleteUserError, Deletions, DeviceToken, EmailChanges,
    EndedByOthers, Enrolment, Exports, FactorConfirmation, FactorUpdate, GroupWriteError, Groups, HashError, InsertError, Keeper,
    KeptRecord, KeptRecords, Lifted, LinkToken, Linked, Links, NewDeletion, NewEmailChange, NewLink, NewPasskey, NewPassword,
    NewPhoneCode, NewRecoveryCodes, NewRegistration, NewSecret, NewSocialAccount, NotAsserted, OneTimeCodes,
    PasskeyAssertionError, PasskeyInserted, PasskeyRegistrationError, PasskeyUpdate, Passkeys, PasswordHasher, PasswordSetter,
    Passwords, PhoneCodes, Presets, ProviderError, PublishedKey, Realms, RecoveryCodesLeft, Redemption, RefreshToken, Registrant,
    Registrations, RelyingParty, ReplacementNotice, Revocations, SecondFactors, Secrets, SentFirst, Sessions, SessionsEnding,
    SignOns, SocialAccounts, SocialAdmission, SocialProviders, Stations, StoredPassword, TriedCode, Unlinking, UpdateUserError,
    UsedCode, UserLinked, Users, VisitSecrets, Waiting,
};
pub(crate) use realms::{CreateCompany, CreateRealm, RealmUseCases, UpdateCompanySettings, UpdatePolicy, UpdateRealm};
pub(crate) use registrations::{ConfirmRegistration, Register, RegistrationUseCases, Said};
pub(crate) use second_factors::{BeginFactor, ConfirmFactor, FactorConfirmed, SecondFactorUseCases, SignInWithCode};
pub(crate) use sessions::{Challenge, Entered, SessionTokens, SessionUseCases, SignIn, SignedIn};
pub(crate) use sign_on::{CreateSignOnKey, SignOn, SignOnUseCases};
pub(crate) use social_accounts::{SocialAccountUseCases, SocialAccountView, SocialReturn, SocialVisitBegun};
pub(crate) use user_actions::{UserAction, UserActionKind, UserView};
pub(crate) use user_sessions::OfUser;
pub(crate) use users::{
    BatchGetUsers, ChangeContact, ChangeStanding, CreateUsers, FindUser, Invitation, ListUsers, NewContact, NewIntroduction,
    NewUser, SuggestUserName, UserUseCases, UsersFound, Verdict,
};
pub(crate) use vpn::{EnterVpn, VpnUseCases};

/// How often something is tried that others keep overtaking.
const ATTEMPTS: usize = 5;
