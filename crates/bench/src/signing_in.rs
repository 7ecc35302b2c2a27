//! Signing in, beside the hash that it costs, and what it costs everybody else.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::session_service_client::SessionServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher as _, Version};
use cabinet_e2e::with_token;
use tokio::sync::Mutex;
use tonic::Code;
use tonic::transport::Channel;

use crate::Scale;
use crate::limits::TpcB;
use crate::load::{CLIENTS, paced, rate, throughput};
use crate::memory::pss_mebibytes;
use crate::report::{Limit, Report, percentile};
use crate::stage::{Stage, connections};

const ACCOUNTS: usize = 10_000;
const PASSWORD: &str = "correct horse battery 7 staple";
/// How many reads a second others want meanwhile.
const READS: usize = 200;
/// How often a second its memory is looked at.
const LOOKS: u32 = 4;
/// What one hash takes (argon2id, m=19456 KiB).
const HASH_MEBIBYTES: usize = 19;

fn account(number: usize) -> String {
    format!("account{number}@bench.example")
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// People with a password each.
pub(crate) struct Accounts {
    hash: String,
    users: Vec<String>,
    channels: Vec<Channel>,
    next: AtomicUsize,
}

impl Accounts {
    pub(crate) async fn add(stage: &Stage) -> Self {
        let users = stage.add_users(&(0..ACCOUNTS).map(account).collect::<Vec<_>>()).await;
        let hash = Argon2::default().hash_password(PASSWORD.as_bytes()).expect("the parameters are good").to_string();
        // One hash for all: ten thousand of them would take minutes, and none is looked at twice.
        stage.cabinet.databases.identity.execute(&format!(
            "INSERT INTO passwords (realm_id, user_id, hash, set_at)
             SELECT realm_id, user_id, '{hash}', created_at FROM users WHERE email LIKE 'account%@bench.example';
             ANALYZE users, passwords"
        ));
        Self { hash, users, channels: connections(&stage.cabinet.identity.grpc_url()), next: AtomicUsize::new(0) }
    }

    /// The next of them, each time another.
    async fn sign_in(&self, stage: &Stage, client: usize) -> pb::SessionTokens {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % ACCOUNTS;
        let request = pb::SignInRequest {
            realm_id: stage.cabinet.realm.id.to_string(),
            login: account(number),
            password: PASSWORD.to_owned(),
            session_name: "a measurement".to_owned(),
        };
        let answer = SessionServiceClient::new(self.channels[client].clone()).sign_in(request).await.expect("the right password");
        answer.into_inner().tokens.expect("the contract promises tokens")
    }

    /// How many times a second all cores together look at a password, and do nothing else; each in memory that it keeps, as identity does.
    async fn raw(&self, scale: Scale) -> f64 {
        let (hash, time) = (self.hash.clone(), Duration::from_secs(scale.seconds));
        let measured = tokio::task::spawn_blocking(move || {
            let started = Instant::now();
            let looked_at = |hash: &str| {
                let parsed = PasswordHash::new(hash).expect("it was just made");
                let params = Params::try_from(&parsed).expect("it was just made");
                let mut memory = vec![Block::new(); params.block_count()];
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                let (salt, expected) = (parsed.salt.expect("it was just made"), parsed.hash.expect("it was just made"));
                let mut count = 0;
                while started.elapsed() < time {
                    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
                    argon2
                        .hash_password_into_with_memory(PASSWORD.as_bytes(), &salt, &mut output, &mut memory)
                        .expect("good parameters");
                    assert_eq!(Output::new(&output).expect("its length is good"), expected, "the right password");
                    count += 1;
                }
                count
            };
            let count = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..cores()).map(|_| scope.spawn(|| looked_at(&hash))).collect();
                threads.into_iter().map(|thread| thread.join().expect("it does not panic")).sum()
            });
            rate(count, started.elapsed())
        });
        measured.await.expect("it does not panic")
    }
}

/// `sign_in.throughput`: all limits on, against the bare hash; and what it takes of memory.
pub(crate) async fn signing_in(stage: &Stage, accounts: &Accounts, scale: Scale, report: &mut Report) {
    let idle = pss_mebibytes(stage.cabinet.identity.process_id());
    let (mut limits, mut values, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        limits.push(accounts.raw(scale).await);
        let signing_in = throughput(Duration::from_secs(scale.seconds), async |client| {
            accounts.sign_in(stage, client).await;
        });
        let most = async {
            let mut most = 0.0_f64;
            for _ in 0..scale.seconds * u64::from(LOOKS) {
                tokio::time::sleep(Duration::from_secs(1) / LOOKS).await;
                most = most.max(pss_mebibytes(stage.cabinet.identity.process_id()));
            }
            most
        };
        let (signed_in, used) = tokio::join!(signing_in, most);
        values.push(signed_in);
        memory.push(used);
    }
    let command = format!("argon2id (m=19456, t=2, p=1) on {} threads, and nothing else", cores());
    report.against("sign_in.throughput", &values, "1/s", &Limit { values: limits, command, reference: None });
    let allowed = HASH_MEBIBYTES * cores() + 20;
    let remark = format!("idle {idle:.1} MiB, of which {allowed} MiB more are allowed");
    report.remarked("sign_in.memory", &memory, "MiB", remark);
}

/// `sign_in.isolation`: how long others wait for what they read while as many sign in as can.
pub(crate) async fn isolation(stage: &Stage, accounts: &Accounts, scale: Scale, report: &mut Report) {
    let (mut alone, mut meanwhile) = (Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        alone.push(read(stage, accounts, scale).await);
        let is_over = AtomicBool::new(false);
        let storm = futures::future::join_all((0..CLIENTS).map(|client| {
            let is_over = &is_over;
            async move {
                while !is_over.load(Ordering::Relaxed) {
                    accounts.sign_in(stage, client).await;
                }
            }
        }));
        let reading = async {
            let waited = read(stage, accounts, scale).await;
            is_over.store(true, Ordering::Relaxed);
            waited
        };
        let (_, waited) = tokio::join!(storm, reading);
        meanwhile.push(waited);
    }
    let command = format!("the same {READS} reads/s while nobody signs in");
    report.against("sign_in.isolation.p99", &meanwhile, "ms", &Limit { values: alone, command, reference: None });
}

/// Milliseconds that 99 of 100 reads take at the most.
async fn read(stage: &Stage, accounts: &Accounts, scale: Scale) -> f64 {
    let count = READS * usize::try_from(scale.seconds).expect("seconds");
    let waited: std::sync::Arc<std::sync::Mutex<Vec<f64>>> = std::sync::Arc::default();
    let token = stage.cabinet.service_token();
    paced(READS, count, |index, due| {
        let user_ids = vec![accounts.users[index % ACCOUNTS].clone()];
        let request = pb::BatchGetUsersRequest { user_ids, ..Default::default() };
        let (request, waited) = (with_token(&token, request), waited.clone());
        let mut client = UserServiceClient::new(accounts.channels[index % CLIENTS].clone());
        async move {
            client.batch_get_users(request).await.expect("a user that is there");
            waited.lock().expect("nobody panics while holding it").push(due.elapsed().as_secs_f64() * 1000.0);
        }
    })
    .await;
    let waited = waited.lock().expect("nobody panics while holding it");
    percentile(&waited, 0.99)
}

/// `refresh.throughput`: each client goes on with a session of its own.
pub(crate) async fn refreshing(stage: &Stage, accounts: &Accounts, scale: Scale, report: &mut Report) {
    let mut limit = TpcB::prepare(&stage.server, scale);
    let mut sessions = Vec::new();
    for client in 0..CLIENTS {
        sessions.push(Mutex::new(accounts.sign_in(stage, client).await.refresh_token));
    }
    let mut values = Vec::new();
    for _ in 0..scale.rounds {
        limit.measure();
        let refreshed = throughput(Duration::from_secs(scale.seconds), async |client| {
            let mut token = sessions[client].lock().await;
            let request = pb::RefreshSessionRequest { refresh_token: token.clone() };
            match SessionServiceClient::new(accounts.channels[client].clone()).refresh_session(request).await {
                Ok(answer) => *token = answer.into_inner().tokens.expect("the contract promises tokens").refresh_token,
                // A server closes connections of a certain age: who is about to ask on one then has not been answered.
                Err(status) => assert_eq!(status.code(), Code::Cancelled, "the present token: {status:?}"),
            }
        });
        values.push(refreshed.await);
    }
    report.against("refresh.throughput", &values, "1/s", &limit.limit());
}
