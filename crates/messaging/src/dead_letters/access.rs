//! Who may do what with dead letters: one pure function.

use kernel::{Caller, Decision};

pub(super) enum Action {
    ListDeadLetters,
    ReplayDeadLetters,
}

impl kernel::Action for Action {
    fn decide(&self, caller: &Caller) -> Decision {
        match (self, caller) {
            (Self::ListDeadLetters | Self::ReplayDeadLetters, Caller::PlatformAdmin(_)) => Decision::Allow,
            (Self::ListDeadLetters | Self::ReplayDeadLetters, _) => Decision::Deny,
        }
    }
}
