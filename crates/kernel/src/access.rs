//! Permission that must be shown: who forgets to ask cannot commit and cannot answer.
//!
//! Each service has one pure `decide` over its own actions. [`crate::Call::authorize`] asks it and is
//! the only maker of a [`Permit`]. Storage ports want `&Permit` for every write made for a caller, and
//! the gRPC adapters accept nothing but [`Authorized`] values: forgetting does not compile
//! (`tests/compile_fail`).

use crate::Caller;

/// The answer to "may this caller do this?".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Allow,
    /// The caller may know that the thing exists, but may not do this to it.
    Deny,
    /// The caller may do this once he has shown who he is: what he came by is no proof of it.
    Prove,
    /// The caller may not even know that the thing exists: the answer is the one for an unknown id.
    Hide,
}

/// What somebody wants to do, together with what is needed to decide it.
pub trait Action {
    fn decide(&self, caller: &Caller) -> Decision;
}

/// Why there is no permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("no valid credential was shown")]
    Unauthenticated,
    #[error("the caller may not do this")]
    Denied,
    #[error("the caller has to show who he is")]
    Unproven,
    #[error("there is no such thing for this caller")]
    Hidden,
}

/// Proof that somebody was asked and said yes. It cannot be made, copied or kept from outside this module.
#[derive(Debug)]
pub struct Permit {
    _only_made_here: (),
}

impl Permit {
    /// Asks, and answers with a permit or the reason why there is none.
    pub(crate) fn ask(caller: &Caller, action: &impl Action) -> Result<Self, Refusal> {
        match action.decide(caller) {
            Decision::Allow => Ok(Self { _only_made_here: () }),
            _ if *caller == Caller::Anonymous => Err(Refusal::Unauthenticated),
            Decision::Deny => Err(Refusal::Denied),
            Decision::Prove => Err(Refusal::Unproven),
            Decision::Hide => Err(Refusal::Hidden),
        }
    }

    /// Lets the caller see a value: the only way to make an [`Authorized`].
    pub fn show<T>(self, value: T) -> Authorized<T> {
        Authorized(value)
    }
}

/// A value its caller may see.
#[derive(Debug)]
pub struct Authorized<T>(T);

impl<T> Authorized<T> {
    pub fn into_inner(self) -> T {
        self.0
    }
}
