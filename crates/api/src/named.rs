//! Requests that their clients may name, so that they can be sent again and are done once.

/// A request that may carry an id of its client's.
pub trait NamedByClient {
    /// What the contract calls requests of this kind: `cabinet.identity.v1.CreateUserRequest`, each a method's own.
    const MESSAGE: &'static str;

    /// Takes out the id the client gave it; empty if it gave none, or if requests of this kind have none.
    fn take_request_id(&mut self) -> String;
}
