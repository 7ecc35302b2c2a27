//! The links in letters that open their readers' accounts (I19): asked for while a batch is prepared. No letter fails for want of
//! one, or waits long for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kernel::{CaseId, Errand, Fault, RealmId, Timestamp};
use runtime::trace::Tracer;

use super::{Addressed, Autologins, AutologinsMade, CaseDelivery};
use crate::domain::Claimed;

/// How long identity is left alone after it gave none: otherwise a silent one would hold up every batch.
const QUIET: Duration = Duration::from_secs(10);

/// Asks for the autologins of letters.
pub(crate) struct AutologinDesk {
    autologins: Arc<dyn Autologins>,
    /// How long to wait for identity's answer: all letters of the batch do.
    timeout: Duration,
    quiet: Quiet,
}

/// Until when nobody is asked.
#[derive(Default)]
struct Quiet(Mutex<Option<Instant>>);

impl Quiet {
    fn begin(&self, now: Instant) {
        *self.0.lock().expect("nobody panics while holding a moment") = Some(now + QUIET);
    }

    fn holds(&self, now: Instant) -> bool {
        self.0.lock().expect("nobody panics while holding a moment").is_some_and(|end| now < end)
    }
}

impl AutologinDesk {
    pub(crate) fn new(autologins: Arc<dyn Autologins>, timeout: Duration) -> Self {
        Self { autologins, timeout, quiet: Quiet::default() }
    }

    /// The tokens of those of a batch that may carry one: one question a realm, all at once. Whatever goes wrong, the others leave
    /// with the plain link.
    pub(super) async fn tokens(&self, batch: &[Addressed], now: Timestamp, tracer: &Tracer) -> AutologinsMade {
        if self.quiet.holds(Instant::now()) {
            return HashMap::new();
        }
        let questions = by_realm(batch, now).into_iter().map(|(realm_id, letters)| self.ask(realm_id, letters, tracer));
        futures::future::join_all(questions).await.into_iter().flatten().collect()
    }

    /// Asked in the trace of the first of the letters that is recorded.
    async fn ask(&self, realm_id: RealmId, letters: Vec<&Claimed>, tracer: &Tracer) -> AutologinsMade {
        let traceparent = tracer.first_wanted(letters.iter().map(|letter| letter.traceparent.as_deref()));
        let errand = Errand { deadline: Instant::now() + self.timeout, traceparent };
        let letters: Vec<CaseDelivery> = letters.into_iter().map(case_delivery).collect();
        // The deadline is for the answer; a connection that does not open may take longer.
        let answer = tokio::time::timeout(self.timeout, self.autologins.make(realm_id, &letters, errand)).await;
        match answer.unwrap_or_else(|elapsed| Err(Fault::unavailable(elapsed))) {
            Ok(tokens) => tokens,
            Err(fault) => {
                tracing::warn!(realm.id = %realm_id, error = &fault as &dyn std::error::Error, "autologins not asked for");
                self.quiet.begin(Instant::now());
                HashMap::new()
            }
        }
    }
}

/// The letters whose links open accounts, realm by realm.
fn by_realm(batch: &[Addressed], now: Timestamp) -> HashMap<RealmId, Vec<&Claimed>> {
    let mut realms: HashMap<RealmId, Vec<&Claimed>> = HashMap::new();
    for Addressed { delivery, .. } in batch {
        if delivery.kind.has_autologin(delivery.channel) && !delivery.is_expired(now) {
            realms.entry(delivery.realm_id).or_default().push(delivery);
        }
    }
    realms
}

/// What it is about is a case.
fn case_delivery(letter: &Claimed) -> CaseDelivery {
    CaseDelivery {
        delivery_id: letter.delivery_id,
        user_id: letter.user_id,
        case_id: CaseId::from_uuid(letter.object_id.as_uuid()),
        created_at: letter.created_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule I19.a: an identity that gave no answer is asked again, after a while.
    #[test]
    fn who_gave_no_answer_is_left_alone_for_a_while() {
        let (quiet, failed_at) = (Quiet::default(), Instant::now());
        assert!(!quiet.holds(failed_at), "nothing has gone wrong yet");
        quiet.begin(failed_at);
        assert!(quiet.holds(failed_at) && quiet.holds(failed_at + Duration::from_secs(9)));
        assert!(!quiet.holds(failed_at + QUIET));
    }
}
