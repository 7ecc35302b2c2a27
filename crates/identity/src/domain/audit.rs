//! What is written down of those who administer (I26): who, whom, what, when, from where. Never a secret.

use std::str::FromStr;

use kernel::{
    Actor, ActorId, AuditEntryId, CommandId, CompanyId, CredentialId, GroupId, Id, ObjectId, RealmId, Role, SignOnKeyId,
    Timestamp, UserId,
};

use super::{Contact, User, UserStatus};

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuditAct {
    RealmOpened,
    PolicyChanged,
    CompanyAdded,
    CredentialCreated,
    CredentialDeleted,
    UserAdded,
    UserInvited,
    EmailChanged,
    PhoneChanged,
    RoleChanged,
    UserBlocked,
    UserUnblocked,
    PasswordSet,
    GroupCreated,
    GroupChanged,
    GroupMemberAdded,
    GroupMemberRemoved,
    ConflictTold,
    RealmChanged,
    CompanySettingsChanged,
    UserDeleted,
    SecondFactorReset,
    SignOnKeyCreated,
    SignOnKeyDeleted,
    UserLinked,
    UserUnlinked,
    UserExported,
    SessionsEnded,
    UserLimitsLifted,
    AddressLimitsLifted,
    ProfileChanged,
    AvatarUploaded,
    AvatarDeleted,
    AttributeCreated,
    AttributeChanged,
    AttributeDeleted,
    DepartmentCreated,
    DepartmentRenamed,
    DepartmentDeleted,
    WorkflowReplaced,
    DeadLetterReplayed,
    AdministratorPasswordGiven,
    AdministratorRemoved,
}

impl AuditAct {
    pub(crate) const ALL: [Self; 43] = [
        Self::RealmOpened,
        Self::PolicyChanged,
        Self::CompanyAdded,
        Self::CredentialCreated,
        Self::CredentialDeleted,
        Self::UserAdded,
        Self::UserInvited,
        Self::EmailChanged,
        Self::PhoneChanged,
        Self::RoleChanged,
        Self::UserBlocked,
        Self::UserUnblocked,
        Self::PasswordSet,
        Self::GroupCreated,
        Self::GroupChanged,
        Self::GroupMemberAdded,
        Self::GroupMemberRemoved,
        Self::ConflictTold,
        Self::RealmChanged,
        Self::CompanySettingsChanged,
        Self::UserDeleted,
        Self::SecondFactorReset,
        Self::SignOnKeyCreated,
        Self::SignOnKeyDeleted,
        Self::UserLinked,
        Self::UserUnlinked,
        Self::UserExported,
        Self::SessionsEnded,
        Self::UserLimitsLifted,
        Self::AddressLimitsLifted,
        Self::ProfileChanged,
        Self::AvatarUploaded,
        Self::AvatarDeleted,
        Self::AttributeCreated,
        Self::AttributeChanged,
        Self::AttributeDeleted,
        Self::DepartmentCreated,
        Self::DepartmentRenamed,
        Self::DepartmentDeleted,
        Self::WorkflowReplaced,
        Self::DeadLetterReplayed,
        Self::AdministratorPasswordGiven,
        Self::AdministratorRemoved,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::RealmOpened => "REALM_OPENED",
            Self::PolicyChanged => "POLICY_CHANGED",
            Self::CompanyAdded => "COMPANY_ADDED",
            Self::CredentialCreated => "CREDENTIAL_CREATED",
            Self::CredentialDeleted => "CREDENTIAL_DELETED",
            Self::UserAdded => "USER_ADDED",
            Self::UserInvited => "USER_INVITED",
            Self::EmailChanged => "EMAIL_CHANGED",
            Self::PhoneChanged => "PHONE_CHANGED",
            Self::RoleChanged => "ROLE_CHANGED",
            Self::UserBlocked => "USER_BLOCKED",
            Self::UserUnblocked => "USER_UNBLOCKED",
            Self::PasswordSet => "PASSWORD_SET",
            Self::GroupCreated => "GROUP_CREATED",
            Self::GroupChanged => "GROUP_CHANGED",
            Self::GroupMemberAdded => "GROUP_MEMBER_ADDED",
            Self::GroupMemberRemoved => "GROUP_MEMBER_REMOVED",
            Self::ConflictTold => "CONFLICT_TOLD",
            Self::RealmChanged => "REALM_CHANGED",
            Self::CompanySettingsChanged => "COMPANY_SETTINGS_CHANGED",
            Self::UserDeleted => "USER_DELETED",
            Self::SecondFactorReset => "SECOND_FACTOR_RESET",
            Self::SignOnKeyCreated => "SIGN_ON_KEY_CREATED",
            Self::SignOnKeyDeleted => "SIGN_ON_KEY_DELETED",
            Self::UserLinked => "USER_LINKED",
            Self::UserUnlinked => "USER_UNLINKED",
            Self::UserExported => "USER_EXPORTED",
            Self::SessionsEnded => "SESSIONS_ENDED",
            Self::UserLimitsLifted => "USER_LIMITS_LIFTED",
            Self::AddressLimitsLifted => "ADDRESS_LIMITS_LIFTED",
            Self::ProfileChanged => "PROFILE_CHANGED",
            Self::AvatarUploaded => "AVATAR_UPLOADED",
            Self::AvatarDeleted => "AVATAR_DELETED",
            Self::AttributeCreated => "ATTRIBUTE_CREATED",
            Self::AttributeChanged => "ATTRIBUTE_CHANGED",
            Self::AttributeDeleted => "ATTRIBUTE_DELETED",
            Self::DepartmentCreated => "DEPARTMENT_CREATED",
            Self::DepartmentRenamed => "DEPARTMENT_RENAMED",
            Self::DepartmentDeleted => "DEPARTMENT_DELETED",
            Self::WorkflowReplaced => "WORKFLOW_REPLACED",
            Self::DeadLetterReplayed => "DEAD_LETTER_REPLAYED",
            Self::AdministratorPasswordGiven => "ADMINISTRATOR_PASSWORD_GIVEN",
            Self::AdministratorRemoved => "ADMINISTRATOR_REMOVED",
        }
    }
}

impl FromStr for AuditAct {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|act| act.as_str() == text).ok_or(())
    }
}

/// One act, as it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) act: AuditAct,
    pub(crate) object_id: ObjectId,
    pub(crate) detail: Option<String>,
}

impl Done {
    fn to<Of>(act: AuditAct, object: Id<Of>) -> Self {
        Self { act, object_id: Id::from_uuid(object.as_uuid()), detail: None }
    }

    pub(crate) fn to_realm(act: AuditAct, realm_id: RealmId) -> Self {
        Self::to(act, realm_id)
    }

    pub(crate) fn to_company(act: AuditAct, company_id: CompanyId) -> Self {
        Self::to(act, company_id)
    }

    pub(crate) fn to_credential(act: AuditAct, credential_id: CredentialId) -> Self {
        Self::to(act, credential_id)
    }

    pub(crate) fn to_user(act: AuditAct, user_id: UserId) -> Self {
        Self::to(act, user_id)
    }

    pub(crate) fn to_sign_on_key(act: AuditAct, key_id: SignOnKeyId) -> Self {
        Self::to(act, key_id)
    }

    pub(crate) fn to_group(act: AuditAct, group_id: GroupId) -> Self {
        Self::to(act, group_id)
    }

    /// To a user, who has this role from then on.
    pub(crate) fn with_role(act: AuditAct, user_id: UserId, role: Role) -> Self {
        Self { detail: Some(role.as_str().to_owned()), ..Self::to(act, user_id) }
    }

    /// To a user who is new.
    pub(crate) fn added(user: &User) -> Self {
        let status = if user.status() == UserStatus::Blocked { " BLOCKED" } else { "" };
        Self { detail: Some(format!("{}{status}", user.role())), ..Self::to(AuditAct::UserAdded, user.id()) }
    }

    /// To an administrator of the platform, who is known by his name alone. The object is the platform.
    pub(crate) fn to_administrator(act: AuditAct, platform: RealmId, name: &str) -> Self {
        Self { detail: Some(name.to_owned()), ..Self::to(act, platform) }
    }

    /// To whoever has these contacts already, of whom somebody learns by wanting them for this user of his, or for a new one.
    pub(crate) fn told(contacts: &[Contact], user_id: UserId) -> Self {
        let contacts: Vec<&str> = contacts.iter().map(|contact| contact.as_str()).collect();
        Self { detail: Some(contacts.join(" ")), ..Self::to(AuditAct::ConflictTold, user_id) }
    }

    /// With more of it.
    pub(crate) fn detailed(self, detail: String) -> Self {
        Self { detail: Some(detail), ..self }
    }

    /// To a user, about this group.
    pub(crate) fn about_group(act: AuditAct, user_id: UserId, group_id: GroupId) -> Self {
        Self { detail: Some(group_id.to_string()), ..Self::to(act, user_id) }
    }
}

/// One act, as it stands in the log.
#[derive(Debug, Clone)]
pub(crate) struct AuditEntry {
    pub(crate) id: AuditEntryId,
    pub(crate) company_id: Option<CompanyId>,
    pub(crate) done: Done,
    pub(crate) actor: Actor,
    pub(crate) client_address: Option<String>,
    pub(crate) at: Timestamp,
}

/// An act that was done in another service, as its fact says. The entry has the id of the fact, which is made at the moment of the act.
#[derive(Debug, Clone)]
pub(crate) struct ToldAct {
    pub(crate) realm_id: RealmId,
    pub(crate) cause_id: CommandId,
    pub(crate) entry: AuditEntry,
}

/// Which entries are wanted: those that every part lets pass that is given.
#[derive(Debug, Clone, Default)]
pub(crate) struct AuditFilter {
    pub(crate) company_id: Option<CompanyId>,
    pub(crate) actor_id: Option<ActorId>,
    pub(crate) object_id: Option<ObjectId>,
    pub(crate) act: Option<AuditAct>,
    /// Not before.
    pub(crate) start: Option<Timestamp>,
    /// Before.
    pub(crate) end: Option<Timestamp>,
}
