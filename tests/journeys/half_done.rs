//! Identity is killed again and again in the middle of what must be done whole or not at all: links, sessions, deletions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::deletion_service_client::DeletionServiceClient;
use api::cabinet::identity::v1::link_service_client::LinkServiceClient;
use api::cabinet::identity::v1::session_service_client::SessionServiceClient;
use api::cabinet::profile::v1 as profiles;
use api::cabinet::profile::v1::profile_service_client::ProfileServiceClient;
use cabinet_e2e::{
    Cabinet, Chance, Kind, Refused, ServiceProcess, Setup, Watch, case_request, eventually_async, is, link_in, reason, refused,
    user_request, with_token,
};
use futures::future::{join, join_all};
use futures::stream::{self, StreamExt as _};
use prost_types::FieldMask;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tonic::transport::Channel;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;

use crate::deletions::{completed, databases, dump, lines_with};
use crate::sessions::sessions;

/// By which the moments of the kills are chosen.
const SEED: u64 = 1;
const KILLS: usize = 5;
/// How many call at once.
const AT_ONCE: usize = 12;
/// How many do the same with the same thing.
const RIVALS: usize = 3;
/// How long a refresh token repeats its answer.
const GRACE: Duration = Duration::from_secs(10);

/// Those who call identity while it is killed, and tell whoever kills it of each answer.
struct Clients {
    channel: Channel,
    watch: Arc<Watch>,
    answers: UnboundedSender<()>,
}

impl Clients {
    fn of(cabinet: &Cabinet) -> (Self, UnboundedReceiver<()>) {
        let (answers, heard) = unbounded_channel();
        (Self { channel: cabinet.identity.channel(), watch: cabinet.watch.clone(), answers }, heard)
    }

    /// What identity answered; nothing if it died, and nobody knows what it has done.
    fn heard<T>(&self, answer: Result<Response<T>, Status>) -> Option<Result<T, Status>> {
        let of_identity = |status: &Status| status.code() != Code::Unavailable && status.get_details_error_info().is_some();
        if answer.as_ref().is_err_and(|status| !of_identity(status)) {
            return None;
        }
        // After the last kill nobody listens.
        let _ = self.answers.send(());
        Some(answer.map(Response::into_inner))
    }

    /// Looks at a link until that is answered, and redeems it, once.
    async fn redeem(&self, token: &str, password: &str) -> Option<Result<pb::RedeemLinkResponse, Status>> {
        self.watch.canary(Kind::Token, token);
        self.watch.canary(Kind::Password, password);
        let mut links = LinkServiceClient::new(self.channel.clone());
        let look = pb::InspectLinkRequest { token: token.to_owned() };
        let looked = eventually_async("identity", async || self.heard(links.inspect_link(look.clone()).await)).await;
        looked.map_or_else(|status| assert_eq!(reason(&status), not_valid()), |_| ());
        let (token, password) = (token.to_owned(), password.to_owned());
        let redeem = pb::RedeemLinkRequest { token, password, session_name: "a rival".to_owned() };
        self.heard(links.redeem_link(redeem).await)
    }

    /// Shows a refresh token until that is answered.
    async fn refresh(&self, token: &str) -> Result<String, Status> {
        self.watch.canary(Kind::Token, token);
        let mut sessions = SessionServiceClient::new(self.channel.clone());
        let show = pb::RefreshSessionRequest { refresh_token: token.to_owned() };
        let shown = eventually_async("identity", async || self.heard(sessions.refresh_session(show.clone()).await)).await;
        Ok(shown?.tokens.expect("the contract promises tokens").refresh_token)
    }

    /// Asks what to confirm until that is answered, and confirms it, once.
    async fn delete(&self, token: &str, user_id: &str) -> Option<Result<pb::UserDeletion, Status>> {
        let mut deletions = DeletionServiceClient::new(self.channel.clone());
        let user_id = user_id.to_owned();
        let prepare = pb::PrepareUserDeletionRequest { user_id: user_id.clone() };
        let prepared = eventually_async("identity", async || {
            self.heard(deletions.prepare_user_deletion(with_token(token, prepare.clone())).await)
        });
        let confirmation = match prepared.await {
            Ok(prepared) => prepared.confirmation,
            Err(status) => return Some(Err(status)),
        };
        self.watch.canary(Kind::Token, &confirmation);
        let delete = pb::DeleteUserRequest { user_id, confirmation };
        let deleted = self.heard(deletions.delete_user(with_token(token, delete)).await)?;
        Some(deleted.map(|answer| answer.deletion.expect("the contract promises the deletion")))
    }
}

fn not_valid() -> Refused {
    is(Code::NotFound, "LINK_NOT_VALID")
}

/// Kills identity whenever it has given as many answers as chance says, and starts it again, as long as there are clients. Answers how
/// often.
async fn kill_again_and_again(identity: &mut ServiceProcess, most_answers: u64, mut heard: UnboundedReceiver<()>) -> usize {
    let mut chance = Chance::new(SEED);
    for kills in 0..KILLS {
        for _ in 0..=chance.below(most_answers) {
            if heard.recv().await.is_none() {
                return kills;
            }
        }
        identity.kill();
        identity.start();
        identity.wait_until_ready().await;
    }
    KILLS
}

/// Rules I6.b, I7: whoever redeems a link while identity dies has redeemed it or has not: it leaves one password and one session, and is
/// used up; or none, and is good.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_redeemed_once_or_not_at_all() {
    let unlimited = ("CABINET__GUESSING__PASSWORDS_FROM_ADDRESS", "10000");
    let mut cabinet = Setup::default().with_identity(unlimited.0, unlimited.1).start().await;
    let mut links = Vec::new();
    for number in 0..16 {
        let email = format!("user{number}@example.com");
        let request = user_request(cabinet.realm.company_id, pb::Role::Customer, &email);
        let request = pb::CreateUserRequest { invitation: pb::Invitation::Send.into(), ..request };
        cabinet.create_user_with(&cabinet.service_token(), request).await.expect("a good user");
        links.push(email);
    }
    let links = join_all(links.into_iter().map(|email| async {
        let token = link_in(&cabinet.letter_to(&email, 0).await);
        (email, token)
    }))
    .await;
    let password = |rival: usize| format!("a good password of rival {rival}");

    let (clients, heard) = Clients::of(&cabinet);
    let rivals = links.iter().flat_map(|(_, token)| (0..RIVALS).map(move |rival| (token, password(rival))));
    let redeeming = async {
        // They are gone when they are done.
        let clients = clients;
        let redeem = async |(token, password): (&String, String)| clients.redeem(token, &password).await;
        stream::iter(rivals).map(redeem).buffered(AT_ONCE).collect::<Vec<_>>().await
    };
    let (answers, kills) = join(redeeming, kill_again_and_again(&mut cabinet.identity, 24, heard)).await;

    let lost = answers.iter().filter(|answer| answer.is_none()).count();
    let mut open = 0;
    for ((email, token), answers) in links.iter().zip(answers.chunks(RIVALS)) {
        let is_winner = |rival: &usize| matches!(answers[*rival], Some(Ok(_)));
        let winners: Vec<usize> = (0..RIVALS).filter(is_winner).collect();
        let mut passwords = Vec::new();
        for rival in 0..RIVALS {
            if cabinet.sign_in(email, &password(rival)).await.is_ok() {
                passwords.push(rival);
            }
        }
        if passwords.is_empty() {
            open += 1;
            cabinet.redeem(token, Cabinet::PASSWORD).await.expect("nobody has redeemed it");
        }
        assert!(passwords.len() <= 1 && winners.iter().all(|winner| passwords == [*winner]), "{winners:?}, {passwords:?}");
        assert_eq!(refused(cabinet.redeem(token, Cabinet::PASSWORD).await), not_valid());
        let right = passwords.first().map_or(Cabinet::PASSWORD.to_owned(), |rival| password(*rival));
        let here = cabinet.sign_in(email, &right).await.expect("the password that was set");
        // Of the link, of the password that was found above, and this one.
        assert_eq!(sessions(&cabinet, &here.access_token).await.len(), 1 + passwords.len() + 1);
    }
    assert!(kills > 2 && lost > 0 && open < links.len(), "{kills} kills, {lost} lost, {open} links left");
}

/// Rule I24.c: whoever refreshes while identity dies has the next token or asks again; there is one next token, and a former one ends
/// them all.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_one_next_token_whoever_dies() {
    let mut cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let here = cabinet.signed_in(&anna).await;
    let mut begun = Vec::new();
    for _ in 0..8 {
        begun.push(cabinet.sign_in(&anna.email, Cabinet::PASSWORD).await.expect("her password").refresh_token);
    }

    let (clients, heard) = Clients::of(&cabinet);
    let refreshing = async {
        let clients = clients;
        join_all(begun.into_iter().map(|first| family_of(&clients, first))).await
    };
    let (families, kills) = join(refreshing, kill_again_and_again(&mut cabinet.identity, 120, heard)).await;

    assert!(kills > 2, "{kills} kills");
    let living = families.iter().flatten().count();
    assert_eq!(sessions(&cabinet, &here.access_token).await.len(), living + 1, "and the one by which she looks");
    assert!(living > 0);
    for tokens in families.into_iter().flatten() {
        let [former, .., present] = tokens.as_slice() else { panic!("no rounds") };
        cabinet.refresh(present).await.expect("the present one");
        for used in [former, present] {
            assert_eq!(refused(cabinet.refresh(used).await), is(Code::Unauthenticated, "SESSION_OVER"));
        }
    }
    assert_eq!(sessions(&cabinet, &here.access_token).await.len(), 1);
}

/// All tokens of a session that rivals refresh at once, round by round; nothing if identity was away for longer than the grace.
async fn family_of(clients: &Clients, first: String) -> Option<Vec<String>> {
    let mut tokens = vec![first];
    for _ in 0..20 {
        let present = tokens.last().expect("there is one");
        let started = Instant::now();
        let answers = join_all((0..RIVALS).map(|_| clients.refresh(present))).await;
        let is_late = started.elapsed() > GRACE;
        let next: Vec<String> = match answers.into_iter().collect() {
            Ok(next) => next,
            Err(status) if is_late => {
                assert_eq!(reason(&status), is(Code::Unauthenticated, "SESSION_OVER"));
                return None;
            }
            Err(status) => panic!("within the grace: {status:?}"),
        };
        assert!(next.iter().all(|token| *token == next[0] && !tokens.contains(token)), "one successor");
        tokens.extend(next.into_iter().next());
    }
    Some(tokens)
}

/// Somebody of whom every service keeps something.
struct Known {
    user_id: String,
    values: [String; 5],
}

async fn known(cabinet: &Cabinet, number: usize) -> Known {
    let values @ [email, phone, name, job_title, subject] = &[
        format!("Stefaniya.Zhuravel{number}@example.com"),
        format!("+3806712345{number}"),
        format!("Stefaniya Zhuravel-{number}"),
        format!("Keeper of lighthouse {number}"),
        format!("Lamp {number} of Zhuravel is out"),
    ];
    let service = cabinet.service_token();
    let request = pb::CreateUserRequest {
        phone: phone.clone(),
        introduction: Some(pb::Introduction { full_name: name.clone(), ..Default::default() }),
        ..user_request(cabinet.realm.company_id, pb::Role::Customer, email)
    };
    let user_id = cabinet.create_user_with(&service, request).await.expect("a good user").user_id;
    let profile = profiles::Profile { user_id: user_id.clone(), job_title: job_title.clone(), ..Default::default() };
    let update_mask = Some(FieldMask { paths: vec!["job_title".to_owned()] });
    let message = profiles::UpdateProfileRequest { profile: Some(profile), update_mask, ..Default::default() };
    let saved = ProfileServiceClient::new(cabinet.profile.channel()).update_profile(with_token(&service, message)).await;
    saved.expect("a good profile");
    cabinet.update_preferences(&service, &user_id, true, &["status_change.email"]).await.expect("a good tick");
    let case = api::cabinet::case_monitoring::v1::CreateCaseRequest {
        subject: subject.clone(),
        ..case_request(&cabinet.realm, &user_id)
    };
    let case = cabinet.create_case_with(&service, case).await.expect("a good case");
    cabinet.change_status(&service, &case.case_id, "OPEN").await.expect("an allowed move");
    Known { user_id, values: values.clone() }
}

/// Lets the half minute pass after which somebody does what a killed process has claimed: a test does not have it.
async fn end_leases(cabinet: &mut Cabinet) {
    cabinet.identity.kill();
    let end = "UPDATE messaging.erasure SET due_at = due_at - interval '1 minute' WHERE NOT is_told";
    cabinet.databases.identity.execute(end);
    cabinet.identity.start();
    cabinet.identity.wait_until_ready().await;
}

/// Rules I13.a, I27.a: whoever deletes a user while identity dies has deleted him or has not: every service forgets him, or nothing of him
/// is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_deleted_everywhere_or_not_at_all() {
    let mut cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let people = join_all((10..22).map(|number| known(&cabinet, number))).await;
    cabinet.settled().await;
    let everything = |cabinet: &Cabinet| databases(cabinet).map(dump).join("\n");
    let stands_in = |dump: &str, person: &Known| person.values.each_ref().map(|value| !lines_with(dump, value).is_empty());
    let before = everything(&cabinet);
    assert!(people.iter().all(|person| stands_in(&before, person) == [true; 5]));

    let (clients, heard) = Clients::of(&cabinet);
    let rivals = people.iter().flat_map(|person| (0..RIVALS).map(move |_| person));
    let deleting = async {
        let clients = clients;
        let delete = async |person: &Known| clients.delete(&owner, &person.user_id).await;
        stream::iter(rivals).map(delete).buffered(AT_ONCE).collect::<Vec<_>>().await
    };
    let (answers, kills) = join(deleting, kill_again_and_again(&mut cabinet.identity, 18, heard)).await;

    end_leases(&mut cabinet).await;

    let lost = answers.iter().filter(|answer| answer.is_none()).count();
    let (mut deleted, mut left) = (Vec::new(), Vec::new());
    for (person, answers) in people.iter().zip(answers.chunks(RIVALS)) {
        let is_told = answers.iter().any(|answer| matches!(answer, Some(Ok(_))));
        match cabinet.get_deletion(&owner, &person.user_id).await {
            Ok(_) => deleted.push(person),
            Err(status) => {
                assert!(!is_told, "whoever was told that he is deleted may rely on it");
                assert_eq!(reason(&status), is(Code::NotFound, "USER_NOT_FOUND"));
                left.push(person);
            }
        }
    }
    for person in &deleted {
        assert_eq!(completed(&cabinet, &owner, &person.user_id).await.erasures.len(), 4);
    }
    let after = everything(&cabinet);
    assert!(deleted.iter().all(|person| stands_in(&after, person) == [false; 5]), "something of him is left");
    assert!(left.iter().all(|person| stands_in(&after, person) == [true; 5]), "something of him is gone");
    for person in &left {
        crate::deletions::delete(&cabinet, &owner, &person.user_id).await.expect("it was not begun");
        completed(&cabinet, &owner, &person.user_id).await;
    }
    assert!(kills > 2 && lost > 0 && !deleted.is_empty(), "{kills} kills, {lost} lost, {} deleted", deleted.len());
}
