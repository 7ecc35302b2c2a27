//! A dependency or we ourselves failed: nobody asked for anything wrong.

use std::error::Error;

/// What went wrong on our side, with its source kept for the log and never shown to a caller.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A dependency is away; the same request may succeed later.
    #[error("a dependency is away")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// A fault of ours.
    #[error("internal fault")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
}

impl Fault {
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }

    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }
}
