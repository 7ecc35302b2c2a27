//! One request, as a use case sees it.

use std::net::IpAddr;
use std::time::Instant;

use crate::{Action, Caller, CommandId, NamedRequest, Permit, RealmId, Refusal};

/// Who calls, under which command id, in which trace, and until when he waits.
#[derive(Debug, Clone)]
pub struct Call {
    caller: Caller,
    command_id: CommandId,
    traceparent: Option<String>,
    /// After this moment nobody waits for the answer any more.
    deadline: Instant,
    origin: Origin,
    named_request: Option<NamedRequest>,
}

/// On whose behalf another service is asked: until when somebody waits for the answer, and in which trace.
#[derive(Debug, Clone, Copy)]
pub struct Errand<'a> {
    pub deadline: Instant,
    pub traceparent: Option<&'a str>,
}

impl Errand<'_> {
    /// In no trace.
    pub const fn until(deadline: Instant) -> Self {
        Self { deadline, traceparent: None }
    }
}

/// Where a client is, and what it calls itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    pub address: Option<IpAddr>,
    /// Its `User-Agent`.
    pub agent: Option<String>,
}

/// Where a request comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Who is connected to us.
    pub peer: Client,
    /// The client behind it, as a gateway of this realm says.
    pub told: Option<(RealmId, Client)>,
}

impl Call {
    pub const fn new(caller: Caller, command_id: CommandId, traceparent: Option<String>, deadline: Instant) -> Self {
        Self {
            caller,
            command_id,
            traceparent,
            deadline,
            origin: Origin { peer: Client { address: None, agent: None }, told: None },
            named_request: None,
        }
    }

    /// The same call, from somewhere.
    #[must_use]
    pub fn from(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// The same call, for a command that its client named.
    #[must_use]
    pub fn for_request(self, named_request: NamedRequest) -> Self {
        Self { named_request: Some(named_request), ..self }
    }

    /// The command's name, if its client gave it one.
    pub const fn named_request(&self) -> Option<&NamedRequest> {
        self.named_request.as_ref()
    }

    /// The client, as far as this realm is concerned: a gateway is believed in its own realm only.
    pub fn client_in(&self, realm_id: RealmId) -> &Client {
        match &self.origin.told {
            Some((told_in, client)) if *told_in == realm_id => client,
            _ => &self.origin.peer,
        }
    }

    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The realm this call stays in. Who belongs to none has no business with what realms own.
    pub fn realm_id(&self) -> Result<RealmId, Refusal> {
        match self.caller.realm_id() {
            Some(realm_id) => Ok(realm_id),
            None if self.caller == Caller::Anonymous => Err(Refusal::Unauthenticated),
            None => Err(Refusal::Denied),
        }
    }

    /// The cause id of every event this call leads to.
    pub const fn command_id(&self) -> CommandId {
        self.command_id
    }

    /// The W3C trace context of what follows from this call, if it belongs to a trace.
    pub fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }

    /// What every question is asked with that this call leads to.
    pub fn errand(&self) -> Errand<'_> {
        Errand { deadline: self.deadline, traceparent: self.traceparent() }
    }

    /// Asks the service's one `decide` whether this caller may do this.
    pub fn authorize(&self, action: &impl Action) -> Result<Permit, Refusal> {
        Permit::ask(&self.caller, action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decision, Id};

    struct Answer(Decision);

    impl Action for Answer {
        fn decide(&self, _: &Caller) -> Decision {
            self.0
        }
    }

    fn call(caller: Caller) -> Call {
        Call::new(caller, Id::from_uuid(uuid::Uuid::nil()), None, Instant::now())
    }

    #[test]
    fn only_allow_makes_a_permit() {
        let call = call(Caller::Component(crate::Component::Notification));
        assert!(call.authorize(&Answer(Decision::Allow)).is_ok());
        assert_eq!(call.authorize(&Answer(Decision::Deny)).err(), Some(Refusal::Denied));
        assert_eq!(call.authorize(&Answer(Decision::Hide)).err(), Some(Refusal::Hidden));
    }

    #[test]
    fn a_stranger_learns_only_that_he_must_sign_in() {
        let call = call(Caller::Anonymous);
        assert_eq!(call.authorize(&Answer(Decision::Deny)).err(), Some(Refusal::Unauthenticated));
        assert_eq!(call.authorize(&Answer(Decision::Hide)).err(), Some(Refusal::Unauthenticated));
    }
}
