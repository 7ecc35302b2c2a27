//! Between the contract's messages and identity's own types.

use api::cabinet::identity::v1 as pb;
use kernel::{Authorized, Role};
use runtime::grpc::{Problem, id, optional_id, timestamp};

use crate::application::{BatchGetUsers, ChangeStanding, ChangeUserEmail, CreateUser, UsersFound};
use crate::domain::{Standing, User, UserStatus};

pub(super) fn create_user(request: pb::CreateUserRequest) -> Result<CreateUser, Problem> {
    Ok(CreateUser { company_id: id("company_id", &request.company_id)?, role: role(request.role())?, email: request.email })
}

pub(super) fn change_user_email(request: pb::ChangeUserEmailRequest) -> Result<ChangeUserEmail, Problem> {
    Ok(ChangeUserEmail { user_id: id("user_id", &request.user_id)?, email: request.email })
}

pub(super) fn change_user_role(request: &pb::ChangeUserRoleRequest) -> Result<ChangeStanding, Problem> {
    Ok(ChangeStanding { user_id: id("user_id", &request.user_id)?, standing: Standing::Role(role(request.role())?) })
}

pub(super) fn change_status(user_id: &str, status: UserStatus) -> Result<ChangeStanding, Problem> {
    Ok(ChangeStanding { user_id: id("user_id", user_id)?, standing: Standing::Status(status) })
}

pub(super) fn batch_get_users(request: &pb::BatchGetUsersRequest) -> Result<BatchGetUsers, Problem> {
    let user_ids: Result<_, _> = request.user_ids.iter().map(|user_id| id("user_ids", user_id)).collect();
    Ok(BatchGetUsers { realm_id: optional_id("realm_id", &request.realm_id)?, user_ids: user_ids? })
}

pub(super) fn user(user: Authorized<User>) -> pb::User {
    let user = user.into_inner();
    pb::User {
        user_id: user.id().to_string(),
        company_id: user.company_id().to_string(),
        role: pb_role(user.role()).into(),
        email: user.email().as_str().to_owned(),
        version: user.version(),
        create_time: Some(timestamp(user.created_at())),
        status: pb_status(user.status()).into(),
    }
}

pub(super) fn users_found(found: UsersFound) -> pb::BatchGetUsersResponse {
    pb::BatchGetUsersResponse {
        users: found.users.into_iter().map(user).collect(),
        missing_user_ids: found.missing.iter().map(ToString::to_string).collect(),
    }
}

fn role(role: pb::Role) -> Result<Role, Problem> {
    match role {
        pb::Role::Customer => Ok(Role::Customer),
        pb::Role::Agent => Ok(Role::Agent),
        pb::Role::Admin => Ok(Role::Admin),
        pb::Role::Owner => Ok(Role::Owner),
        pb::Role::Unspecified => Err(Problem::field_invalid("role", "must be one of the values the contract defines")),
    }
}

const fn pb_role(role: Role) -> pb::Role {
    match role {
        Role::Customer => pb::Role::Customer,
        Role::Agent => pb::Role::Agent,
        Role::Admin => pb::Role::Admin,
        Role::Owner => pb::Role::Owner,
    }
}

const fn pb_status(status: UserStatus) -> pb::UserStatus {
    match status {
        UserStatus::Active => pb::UserStatus::Active,
        UserStatus::Blocked => pb::UserStatus::Blocked,
    }
}
