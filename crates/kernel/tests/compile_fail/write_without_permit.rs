//! A write made for a caller wants the permit.

use cabinet_kernel::Permit;

fn insert(_permit: &Permit, _row: u8) {}

fn main() {
    insert(7);
}
