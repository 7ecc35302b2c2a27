//! A case is not a user.

use cabinet_kernel::{CaseId, UserId};

fn block(_user: UserId) {}

fn close(case: CaseId) {
    block(case);
}

fn main() {}
