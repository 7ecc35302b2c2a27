//! Clients of the contract, as a gateway would use them.

use api::cabinet::case_monitoring::v1 as cases;
use api::cabinet::case_monitoring::v1::case_service_client::CaseServiceClient;
use api::cabinet::identity::v1 as identity;
use api::cabinet::identity::v1::deletion_service_client::DeletionServiceClient;
use api::cabinet::identity::v1::export_service_client::ExportServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use api::cabinet::messaging::v1 as messaging;
use api::cabinet::messaging::v1::dead_letter_service_client::DeadLetterServiceClient;
use api::cabinet::notification::v1 as notification;
use api::cabinet::notification::v1::preference_service_client::PreferenceServiceClient;
use api::cabinet::profile::v1 as profile;
use api::cabinet::profile::v1::avatar_service_client::AvatarServiceClient;
use api::cabinet::profile::v1::profile_service_client::ProfileServiceClient;
use api::cabinet::r#type::v1::PersonalRecord;
use kernel::{CompanyId, UserId};
use tonic::{Code, Request, Status, Streaming};
use tonic_types::StatusExt as _;

use crate::{Cabinet, Kind, TestRealm};

/// An error as a client tells one from another: status code and `ErrorInfo.reason`.
pub type Refused = (Code, String);

/// The code and reason of an error. Every error has both, and a text for people.
pub fn reason(status: &Status) -> Refused {
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("an error without ErrorInfo: {status:?}"));
    assert!(status.get_details_localized_message().is_some(), "an error without a text: {status:?}");
    (status.code(), info.reason)
}

/// The same of a call that must not succeed.
pub fn refused<T: std::fmt::Debug>(result: Result<T, Status>) -> Refused {
    reason(&result.expect_err("a refusal"))
}

/// What a refusal must be.
pub fn is(code: Code, reason: &str) -> Refused {
    (code, reason.to_owned())
}

/// Which fields an error says are wrong.
pub fn violated(status: &Status) -> Vec<String> {
    let details = status.get_details_bad_request().unwrap_or_else(|| panic!("an error without BadRequest: {status:?}"));
    details.field_violations.into_iter().map(|violation| violation.field).collect()
}

/// The same of a call that must not succeed.
pub fn violations<T: std::fmt::Debug>(result: Result<T, Status>) -> Vec<String> {
    violated(&result.expect_err("a refusal"))
}

/// A request that shows a token; none if it is empty.
pub fn with_token<M>(token: &str, message: M) -> Request<M> {
    let mut request = Request::new(message);
    if !token.is_empty() {
        let value = format!("Bearer {token}").parse().expect("a token is visible ASCII");
        request.metadata_mut().insert("authorization", value);
    }
    request
}

impl Cabinet {
    pub async fn create_user(
        &self,
        token: &str,
        company_id: CompanyId,
        role: identity::Role,
        email: &str,
    ) -> Result<identity::User, Status> {
        self.create_user_with(token, user_request(company_id, role, email)).await
    }

    pub async fn create_user_with(&self, token: &str, message: identity::CreateUserRequest) -> Result<identity::User, Status> {
        self.watch.canary(Kind::Address, &message.email);
        self.watch.canary(Kind::Phone, &message.phone);
        self.watch.canary(Kind::Name, &message.user_name);
        let answer = UserServiceClient::new(self.identity.channel()).create_user(with_token(token, message)).await?;
        Ok(answer.into_inner().user.expect("the contract promises the user"))
    }

    pub async fn batch_get_users(
        &self,
        token: &str,
        realm_id: &str,
        user_ids: &[&str],
    ) -> Result<identity::BatchGetUsersResponse, Status> {
        let user_ids = user_ids.iter().map(|id| (*id).to_owned()).collect();
        let message = identity::BatchGetUsersRequest { realm_id: realm_id.to_owned(), user_ids };
        Ok(UserServiceClient::new(self.identity.channel()).batch_get_users(with_token(token, message)).await?.into_inner())
    }

    pub async fn change_role(&self, token: &str, user_id: &str, role: identity::Role) -> Result<identity::User, Status> {
        let message = identity::ChangeUserRoleRequest { user_id: user_id.to_owned(), role: role.into() };
        let answer = UserServiceClient::new(self.identity.channel()).change_user_role(with_token(token, message)).await?;
        Ok(answer.into_inner().user.expect("the contract promises the user"))
    }

    pub async fn block_user(&self, token: &str, user_id: &str) -> Result<identity::User, Status> {
        let message = identity::BlockUserRequest { user_id: user_id.to_owned() };
        let answer = UserServiceClient::new(self.identity.channel()).block_user(with_token(token, message)).await?;
        Ok(answer.into_inner().user.expect("the contract promises the user"))
    }

    pub async fn unblock_user(&self, token: &str, user_id: &str) -> Result<identity::User, Status> {
        let message = identity::UnblockUserRequest { user_id: user_id.to_owned() };
        let answer = UserServiceClient::new(self.identity.channel()).unblock_user(with_token(token, message)).await?;
        Ok(answer.into_inner().user.expect("the contract promises the user"))
    }

    /// All that is kept of a user: its records, and the summary at the end.
    pub async fn export(&self, token: &str, user_id: &str) -> Result<(Vec<PersonalRecord>, identity::ExportSummary), Status> {
        let mut parts = self.begin_export(token, user_id).await?;
        let mut records = Vec::new();
        while let Some(part) = parts.message().await? {
            records.extend(part.record);
            if let Some(summary) = part.summary {
                assert!(parts.message().await?.is_none(), "the summary is the last message");
                return Ok((records, summary));
            }
        }
        panic!("a stream that ends without an error has a summary")
    }

    pub async fn begin_export(&self, token: &str, user_id: &str) -> Result<Streaming<identity::ExportUserResponse>, Status> {
        let message = identity::ExportUserRequest { user_id: user_id.to_owned() };
        let mut client = ExportServiceClient::new(self.identity.channel());
        Ok(client.export_user(with_token(token, message)).await?.into_inner())
    }

    /// What deleting a user has to be confirmed with.
    pub async fn prepare_deletion(&self, token: &str, user_id: &str) -> Result<identity::PrepareUserDeletionResponse, Status> {
        let message = identity::PrepareUserDeletionRequest { user_id: user_id.to_owned() };
        let mut client = DeletionServiceClient::new(self.identity.channel());
        let prepared = client.prepare_user_deletion(with_token(token, message)).await?.into_inner();
        self.watch.canary(Kind::Token, &prepared.confirmation);
        Ok(prepared)
    }

    pub async fn delete_user(&self, token: &str, user_id: &str, confirmation: &str) -> Result<identity::UserDeletion, Status> {
        let message = identity::DeleteUserRequest { user_id: user_id.to_owned(), confirmation: confirmation.to_owned() };
        let mut client = DeletionServiceClient::new(self.identity.channel());
        let answer = client.delete_user(with_token(token, message)).await?.into_inner();
        Ok(answer.deletion.expect("the contract promises the deletion"))
    }

    pub async fn get_deletion(&self, token: &str, user_id: &str) -> Result<identity::UserDeletion, Status> {
        let message = identity::GetUserDeletionRequest { user_id: user_id.to_owned() };
        let mut client = DeletionServiceClient::new(self.identity.channel());
        let answer = client.get_user_deletion(with_token(token, message)).await?.into_inner();
        Ok(answer.deletion.expect("the contract promises the deletion"))
    }

    pub async fn change_email(&self, token: &str, user_id: &str, email: &str) -> Result<identity::User, Status> {
        self.watch.canary(Kind::Address, email);
        let message = identity::ChangeUserEmailRequest { user_id: user_id.to_owned(), email: email.to_owned() };
        let answer = UserServiceClient::new(self.identity.channel()).change_user_email(with_token(token, message)).await?;
        Ok(answer.into_inner().user.expect("the contract promises the user"))
    }

    pub async fn change_phone(&self, token: &str, user_id: &str, phone: &str) -> Result<identity::User, Status> {
        self.watch.canary(Kind::Phone, phone);
        let message = identity::ChangeUserPhoneRequest { user_id: user_id.to_owned(), phone: phone.to_owned() };
        let answer = UserServiceClient::new(self.identity.channel()).change_user_phone(with_token(token, message)).await?;
        Ok(answer.into_inner().user.expect("the contract promises the user"))
    }

    /// Sends a file in parts, as a gateway does.
    pub async fn upload_avatar(&self, token: &str, user_id: &str, etag: &str, file: &[u8]) -> Result<profile::Profile, Status> {
        let first = profile::UploadAvatarRequest { user_id: user_id.to_owned(), etag: etag.to_owned(), chunk: Vec::new() };
        let part = |chunk: &[u8]| profile::UploadAvatarRequest { chunk: chunk.to_vec(), ..Default::default() };
        let messages: Vec<_> = std::iter::once(first).chain(file.chunks(64 * 1024).map(part)).collect();
        self.send_avatar(token, messages).await
    }

    pub async fn send_avatar(
        &self,
        token: &str,
        messages: Vec<profile::UploadAvatarRequest>,
    ) -> Result<profile::Profile, Status> {
        let request = with_token(token, futures::stream::iter(messages));
        let answer = AvatarServiceClient::new(self.profile.channel()).upload_avatar(request).await?;
        Ok(answer.into_inner().profile.expect("the contract promises the profile"))
    }

    pub async fn delete_avatar(&self, token: &str, user_id: &str, etag: &str) -> Result<profile::Profile, Status> {
        let message = profile::DeleteAvatarRequest { user_id: user_id.to_owned(), etag: etag.to_owned() };
        let answer = AvatarServiceClient::new(self.profile.channel()).delete_avatar(with_token(token, message)).await?;
        Ok(answer.into_inner().profile.expect("the contract promises the profile"))
    }

    /// As somebody who has this one already, or none.
    pub async fn get_avatar(
        &self,
        token: &str,
        user_id: &str,
        size: profile::AvatarSize,
        known_avatar_id: &str,
    ) -> Result<profile::GetAvatarResponse, Status> {
        let message = profile::GetAvatarRequest {
            user_id: user_id.to_owned(),
            realm_id: String::new(),
            size: size.into(),
            known_avatar_id: known_avatar_id.to_owned(),
        };
        let answer = AvatarServiceClient::new(self.profile.channel()).get_avatar(with_token(token, message)).await?;
        Ok(answer.into_inner())
    }

    pub async fn create_case_with(&self, token: &str, message: cases::CreateCaseRequest) -> Result<cases::Case, Status> {
        self.watch.canary(Kind::Text, &message.subject);
        let answer = CaseServiceClient::new(self.case_monitoring.channel()).create_case(with_token(token, message)).await?;
        Ok(answer.into_inner().case.expect("the contract promises the case"))
    }

    /// A REQUEST of this requester, in the first status of the workflow.
    pub async fn create_case(&self, requester_id: &str) -> cases::Case {
        let message = case_request(&self.realm, requester_id);
        self.create_case_with(&self.service_token(), message).await.expect("a good case")
    }

    pub async fn get_case(&self, token: &str, case_id: &str) -> Result<cases::Case, Status> {
        let message = cases::GetCaseRequest { case_id: case_id.to_owned() };
        let answer = CaseServiceClient::new(self.case_monitoring.channel()).get_case(with_token(token, message)).await?;
        Ok(answer.into_inner().case.expect("the contract promises the case"))
    }

    pub async fn change_status(&self, token: &str, case_id: &str, status: &str) -> Result<cases::Case, Status> {
        let (case_id, status) = (case_id.to_owned(), status.to_owned());
        let message = cases::ChangeCaseStatusRequest { case_id, status, ..Default::default() };
        let answer = self.change_status_with(token, message).await?;
        Ok(answer.case.expect("the contract promises the case"))
    }

    pub async fn change_status_with(
        &self,
        token: &str,
        message: cases::ChangeCaseStatusRequest,
    ) -> Result<cases::ChangeCaseStatusResponse, Status> {
        let mut client = CaseServiceClient::new(self.case_monitoring.channel());
        Ok(client.change_case_status(with_token(token, message)).await?.into_inner())
    }

    pub async fn update_preferences(
        &self,
        token: &str,
        user_id: &str,
        email: bool,
        paths: &[&str],
    ) -> Result<notification::Preferences, Status> {
        self.tick(token, user_id, notification::ChannelTicks { email, sms: false }, paths).await
    }

    pub async fn tick(
        &self,
        token: &str,
        user_id: &str,
        ticks: notification::ChannelTicks,
        paths: &[&str],
    ) -> Result<notification::Preferences, Status> {
        let preferences = notification::Preferences { user_id: user_id.to_owned(), status_change: Some(ticks) };
        let message = notification::UpdatePreferencesRequest {
            preferences: Some(preferences),
            update_mask: Some(prost_types::FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
        };
        let answer =
            PreferenceServiceClient::new(self.notification.channel()).update_preferences(with_token(token, message)).await?;
        Ok(answer.into_inner().preferences.expect("the contract promises the preferences"))
    }

    pub async fn get_preferences(&self, token: &str, user_id: &str) -> Result<notification::GetPreferencesResponse, Status> {
        let message = notification::GetPreferencesRequest { user_id: user_id.to_owned() };
        let mut client = PreferenceServiceClient::new(self.notification.channel());
        Ok(client.get_preferences(with_token(token, message)).await?.into_inner())
    }

    pub async fn get_profile(&self, token: &str, user_id: &str) -> Result<profile::Profile, Status> {
        let message = profile::GetProfileRequest { user_id: user_id.to_owned(), ..Default::default() };
        let answer = ProfileServiceClient::new(self.profile.channel()).get_profile(with_token(token, message)).await?;
        Ok(answer.into_inner().profile.expect("the contract promises the profile"))
    }

    /// The dead letters of notification.
    pub async fn list_dead_letters(
        &self,
        token: &str,
        page_size: i32,
        page_token: &str,
    ) -> Result<messaging::ListDeadLettersResponse, Status> {
        let message = messaging::ListDeadLettersRequest { page_size, page_token: page_token.to_owned() };
        let mut client = DeadLetterServiceClient::new(self.notification.channel());
        Ok(client.list_dead_letters(with_token(token, message)).await?.into_inner())
    }

    /// Hands dead letters of notification back to it.
    pub async fn replay_dead_letters(&self, token: &str, ids: &[&str]) -> Result<messaging::ReplayDeadLettersResponse, Status> {
        let dead_letter_ids = ids.iter().map(|id| (*id).to_owned()).collect();
        let message = messaging::ReplayDeadLettersRequest { dead_letter_ids };
        let mut client = DeadLetterServiceClient::new(self.notification.channel());
        Ok(client.replay_dead_letters(with_token(token, message)).await?.into_inner())
    }

    /// A CUSTOMER of the realm's company.
    pub async fn create_customer(&self, email: &str) -> identity::User {
        let created = self.create_user(&self.service_token(), self.realm.company_id, identity::Role::Customer, email).await;
        created.expect("a good user")
    }

    /// A CUSTOMER who wants a letter whenever the status of a case of his changes.
    pub async fn create_customer_who_ticked(&self, email: &str) -> identity::User {
        let customer = self.create_customer(email).await;
        let ticked = self.update_preferences(&self.service_token(), &customer.user_id, true, &["status_change.email"]).await;
        assert!(ticked.expect("a good tick").status_change.expect("ticks").email);
        customer
    }
}

/// A user of this company who is not invited.
pub fn user_request(company_id: CompanyId, role: identity::Role, email: &str) -> identity::CreateUserRequest {
    identity::CreateUserRequest {
        company_id: company_id.to_string(),
        role: role.into(),
        email: email.to_owned(),
        phone: String::new(),
        user_name: String::new(),
        invitation: identity::Invitation::None.into(),
        ..Default::default()
    }
}

/// A case of this requester in this realm.
pub fn case_request(realm: &TestRealm, requester_id: &str) -> cases::CreateCaseRequest {
    cases::CreateCaseRequest {
        company_id: realm.company_id.to_string(),
        requester_id: requester_id.to_owned(),
        kind: cases::CaseKind::Request.into(),
        subject: "Printer on fire".to_owned(),
        ..Default::default()
    }
}

/// The id of a user that the system named.
pub fn user_id(user: &identity::User) -> UserId {
    user.user_id.parse().expect("an id the system gave")
}
