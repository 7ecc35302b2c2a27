//! The few ways in which anything here can fail, as its caller sees it.

/// What a caller may do about an error. Every error enum of a use case maps to one of these; the
/// gRPC stack maps these, and nothing else, to status codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request is wrong whatever the state of the system.
    InvalidArgument,
    /// The caller did not prove who he is.
    Unauthenticated,
    /// The caller may see the thing, but not do this to it.
    PermissionDenied,
    /// There is no such thing, or the caller may not know that there is.
    NotFound,
    /// Something else has that name already.
    AlreadyExists,
    /// The state of the system forbids it now.
    FailedPrecondition,
    /// Somebody else changed the thing meanwhile: read again, then repeat.
    Aborted,
    /// The caller, or everybody together, asks for too much: repeat later.
    ResourceExhausted,
    /// A dependency is away: repeat the same request later.
    Unavailable,
    /// A fault of ours.
    Internal,
}
