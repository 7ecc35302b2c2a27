//! How a user comes to his first password, and to another one.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::link_service_client::LinkServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use cabinet_e2e::{Cabinet, eventually, is, link_in, reason, refused, user_request, violations, with_token};
use futures::future::join_all;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::preset_realm::PresetRealm;

const PASSWORD: &str = "correct horse battery 7 staple";

async fn invite(cabinet: &Cabinet, email: &str) -> pb::User {
    let mut request = user_request(cabinet.realm.company_id, pb::Role::Customer, email);
    request.invitation = pb::Invitation::Send.into();
    let request = with_token(&cabinet.service_token(), request);
    let answer = UserServiceClient::new(cabinet.identity.channel()).create_user(request).await.expect("a good user");
    answer.into_inner().user.expect("the contract promises the user")
}

async fn resend(cabinet: &Cabinet, user_id: &str) -> Result<pb::ResendInvitationResponse, Status> {
    let request = with_token(&cabinet.service_token(), pb::ResendInvitationRequest { user_id: user_id.to_owned() });
    Ok(UserServiceClient::new(cabinet.identity.channel()).resend_invitation(request).await?.into_inner())
}

pub(crate) async fn inspect(cabinet: &Cabinet, token: &str) -> Result<pb::InspectLinkResponse, Status> {
    let request = pb::InspectLinkRequest { token: token.to_owned() };
    Ok(LinkServiceClient::new(cabinet.identity.channel()).inspect_link(request).await?.into_inner())
}

async fn request_reset(cabinet: &Cabinet, email: &str) {
    let request =
        pb::RequestPasswordResetRequest { realm_id: cabinet.realm.id.to_string(), email: email.to_owned(), ..Default::default() };
    LinkServiceClient::new(cabinet.identity.channel()).request_password_reset(request).await.expect("always the same answer");
}

/// Sets the clock of a user's creation and of his links back.
fn age(cabinet: &Cabinet, user_id: &str, interval: &str) {
    for (table, columns) in
        [("users", "created_at = created_at"), ("links", "created_at = created_at - interval '1 hour', expires_at = expires_at")]
    {
        cabinet
            .databases
            .identity
            .execute(&format!("UPDATE {table} SET {columns} - interval '{interval}' WHERE user_id = '{user_id}'"));
    }
}

/// Rules I6.b, I7: the mailed link sets the password, verifies the address and signs in, once; looking at it ten times before
/// uses nothing up.
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_sets_the_password_once_however_often_it_is_opened() {
    let cabinet = Cabinet::start().await;
    let anna = invite(&cabinet, "anna@example.com").await;
    let letter = cabinet.letter_to("anna@example.com", 0).await;
    let token = link_in(&letter);

    for _ in 0..10 {
        assert_eq!(inspect(&cabinet, &token).await.expect("an open link").purpose(), pb::LinkPurpose::Invitation);
    }
    let redeemed = cabinet.redeem(&token, PASSWORD).await.expect("an open link");
    let user = redeemed.user.expect("the contract promises the user");
    assert_eq!((user.user_id.as_str(), user.email_verified), (anna.user_id.as_str(), true));
    let access_token = redeemed.tokens.expect("the contract promises tokens").access_token;
    cabinet.batch_get_users(&access_token, "", &[&anna.user_id]).await.expect("he is signed in");
    assert_eq!(refused(cabinet.redeem(&token, "another good password").await), is(Code::NotFound, "LINK_NOT_VALID"));
    assert_eq!(refused(inspect(&cabinet, &token).await), is(Code::NotFound, "LINK_NOT_VALID"));
    cabinet.sign_in("anna@example.com", PASSWORD).await.expect("the password that was set first");
}

/// Rules I6.a, I6.c: the link ends 24 hours after the user was created; sending it again does not prolong it, and after that
/// there is the password reset.
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_ends_after_24_hours_however_often_it_is_sent() {
    let cabinet = Cabinet::start().await;
    let anna = invite(&cabinet, "anna@example.com").await;
    let first = link_in(&cabinet.letter_to("anna@example.com", 0).await);
    age(&cabinet, &anna.user_id, "23 hours 59 minutes");
    resend(&cabinet, &anna.user_id).await.expect("a minute is left");
    let second = link_in(&cabinet.letter_to("anna@example.com", 1).await);
    let ends = async |token: &str| inspect(&cabinet, token).await.expect("an open link").expire_time;
    assert_eq!(ends(&first).await.map(|at| at.seconds), ends(&second).await.map(|at| at.seconds));

    age(&cabinet, &anna.user_id, "1 minute");
    for token in [&first, &second] {
        assert_eq!(refused(cabinet.redeem(token, PASSWORD).await), is(Code::NotFound, "LINK_NOT_VALID"));
    }
    assert_eq!(refused(resend(&cabinet, &anna.user_id).await), is(Code::FailedPrecondition, "INVITATION_OVER"));
    request_reset(&cabinet, "Anna@Example.com").await;
    let reset = link_in(&cabinet.letter_to("anna@example.com", 2).await);
    assert_eq!(inspect(&cabinet, &reset).await.expect("an open link").purpose(), pb::LinkPurpose::PasswordReset);
    cabinet.redeem(&reset, PASSWORD).await.expect("also for one who never had a password");
}

/// Rule I6.c: an invitation that is sent again at the very moment its user changes is sent all the same.
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_that_a_change_overtakes_is_sent_again() {
    let cabinet = Cabinet::start().await;
    let anna = invite(&cabinet, "anna@example.com").await;
    cabinet.letter_to("anna@example.com", 0).await;
    age(&cabinet, &anna.user_id, "2 minutes");
    cabinet.settled().await;
    // Holds the link up between reading the user and writing it, and changes him meanwhile.
    let overtake = format!(
        "DO $$ BEGIN
             LOCK TABLE links;
             WHILE NOT EXISTS (SELECT FROM pg_locks WHERE relation = 'links'::regclass AND NOT granted) LOOP
                 PERFORM pg_sleep(0.01);
             END LOOP;
             UPDATE users SET version = version + 1 WHERE user_id = '{}';
         END $$",
        anna.user_id,
    );
    let locked = "SELECT count(*) FROM pg_locks WHERE relation = 'links'::regclass AND mode = 'AccessExclusiveLock' AND granted";
    let identity = &cabinet.databases.identity;
    std::thread::scope(|threads| {
        threads.spawn(|| identity.execute(&overtake));
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                eventually("the links to be held up", || (identity.value(locked) == "1").then_some(())).await;
                resend(&cabinet, &anna.user_id).await.expect("hours are left");
            });
        });
    });
    link_in(&cabinet.letter_to("anna@example.com", 1).await);
}

/// Rule I6.d: a blocked user's link is refused, and so is sending it again; blocking pauses nothing, and once unblocked the same
/// link works.
#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_user_is_not_invited() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let anna = invite(&cabinet, "anna@example.com").await;
    let token = link_in(&cabinet.letter_to("anna@example.com", 0).await);
    cabinet.block_user(&owner, &anna.user_id).await.expect("an OWNER may block");
    assert_eq!(refused(cabinet.redeem(&token, PASSWORD).await), is(Code::NotFound, "LINK_NOT_VALID"));
    assert_eq!(refused(resend(&cabinet, &anna.user_id).await), is(Code::FailedPrecondition, "USER_BLOCKED"));
    cabinet.unblock_user(&owner, &anna.user_id).await.expect("an OWNER may unblock");
    cabinet.redeem(&token, PASSWORD).await.expect("24 hours have not passed");
}

/// Rule I6.e: creation can ask for no invitation; nobody is mailed.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_to_be_invited_is_mailed_nothing() {
    let cabinet = Cabinet::start().await;
    cabinet.create_customer("quiet@example.com").await;
    invite(&cabinet, "anna@example.com").await;
    cabinet.letter_to("anna@example.com", 0).await;
    cabinet.settled().await;
    assert!(cabinet.mail.letters().iter().all(|letter| letter.rcpt_to == ["anna@example.com"]));
}

/// Rule I22.a: asking for a reset answers the same whoever exists; only an active user is mailed, and not twice within a minute.
#[tokio::test(flavor = "multi_thread")]
async fn a_reset_tells_nobody_who_exists() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    cabinet.create_customer("anna@example.com").await;
    let blocked = cabinet.create_customer("blocked@example.com").await;
    cabinet.block_user(&owner, &blocked.user_id).await.expect("an OWNER may block");
    cabinet.letter_to("blocked@example.com", 0).await;
    for email in ["nobody@example.com", "not an address", "blocked@example.com", "anna@example.com", "anna@example.com"] {
        request_reset(&cabinet, email).await;
    }
    cabinet.letter_to("anna@example.com", 0).await;
    cabinet.settled().await;
    let links = cabinet
        .databases
        .identity
        .value("SELECT count(*) FROM links WHERE purpose = 'PASSWORD_RESET' AND expires_at > created_at");
    assert_eq!((links.as_str(), cabinet.mail.letters().len()), ("1", 2));
}

/// Rules I10.a, I6.b: a password the rule refuses is refused with everything that is wrong, and the link stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_leaves_the_link_as_it_was() {
    let cabinet = Cabinet::start().await;
    invite(&cabinet, "anna.kowalska@example.com").await;
    let token = link_in(&cabinet.letter_to("anna.kowalska@example.com", 0).await);
    for (password, violations) in [("12345", 1), ("password", 1), ("anna.kowalska1", 1), (&"x y".repeat(50), 1)] {
        let error = cabinet.redeem(&token, password).await.expect_err("a bad password");
        assert_eq!(reason(&error), is(Code::InvalidArgument, "PASSWORD_REFUSED"), "{password}");
        let bad = error.get_details_bad_request().expect("the violations");
        assert_eq!(bad.field_violations.len(), violations, "{password}: {bad:?}");
    }
    cabinet.redeem(&token, PASSWORD).await.expect("nothing was used up");
}

/// Rules I6.b, I24.c: setting another password ends every session there was, and its user is told.
#[tokio::test(flavor = "multi_thread")]
async fn another_password_ends_the_sessions_of_the_old_one() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let old = cabinet.signed_in(&anna).await;
    // The minute in which nobody is mailed a second reset has passed.
    age(&cabinet, &anna.user_id, "0 seconds");
    cabinet.age_links("2 minutes");
    let before = cabinet.mail.letters().len();
    request_reset(&cabinet, "anna@example.com").await;
    let letters = cabinet.letters(before + 1).await;
    let reset = link_in(letters.last().expect("there is one more"));
    cabinet.redeem(&reset, "quite another password").await.expect("an open link");

    cabinet.refused_everywhere(&old.access_token, &anna.user_id).await;
    assert_eq!(refused(cabinet.refresh(&old.refresh_token).await), is(Code::Unauthenticated, "SESSION_OVER"));
    let by_the_old = cabinet.sign_in("anna@example.com", PASSWORD).await;
    assert_eq!(refused(by_the_old), is(Code::Unauthenticated, "SIGN_IN_REFUSED"));
    cabinet.letters(before + 2).await;
}

/// Rule I7: of many who redeem a link at the same moment one does.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_redeem_a_link_at_once_one_does() {
    let cabinet = Cabinet::start().await;
    invite(&cabinet, "anna@example.com").await;
    let token = link_in(&cabinet.letter_to("anna@example.com", 0).await);
    let passwords: Vec<String> = (0..6).map(|number| format!("a good password {number}")).collect();
    let redeemed = join_all(passwords.iter().map(|password| cabinet.redeem(&token, password))).await;
    let winners: Vec<_> = passwords.iter().zip(&redeemed).filter(|(_, answer)| answer.is_ok()).collect();
    assert_eq!(winners.len(), 1, "{redeemed:?}");
    cabinet.sign_in("anna@example.com", winners[0].0).await.expect("the password of the one who did");
}

/// Rule I6.b: whoever signs in with the old password at the very moment of a reset does not outlive it.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_at_the_moment_of_a_reset_does_not_outlive_it() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    cabinet.signed_in(&anna).await;
    let mut old = Cabinet::PASSWORD.to_owned();
    for round in 0..6 {
        cabinet.age_links("25 hours");
        let earlier = cabinet.mail.letters().len();
        request_reset(&cabinet, "anna@example.com").await;
        let reset = link_in(cabinet.letters(earlier + 1).await.last().expect("there is one more"));
        let new = format!("quite another password {round}");
        let (redeemed, raced) =
            tokio::join!(cabinet.redeem(&reset, &new), join_all((0..4).map(|_| cabinet.sign_in("anna@example.com", &old))),);
        redeemed.expect("an open link");
        for tokens in raced.into_iter().flatten() {
            let survived = cabinet.refresh(&tokens.refresh_token).await;
            assert_eq!(refused(survived), is(Code::Unauthenticated, "SESSION_OVER"), "round {round}");
        }
        // Word of the change.
        cabinet.letters(earlier + 2).await;
        old = new;
    }
}

/// Rule I6.c: a link goes to the address it is for, also when it has overtaken the news of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_goes_to_the_address_it_is_for() {
    let mut cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("lost@example.com").await;
    cabinet.signed_in(&anna).await;
    cabinet.settled().await;
    cabinet.notification.stop();
    // As if it had asked about everything it has heard of: nothing but the letter's own fact can make it ask again.
    cabinet.databases.notification.execute("UPDATE people SET known_version = wanted_version");
    cabinet.change_email(&cabinet.service_token(), &anna.user_id, "new@example.com").await.expect("a good address");
    let queue = "notification.planner.normal";
    eventually("the news to queue up", || (cabinet.vhost.queue_depth(queue) == 1).then_some(())).await;
    // As if it were still on its way.
    cabinet.vhost.purge(queue);
    cabinet.notification.start();
    cabinet.age_links("2 minutes");
    request_reset(&cabinet, "new@example.com").await;
    link_in(&cabinet.letter_to("new@example.com", 0).await);
}

/// Rules I5.b, I6.f: where the status is chosen, somebody may be added who has no access yet. He is invited when he is first
/// unblocked, for 24 hours from then.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_added_blocked_is_invited_when_he_is_unblocked() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "call_center").await;
    let named = |name: &str, email: &str| pb::CreateUserRequest { user_name: name.to_owned(), ..realm.invited(email) };
    let owner = pb::CreateUserRequest { role: pb::Role::Owner.into(), ..named("boss", "boss@example.com") };
    let (_, owner) = realm.member(owner).await;
    let blocked =
        |name: &str, email: &str| pb::CreateUserRequest { status: pb::UserStatus::Blocked.into(), ..named(name, email) };
    let anna = realm.add(blocked("anna", "anna@example.com")).await.expect("the status is chosen");
    assert_eq!(anna.status(), pb::UserStatus::Blocked);
    let silent = pb::CreateUserRequest { invitation: pb::Invitation::None.into(), ..blocked("bela", "bela@example.com") };
    let bela = realm.add(silent).await.expect("the status is chosen");
    age(&cabinet, &anna.user_id, "2 days");
    let too_early = with_token(&owner, pb::ResendInvitationRequest { user_id: anna.user_id.clone() });
    let too_early = UserServiceClient::new(cabinet.identity.channel()).resend_invitation(too_early).await;
    assert_eq!(refused(too_early), is(Code::FailedPrecondition, "USER_BLOCKED"));

    for user in [&bela, &anna] {
        let unblocked = cabinet.unblock_user(&owner, &user.user_id).await.expect("an OWNER may");
        assert_eq!(unblocked.status(), pb::UserStatus::Active);
    }
    let token = link_in(&cabinet.letter_to("anna@example.com", 0).await);
    let ends = inspect(&cabinet, &token).await.expect("an open link").expire_time.expect("it ends");
    let left = ends.seconds - jiff::Timestamp::now().as_second();
    assert!((23 * 3600..=24 * 3600).contains(&left), "{left} seconds are left");
    realm.redeem("anna@example.com", PASSWORD).await.expect("an open link");
    realm.sign_in("anna", PASSWORD).await.expect("her password");

    // Nothing speaks against another letter but that she was invited.
    age(&cabinet, &anna.user_id, "1 hour");
    cabinet.block_user(&owner, &anna.user_id).await.expect("an OWNER may");
    cabinet.unblock_user(&owner, &anna.user_id).await.expect("an OWNER may");
    cabinet.letter_to("anna@example.com", 1).await;
    cabinet.settled().await;
    let invitations = "SELECT count(*) FROM links WHERE purpose = 'INVITATION' AND expires_at > created_at AND user_id = ";
    assert_eq!(cabinet.databases.identity.value(&format!("{invitations}'{}'", anna.user_id)), "1");
    let to = |address: &str| cabinet.mail.letters().iter().filter(|letter| letter.rcpt_to.contains(&address.to_owned())).count();
    assert_eq!((to("anna@example.com"), to("bela@example.com")), (2, 0), "an invitation, the notice of the block; and nothing");
}

/// Rule I5.b: elsewhere every new user is ACTIVE, whatever is asked for; a batch says so of each.
#[tokio::test(flavor = "multi_thread")]
async fn the_status_is_chosen_only_where_the_policy_says_so() {
    let cabinet = Cabinet::start().await;
    let blocked = pb::CreateUserRequest {
        status: pb::UserStatus::Blocked.into(),
        ..user_request(cabinet.realm.company_id, pb::Role::Customer, "anna@")
    };
    let both = cabinet.create_user_with(&cabinet.service_token(), blocked).await;
    assert_eq!(violations(both), ["email", "status"]);
    let new = |email: &str, status: pb::UserStatus| pb::NewUser {
        role: pb::Role::Customer.into(),
        email: email.to_owned(),
        status: status.into(),
        ..Default::default()
    };
    let users = vec![new("anna@example.com", pb::UserStatus::Active), new("bela@example.com", pb::UserStatus::Blocked)];
    let request = pb::BatchCreateUsersRequest { company_id: cabinet.realm.company_id.to_string(), users, ..Default::default() };
    let request = with_token(&cabinet.service_token(), request);
    let verdicts = UserServiceClient::new(cabinet.identity.channel()).batch_create_users(request).await.expect("a batch");
    let reasons: Vec<Vec<i32>> = verdicts.into_inner().verdicts.into_iter().map(|verdict| verdict.reasons).collect();
    assert_eq!(reasons, [vec![], vec![i32::from(pb::ErrorReason::StatusNotChosen)]]);
}
