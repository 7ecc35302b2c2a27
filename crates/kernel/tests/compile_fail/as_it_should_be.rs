//! Ask, write with the permit, answer with what it shows.

use std::time::Instant;

use cabinet_kernel::{Action, Authorized, Call, Caller, CaseId, Component, Decision, IdSource, Permit, RandomIds, Timestamp, UserId};

struct Anything;

impl Action for Anything {
    fn decide(&self, _: &Caller) -> Decision {
        Decision::Allow
    }
}

fn insert(_permit: &Permit, _case: CaseId, _user: UserId) {}

fn answer(_value: Authorized<u8>) {}

fn main() {
    let ids: &dyn IdSource = &RandomIds;
    let now = Timestamp::UNIX_EPOCH;
    let call = Call::new(Caller::Component(Component::Identity), ids.new_id(now), None, Instant::now());
    let permit = call.authorize(&Anything).expect("anything goes");
    insert(&permit, ids.new_id(now), ids.new_id(now));
    answer(permit.show(7));
}
