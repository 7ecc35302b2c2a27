//! Who may gather what is kept of users: one pure function.

use kernel::{Caller, Decision};

pub(super) enum Action {
    ExportPersonalData,
}

impl kernel::Action for Action {
    fn decide(&self, caller: &Caller) -> Decision {
        match (self, caller) {
            (Self::ExportPersonalData, Caller::Component(_)) => Decision::Allow,
            (Self::ExportPersonalData, _) => Decision::Deny,
        }
    }
}
