//! What an answer says its caller may do: the same as what he is told when he tries.

use api::cabinet::case_monitoring::v1 as cases;
use api::cabinet::identity::v1 as identity;
use api::cabinet::r#type::v1::AllowedAction;
use cabinet_e2e::{Cabinet, case_request, reason, user_id};
use kernel::Role;
use tonic::Status;

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
    let order = cases::CreateCaseRequest { kind: cases::CaseKind::Order.into(), ..case_request(&cabinet.realm, &anna.user_id) };
    let order = cabinet.create_case_with(&cabinet.service_token(), order).await.expect("a good case");
    let staff = |role| cabinet.user_token(cabinet_e2e::new_id(), role);
    let denied = "PERMISSION_DENIED";
    for (token, to_open, to_cancelled) in [
        (staff(Role::Owner), "", ""),
        (staff(Role::Admin), "", denied),
        (cabinet.user_token(user_id(&anna), Role::Customer), denied, denied),
        (cabinet.service_token(), "", denied),
    ] {
        let seen = cabinet.get_case(&token, &order.case_id).await.expect("each sees it");
        let actions = [("ChangeCaseStatus OPEN", to_open), ("ChangeCaseStatus CANCELLED", to_cancelled)];
        assert_eq!(said(&seen.allowed_actions), expected(&actions));
        if !to_cancelled.is_empty() {
            assert_eq!(told(cabinet.change_status(&token, &order.case_id, "CANCELLED").await), to_cancelled);
        }
    }
    let cancelled = cabinet.change_status(&staff(Role::Owner), &order.case_id, "CANCELLED").await.expect("an OWNER may");
    assert_eq!(cancelled.allowed_actions, [], "nothing leads on");
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
    let get = async |token: &str, id: &str| {
        let found = cabinet.batch_get_users(token, "", &[id]).await.expect("an answer").users;
        found.into_iter().next().expect("he is seen").allowed_actions
    };

    let of_agent = expected(&[
        ("ResendInvitation", ""),
        ("ChangeUserEmail", "PERMISSION_DENIED"),
        ("ChangeUserPhone", "PERMISSION_DENIED"),
        ("ChangeUserRole", ""),
        ("BlockUser", ""),
    ]);
    assert_eq!(said(&get(&owners, &agent.user_id).await), of_agent);
    let of_himself = said(&get(&owners, &owner.user_id).await);
    assert_eq!(of_himself[3..], expected(&[("ChangeUserRole", "ACTING_ON_ONESELF"), ("BlockUser", "ACTING_ON_ONESELF")]));
    assert_eq!(told(cabinet.block_user(&owners, &owner.user_id).await), "ACTING_ON_ONESELF");

    let blocked = cabinet.block_user(&owners, &agent.user_id).await.expect("an OWNER may block");
    let of_blocked = said(&blocked.allowed_actions);
    assert_eq!(
        (&of_blocked[0], &of_blocked[4]),
        (&expected(&[("ResendInvitation", "USER_BLOCKED")])[0], &expected(&[("UnblockUser", "")])[0])
    );
    let of_service = said(&get(&service, &agent.user_id).await);
    assert_eq!(of_service[1..3], expected(&[("ChangeUserEmail", ""), ("ChangeUserPhone", "")]));
    assert_eq!(of_service[4], expected(&[("UnblockUser", "PERMISSION_DENIED")])[0]);
}
