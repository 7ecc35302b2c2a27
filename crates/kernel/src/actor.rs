//! Who administers, as it is written down (I26).

use std::str::FromStr;

use crate::{ActorId, Caller, CredentialId, Id, Through, UserCaller};

/// Of which kind somebody is who administers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorKind {
    User,
    Service,
    PlatformAdmin,
    /// Whoever runs a command of ours beside the database itself. He has shown nobody who he is.
    CommandLine,
}

impl ActorKind {
    pub const ALL: [Self; 4] = [Self::User, Self::Service, Self::PlatformAdmin, Self::CommandLine];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Service => "SERVICE",
            Self::PlatformAdmin => "PLATFORM_ADMIN",
            Self::CommandLine => "COMMAND_LINE",
        }
    }
}

impl FromStr for ActorKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// Somebody who administers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    pub kind: ActorKind,
    pub id: Option<ActorId>,
    /// What he is known by who has no id.
    pub name: Option<String>,
    /// The credential that called in a user's name.
    pub acting_service: Option<CredentialId>,
}

impl Actor {
    /// Whoever runs a command of ours.
    pub const COMMAND_LINE: Self = Self { kind: ActorKind::CommandLine, id: None, name: None, acting_service: None };

    /// The caller, if he is one of those who administer anything.
    pub fn of(caller: &Caller) -> Option<Self> {
        let nobody = Self { kind: ActorKind::User, id: None, name: None, acting_service: None };
        match caller {
            Caller::User(UserCaller { user_id, through, .. }) => {
                let acting_service = if let Through::Service(id) = through { Some(*id) } else { None };
                Some(Self { id: Some(Id::from_uuid(user_id.as_uuid())), acting_service, ..nobody })
            }
            Caller::Service(service) => {
                Some(Self { kind: ActorKind::Service, id: Some(Id::from_uuid(service.credential_id.as_uuid())), ..nobody })
            }
            Caller::PlatformAdmin(admin) => {
                Some(Self { kind: ActorKind::PlatformAdmin, name: Some(admin.name.clone()), ..nobody })
            }
            Caller::Anonymous | Caller::Gateway(_) | Caller::Component(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{Component, PlatformAdminCaller, Role, ServiceCaller};

    /// Rule I26.b: whoever administers is written down as what he is, together with the machine that calls for him; nobody else is.
    #[test]
    fn an_actor_is_who_calls() {
        let (realm_id, user_id, machine) =
            (Id::from_uuid(Uuid::nil()), Id::from_uuid(Uuid::from_u128(1)), Id::from_uuid(Uuid::from_u128(2)));
        let company_id = Id::from_uuid(Uuid::nil());
        let user = UserCaller { realm_id, company_id, user_id, role: Role::Owner, through: Through::Service(machine) };
        let found = Actor::of(&Caller::User(user)).expect("users administer");
        assert_eq!((found.kind, found.id.map(|id| id.as_uuid())), (ActorKind::User, Some(user_id.as_uuid())));
        assert_eq!(found.acting_service, Some(machine));
        let service = Caller::Service(ServiceCaller { realm_id, credential_id: machine, name: "importer".to_owned() });
        let found = Actor::of(&service).expect("machines administer");
        assert_eq!((found.kind, found.id.map(|id| id.as_uuid())), (ActorKind::Service, Some(machine.as_uuid())));
        let admin = Caller::PlatformAdmin(PlatformAdminCaller { name: "olga".to_owned() });
        let found = Actor::of(&admin).expect("so do those who run the platform");
        assert_eq!((found.kind, found.id, found.name.as_deref()), (ActorKind::PlatformAdmin, None, Some("olga")));
        assert_eq!(Actor::of(&Caller::Component(Component::Profile)), None);
        assert_eq!(Actor::of(&Caller::Anonymous), None);
    }
}
