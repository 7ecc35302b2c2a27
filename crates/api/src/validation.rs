//! The meaning of the contract's field rules (`buf.validate`): what a violation is and what it says.
//!
//! The generated `impl Validate` call these checks, one a rule; every violation of a request is found, not the first alone.

use std::sync::OnceLock;

use regex::Regex;

/// A message whose field rules can be checked.
pub trait Validate {
    /// Adds every violation of this message to `check`.
    fn check(&self, check: &mut Check);

    /// Every violation, in the order of the fields.
    fn violations(&self) -> Vec<Violation> {
        let mut check = Check::default();
        self.check(&mut check);
        check.violations
    }
}

/// One field that breaks one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where: `preferences.user_id`, `user_ids[3]`.
    pub field: String,
    /// What is wrong, without the value itself.
    pub description: String,
}

/// Collects violations on the way through a message.
#[derive(Debug, Default)]
pub struct Check {
    prefix: String,
    violations: Vec<Violation>,
}

/// Rules for text. Lengths are counted in Unicode code points.
#[derive(Debug, Clone, Copy)]
pub struct StringRules {
    pub uuid: bool,
    pub min_len: usize,
    pub max_len: usize,
    pub pattern: Option<&'static Pattern>,
}

impl StringRules {
    pub const NONE: Self = Self { uuid: false, min_len: 0, max_len: usize::MAX, pattern: None };
}

/// Rules for enum fields.
#[derive(Debug, Clone, Copy)]
pub struct EnumRules {
    pub defined_only: bool,
    pub not_in: &'static [i32],
}

impl EnumRules {
    pub const NONE: Self = Self { defined_only: false, not_in: &[] };
}

/// Rules for whole numbers.
#[derive(Debug, Clone, Copy)]
pub struct IntegerRules {
    pub gte: i64,
    pub lte: i64,
}

impl IntegerRules {
    pub const NONE: Self = Self { gte: i64::MIN, lte: i64::MAX };
}

/// A regular expression that is compiled when it is first needed.
#[derive(Debug)]
pub struct Pattern {
    text: &'static str,
    compiled: OnceLock<Regex>,
}

impl Pattern {
    pub const fn new(text: &'static str) -> Self {
        Self { text, compiled: OnceLock::new() }
    }

    fn is_match(&self, value: &str) -> bool {
        self.compiled
            .get_or_init(|| Regex::new(self.text).expect("a test compiles every pattern of the contract"))
            .is_match(value)
    }
}

impl Check {
    pub fn required(&mut self, field: &str, is_set: bool) {
        if !is_set {
            self.violate(field, "must be set".to_owned());
        }
    }

    pub fn string(&mut self, field: &str, value: &str, rules: &StringRules) {
        let length = value.chars().count();
        if rules.uuid && (value.len() != uuid::fmt::Hyphenated::LENGTH || uuid::Uuid::try_parse(value).is_err()) {
            self.violate(field, "must be a UUID in its hyphenated form".to_owned());
        }
        // PostgreSQL keeps it in no text.
        if value.contains('\0') {
            self.violate(field, "must have no U+0000".to_owned());
        }
        if length < rules.min_len {
            self.violate(field, format!("must have at least {} characters", rules.min_len));
        }
        if length > rules.max_len {
            self.violate(field, format!("must have at most {} characters", rules.max_len));
        }
        if let Some(pattern) = rules.pattern
            && !pattern.is_match(value)
        {
            self.violate(field, format!("must match {}", pattern.text));
        }
    }

    pub fn enumeration(&mut self, field: &str, value: i32, is_defined: bool, rules: &EnumRules) {
        if rules.not_in.contains(&value) || (rules.defined_only && !is_defined) {
            self.violate(field, "must be one of the values the contract defines".to_owned());
        }
    }

    pub fn integer(&mut self, field: &str, value: i64, rules: &IntegerRules) {
        if value < rules.gte || value > rules.lte {
            self.violate(
                field,
                match rules.lte {
                    i64::MAX => format!("must be at least {}", rules.gte),
                    most => format!("must be between {} and {most}", rules.gte),
                },
            );
        }
    }

    pub fn bytes(&mut self, field: &str, length: usize, maximum: usize) {
        if length > maximum {
            self.violate(field, format!("must have at most {maximum} bytes"));
        }
    }

    pub fn count(&mut self, field: &str, count: usize, minimum: usize, maximum: usize) {
        if count < minimum || count > maximum {
            self.violate(field, format!("must have {minimum} to {maximum} items"));
        }
    }

    pub fn nested(&mut self, field: &str, message: Option<&impl Validate>) {
        if let Some(message) = message {
            let outer = self.prefix.len();
            self.prefix += field;
            self.prefix.push('.');
            message.check(self);
            self.prefix.truncate(outer);
        }
    }

    pub fn each(&mut self, field: &str, messages: &[impl Validate]) {
        for (index, message) in messages.iter().enumerate() {
            self.nested(&format!("{field}[{index}]"), Some(message));
        }
    }

    fn violate(&mut self, field: &str, description: String) {
        self.violations.push(Violation { field: format!("{}{field}", self.prefix), description });
    }
}

#[cfg(test)]
mod tests {
    use crate::cabinet::case_monitoring::v1 as cases;
    use crate::cabinet::identity::v1 as identity;
    use crate::cabinet::notification::v1 as notification;
    use crate::cabinet::profile::v1 as profile;

    fn fields(message: &impl crate::Validate) -> Vec<String> {
        message.violations().into_iter().map(|violation| violation.field).collect()
    }

    #[test]
    fn every_violation_is_reported_at_once() {
        let request = identity::CreateUserRequest {
            company_id: "7".into(),
            role: 99,
            email: "a".repeat(255),
            ..identity::CreateUserRequest::default()
        };
        assert_eq!(fields(&request), ["company_id", "role", "email"]);
    }

    #[test]
    fn an_unspecified_enum_is_refused() {
        let request = identity::CreateUserRequest {
            company_id: "01890a5d-ac96-774b-bcce-b302099a8057".into(),
            role: identity::Role::Unspecified.into(),
            email: "anna@example.com".into(),
            ..identity::CreateUserRequest::default()
        };
        assert_eq!(fields(&request), ["role"]);
    }

    #[test]
    fn a_field_that_may_be_empty_is_checked_once_it_is_not() {
        let mut request = cases::CreateCaseRequest {
            company_id: "01890a5d-ac96-774b-bcce-b302099a8057".into(),
            requester_id: "01890a5d-ac96-774b-bcce-b302099a8057".into(),
            kind: cases::CaseKind::Request.into(),
            subject: "Printer on fire".into(),
            ..Default::default()
        };
        assert_eq!(fields(&request), [""; 0]);
        request.status = "new".into();
        request.subject = "two\nlines".into();
        assert_eq!(fields(&request), ["subject", "status"]);
    }

    #[test]
    fn list_items_are_named_by_their_place() {
        let request = identity::BatchGetUsersRequest {
            realm_id: String::new(),
            user_ids: vec!["01890a5d-ac96-774b-bcce-b302099a8057".into(), "nobody".into()],
        };
        assert_eq!(fields(&request), ["user_ids[1]"]);
        let empty = identity::BatchGetUsersRequest::default();
        assert_eq!(fields(&empty), ["user_ids"]);
    }

    /// PostgreSQL would refuse it later, as a fault of ours.
    #[test]
    fn no_text_has_a_nul() {
        let request =
            identity::RenameSessionRequest { session_id: "01890a5d-ac96-774b-bcce-b302099a8057".into(), name: "a\0b".into() };
        assert_eq!(fields(&request), ["name"]);
    }

    #[test]
    fn bytes_have_a_length() {
        let part = |length| profile::UploadAvatarRequest { chunk: vec![0; length], ..Default::default() };
        assert_eq!(fields(&part(1 << 20)), [""; 0]);
        assert_eq!(fields(&part((1 << 20) + 1)), ["chunk"]);
    }

    #[test]
    fn a_required_message_must_be_there() {
        assert_eq!(fields(&notification::UpdatePreferencesRequest::default()), ["preferences", "update_mask"]);
    }
}
