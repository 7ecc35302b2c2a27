//! A handler that wants an authorised value does not take a bare one.

use cabinet_kernel::Authorized;

fn answer(_value: Authorized<u8>) {}

fn main() {
    answer(7_u8);
}
