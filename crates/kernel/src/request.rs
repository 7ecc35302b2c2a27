//! Commands that their clients name, so that they may be sent again: the same one is done once.

use crate::Fault;

/// A command's name: who calls, what he calls, and the id he gave it, together with what he asks for. Digests, so that nothing
/// of the command can be read from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedRequest {
    key: [u8; 32],
    content: [u8; 32],
}

impl NamedRequest {
    /// `key` stands for the caller, the method and the id, `content` for these and the whole request.
    pub const fn new(key: [u8; 32], content: [u8; 32]) -> Self {
        Self { key, content }
    }

    pub const fn key(&self) -> &[u8] {
        &self.key
    }

    pub const fn content(&self) -> &[u8] {
        &self.content
    }
}

/// Why it cannot be told what was done for a request.
#[derive(Debug, thiserror::Error)]
pub enum RepeatError {
    #[error("the request id stood for another request")]
    IdReused,
    #[error(transparent)]
    Fault(#[from] Fault),
}
