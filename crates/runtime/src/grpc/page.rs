//! Pages of a list: keyset tokens that are opaque, and good only for the list and the caller they were given to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::{Call, Id};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Problem;

const DEFAULT_SIZE: i64 = 50;
const BINDING_BYTES: usize = 8;

/// Which page is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// How many items at the most.
    pub size: i64,
    /// Goes on behind this item.
    after: Option<Uuid>,
    binding: [u8; BINDING_BYTES],
}

impl Page {
    /// Reads a page of the list `list` (its RPC, with whatever filters and orders it). The field rules have seen the size.
    pub fn read(call: &Call, list: &str, size: i32, token: &str) -> Result<Self, Problem> {
        let binding = binding(call, list);
        let size = if size == 0 { DEFAULT_SIZE } else { i64::from(size) };
        if token.is_empty() {
            return Ok(Self { size, after: None, binding });
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Problem::page_token_invalid())?;
        match bytes.split_at_checked(BINDING_BYTES) {
            Some((given_to, position)) if given_to == binding => {
                let after = Uuid::from_slice(position).map_err(|_| Problem::page_token_invalid())?;
                Ok(Self { size, after: Some(after), binding })
            }
            _ => Err(Problem::page_token_invalid()),
        }
    }

    /// The id behind which this page begins.
    pub fn after<Of>(&self) -> Option<Id<Of>> {
        self.after.map(Id::from_uuid)
    }

    /// The token of the page after `last`; empty if this one was not full.
    pub fn next_token<Of>(&self, count: usize, last: Option<Id<Of>>) -> String {
        match last {
            Some(last) if i64::try_from(count) == Ok(self.size) => {
                let bytes: Vec<u8> = self.binding.iter().chain(last.as_uuid().as_bytes()).copied().collect();
                URL_SAFE_NO_PAD.encode(bytes)
            }
            _ => String::new(),
        }
    }
}

/// What a token must have been given for.
fn binding(call: &Call, list: &str) -> [u8; BINDING_BYTES] {
    let digest = Sha256::digest(format!("{list}\n{}", call.caller().subject()));
    let mut binding = [0; BINDING_BYTES];
    binding.copy_from_slice(&digest[..BINDING_BYTES]);
    binding
}
