//! What every call begins with: looking at an access token.

use std::hint::black_box;
use std::time::Instant;

use api::MethodEffect;
use cabinet_e2e::new_id;
use ed25519_dalek::Verifier as _;
use kernel::{Caller, Role, Through, Timestamp, UserCaller};
use runtime::access::Access;
use runtime::token::{KeySet, Signer, generate_signing_key};

use crate::Scale;
use crate::load::seconds;
use crate::report::{Limit, Report};

/// As many as a round of each takes.
const TOKENS: usize = 2000;
const BETWEEN_NEWS: usize = 100;

/// `token.verify.cold` and `.warm`: one thread, against the bare signature.
pub(crate) async fn verifying(scale: Scale, report: &mut Report) {
    let signer = Signer::from_pem("one", &generate_signing_key()).expect("a key that was just made");
    let keys = KeySet::new([("one".to_owned(), signer.public_key().as_slice())]);
    let now = Timestamp::now();
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let (mut limits, mut cold, mut warm) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        let tokens: Vec<String> = (0..TOKENS).map(|_| signer.sign(&caller(), 1, now).expect("a user").expose().clone()).collect();
        let signed: Vec<_> = tokens.iter().map(|token| (token, ed25519_dalek::Signer::sign(&key, token.as_bytes()))).collect();
        let started = Instant::now();
        for (token, signature) in &signed {
            key.verifying_key().verify(token.as_bytes(), signature).expect("it was just signed");
        }
        limits.push(microseconds(started));

        let access = Access::default();
        access.learn_keys(keys.clone());
        let started = Instant::now();
        look_at(&access, &tokens, now).await;
        cold.push(microseconds(started));
        let started = Instant::now();
        look_at(&access, &tokens, now).await;
        warm.push(microseconds(started));
    }
    let command = "Ed25519 alone, of as many bytes (ed25519-dalek)".to_owned();
    report.against("token.verify.cold", &cold, "us", &Limit { values: limits, command, reference: None });
    report.figure("token.verify.warm", &warm, "us");
}

async fn look_at(access: &Access, tokens: &[String], now: Timestamp) {
    for tokens in tokens.chunks(BETWEEN_NEWS) {
        // As identity says again and again that it has taken nothing back.
        access.hear(&[], true, Instant::now());
        for token in tokens {
            black_box(access.verify(token, MethodEffect::Reads, now).await.expect("a good token"));
        }
    }
}

/// Of each.
fn microseconds(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1_000_000.0 / seconds(TOKENS)
}

fn caller() -> Caller {
    let through = Through::Session(new_id());
    Caller::User(UserCaller { realm_id: new_id(), company_id: new_id(), user_id: new_id(), role: Role::Customer, through })
}
