//! One question, one permit: there is no second one to put by.

use cabinet_kernel::Permit;

fn keep(permit: &Permit) -> Permit {
    permit.clone()
}

fn main() {}
