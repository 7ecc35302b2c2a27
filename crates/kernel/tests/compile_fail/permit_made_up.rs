//! A permit comes from asking, from nowhere else.

fn main() {
    let _permit = cabinet_kernel::Permit { _only_made_here: () };
}
