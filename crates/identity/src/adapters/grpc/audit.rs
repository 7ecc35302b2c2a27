//! `cabinet.identity.v1.AuditService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::audit_service_server::{AuditService, AuditServiceServer};
use kernel::ActorKind;
use runtime::grpc::{Page, Problem, moment, open, optional_id, timestamp};
use tonic::{Request, Response, Status};

use crate::application::{AuditUseCases, ListAuditEntries};
use crate::domain::audit::{AuditAct, AuditEntry, AuditFilter};

pub(crate) struct AuditGrpc {
    audit: AuditUseCases,
}

impl AuditGrpc {
    pub(crate) fn server(audit: AuditUseCases) -> AuditServiceServer<Self> {
        AuditServiceServer::new(Self { audit })
    }
}

/// Nothing for whatever was done, and for what this release does not know.
pub(crate) const fn audit_act(act: pb::AuditAct) -> Option<AuditAct> {
    Some(match act {
        pb::AuditAct::Unspecified => return None,
        pb::AuditAct::RealmOpened => AuditAct::RealmOpened,
        pb::AuditAct::PolicyChanged => AuditAct::PolicyChanged,
        pb::AuditAct::CompanyAdded => AuditAct::CompanyAdded,
        pb::AuditAct::CredentialCreated => AuditAct::CredentialCreated,
        pb::AuditAct::CredentialDeleted => AuditAct::CredentialDeleted,
        pb::AuditAct::UserAdded => AuditAct::UserAdded,
        pb::AuditAct::UserInvited => AuditAct::UserInvited,
        pb::AuditAct::EmailChanged => AuditAct::EmailChanged,
        pb::AuditAct::PhoneChanged => AuditAct::PhoneChanged,
        pb::AuditAct::RoleChanged => AuditAct::RoleChanged,
        pb::AuditAct::UserBlocked => AuditAct::UserBlocked,
        pb::AuditAct::UserUnblocked => AuditAct::UserUnblocked,
        pb::AuditAct::PasswordSet => AuditAct::PasswordSet,
        pb::AuditAct::GroupCreated => AuditAct::GroupCreated,
        pb::AuditAct::GroupChanged => AuditAct::GroupChanged,
        pb::AuditAct::GroupMemberAdded => AuditAct::GroupMemberAdded,
        pb::AuditAct::GroupMemberRemoved => AuditAct::GroupMemberRemoved,
        pb::AuditAct::ConflictTold => AuditAct::ConflictTold,
        pb::AuditAct::RealmChanged => AuditAct::RealmChanged,
        pb::AuditAct::CompanySettingsChanged => AuditAct::CompanySettingsChanged,
        pb::AuditAct::UserDeleted => AuditAct::UserDeleted,
        pb::AuditAct::SecondFactorReset => AuditAct::SecondFactorReset,
        pb::AuditAct::SignOnKeyCreated => AuditAct::SignOnKeyCreated,
        pb::AuditAct::SignOnKeyDeleted => AuditAct::SignOnKeyDeleted,
        pb::AuditAct::UserLinked => AuditAct::UserLinked,
        pb::AuditAct::UserUnlinked => AuditAct::UserUnlinked,
        pb::AuditAct::UserExported => AuditAct::UserExported,
        pb::AuditAct::SessionsEnded => AuditAct::SessionsEnded,
        pb::AuditAct::UserLimitsLifted => AuditAct::UserLimitsLifted,
        pb::AuditAct::AddressLimitsLifted => AuditAct::AddressLimitsLifted,
        pb::AuditAct::ProfileChanged => AuditAct::ProfileChanged,
        pb::AuditAct::AvatarUploaded => AuditAct::AvatarUploaded,
        pb::AuditAct::AvatarDeleted => AuditAct::AvatarDeleted,
        pb::AuditAct::AttributeCreated => AuditAct::AttributeCreated,
        pb::AuditAct::AttributeChanged => AuditAct::AttributeChanged,
        pb::AuditAct::AttributeDeleted => AuditAct::AttributeDeleted,
        pb::AuditAct::DepartmentCreated => AuditAct::DepartmentCreated,
        pb::AuditAct::DepartmentRenamed => AuditAct::DepartmentRenamed,
        pb::AuditAct::DepartmentDeleted => AuditAct::DepartmentDeleted,
        pb::AuditAct::WorkflowReplaced => AuditAct::WorkflowReplaced,
        pb::AuditAct::DeadLetterReplayed => AuditAct::DeadLetterReplayed,
        pb::AuditAct::AdministratorPasswordGiven => AuditAct::AdministratorPasswordGiven,
        pb::AuditAct::AdministratorRemoved => AuditAct::AdministratorRemoved,
    })
}

const fn told_act(act: AuditAct) -> pb::AuditAct {
    match act {
        AuditAct::RealmOpened => pb::AuditAct::RealmOpened,
        AuditAct::PolicyChanged => pb::AuditAct::PolicyChanged,
        AuditAct::CompanyAdded => pb::AuditAct::CompanyAdded,
        AuditAct::CredentialCreated => pb::AuditAct::CredentialCreated,
        AuditAct::CredentialDeleted => pb::AuditAct::CredentialDeleted,
        AuditAct::UserAdded => pb::AuditAct::UserAdded,
        AuditAct::UserInvited => pb::AuditAct::UserInvited,
        AuditAct::EmailChanged => pb::AuditAct::EmailChanged,
        AuditAct::PhoneChanged => pb::AuditAct::PhoneChanged,
        AuditAct::RoleChanged => pb::AuditAct::RoleChanged,
        AuditAct::UserBlocked => pb::AuditAct::UserBlocked,
        AuditAct::UserUnblocked => pb::AuditAct::UserUnblocked,
        AuditAct::PasswordSet => pb::AuditAct::PasswordSet,
        AuditAct::GroupCreated => pb::AuditAct::GroupCreated,
        AuditAct::GroupChanged => pb::AuditAct::GroupChanged,
        AuditAct::GroupMemberAdded => pb::AuditAct::GroupMemberAdded,
        AuditAct::GroupMemberRemoved => pb::AuditAct::GroupMemberRemoved,
        AuditAct::ConflictTold => pb::AuditAct::ConflictTold,
        AuditAct::RealmChanged => pb::AuditAct::RealmChanged,
        AuditAct::CompanySettingsChanged => pb::AuditAct::CompanySettingsChanged,
        AuditAct::UserDeleted => pb::AuditAct::UserDeleted,
        AuditAct::SecondFactorReset => pb::AuditAct::SecondFactorReset,
        AuditAct::SignOnKeyCreated => pb::AuditAct::SignOnKeyCreated,
        AuditAct::SignOnKeyDeleted => pb::AuditAct::SignOnKeyDeleted,
        AuditAct::UserLinked => pb::AuditAct::UserLinked,
        AuditAct::UserUnlinked => pb::AuditAct::UserUnlinked,
        AuditAct::UserExported => pb::AuditAct::UserExported,
        AuditAct::SessionsEnded => pb::AuditAct::SessionsEnded,
        AuditAct::UserLimitsLifted => pb::AuditAct::UserLimitsLifted,
        AuditAct::AddressLimitsLifted => pb::AuditAct::AddressLimitsLifted,
        AuditAct::ProfileChanged => pb::AuditAct::ProfileChanged,
        AuditAct::AvatarUploaded => pb::AuditAct::AvatarUploaded,
        AuditAct::AvatarDeleted => pb::AuditAct::AvatarDeleted,
        AuditAct::AttributeCreated => pb::AuditAct::AttributeCreated,
        AuditAct::AttributeChanged => pb::AuditAct::AttributeChanged,
        AuditAct::AttributeDeleted => pb::AuditAct::AttributeDeleted,
        AuditAct::DepartmentCreated => pb::AuditAct::DepartmentCreated,
        AuditAct::DepartmentRenamed => pb::AuditAct::DepartmentRenamed,
        AuditAct::DepartmentDeleted => pb::AuditAct::DepartmentDeleted,
        AuditAct::WorkflowReplaced => pb::AuditAct::WorkflowReplaced,
        AuditAct::DeadLetterReplayed => pb::AuditAct::DeadLetterReplayed,
        AuditAct::AdministratorPasswordGiven => pb::AuditAct::AdministratorPasswordGiven,
        AuditAct::AdministratorRemoved => pb::AuditAct::AdministratorRemoved,
    }
}

const fn told_kind(kind: ActorKind) -> pb::AuditActorKind {
    match kind {
        ActorKind::User => pb::AuditActorKind::User,
        ActorKind::Service => pb::AuditActorKind::Service,
        ActorKind::PlatformAdmin => pb::AuditActorKind::PlatformAdmin,
        ActorKind::CommandLine => pb::AuditActorKind::CommandLine,
    }
}

fn told(entry: AuditEntry) -> pb::AuditEntry {
    pb::AuditEntry {
        audit_entry_id: entry.id.to_string(),
        act: told_act(entry.done.act).into(),
        object_id: entry.done.object_id.to_string(),
        detail: entry.done.detail.unwrap_or_default(),
        company_id: entry.company_id.map(|id| id.to_string()).unwrap_or_default(),
        actor_kind: told_kind(entry.actor.kind).into(),
        actor_id: entry.actor.id.map(|id| id.to_string()).unwrap_or_default(),
        actor_name: entry.actor.name.unwrap_or_default(),
        acting_credential_id: entry.actor.acting_service.map(|id| id.to_string()).unwrap_or_default(),
        client_address: entry.client_address.unwrap_or_default(),
        act_time: Some(timestamp(entry.at)),
    }
}

/// Everything that says which list it is.
fn list(request: &pb::ListAuditEntriesRequest) -> String {
    let filters = pb::ListAuditEntriesRequest { page_size: 0, page_token: String::new(), ..request.clone() };
    format!("ListAuditEntries {filters:?}")
}

#[tonic::async_trait]
impl AuditService for AuditGrpc {
    async fn list_audit_entries(
        &self,
        request: Request<pb::ListAuditEntriesRequest>,
    ) -> Result<Response<pb::ListAuditEntriesResponse>, Status> {
        let (call, request) = open(request)?;
        let page = Page::read(&call, &list(&request), request.page_size, &request.page_token)?;
        let filter = AuditFilter {
            company_id: optional_id("company_id", &request.company_id)?,
            actor_id: optional_id("actor_id", &request.actor_id)?,
            object_id: optional_id("object_id", &request.object_id)?,
            act: audit_act(request.act()),
            start: request.start_time.map(|at| moment("start_time", at)).transpose()?,
            end: request.end_time.map(|at| moment("end_time", at)).transpose()?,
        };
        let realm_id = optional_id("realm_id", &request.realm_id)?;
        let query = ListAuditEntries { realm_id, filter, after: page.after(), limit: page.size };
        let entries = self.audit.list(&call, query).await.map_err(Problem::from)?.into_inner();
        let next_page_token = page.next_token(entries.len(), entries.last().map(|entry| entry.id));
        Ok(Response::new(pb::ListAuditEntriesResponse { entries: entries.into_iter().map(told).collect(), next_page_token }))
    }
}
