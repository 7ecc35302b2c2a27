//! Who may do what with a person's notifications: one pure function.

use kernel::{Caller, Decision, RealmId, Through, UserCaller, UserId};

pub(crate) enum Action {
    GetPreferences {
        realm_id: RealmId,
        user_id: UserId,
    },
    UpdatePreferences {
        realm_id: RealmId,
        user_id: UserId,
    },
    SeeDeliveries {
        realm_id: RealmId,
        user_id: UserId,
    },
    /// Asks about a change of a case, for somebody whom one may ask for.
    SeeCaseChange {
        is_concerned: bool,
    },
    /// Follows a link that only we can have signed, and only the person was sent: it names whose tick it is.
    FollowLink,
}

impl kernel::Action for Action {
    fn decide(&self, caller: &Caller) -> Decision {
        decide(caller, self)
    }
}

fn decide(caller: &Caller, action: &Action) -> Decision {
    match action {
        Action::GetPreferences { realm_id, user_id } => his_own(caller, *realm_id, *user_id),
        // Whoever has come by somebody's letter does not turn off the next one, nor read what else was sent (I19).
        Action::UpdatePreferences { .. } | Action::SeeDeliveries { .. }
            if matches!(caller, Caller::User(UserCaller { through: Through::Autologin(_), .. })) =>
        {
            Decision::Deny
        }
        Action::UpdatePreferences { realm_id, user_id } | Action::SeeDeliveries { realm_id, user_id } => {
            his_own(caller, *realm_id, *user_id)
        }
        Action::SeeCaseChange { is_concerned } if *is_concerned || matches!(caller, Caller::Service(_)) => Decision::Allow,
        Action::SeeCaseChange { .. } => Decision::Hide,
        Action::FollowLink => Decision::Allow,
    }
}

/// A person's preferences are his own; the realm's services keep them for him.
fn his_own(caller: &Caller, realm_id: RealmId, user_id: UserId) -> Decision {
    match caller {
        Caller::User(user) if user.realm_id == realm_id && user.user_id == user_id => Decision::Allow,
        Caller::Service(service) if service.realm_id == realm_id => Decision::Allow,
        Caller::User(_) | Caller::Service(_) => Decision::Hide,
        Caller::Gateway(_) | Caller::Component(_) | Caller::PlatformAdmin(_) | Caller::Anonymous => Decision::Deny,
    }
}
