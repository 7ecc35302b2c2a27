//! The links in letters of status changes: they open their reader's account at the case.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::autologin_service_client::AutologinServiceClient;
use api::cabinet::identity::v1::contact_service_client::ContactServiceClient;
use api::cabinet::identity::v1::password_service_client::PasswordServiceClient;
use api::cabinet::identity::v1::session_service_client::SessionServiceClient;
use api::cabinet::identity::v1::social_account_service_client::SocialAccountServiceClient;
use cabinet_e2e::{Cabinet, Kind, is, new_id, refused, user_id, with_token};
use futures::future::join_all;
use kernel::{Caller, Component, Role};
use mail_parser::MessageParser;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::second_factors::{By, EMAIL, Front};

/// A link as it came by letter.
struct Mailed {
    token: String,
    case_id: String,
}

fn client(cabinet: &Cabinet) -> AutologinServiceClient<Channel> {
    AutologinServiceClient::new(cabinet.identity.channel())
}

/// The text of the letter about a case whose status has just changed.
async fn letter_about_a_case(cabinet: &Cabinet, user: &pb::User) -> (String, testkit::Letter) {
    let earlier = cabinet.mail.letters().iter().filter(|letter| letter.rcpt_to.contains(&user.email)).count();
    let case = cabinet.create_case(&user.user_id).await;
    cabinet.change_status(&cabinet.service_token(), &case.case_id, "OPEN").await.expect("an allowed move");
    (case.case_id, cabinet.letter_to(&user.email, earlier).await)
}

async fn mailed(cabinet: &Cabinet, user: &pb::User) -> Mailed {
    let (case_id, letter) = letter_about_a_case(cabinet, user).await;
    Mailed { token: link_in_status_letter(&letter), case_id }
}

fn text(letter: &testkit::Letter) -> String {
    let message = MessageParser::default().parse(&letter.raw).expect("a good letter");
    message.body_text(0).expect("text").into_owned()
}

fn link_in_status_letter(letter: &testkit::Letter) -> String {
    let text = text(letter);
    let (_, rest) = text.split_once("?autologin=").unwrap_or_else(|| panic!("no autologin in: {text}"));
    rest.split_whitespace().next().expect("a token").to_owned()
}

async fn inspect(cabinet: &Cabinet, token: &str) -> Result<pb::InspectAutologinResponse, Status> {
    let request = pb::InspectAutologinRequest { token: token.to_owned() };
    client(cabinet).inspect_autologin(request).await.map(tonic::Response::into_inner)
}

async fn redeem(cabinet: &Cabinet, token: &str) -> Result<pb::RedeemAutologinResponse, Status> {
    let request = pb::RedeemAutologinRequest { token: token.to_owned(), session_name: "a letter".to_owned() };
    let redeemed = client(cabinet).redeem_autologin(request).await?.into_inner();
    let tokens = redeemed.tokens.as_ref().expect("the contract promises tokens");
    cabinet.watch.canary(Kind::Token, &tokens.access_token);
    cabinet.watch.canary(Kind::Token, &tokens.refresh_token);
    Ok(redeemed)
}

/// Rules I19.a, I19.b: the link of a letter opens its reader's account at the case, once; looking at it uses nothing up, and afterwards it
/// still says which case to show.
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_opens_its_readers_account_once() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer_who_ticked(EMAIL).await;
    let link = mailed(&cabinet, &anna).await;
    for _ in 0..2 {
        let seen = inspect(&cabinet, &link.token).await.expect("a link");
        assert_eq!((seen.state(), &seen.case_id), (pb::AutologinState::Open, &link.case_id));
    }

    let answers = join_all((0..10).map(|_| redeem(&cabinet, &link.token))).await;
    let (opened, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    let [Ok(opened)] = &opened[..] else { panic!("{} have come in", opened.len()) };
    assert_eq!((&opened.case_id, &opened.user.as_ref().expect("the user").user_id), (&link.case_id, &anna.user_id));
    let over = is(Code::FailedPrecondition, "AUTOLOGIN_OVER");
    assert!(others.into_iter().all(|answer| refused(answer) == over));
    let token = &opened.tokens.as_ref().expect("tokens").access_token;
    assert_eq!(cabinet.get_case(token, &link.case_id).await.expect("her own case").case_id, link.case_id);
    cabinet.get_profile(token, &anna.user_id).await.expect("her own profile");

    let seen = inspect(&cabinet, &link.token).await.expect("a link");
    assert_eq!((seen.state(), &seen.case_id), (pb::AutologinState::Over, &link.case_id));
    let another = mailed(&cabinet, &anna).await;
    redeem(&cabinet, &another.token).await.expect("each letter has its own");
}

/// Rules I11, I19.c: whoever came by a letter reads and answers. For a password, contacts, sessions, factors, accounts of providers and
/// exports she is to sign in; of an OWNER's rights nothing is there; nor after a refresh. She may leave, and her sessions say which of them
/// a letter has opened.
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_no_sign_in() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet
        .create_user(&cabinet.service_token(), cabinet.realm.company_id, pb::Role::Owner, EMAIL)
        .await
        .expect("a good user");
    let ticked = cabinet.update_preferences(&cabinet.service_token(), &owner.user_id, true, &["status_change.email"]).await;
    ticked.expect("a good tick");
    let own = cabinet.signed_in(&owner).await;
    let opened = redeem(&cabinet, &mailed(&cabinet, &owner).await.token).await.expect("an open link");
    let tokens = opened.tokens.expect("tokens");
    let refreshed = cabinet.refresh(&tokens.refresh_token).await.expect("a session");
    for token in [&tokens.access_token, &refreshed.access_token] {
        let denied = is(Code::PermissionDenied, "PERMISSION_DENIED");
        let unproven = is(Code::FailedPrecondition, "REAUTHENTICATION_REQUIRED");
        let identity = || cabinet.identity.channel();
        let password = pb::ChangePasswordRequest { new_password: "another good password".to_owned(), ..Default::default() };
        assert_eq!(refused(PasswordServiceClient::new(identity()).change_password(with_token(token, password)).await), unproven);
        let email = pb::ChangeEmailRequest { email: "other@example.com".to_owned() };
        assert_eq!(refused(ContactServiceClient::new(identity()).change_email(with_token(token, email)).await), unproven);
        let code = with_token(token, pb::RequestPhoneCodeRequest::default());
        assert_eq!(refused(ContactServiceClient::new(identity()).request_phone_code(code).await), unproven);
        let sessions = with_token(token, pb::ListSessionsRequest::default());
        assert_eq!(refused(SessionServiceClient::new(identity()).list_sessions(sessions).await), unproven);
        let other = with_token(token, pb::EndSessionRequest { session_id: new_id::<kernel::of::Session>().to_string() });
        assert_eq!(refused(SessionServiceClient::new(identity()).end_session(other).await), unproven);
        let accounts = with_token(token, pb::ListSocialAccountsRequest::default());
        assert_eq!(refused(SocialAccountServiceClient::new(identity()).list_social_accounts(accounts).await), unproven);
        assert_eq!(refused(Front::of(&cabinet).begin(By::Session(token)).await.map(drop)), unproven);
        assert_eq!(refused(cabinet.export(token, &owner.user_id).await), unproven);
        let added = cabinet.create_user(token, cabinet.realm.company_id, pb::Role::Customer, "new@example.com").await;
        assert_eq!(refused(added), denied);
        let unticked = cabinet.update_preferences(token, &owner.user_id, false, &["status_change.email"]).await;
        assert_eq!(refused(unticked), denied);
    }
    let list = with_token(&own.access_token, pb::ListSessionsRequest::default());
    let listed = SessionServiceClient::new(cabinet.identity.channel()).list_sessions(list).await.expect("her own").into_inner();
    let began_by: Vec<_> = listed.sessions.iter().map(pb::Session::first_factor).collect();
    assert_eq!(began_by, [pb::FirstFactor::Autologin, pb::FirstFactor::Password]);
    let leave = with_token(&refreshed.access_token, pb::EndSessionRequest::default());
    SessionServiceClient::new(cabinet.identity.channel()).end_session(leave).await.expect("the one she is in");
    cabinet.refused_everywhere(&refreshed.access_token, &owner.user_id).await;
}

/// Rule I19.d: a block, another role, another password and another address end the links that were mailed before.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_dies_with_what_it_was_mailed_for() {
    let cabinet = Cabinet::start().await;
    let over = is(Code::FailedPrecondition, "AUTOLOGIN_OVER");
    let owner = cabinet.owner_token("owner@example.com").await;
    for (number, what) in ["block", "role", "password", "address"].into_iter().enumerate() {
        let user = cabinet.create_customer_who_ticked(&format!("reader{number}@example.com")).await;
        let link = mailed(&cabinet, &user).await;
        match what {
            "block" => {
                cabinet.block_user(&owner, &user.user_id).await.expect("an owner");
                cabinet.unblock_user(&owner, &user.user_id).await.expect("an owner");
            }
            // And back, as the address below: the letter was made before.
            "role" => {
                for role in [pb::Role::Agent, pb::Role::Customer] {
                    cabinet.change_role(&owner, &user.user_id, role).await.expect("an owner");
                }
            }
            "password" => drop(cabinet.signed_in(&user).await),
            _ => {
                for address in [&format!("moved{number}@example.com"), &user.email] {
                    cabinet.change_email(&cabinet.service_token(), &user.user_id, address).await.expect("a free address");
                }
            }
        }
        assert_eq!(inspect(&cabinet, &link.token).await.expect("a link").state(), pb::AutologinState::Over, "{what}");
        assert_eq!(refused(redeem(&cabinet, &link.token).await), over, "{what}");
    }
}

/// Rule I19.d: so it ends what such a link has opened, in which nobody has shown who he is: also where other sessions go on.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_letter_has_opened_ends_with_the_links() {
    let cabinet = Cabinet::start().await;
    for (number, what) in ["password", "address", "second factor"].into_iter().enumerate() {
        let user = cabinet.create_customer_who_ticked(&format!("reader{number}@example.com")).await;
        let own = cabinet.signed_in(&user).await;
        let link = mailed(&cabinet, &user).await;
        let opened = redeem(&cabinet, &link.token).await.expect("an open link").tokens.expect("tokens");
        cabinet.get_case(&opened.access_token, &link.case_id).await.expect("her own case");
        match what {
            "password" => {
                let request = pb::ChangePasswordRequest {
                    current_password: Cabinet::PASSWORD.to_owned(),
                    new_password: "another good password".to_owned(),
                    ..Default::default()
                };
                let request = with_token(&own.access_token, request);
                PasswordServiceClient::new(cabinet.identity.channel()).change_password(request).await.expect("her password");
            }
            "address" => {
                let moved = format!("moved{number}@example.com");
                cabinet.change_email(&cabinet.service_token(), &user.user_id, &moved).await.expect("a free address");
            }
            _ => drop(Front::of(&cabinet).turn_on(By::Session(&own.access_token)).await),
        }
        cabinet.refused_everywhere(&opened.access_token, &user.user_id).await;
        let again = cabinet.refresh(&opened.refresh_token).await;
        assert_eq!(refused(again), is(Code::Unauthenticated, "SESSION_OVER"), "{what}");
        cabinet.accepted_everywhere(&own.access_token, &user.user_id).await;
    }
}

/// Rule I19.d: whoever has a second factor is not let in by a letter: it leads to the case, and that asks her to sign in.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_not_passed_by_a_letter() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer_who_ticked(EMAIL).await;
    let tokens = cabinet.signed_in(&anna).await;
    let link = mailed(&cabinet, &anna).await;
    Front::of(&cabinet).turn_on(By::Session(&tokens.access_token)).await;
    assert_eq!(refused(redeem(&cabinet, &link.token).await), is(Code::FailedPrecondition, "AUTOLOGIN_OVER"));
    cabinet.letter_to(EMAIL, 3).await; // that she has one now
    let (case_id, letter) = letter_about_a_case(&cabinet, &anna).await;
    let text = text(&letter);
    assert!(text.contains(&format!("/cases/{case_id}")) && !text.contains("autologin"), "{text}");
}

/// Rules I19.a, I19.b: a token that somebody has changed opens nothing, and nothing that is no token does. Tokens are made for
/// notification and nobody else, and for one delivery always the same.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_makes_a_link_up() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer_who_ticked(EMAIL).await;
    let link = mailed(&cabinet, &anna).await;
    let not_valid = is(Code::NotFound, "LINK_NOT_VALID");
    let over = is(Code::FailedPrecondition, "AUTOLOGIN_OVER");
    // What it names, and what says by the account that it was made for it.
    for (place, answer) in [(30, &not_valid), (50, &not_valid), (80, &not_valid), (110, &not_valid), (120, &over), (158, &over)] {
        let mut changed = link.token.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).expect("letters");
        assert_eq!(&refused(redeem(&cabinet, &changed).await), answer, "{place}");
    }
    for wrong in ["x", &link.token[1..], &format!("{}AAAA", link.token)] {
        assert_eq!(refused(redeem(&cabinet, wrong).await), not_valid, "{wrong}");
        assert_eq!(refused(inspect(&cabinet, wrong).await), not_valid, "{wrong}");
    }
    let delivery = pb::CaseDelivery {
        delivery_id: new_id::<kernel::of::Delivery>().to_string(),
        user_id: anna.user_id.clone(),
        case_id: link.case_id.clone(),
        create_time: Some(prost_types::Timestamp::from(std::time::SystemTime::now())),
    };
    let request = pb::BatchMakeAutologinsRequest { realm_id: cabinet.realm.id.to_string(), deliveries: vec![delivery] };
    let strangers = [
        cabinet.service_token(),
        cabinet.user_token(user_id(&anna), Role::Customer),
        cabinet.operator_token("olga"),
        cabinet.token(&Caller::Component(Component::Profile)),
    ];
    for token in strangers {
        let asked = client(&cabinet).batch_make_autologins(with_token(&token, request.clone())).await;
        assert_eq!(refused(asked), is(Code::PermissionDenied, "PERMISSION_DENIED"));
    }
    let notification = cabinet.token(&Caller::Component(Component::Notification));
    let make = async || {
        let made = client(&cabinet).batch_make_autologins(with_token(&notification, request.clone())).await;
        made.expect("notification may").into_inner().autologins
    };
    let made = make().await;
    assert_eq!((made.len(), made[0].email.as_str()), (1, EMAIL));
    assert_eq!(made, make().await, "the same delivery has the same link");
    cabinet.watch.canary(Kind::Token, &made[0].token);
    redeem(&cabinet, &link.token).await.expect("the link itself is as good as before");
}
