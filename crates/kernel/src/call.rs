//! One request, as a use case sees it.

use std::net::IpAddr;
use std::time::Instant;

use crate::{Action, Caller, CommandId, NamedRequest, Permit, RealmId, Refusal, Secret, Through, UserCaller};

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
    /// By what identity knows its device again; it proves itself, whoever hands it on.
    pub device: Option<Secret<String>>,
}

impl Client {
    /// Of whom nothing is known.
    pub const SOMEWHERE: Self = Self { address: None, agent: None, device: None };
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
            origin: Origin { peer: Client::SOMEWHERE, told: None },
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

    /// The client, as far as this realm is concerned: a gateway is believed in its own realm only. Of a user for whom a machine
    /// calls nobody else can say where he is: all of its users would be in one place.
    pub fn client_in(&self, realm_id: RealmId) -> &Client {
        match (&self.origin.told, &self.caller) {
            (Some((told_in, client)), _) if *told_in == realm_id => client,
            (_, Caller::User(UserCaller { through: Through::Service(_), .. })) => &Client::SOMEWHERE,
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
    use crate::{Decision, Id, Role};

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

    /// Rules N14.a, I17.a: whoever is called for is where a gateway says, or nobody knows where; he is not where the machine is.
    #[test]
    fn whoever_is_called_for_is_not_where_the_machine_is() {
        let (realm_id, abroad) = (Id::from_uuid(uuid::Uuid::nil()), Id::from_uuid(uuid::Uuid::max()));
        let at = |last| Client { address: Some([10, 0, 0, last].into()), agent: None, device: None };
        let from = |through, told| {
            let (company_id, user_id) = (Id::from_uuid(uuid::Uuid::nil()), Id::from_uuid(uuid::Uuid::nil()));
            let user = UserCaller { realm_id, company_id, user_id, role: Role::Customer, through };
            call(Caller::User(user)).from(Origin { peer: at(1), told }).client_in(realm_id).clone()
        };
        let session = Through::Session(Id::from_uuid(uuid::Uuid::nil()));
        let machine = Through::Service(Id::from_uuid(uuid::Uuid::nil()));
        assert_eq!((from(session, None), from(machine, None)), (at(1), Client::SOMEWHERE));
        let by_gateway = Some((realm_id, at(2)));
        assert_eq!((from(session, by_gateway.clone()), from(machine, by_gateway)), (at(2), at(2)));
        let by_strange_gateway = Some((abroad, at(3)));
        assert_eq!((from(session, by_strange_gateway.clone()), from(machine, by_strange_gateway)), (at(1), Client::SOMEWHERE));
    }

    #[test]
    fn a_stranger_learns_only_that_he_must_sign_in() {
        let call = call(Caller::Anonymous);
        assert_eq!(call.authorize(&Answer(Decision::Deny)).err(), Some(Refusal::Unauthenticated));
        assert_eq!(call.authorize(&Answer(Decision::Hide)).err(), Some(Refusal::Unauthenticated));
    }
}
