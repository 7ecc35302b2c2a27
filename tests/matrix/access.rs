//! Calls about signing in, sessions, links and tokens. What anybody may call is called with something that is refused.

use std::time::SystemTime;

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::access_service_client::AccessServiceClient;
use api::cabinet::identity::v1::administrator_service_client::AdministratorServiceClient;
use api::cabinet::identity::v1::autologin_service_client::AutologinServiceClient;
use api::cabinet::identity::v1::contact_service_client::ContactServiceClient;
use api::cabinet::identity::v1::export_service_client::ExportServiceClient;
use api::cabinet::identity::v1::limit_service_client::LimitServiceClient;
use api::cabinet::identity::v1::link_service_client::LinkServiceClient;
use api::cabinet::identity::v1::passkey_service_client::PasskeyServiceClient;
use api::cabinet::identity::v1::password_service_client::PasswordServiceClient;
use api::cabinet::identity::v1::registration_service_client::RegistrationServiceClient;
use api::cabinet::identity::v1::second_factor_service_client::SecondFactorServiceClient;
use api::cabinet::identity::v1::session_service_client::SessionServiceClient;
use api::cabinet::identity::v1::social_account_service_client::SocialAccountServiceClient;
use cabinet_e2e::new_id;
use tonic::Status;

use crate::visit::{Answer, Visit, no_call, reason, refused_as};

const WRONG: &str = "wrong horse battery 7 staple";
const RIGHT: &str = "right horse battery 7 staple";

pub(crate) async fn call_sessions(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = SessionServiceClient::new(visit.stage.identity.clone());
    match method {
        "SignIn" => {
            let (realm_id, login) = (visit.realm_id(), visit.himself.email.clone());
            let request = pb::SignInRequest { realm_id, login, password: WRONG.into(), ..Default::default() };
            refused_as("SIGN_IN_REFUSED", client.sign_in(visit.request(request)).await)
        }
        "RefreshSession" => {
            let request = pb::RefreshSessionRequest { refresh_token: WRONG.into() };
            refused_as("SESSION_OVER", client.refresh_session(visit.request(request)).await)
        }
        "Reauthenticate" => {
            let request = visit.request(pb::ReauthenticateRequest { password: WRONG.into() });
            done_but_for("PASSWORD_MISSING", client.reauthenticate(request).await)
        }
        "ListSessions" => client.list_sessions(visit.request(pb::ListSessionsRequest {})).await.map(|_| Answer::Done),
        "RenameSession" => {
            let tokens = visit.stage.session_of(&visit.himself).await;
            let request = pb::RenameSessionRequest { session_id: tokens.session_id.clone(), name: "At home".into() };
            client.rename_session(visit.request_in(&tokens, request).await).await.map(|_| Answer::Done)
        }
        "EndSession" => {
            let tokens = visit.stage.session_of(&visit.himself).await;
            let request = pb::EndSessionRequest { session_id: tokens.session_id.clone() };
            client.end_session(visit.request_in(&tokens, request).await).await.map(|_| Answer::Done)
        }
        "ListUserSessions" => {
            let request = pb::ListUserSessionsRequest { realm_id: visit.realm_id(), user_id: visit.user_id() };
            client.list_user_sessions(visit.request(request)).await.map(|_| Answer::Done)
        }
        "EndUserSessions" => {
            let (realm_id, user_id, session_id) = (visit.realm_id(), visit.user_id(), String::new());
            let request = pb::EndUserSessionsRequest { realm_id, user_id, session_id };
            client.end_user_sessions(visit.request(request)).await.map(|_| Answer::Done)
        }
        _ => no_call(method),
    }
}

pub(crate) async fn call_limits(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = LimitServiceClient::new(visit.stage.identity.clone());
    let realm_id = visit.realm_id();
    match method {
        "LiftUserLimits" => {
            let request = pb::LiftUserLimitsRequest { realm_id, user_id: visit.user_id() };
            client.lift_user_limits(visit.request(request)).await.map(|_| Answer::Done)
        }
        "LiftAddressLimits" => {
            let request = pb::LiftAddressLimitsRequest { realm_id, address: "198.51.100.7".into() };
            client.lift_address_limits(visit.request(request)).await.map(|_| Answer::Done)
        }
        _ => no_call(method),
    }
}

/// Everybody may change his own; nobody here does it in a session that has begun.
pub(crate) async fn call_passwords(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = PasswordServiceClient::new(visit.stage.identity.clone());
    match method {
        "ChangePassword" => {
            let request = pb::ChangePasswordRequest { new_password: RIGHT.into(), ..Default::default() };
            done_but_for("SESSION_OVER", client.change_password(visit.request(request)).await)
        }
        "SetUserPassword" => {
            let (new_password, confirmation) = (RIGHT.into(), RIGHT.into());
            let request = pb::SetUserPasswordRequest { user_id: visit.user_id(), new_password, confirmation };
            client.set_user_password(visit.request(request)).await.map(|_| Answer::Done)
        }
        _ => no_call(method),
    }
}

/// Done as far as this caller is concerned: what is missing is something else.
fn done_but_for<T>(expected: &str, result: Result<T, Status>) -> Result<Answer, Status> {
    match result {
        Err(status) if reason(&status) == expected => Ok(Answer::Done),
        other => other.map(|_| Answer::Done),
    }
}

/// Everybody may ask for himself; nobody here has a phone or a code.
pub(crate) async fn call_contacts(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = ContactServiceClient::new(visit.stage.identity.clone());
    match method {
        "RequestPhoneCode" => {
            let request = visit.request(pb::RequestPhoneCodeRequest::default());
            done_but_for("PHONE_MISSING", client.request_phone_code(request).await)
        }
        "ConfirmPhone" => {
            let request = visit.request(pb::ConfirmPhoneRequest { code: "000000".into() });
            done_but_for("CODE_OVER", client.confirm_phone(request).await)
        }
        "ChangeEmail" => {
            let request = visit.request(pb::ChangeEmailRequest { email: visit.stage.fresh_email() });
            done_but_for("SESSION_OVER", client.change_email(request).await)
        }
        "ConfirmEmail" => {
            let request = pb::ConfirmEmailRequest { token: WRONG.into() };
            refused_as("LINK_NOT_VALID", client.confirm_email(visit.request(request)).await)
        }
        _ => no_call(method),
    }
}

pub(crate) async fn call_links(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = LinkServiceClient::new(visit.stage.identity.clone());
    match method {
        "InspectLink" => {
            let request = pb::InspectLinkRequest { token: WRONG.into() };
            refused_as("LINK_NOT_VALID", client.inspect_link(visit.request(request)).await)
        }
        "RedeemLink" => {
            let request = pb::RedeemLinkRequest { token: WRONG.into(), password: WRONG.into(), ..Default::default() };
            refused_as("LINK_NOT_VALID", client.redeem_link(visit.request(request)).await)
        }
        "RequestPasswordReset" => {
            let (realm_id, email) = (visit.realm_id(), "nobody@example.com".to_owned());
            let request = pb::RequestPasswordResetRequest { realm_id, email, ..Default::default() };
            client.request_password_reset(visit.request(request)).await.map(|_| Answer::Public)
        }
        _ => no_call(method),
    }
}

pub(crate) async fn call_autologins(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = AutologinServiceClient::new(visit.stage.identity.clone());
    match method {
        "BatchMakeAutologins" => {
            let delivery = pb::CaseDelivery {
                delivery_id: visit.user_id(),
                user_id: visit.user_id(),
                case_id: visit.user_id(),
                create_time: Some(prost_types::Timestamp::from(SystemTime::now())),
            };
            let request = pb::BatchMakeAutologinsRequest { realm_id: visit.realm_id(), deliveries: vec![delivery] };
            client.batch_make_autologins(visit.request(request)).await.map(|_| Answer::Done)
        }
        "InspectAutologin" => {
            let request = pb::InspectAutologinRequest { token: WRONG.into() };
            refused_as("LINK_NOT_VALID", client.inspect_autologin(visit.request(request)).await)
        }
        "RedeemAutologin" => {
            let request = pb::RedeemAutologinRequest { token: WRONG.into(), session_name: String::new() };
            refused_as("LINK_NOT_VALID", client.redeem_autologin(visit.request(request)).await)
        }
        _ => no_call(method),
    }
}

/// The realm of this stage has them all invited.
pub(crate) async fn call_registrations(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = RegistrationServiceClient::new(visit.stage.identity.clone());
    match method {
        "Register" => {
            let (realm_id, email) = (visit.realm_id(), visit.stage.fresh_email());
            let request = pb::RegisterRequest { realm_id, email, ..Default::default() };
            refused_as("REGISTRATION_CLOSED", client.register(visit.request(request)).await)
        }
        "InspectRegistration" => {
            let request = pb::InspectRegistrationRequest { token: WRONG.into() };
            refused_as("LINK_NOT_VALID", client.inspect_registration(visit.request(request)).await)
        }
        "ConfirmRegistration" => {
            let request = pb::ConfirmRegistrationRequest { token: WRONG.into(), password: RIGHT.into(), ..Default::default() };
            refused_as("LINK_NOT_VALID", client.confirm_registration(visit.request(request)).await)
        }
        _ => no_call(method),
    }
}

/// Everybody may have one of his own; nobody here gets it in a session that has begun.
pub(crate) async fn call_second_factors(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = SecondFactorServiceClient::new(visit.stage.identity.clone());
    let code = "042137".to_owned();
    match method {
        "SignInWithSecondFactor" => {
            let request = pb::SignInWithSecondFactorRequest { token: WRONG.into(), code, ..Default::default() };
            refused_as("SIGN_IN_OVER", client.sign_in_with_second_factor(visit.request(request)).await)
        }
        "BeginSecondFactor" => {
            let request = visit.request(pb::BeginSecondFactorRequest::default());
            done_but_for("SESSION_OVER", client.begin_second_factor(request).await)
        }
        "ConfirmSecondFactor" => {
            let request = visit.request(pb::ConfirmSecondFactorRequest { code, ..Default::default() });
            done_but_for("SESSION_OVER", client.confirm_second_factor(request).await)
        }
        "GetSecondFactor" => client.get_second_factor(visit.request(pb::GetSecondFactorRequest {})).await.map(|_| Answer::Done),
        "ReplaceRecoveryCodes" => {
            let request = visit.request(pb::ReplaceRecoveryCodesRequest { code, ..Default::default() });
            done_but_for("SESSION_OVER", client.replace_recovery_codes(request).await)
        }
        "TurnOffSecondFactor" => {
            let request = visit.request(pb::TurnOffSecondFactorRequest { code, ..Default::default() });
            done_but_for("SESSION_OVER", client.turn_off_second_factor(request).await)
        }
        "ResetUserSecondFactor" => {
            let request = pb::ResetUserSecondFactorRequest { user_id: visit.user_id() };
            client.reset_user_second_factor(visit.request(request)).await.map(|_| Answer::Done)
        }
        _ => no_call(method),
    }
}

/// All that is kept of him. Whoever asks for himself does so in a session, and has none here.
pub(crate) async fn call_exports(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = ExportServiceClient::new(visit.stage.identity.clone());
    match method {
        "ExportUser" => {
            let request = visit.request(pb::ExportUserRequest { user_id: visit.user_id() });
            done_but_for("SESSION_OVER", client.export_user(request).await)
        }
        _ => no_call(method),
    }
}

/// No provider serves the realm of this stage; nobody here links an account in a session that has begun.
pub(crate) async fn call_social_accounts(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = SocialAccountServiceClient::new(visit.stage.identity.clone());
    let provider = "nowhere".to_owned();
    let [code, state, binding] = [WRONG; 3].map(str::to_owned);
    let social_return = Some(pb::SocialReturn { provider: provider.clone(), code, state, binding });
    match method {
        "ListSocialProviders" => {
            let request = pb::ListSocialProvidersRequest { realm_id: visit.realm_id() };
            client.list_social_providers(visit.request(request)).await.map(|_| Answer::Public)
        }
        "BeginSocialSignIn" => {
            let request = pb::BeginSocialSignInRequest { realm_id: visit.realm_id(), provider };
            refused_as("SOCIAL_PROVIDER_NOT_FOUND", client.begin_social_sign_in(visit.request(request)).await)
        }
        "CompleteSocialSignIn" => {
            let (realm_id, session_name) = (visit.realm_id(), String::new());
            let request = pb::CompleteSocialSignInRequest { realm_id, social_return, session_name };
            refused_as("SOCIAL_PROVIDER_NOT_FOUND", client.complete_social_sign_in(visit.request(request)).await)
        }
        "ListSocialAccounts" => {
            client.list_social_accounts(visit.request(pb::ListSocialAccountsRequest {})).await.map(|_| Answer::Done)
        }
        "BeginSocialAccountLink" => {
            let request = visit.request(pb::BeginSocialAccountLinkRequest { provider });
            done_but_for("SOCIAL_PROVIDER_NOT_FOUND", client.begin_social_account_link(request).await)
        }
        "LinkSocialAccount" => {
            let request = visit.request(pb::LinkSocialAccountRequest { social_return });
            done_but_for("SESSION_OVER", client.link_social_account(request).await)
        }
        "UnlinkSocialAccount" => {
            let request = visit.request(pb::UnlinkSocialAccountRequest { social_account_id: visit.user_id() });
            done_but_for("SESSION_OVER", client.unlink_social_account(request).await)
        }
        _ => no_call(method),
    }
}

/// The same of passkeys; nobody has one, and none that is named is anybody's.
pub(crate) async fn call_passkeys(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = PasskeyServiceClient::new(visit.stage.identity.clone());
    let passkey_id = new_id::<kernel::of::SecondFactor>().to_string();
    match method {
        "BeginPasskeyRegistration" => {
            let request = visit.request(pb::BeginPasskeyRegistrationRequest::default());
            done_but_for("SESSION_OVER", client.begin_passkey_registration(request).await)
        }
        "FinishPasskeyRegistration" => {
            let (credential, name) = ("{}".to_owned(), "A key".to_owned());
            let request = pb::FinishPasskeyRegistrationRequest { credential, name, ..Default::default() };
            done_but_for("SESSION_OVER", client.finish_passkey_registration(visit.request(request)).await)
        }
        "BeginPasskeyAssertion" => {
            let request = visit.request(pb::BeginPasskeyAssertionRequest::default());
            done_but_for("SESSION_OVER", client.begin_passkey_assertion(request).await)
        }
        "SignInWithPasskey" => {
            let request = pb::SignInWithPasskeyRequest { token: WRONG.into(), assertion: "{}".into(), ..Default::default() };
            refused_as("SIGN_IN_OVER", client.sign_in_with_passkey(visit.request(request)).await)
        }
        "ListPasskeys" => client.list_passkeys(visit.request(pb::ListPasskeysRequest {})).await.map(|_| Answer::Done),
        "RenamePasskey" => {
            let request = visit.request(pb::RenamePasskeyRequest { passkey_id, name: "A key".to_owned() });
            client.rename_passkey(request).await.map(|_| Answer::Done)
        }
        "DeletePasskey" => {
            let request = visit.request(pb::DeletePasskeyRequest { passkey_id, ..Default::default() });
            done_but_for("SESSION_OVER", client.delete_passkey(request).await)
        }
        _ => no_call(method),
    }
}

pub(crate) async fn call_administrators(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = AdministratorServiceClient::new(visit.stage.identity.clone());
    match method {
        "SignInAdministrator" => {
            let name = format!("operator{}", visit.stage.fresh());
            let request = pb::SignInAdministratorRequest { name, password: WRONG.into(), ..Default::default() };
            refused_as("SIGN_IN_REFUSED", client.sign_in_administrator(visit.request(request)).await)
        }
        _ => no_call(method),
    }
}

pub(crate) async fn call_access(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = AccessServiceClient::new(visit.stage.identity.clone());
    match method {
        "ListSigningKeys" => client.list_signing_keys(visit.request(pb::ListSigningKeysRequest {})).await.map(|_| Answer::Public),
        "WatchRevocations" => {
            let stream = client.watch_revocations(visit.request(pb::WatchRevocationsRequest {})).await?;
            stream.into_inner().message().await.map(|_| Answer::Done)
        }
        "CheckAccess" => {
            let subject = pb::AccessSubject { subject_id: visit.user_id(), generation: 1 };
            let request = pb::CheckAccessRequest { subjects: vec![subject] };
            client.check_access(visit.request(request)).await.map(|_| Answer::Done)
        }
        "IssueComponentToken" => {
            let component = pb::Component::Notification.into();
            let request = pb::IssueComponentTokenRequest { component, secret: WRONG.into() };
            refused_as("CREDENTIAL_REFUSED", client.issue_component_token(visit.request(request)).await)
        }
        _ => no_call(method),
    }
}
