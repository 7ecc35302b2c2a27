//! Only a permit shows a value.

fn main() {
    let _answer = cabinet_kernel::Authorized(7);
}
