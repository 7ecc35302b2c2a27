//! What must not compile does not: permission cannot be forgotten, made up or kept, and ids cannot be mixed up.

/// Rule F9: nobody commits or answers without a permit.
#[test]
fn permission_cannot_be_forgotten_made_up_or_kept() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile_fail/write_without_permit.rs");
    cases.compile_fail("tests/compile_fail/permit_made_up.rs");
    cases.compile_fail("tests/compile_fail/permit_kept.rs");
    cases.compile_fail("tests/compile_fail/answer_made_up.rs");
    cases.compile_fail("tests/compile_fail/answer_without_permit.rs");
    cases.compile_fail("tests/compile_fail/id_of_another_kind.rs");
    // Shows that the files above fail for what they say and not for how they are built.
    cases.pass("tests/compile_fail/as_it_should_be.rs");
}
