//! Calls about the users of a company: each about the visit's own customer.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::deletion_service_client::DeletionServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use tonic::Status;

use crate::visit::{Answer, Visit, no_call};

pub(crate) async fn call(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = UserServiceClient::new(visit.stage.identity.clone());
    let user_id = visit.user_id();
    match method {
        "CreateUser" => {
            let role = pb::Role::Customer.into();
            let (company_id, email) = (visit.company_id(), visit.stage.fresh_email());
            let request = pb::CreateUserRequest { company_id, role, email, ..Default::default() };
            client.create_user(visit.request(request)).await.map(|_| Answer::Done)
        }
        "BatchCreateUsers" => {
            let role = pb::Role::Customer.into();
            let user = pb::NewUser { role, email: visit.stage.fresh_email(), ..Default::default() };
            let request = pb::BatchCreateUsersRequest { company_id: visit.company_id(), users: vec![user], ..Default::default() };
            let answer = client.batch_create_users(visit.request(request)).await?.into_inner();
            Ok(if answer.verdicts.iter().all(|verdict| verdict.user.is_some()) { Answer::Done } else { Answer::Empty })
        }
        "SuggestUserName" => {
            let (company_id, language) = (visit.company_id(), "en".to_owned());
            let request = pb::SuggestUserNameRequest { company_id, language, ..Default::default() };
            client.suggest_user_name(visit.request(request)).await.map(|_| Answer::Done)
        }
        "ListUsers" => {
            let request = pb::ListUsersRequest { company_id: visit.company_id(), ..Default::default() };
            client.list_users(visit.request(request)).await.map(|answer| some(&answer.into_inner().users))
        }
        "BatchGetUsers" => {
            let request = pb::BatchGetUsersRequest { realm_id: visit.realm_id(), user_ids: vec![user_id] };
            client.batch_get_users(visit.request(request)).await.map(|answer| some(&answer.into_inner().users))
        }
        "FindUser" => {
            let request = pb::FindUserRequest { email: visit.himself.email.clone(), ..Default::default() };
            client.find_user(visit.request(request)).await.map(|_| Answer::Done)
        }
        "ResendInvitation" => {
            let request = pb::ResendInvitationRequest { user_id };
            client.resend_invitation(visit.request(request)).await.map(|_| Answer::Done)
        }
        "ChangeUserEmail" => {
            let request = pb::ChangeUserEmailRequest { user_id, email: visit.stage.fresh_email() };
            client.change_user_email(visit.request(request)).await.map(|_| Answer::Done)
        }
        "ChangeUserPhone" => {
            let request = pb::ChangeUserPhoneRequest { user_id, phone: format!("+38067{:07}", visit.stage.fresh()) };
            client.change_user_phone(visit.request(request)).await.map(|_| Answer::Done)
        }
        "ChangeUserRole" => {
            let request = pb::ChangeUserRoleRequest { user_id, role: pb::Role::Agent.into() };
            client.change_user_role(visit.request(request)).await.map(|_| Answer::Done)
        }
        "BlockUser" => client.block_user(visit.request(pb::BlockUserRequest { user_id })).await.map(|_| Answer::Done),
        "UnblockUser" => client.unblock_user(visit.request(pb::UnblockUserRequest { user_id })).await.map(|_| Answer::Done),
        _ => no_call(method),
    }
}

/// Calls about deleting the visit's own customer; how far a deletion has come is asked of another one's, who has no token to lose.
pub(crate) async fn call_deletions(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = DeletionServiceClient::new(visit.stage.identity.clone());
    let user_id = visit.user_id();
    match method {
        "PrepareUserDeletion" => {
            let request = pb::PrepareUserDeletionRequest { user_id };
            client.prepare_user_deletion(visit.request(request)).await.map(|_| Answer::Done)
        }
        "DeleteUser" => {
            let request = pb::PrepareUserDeletionRequest { user_id: user_id.clone() };
            let prepared = client.prepare_user_deletion(visit.request(request)).await;
            let confirmation = prepared.map_or_else(|_| "none".to_owned(), |prepared| prepared.into_inner().confirmation);
            let request = pb::DeleteUserRequest { user_id, confirmation };
            client.delete_user(visit.request(request)).await.map(|_| Answer::Done)
        }
        "GetUserDeletion" => {
            let user_id = visit.stage.deleted_customer().await.user_id;
            let request = pb::GetUserDeletionRequest { user_id };
            client.get_user_deletion(visit.request(request)).await.map(|_| Answer::Done)
        }
        _ => no_call(method),
    }
}

fn some(users: &[pb::User]) -> Answer {
    if users.is_empty() { Answer::Empty } else { Answer::Done }
}
