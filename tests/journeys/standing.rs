//! Roles and blocks: what an OWNER decides about the users of his company, and what he cannot.

use api::cabinet::identity::v1::{Role as PbRole, User, UserStatus};
use cabinet_e2e::{Cabinet, is, reason, refused, user_id};
use kernel::Role;
use tonic::Code;

/// A user of the realm's company with this role, and a token of his.
async fn user(cabinet: &Cabinet, role: PbRole, email: &str) -> (User, String) {
    let user = cabinet.create_user(&cabinet.service_token(), cabinet.realm.company_id, role, email).await.expect("a good user");
    let role = match role {
        PbRole::Owner => Role::Owner,
        PbRole::Admin => Role::Admin,
        PbRole::Agent => Role::Agent,
        PbRole::Customer | PbRole::Support | PbRole::Unspecified => Role::Customer,
    };
    let token = cabinet.user_token(user_id(&user), role);
    (user, token)
}

/// Rule I2.c: only an OWNER of the company changes a role or a status; others are refused, strangers see nobody.
#[tokio::test(flavor = "multi_thread")]
async fn only_an_owner_of_the_company_decides_about_its_users() {
    let cabinet = Cabinet::start().await;
    let (_, owner) = user(&cabinet, PbRole::Owner, "owner@example.com").await;
    let (agent, agent_token) = user(&cabinet, PbRole::Agent, "agent@example.com").await;
    let (_, admin_token) = user(&cabinet, PbRole::Admin, "admin@example.com").await;

    let denied = is(Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(refused(cabinet.block_user(&admin_token, &agent.user_id).await), denied);
    assert_eq!(refused(cabinet.change_role(&agent_token, &agent.user_id, PbRole::Owner).await), denied);
    assert_eq!(refused(cabinet.block_user(&cabinet.service_token(), &agent.user_id).await), denied);
    let abroad = cabinet.user_token_of(&cabinet.realm, cabinet.realm.other_company_id, user_id(&agent), Role::Owner);
    let (stranger, _) = user(&cabinet, PbRole::Customer, "stranger@example.com").await;
    assert_eq!(refused(cabinet.block_user(&abroad, &stranger.user_id).await), is(Code::NotFound, "USER_NOT_FOUND"));

    let promoted = cabinet.change_role(&owner, &agent.user_id, PbRole::Owner).await.expect("an OWNER may make another");
    assert_eq!((promoted.role(), promoted.version), (PbRole::Owner, 2));
    let blocked = cabinet.block_user(&owner, &agent.user_id).await.expect("an OWNER may block");
    assert_eq!((blocked.status(), blocked.version), (UserStatus::Blocked, 3));
    let again = cabinet.block_user(&owner, &agent.user_id).await.expect("blocking again changes nothing");
    assert_eq!(again.version, 3);
    let unblocked = cabinet.unblock_user(&owner, &agent.user_id).await.expect("an OWNER may unblock");
    assert_eq!((unblocked.status(), unblocked.version), (UserStatus::Active, 4));
}

/// Rule I3.a: nobody blocks, unblocks or demotes himself.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_decides_about_himself() {
    let cabinet = Cabinet::start().await;
    let (owner, token) = user(&cabinet, PbRole::Owner, "owner@example.com").await;
    let oneself = is(Code::FailedPrecondition, "ACTING_ON_ONESELF");
    assert_eq!(refused(cabinet.block_user(&token, &owner.user_id).await), oneself);
    assert_eq!(refused(cabinet.unblock_user(&token, &owner.user_id).await), oneself);
    assert_eq!(refused(cabinet.change_role(&token, &owner.user_id, PbRole::Agent).await), oneself);
}

/// Rule I3.b: of two owners who block or demote each other at the same moment one stays an active OWNER, every time.
#[tokio::test(flavor = "multi_thread")]
async fn two_owners_who_turn_on_each_other_leave_one() {
    let cabinet = Cabinet::start().await;
    for round in 0..10 {
        let (first, first_token) = user(&cabinet, PbRole::Owner, &format!("first{round}@example.com")).await;
        let (second, second_token) = user(&cabinet, PbRole::Owner, &format!("second{round}@example.com")).await;
        let (one, other) = tokio::join!(
            cabinet.block_user(&first_token, &second.user_id),
            cabinet.change_role(&second_token, &first.user_id, PbRole::Agent),
        );
        assert!(one.is_ok() != other.is_ok(), "round {round}: {one:?}, {other:?}");
        let loser = one.err().or(other.err()).expect("one of them");
        assert_eq!(reason(&loser), is(Code::PermissionDenied, "PERMISSION_DENIED"));
    }
}

/// Rule I4.a: a blocked user is sent nothing but word of his block; once unblocked, he is told again.
#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_user_is_sent_nothing_but_word_of_his_block() {
    let cabinet = Cabinet::start().await;
    let (_, owner) = user(&cabinet, PbRole::Owner, "owner@example.com").await;
    let customer = cabinet.create_customer_who_ticked("anna@example.com").await;
    let case = cabinet.create_case(&customer.user_id).await;
    cabinet.block_user(&owner, &customer.user_id).await.expect("an OWNER may block");
    cabinet.settled().await;
    let word = cabinet.letters(1).await;
    assert!(word[0].subject.ends_with("your account was blocked"));
    cabinet.change_status(&cabinet.service_token(), &case.case_id, "OPEN").await.expect("an allowed move");
    cabinet.settled().await;
    assert_eq!(cabinet.mail.letters().len(), 1);
    let told = cabinet.databases.notification.value("SELECT state || ' ' || reason FROM deliveries WHERE kind = 'STATUS_CHANGE'");
    assert_eq!(told, "SUPPRESSED PERSON_BLOCKED");

    cabinet.unblock_user(&owner, &customer.user_id).await.expect("an OWNER may unblock");
    cabinet.settled().await;
    cabinet.change_status(&cabinet.service_token(), &case.case_id, "RESOLVED").await.expect("an allowed move");
    cabinet.letters(2).await;
}

/// Rule I5.a: a new user is ACTIVE at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_user_is_active() {
    let cabinet = Cabinet::start().await;
    let customer = cabinet.create_customer("anna@example.com").await;
    assert_eq!(customer.status(), UserStatus::Active);
    let found = cabinet.batch_get_users(&cabinet.service_token(), "", &[&customer.user_id]).await.expect("an answer");
    assert_eq!(found.users, [customer]);
}
