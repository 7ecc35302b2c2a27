//! Where a case comes from, if it began elsewhere, and how far its source's account of it has been taken (C12).

use std::fmt;

/// Another system that cases come from, by the name the realm gave it. The contract says what names there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceName(String);

impl SourceName {
    pub(crate) const fn new(name: String) -> Self {
        Self(name)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A case as its source knows it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) source: SourceName,
    /// Unique in the realm and source.
    pub(crate) external_id: String,
    /// How far the source's account of the case has been taken.
    pub(crate) position: i64,
}

/// What a source calls a case may be anything: it is not printed.
impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").field("source", &self.source).field("position", &self.position).finish_non_exhaustive()
    }
}

/// Where in a source's account of a case a change stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourcePosition {
    pub(crate) source: SourceName,
    pub(crate) position: i64,
}

/// Who is told of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    /// Whom it concerns, as he ticked.
    AsTicked,
    /// Nobody: the past of a case is no news.
    Silent,
}
