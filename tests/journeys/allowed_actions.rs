//! What an answer says its caller may do: the same as what he is told when he tries.

use api::cabinet::case_monitoring::v1 as cases;
use api::cabinet::identity::v1 as identity;
use api::cabinet::identity::v1::limit_service_client::LimitServiceClient;
use api::cabinet::identity::v1::password_service_client::PasswordServiceClient;
use api::cabinet::identity::v1::second_factor_service_client::SecondFactorServiceClient;
use api::cabinet::identity::v1::session_service_client::SessionServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use api::cabinet::r#type::v1::AllowedAction;
use cabinet_e2e::{Cabinet, case_request, new_id, reason, user_id, with_token};
use kernel::Role;
use tonic::Status;

use crate::preset_realm::PresetRealm;

const DENIED: &str = "PERMISSION_DENIED";
const ONESELF: &str = "ACTING_ON_ONESELF";

/// Method and argument, with the reason for which a call is refused; empty if it is not.
type Said = (String, String);

fn said(actions: &[AllowedAction]) -> Vec<Said> {
    let said = |action: &AllowedAction| {
        assert_eq!(action.allowed, action.reason.is_empty());
        (format!("{} {}", action.method, action.argument).trim().to_owned(), action.reason.clone())
    };
    actions.iter().map(said).collect()
}

fn expected(actions: &[(&str, &str)]) -> Vec<Said> {
    actions.iter().map(|(action, reason)| ((*action).to_owned(), (*reason).to_owned())).collect()
}

fn told<T>(result: Result<T, Status>) -> String {
    result.err().map(|status| reason(&status).1).unwrap_or_default()
}

/// Rule F16.a: of every status to which the workflow leads, each caller is told whether he may take the case there, and so it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_case_says_where_its_caller_may_take_it() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let order = async || {
        let order =
            cases::CreateCaseRequest { kind: cases::CaseKind::Order.into(), ..case_request(&cabinet.realm, &anna.user_id) };
        cabinet.create_case_with(&cabinet.service_token(), order).await.expect("a good case").case_id
    };
    let staff = |role| cabinet.user_token(new_id(), role);
    for (token, to_open, to_cancelled) in [
        (staff(Role::Owner), "", ""),
        (staff(Role::Admin), "", DENIED),
        (cabinet.user_token(user_id(&anna), Role::Customer), DENIED, DENIED),
        (cabinet.service_token(), "", DENIED),
    ] {
        let seen = cabinet.get_case(&token, &order().await).await.expect("each sees it");
        let actions = [("ChangeCaseStatus OPEN", to_open), ("ChangeCaseStatus CANCELLED", to_cancelled)];
        assert_eq!(said(&seen.allowed_actions), expected(&actions));
        for action in seen.allowed_actions {
            let outcome = cabinet.change_status(&token, &order().await, &action.argument).await;
            assert_eq!(told(outcome), action.reason, "{action:?}");
        }
    }
    let cancelled = cabinet.change_status(&staff(Role::Owner), &order().await, "CANCELLED").await.expect("an OWNER may");
    assert_eq!(cancelled.allowed_actions, [], "nothing leads on");
}

/// Does what an action is about; answers with the reason of the refusal, if it is refused.
async fn attempt(cabinet: &Cabinet, token: &str, user: &identity::User, method: &str) -> String {
    let id = &user.user_id;
    match method {
        "ResendInvitation" => {
            let request = with_token(token, identity::ResendInvitationRequest { user_id: id.clone() });
            told(UserServiceClient::new(cabinet.identity.channel()).resend_invitation(request).await)
        }
        "ChangeUserEmail" => told(cabinet.change_email(token, id, &format!("{id}@example.com")).await),
        "ChangeUserPhone" => told(cabinet.change_phone(token, id, "+380671234567").await),
        "SetUserPassword" => {
            let (new_password, confirmation) = (Cabinet::PASSWORD.to_owned(), Cabinet::PASSWORD.to_owned());
            let request = identity::SetUserPasswordRequest { user_id: id.clone(), new_password, confirmation };
            let mut client = PasswordServiceClient::new(cabinet.identity.channel());
            told(client.set_user_password(with_token(token, request)).await)
        }
        "ChangeUserRole" => told(cabinet.change_role(token, id, user.role()).await),
        "BlockUser" => told(cabinet.block_user(token, id).await),
        "UnblockUser" => told(cabinet.unblock_user(token, id).await),
        "ResetUserSecondFactor" => {
            let request = with_token(token, identity::ResetUserSecondFactorRequest { user_id: id.clone() });
            told(SecondFactorServiceClient::new(cabinet.identity.channel()).reset_user_second_factor(request).await)
        }
        "EndUserSessions" => {
            let request = identity::EndUserSessionsRequest { user_id: id.clone(), ..Default::default() };
            told(SessionServiceClient::new(cabinet.identity.channel()).end_user_sessions(with_token(token, request)).await)
        }
        "LiftUserLimits" => {
            let request = identity::LiftUserLimitsRequest { user_id: id.clone(), ..Default::default() };
            told(LimitServiceClient::new(cabinet.identity.channel()).lift_user_limits(with_token(token, request)).await)
        }
        // Or he would be gone.
        "DeleteUser" => told(cabinet.prepare_deletion(token, id).await),
        other => panic!("{other} is no method that is done with a user"),
    }
}

/// Rule F16.a: of a user each caller is told what he may do with him, and why not what he may not; and so it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_says_what_his_caller_may_do_with_him() {
    let cabinet = Cabinet::start().await;
    let service = cabinet.service_token();
    let add = |role, email| cabinet.create_user(&service, cabinet.realm.company_id, role, email);
    let owner = add(identity::Role::Owner, "owner@example.com").await.expect("a good user");
    let agent = add(identity::Role::Agent, "agent@example.com").await.expect("a good user");
    let owners = cabinet.user_token(user_id(&owner), Role::Owner);
    let (_, support) = PresetRealm::of(&cabinet).support("support@example.com").await;
    // In the order in which they are shown: deleting comes last.
    for (token, user, invite, contacts, role, status, factor, help) in [
        (&owners, &owner, "", DENIED, ONESELF, ("BlockUser", ONESELF), ONESELF, DENIED),
        (&service, &agent, "", "", DENIED, ("BlockUser", DENIED), DENIED, DENIED),
        (&support, &agent, DENIED, DENIED, DENIED, ("BlockUser", DENIED), "", ""),
        (&owners, &agent, "", DENIED, "", ("BlockUser", ""), "", DENIED),
        (&service, &agent, "USER_BLOCKED", "", DENIED, ("UnblockUser", DENIED), DENIED, DENIED),
        (&owners, &agent, "USER_BLOCKED", DENIED, "", ("UnblockUser", ""), "", DENIED),
    ] {
        let found = cabinet.batch_get_users(token, "", &[&user.user_id]).await.expect("an answer").users;
        let seen = found.into_iter().next().expect("he is seen").allowed_actions;
        let actions = [
            ("ResendInvitation", invite),
            ("ChangeUserEmail", contacts),
            ("ChangeUserPhone", contacts),
            ("SetUserPassword", DENIED),
            ("ChangeUserRole", role),
            status,
            ("ResetUserSecondFactor", factor),
            ("EndUserSessions", help),
            ("LiftUserLimits", help),
            ("DeleteUser", role),
        ];
        assert_eq!(said(&seen), expected(&actions));
        for action in seen {
            assert_eq!(attempt(&cabinet, token, user, &action.method).await, action.reason, "{action:?}");
        }
    }
}
