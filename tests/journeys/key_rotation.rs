//! Another key signs in place of the last one, while everybody works.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::session_service_client::SessionServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use cabinet_e2e::{Cabinet, ServiceProcess, eventually, eventually_async, with_token};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::decode_header;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::operators::{name, names, published, rotate};

const CLIENTS: usize = 4;
/// How often each signs in anew; in between he refreshes.
const SIGN_IN_EVERY: usize = 8;
/// Between two rounds of one of them: what is left of the machine is for other tests.
const PAUSE: Duration = Duration::from_millis(100);
/// As long as a replica may take to read its folder again (5 s), and then a service to ask it (30 s), with something to spare. `cabinet
/// rotate-keys` gives a quarter of an hour.
const NOTICE: SignedDuration = SignedDuration::from_secs(40);

/// Somebody who signs in, refreshes and calls all services, again and again, at both replicas in turn.
struct Client<'a> {
    cabinet: &'a Cabinet,
    replicas: [Channel; 2],
    email: String,
    user_id: String,
    /// What he shows at the moment.
    tokens: Mutex<pb::SessionTokens>,
}

fn kid(token: &str) -> String {
    format!("{}.pem", decode_header(token).expect("a JWT").kid.expect("it names its key"))
}

impl Client<'_> {
    fn token(&self) -> String {
        self.tokens.lock().expect("nobody panics while holding it").access_token.clone()
    }

    fn keep(&self, tokens: Option<pb::SessionTokens>) {
        *self.tokens.lock().expect("nobody panics while holding it") = tokens.expect("the contract promises tokens");
    }

    async fn sign_in(&self, replica: &Channel) -> Result<(), Status> {
        let request = pb::SignInRequest {
            realm_id: self.cabinet.realm.id.to_string(),
            login: self.email.clone(),
            password: Cabinet::PASSWORD.to_owned(),
            session_name: String::new(),
        };
        self.keep(SessionServiceClient::new(replica.clone()).sign_in(request).await?.into_inner().tokens);
        Ok(())
    }

    async fn refresh(&self, replica: &Channel) -> Result<(), Status> {
        let refresh_token = self.tokens.lock().expect("nobody panics while holding it").refresh_token.clone();
        let request = pb::RefreshSessionRequest { refresh_token };
        self.keep(SessionServiceClient::new(replica.clone()).refresh_session(request).await?.into_inner().tokens);
        Ok(())
    }

    /// Everything once; says who refused him, if anybody did.
    async fn round(&self, number: usize) -> Result<(), String> {
        let (here, there) = (&self.replicas[number % 2], &self.replicas[(number + 1) % 2]);
        let renewed = if number.is_multiple_of(SIGN_IN_EVERY) { self.sign_in(here).await } else { self.refresh(here).await };
        renewed.map_err(|status| format!("renewing: {status:?}"))?;
        let token = self.token();
        let request = pb::BatchGetUsersRequest { user_ids: vec![self.user_id.clone()], ..Default::default() };
        let looked_up = UserServiceClient::new(there.clone()).batch_get_users(with_token(&token, request)).await;
        let paths = ["status_change.email"];
        let answers = [
            ("the other replica", looked_up.map(|_| ())),
            ("profile", self.cabinet.get_profile(&token, &self.user_id).await.map(|_| ())),
            ("case-monitoring", self.cabinet.get_case(&token, &self.user_id).await.map(|_| ())),
            ("notification", self.cabinet.update_preferences(&token, &self.user_id, true, &paths).await.map(|_| ())),
        ];
        for (service, answer) in answers {
            match answer {
                Ok(()) => {}
                // There is no case of that id.
                Err(status) if status.code() == Code::NotFound => {}
                Err(status) => return Err(format!("{service}, {}: {status:?}", kid(&token))),
            }
        }
        Ok(())
    }
}

/// Both replicas publish these keys.
async fn are_published(replicas: [&ServiceProcess; 2], keys: &BTreeSet<String>) {
    eventually_async("both replicas to have read the keys", async || {
        let published = [published(replicas[0]).await, published(replicas[1]).await];
        published.iter().all(|published| published == keys).then_some(())
    })
    .await;
}

/// The key that `cabinet rotate-keys` has added, as if it had been a good quarter of an hour ago: it signs in a moment.
fn add_key(folder: &Path) -> String {
    let before = names(folder);
    rotate(folder);
    let after = names(folder);
    let added = after.difference(&before).next().expect("a key is added");
    let next = name(Timestamp::now() + NOTICE);
    std::fs::rename(folder.join(added), folder.join(&next)).expect("it is writable");
    next
}

/// Rule I24.b: while people sign in, refresh and call all services at two replicas of identity, another key comes to sign: nobody is refused
/// once, with tokens of the one before either. Once that is taken away, they are.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_refused_while_keys_are_rotated() {
    let cabinet = Cabinet::start().await;
    let mut other = cabinet.identity.replica();
    other.start();
    other.wait_until_ready().await;
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let email = format!("client{number}@example.com");
        let user = cabinet.create_customer(&email).await;
        let tokens = Mutex::new(cabinet.signed_in(&user).await);
        let replicas = [cabinet.identity.channel(), other.channel()];
        clients.push(Client { cabinet: &cabinet, replicas, email, user_id: user.user_id, tokens });
    }
    let is_over = AtomicBool::new(false);
    let working = join_all(clients.iter().map(|client| {
        let is_over = &is_over;
        async move {
            let mut rounds = 0;
            while !is_over.load(Ordering::Relaxed) {
                client.round(rounds).await.unwrap_or_else(|refused| panic!("round {rounds}: {refused}"));
                rounds += 1;
                tokio::time::sleep(PAUSE).await;
            }
            rounds
        }
    }));
    let folder = cabinet.keys_folder.path();
    let rotating = async {
        let first = names(folder);
        let left = clients[0].token();
        let next = add_key(folder);
        are_published([&cabinet.identity, &other], &first.iter().cloned().chain([next.clone()]).collect()).await;
        assert!(Timestamp::now().strftime("%Y%m%dT%H%M%SZ.pem").to_string() < next, "published before it signs");
        eventually("everybody to have a token of the next key", || {
            clients.iter().all(|client| kid(&client.token()) == next).then_some(())
        })
        .await;
        cabinet.accepted_everywhere(&left, &clients[0].user_id).await;
        is_over.store(true, Ordering::Relaxed);
        (first, left, next)
    };
    let (rounds, (first, left, next)) = tokio::join!(working, rotating);
    assert!(rounds.iter().all(|rounds| *rounds > SIGN_IN_EVERY), "{rounds:?}");

    // The command would wait until no token of it can be alive. Now there are some, also those that services show to each other.
    for key in first {
        std::fs::remove_file(folder.join(key)).expect("it is writable");
    }
    are_published([&cabinet.identity, &other], &BTreeSet::from([next])).await;
    cabinet.refused_everywhere(&left, &clients[0].user_id).await;
}
