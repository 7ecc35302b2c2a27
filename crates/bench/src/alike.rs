//! Whether the time that a refused sign-in takes tells who exists (I22).

use std::time::Instant;

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::session_service_client::SessionServiceClient;
use argon2::{Argon2, PasswordHasher as _};
use tonic::{Code, Request};

use crate::Scale;
use crate::ranks::p_value;
use crate::report::{Report, median};
use crate::stage::Stage;

const PASSWORD: &str = "correct horse battery 7 staple";
const WRONG: &str = "wrong horse battery 7 staple";
/// Calls of each class that are not counted: everything is warm then.
const WARMING: usize = 20;

/// Why somebody cannot sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Unknown,
    Blocked,
    WithoutPassword,
    WrongPassword,
}

impl Class {
    const ALL: [Self; 4] = [Self::Unknown, Self::Blocked, Self::WithoutPassword, Self::WrongPassword];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Blocked => "blocked",
            Self::WithoutPassword => "no-password",
            Self::WrongPassword => "wrong-password",
        }
    }

    fn login(self, number: usize) -> String {
        format!("{}{number}@alike.bench.example", self.as_str())
    }

    /// The blocked show theirs.
    const fn password(self) -> &'static str {
        match self {
            Self::Blocked => PASSWORD,
            Self::Unknown | Self::WithoutPassword | Self::WrongPassword => WRONG,
        }
    }
}

/// `sign_in.alike`: refused sign-ins of four classes in turn, each of another account and from another address. Their medians are to be
/// within 5 % of each other, and no two classes to be told apart at a significance of 0.001.
pub(crate) async fn alike(stage: &Stage, scale: Scale, report: &mut Report) {
    let count = scale.alike + WARMING;
    add_accounts(stage, count).await;
    let gateway = stage.cabinet.credential(pb::CredentialKind::Gateway).await;
    let mut samples: [Vec<f64>; Class::ALL.len()] = Default::default();
    for number in 0..count {
        for (turn, index) in order(number).into_iter().enumerate() {
            let taken = refused(stage, &gateway, Class::ALL[index], number, turn).await;
            if number >= WARMING {
                samples[index].push(taken);
            }
        }
    }
    for (class, sample) in Class::ALL.iter().zip(&samples) {
        report.figure(&format!("sign_in.alike.{}", class.as_str()), &[median(sample)], "ms");
    }
    let medians: Vec<f64> = samples.iter().map(|sample| median(sample)).collect();
    let greatest = medians.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let least = medians.iter().copied().fold(f64::INFINITY, f64::min);
    report.remarked("sign_in.alike.medians", &[greatest / least], "", "the greatest of the least; at most 1.05".to_owned());
    let pairs = (0..Class::ALL.len()).flat_map(|one| (0..one).map(move |other| (one, other)));
    let tested: Vec<(f64, String)> = pairs
        .map(|(one, other)| {
            let p = p_value(&samples[one], &samples[other]);
            (p, format!("{} and {}: {p:.4}", Class::ALL[one].as_str(), Class::ALL[other].as_str()))
        })
        .collect();
    let lowest = tested.iter().map(|(p, _)| *p).fold(f64::INFINITY, f64::min);
    let all: Vec<&str> = tested.iter().map(|(_, told)| told.as_str()).collect();
    report.remarked("sign_in.alike.p", &[lowest], "", format!("Mann-Whitney, the lowest; at least 0.001; {}", all.join(", ")));
}

/// In which order the classes come in a round: by turns in each there is, so that none is always measured after the same other one.
fn order(round: usize) -> [usize; Class::ALL.len()] {
    let mut left: Vec<usize> = (0..Class::ALL.len()).collect();
    let mut rest = round;
    std::array::from_fn(|_| {
        let choice = rest % left.len();
        rest /= left.len();
        left.remove(choice)
    })
}

/// Everybody but the unknown.
async fn add_accounts(stage: &Stage, count: usize) {
    let known = Class::ALL.into_iter().filter(|class| *class != Class::Unknown);
    let logins: Vec<String> = known.flat_map(|class| (0..count).map(move |number| class.login(number))).collect();
    stage.add_users(&logins).await;
    let hash = Argon2::default().hash_password(PASSWORD.as_bytes()).expect("the parameters are good");
    let like = |class: Class| format!("{}%@alike.bench.example", class.as_str());
    let (blocked, wrong) = (like(Class::Blocked), like(Class::WrongPassword));
    stage.cabinet.databases.identity.execute(&format!(
        "INSERT INTO passwords (realm_id, user_id, hash, set_at)
         SELECT realm_id, user_id, '{hash}', created_at FROM users WHERE email LIKE '{blocked}' OR email LIKE '{wrong}';
         UPDATE users SET status = 'BLOCKED' WHERE email LIKE '{blocked}'"
    ));
    stage.cabinet.databases.identity.execute("VACUUM ANALYZE users, passwords");
    stage.cabinet.settled().await;
}

/// Milliseconds until the refusal, through a gateway that names another address each time.
async fn refused(stage: &Stage, gateway: &str, class: Class, number: usize, turn: usize) -> f64 {
    let mut request = Request::new(pb::SignInRequest {
        realm_id: stage.cabinet.realm.id.to_string(),
        login: class.login(number),
        password: class.password().to_owned(),
        session_name: String::new(),
    });
    let address = format!("10.{turn}.{}.{}", number / 250, number % 250 + 1);
    let told = [("x-cabinet-gateway-authorization", format!("Bearer {gateway}")), ("x-cabinet-client-address", address)];
    for (name, value) in told {
        request.metadata_mut().insert(name, value.parse().expect("ASCII"));
    }
    let mut client = SessionServiceClient::new(stage.cabinet.identity.channel());
    let started = Instant::now();
    let answer = client.sign_in(request).await;
    let taken = started.elapsed().as_secs_f64() * 1000.0;
    assert_eq!(answer.expect_err("nobody signs in with this").code(), Code::Unauthenticated);
    taken
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_order_has_its_turn() {
        let orders: HashSet<_> = (0..24).map(order).collect();
        assert_eq!(orders.len(), 24);
        assert!(orders.iter().all(|order| order.iter().collect::<HashSet<_>>().len() == order.len()));
    }
}
