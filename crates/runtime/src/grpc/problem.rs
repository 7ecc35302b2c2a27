//! The one place that builds a `tonic::Status` for an error.
//!
//! Every error carries a `google.rpc.ErrorInfo{reason, domain}`; the other standard details where they apply. Its message is for
//! developers; what people read is added last, when their language is known. The text of a source never leaves: it is logged
//! here, once.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use api::cabinet::r#type::v1::CommonErrorReason;
use kernel::{ErrorKind, Fault, Refusal, RepeatError};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::ErrorTexts;

pub(super) const COMMON_DOMAIN: &str = "cabinet";
const COMMON_PREFIX: &str = "COMMON_ERROR_REASON_";
const REASON_PREFIX: &str = "ERROR_REASON_";
/// When to come back after a dependency was away.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    pub field: String,
    pub description: String,
}

/// An error on its way to a client.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    code: Code,
    domain: &'static str,
    reason: &'static str,
    message: String,
    field_violations: Vec<FieldViolation>,
    /// Every reason that applies, where several do; without their prefixes.
    reasons: Vec<&'static str>,
    /// (type, subject, description), as `google.rpc.PreconditionFailure.Violation` has them.
    precondition_violations: Vec<(String, String, String)>,
    /// (type, name) of what there is already, as `google.rpc.ResourceInfo` has them.
    resource: Option<(&'static str, String)>,
    retry_delay: Option<Duration>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Problem {
    /// A refusal for a reason of the service `domain`; `reason` is the contract's name of the value, with its prefix.
    pub fn refusal(kind: ErrorKind, domain: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(code(kind), domain, reason.strip_prefix(REASON_PREFIX).unwrap_or(reason), message.into())
    }

    /// The contract's name of the reason, without its prefix.
    pub fn reason(&self) -> &'static str {
        self.0.reason
    }

    /// Names the field that is wrong.
    #[must_use]
    pub fn in_field(mut self, field: impl Into<String>) -> Self {
        let description = self.0.message.clone();
        self.0.field_violations.push(FieldViolation { field: field.into(), description });
        self
    }

    /// Says what is wrong with a field, where several things are.
    #[must_use]
    pub fn violated(mut self, field: impl Into<String>, description: impl Into<String>) -> Self {
        self.0.field_violations.push(FieldViolation { field: field.into(), description: description.into() });
        self
    }

    /// Names one of several reasons that apply at once: they stand in `ErrorInfo.metadata["reasons"]`, the first one is the reason.
    #[must_use]
    pub fn also(mut self, reason: &'static str) -> Self {
        self.0.reasons.push(reason.strip_prefix(REASON_PREFIX).unwrap_or(reason));
        self
    }

    /// Says which condition of the system's state is not met.
    #[must_use]
    pub fn unless(mut self, kind: &str, subject: &str) -> Self {
        let description = self.0.message.clone();
        self.0.precondition_violations.push((kind.to_owned(), subject.to_owned(), description));
        self
    }

    /// Names the thing that stands in the way; its id, never what it holds.
    #[must_use]
    pub fn about(mut self, kind: &'static str, id: String) -> Self {
        self.0.resource = Some((kind, id));
        self
    }

    /// Says when to come back.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.0.retry_delay = Some(delay);
        self
    }

    /// The request breaks field rules of the contract.
    pub fn request_invalid(violations: Vec<FieldViolation>) -> Self {
        let mut problem = Self::common(Code::InvalidArgument, CommonErrorReason::RequestInvalid, "the request is not valid");
        for violation in &violations {
            let _ = write!(problem.0.message, "; {}: {}", violation.field, violation.description);
        }
        problem.0.field_violations = violations;
        problem
    }

    pub(crate) fn token_invalid() -> Self {
        Self::common(Code::Unauthenticated, CommonErrorReason::TokenInvalid, "the access token is not valid")
    }

    pub(crate) fn page_token_invalid() -> Self {
        Self::common(Code::InvalidArgument, CommonErrorReason::PageTokenInvalid, "the page token is not valid for this list")
    }

    pub(crate) fn deadline_exceeded() -> Self {
        Self::common(Code::DeadlineExceeded, CommonErrorReason::DeadlineExceeded, "the deadline has passed")
    }

    fn common(code: Code, reason: CommonErrorReason, message: &str) -> Self {
        let name = reason.as_str_name();
        Self::new(code, COMMON_DOMAIN, name.strip_prefix(COMMON_PREFIX).unwrap_or(name), message.to_owned())
    }

    fn new(code: Code, domain: &'static str, reason: &'static str, message: String) -> Self {
        Self(Box::new(Parts {
            code,
            domain,
            reason,
            message,
            field_violations: Vec::new(),
            reasons: Vec::new(),
            precondition_violations: Vec::new(),
            resource: None,
            retry_delay: None,
            source: None,
        }))
    }

    /// Keeps the source for the log.
    fn because_of(mut self, source: Box<dyn Error + Send + Sync>) -> Self {
        self.0.source = Some(source);
        self
    }
}

impl Parts {
    fn details(&self) -> ErrorDetails {
        let mut details = ErrorDetails::new();
        let reasons = (!self.reasons.is_empty()).then(|| ("reasons".to_owned(), self.reasons.join(",")));
        details.set_error_info(self.reason, self.domain, reasons.into_iter().collect::<HashMap<_, _>>());
        for violation in &self.field_violations {
            details.add_bad_request_violation(&violation.field, &violation.description);
        }
        for (kind, subject, description) in &self.precondition_violations {
            details.add_precondition_failure_violation(kind, subject, description);
        }
        if let Some((kind, id)) = &self.resource {
            details.set_resource_info(*kind, id, "", &self.message);
        }
        if let Some(delay) = self.retry_delay {
            details.set_retry_info(Some(delay));
        }
        details
    }
}

const fn code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::InvalidArgument => Code::InvalidArgument,
        ErrorKind::Unauthenticated => Code::Unauthenticated,
        ErrorKind::PermissionDenied => Code::PermissionDenied,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::AlreadyExists => Code::AlreadyExists,
        ErrorKind::FailedPrecondition => Code::FailedPrecondition,
        ErrorKind::Aborted => Code::Aborted,
        ErrorKind::ResourceExhausted => Code::ResourceExhausted,
        ErrorKind::Unavailable => Code::Unavailable,
        ErrorKind::Internal => Code::Internal,
    }
}

impl From<Refusal> for Problem {
    /// `Hidden` has no answer of its own: each service says NOT_FOUND in the words of the thing that is hidden. `Unproven` has one of
    /// identity's.
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unauthenticated => Self::common(Code::Unauthenticated, CommonErrorReason::Unauthenticated, "sign in first"),
            Refusal::Denied | Refusal::Unproven | Refusal::Hidden => {
                Self::common(Code::PermissionDenied, CommonErrorReason::PermissionDenied, "the caller may not do this")
            }
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unavailable(source) => {
                let mut problem =
                    Self::common(Code::Unavailable, CommonErrorReason::Unavailable, "a dependency is away; try again later");
                problem.0.retry_delay = Some(RETRY_DELAY);
                problem.because_of(source)
            }
            Fault::Internal(source) => {
                Self::common(Code::Internal, CommonErrorReason::Internal, "internal error").because_of(source)
            }
        }
    }
}

impl From<RepeatError> for Problem {
    fn from(error: RepeatError) -> Self {
        let reason = CommonErrorReason::RequestIdReused;
        match error {
            RepeatError::IdReused => {
                Self::common(Code::InvalidArgument, reason, "the request id stood for another request").in_field("request_id")
            }
            RepeatError::Fault(fault) => fault.into(),
        }
    }
}

impl From<Problem> for Status {
    fn from(Problem(problem): Problem) -> Self {
        if let Some(source) = &problem.source {
            tracing::error!(reason = problem.reason, error = source.as_ref() as &dyn Error, "request failed");
        }
        Self::with_error_details(problem.code, &problem.message, problem.details())
    }
}

/// The same error with what people are to read of it, if it is one of ours.
pub(super) fn with_text(status: Status, texts: &ErrorTexts, language: &'static str) -> Status {
    let mut details = status.get_error_details();
    let text = details.error_info().and_then(|info| texts.text(&info.domain, &info.reason, language));
    let Some(text) = text.map(str::to_owned) else { return status };
    details.set_localized_message(language, text);
    Status::with_error_details_and_metadata(status.code(), status.message(), details, status.metadata().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_source_never_leaves() {
        let status = Status::from(Problem::from(Fault::internal("password of anna@example.com is hunter2")));
        assert_eq!(status.code(), Code::Internal);
        assert!(!format!("{status:?}").contains("hunter2"));
    }

    #[test]
    fn a_dependency_that_is_away_says_when_to_come_back() {
        let status = Status::from(Problem::from(Fault::unavailable("connection refused")));
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(status.get_details_retry_info().and_then(|info| info.retry_delay), Some(RETRY_DELAY));
        assert_eq!(status.get_details_error_info().map(|info| info.reason), Some("UNAVAILABLE".to_owned()));
    }

    #[test]
    fn a_reason_travels_without_its_prefix() {
        let problem = Problem::refusal(ErrorKind::AlreadyExists, "identity.cabinet", "ERROR_REASON_EMAIL_TAKEN", "taken");
        let info = Status::from(problem).get_details_error_info().expect("every error has one");
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("EMAIL_TAKEN", "identity.cabinet"));
    }
}
