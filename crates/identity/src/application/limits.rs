//! Limits on guessing, lifted by those who are asked for help (I23).

use std::net::IpAddr;
use std::sync::Arc;

use kernel::{Authorized, Call, RealmId, Refusal};

use super::user_actions::{may_help, realm_asked_about};
use super::{Error, Guessing, Lifted, OfUser, Realms, Sessions, Users};
use crate::domain::access::Action;
use crate::domain::audit::{AuditAct, Done};
use crate::domain::guessing::{Guessed, Subject, all_of, at_address, at_logins_of, network, of_lifts};

pub(crate) struct LimitUseCases {
    pub(crate) users: Arc<dyn Users>,
    pub(crate) realms: Arc<dyn Realms>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) guessing: Guessing,
}

impl LimitUseCases {
    /// Lifts whatever keeps a user waiting; answers with how many counts there were.
    pub(crate) async fn lift_of_user(&self, call: &Call, command: OfUser) -> Result<Authorized<u64>, Error> {
        let realm_id = realm_asked_about(call, command.realm_id)?;
        let user = self.users.get(realm_id, command.user_id).await?.ok_or(Error::UserNotFound)?;
        let permit = may_help(call, &user)?;
        let buckets = of_lifts(&format!("user {}", user.id()));
        self.guessing.begin(&permit, realm_id, Guessed::Lift, &buckets).await?;
        let now = self.guessing.clock.now();
        let sessions = self.sessions.list(realm_id, user.id(), now).await?;
        let in_sessions = sessions.iter().flat_map(|session| self.guessing.limits.of_session(session.id));
        let subjects = at_logins_of(user.contacts()).into_iter().chain(in_sessions.map(|bucket| bucket.subject));
        let lifted = Lifted {
            realm_id,
            subjects: self.kept(subjects),
            whose: Some(self.guessing.kept(&all_of(user.id()))),
            company_id: Some(user.company_id()),
            done: Done::to_user(AuditAct::UserLimitsLifted, user.id()),
        };
        let count = self.guessing.attempts.forget(&permit, call, &lifted, now).await?;
        Ok(permit.show(count))
    }

    /// Lifts what keeps everybody behind an address waiting; answers with how many counts there were.
    pub(crate) async fn lift_of_address(
        &self,
        call: &Call,
        realm_id: Option<RealmId>,
        address: IpAddr,
    ) -> Result<Authorized<u64>, Error> {
        let realm_id = realm_asked_about(call, realm_id)?;
        let permit = call.authorize(&Action::LiftAddressLimits { realm_id }).map_err(|refusal| match refusal {
            Refusal::Hidden => Error::RealmNotFound,
            other => other.into(),
        })?;
        self.realms.get(realm_id).await?.ok_or(Error::RealmNotFound)?;
        let buckets = of_lifts(&format!("address {}", network(address)));
        self.guessing.begin(&permit, realm_id, Guessed::Lift, &buckets).await?;
        let done = Done::to_realm(AuditAct::AddressLimitsLifted, realm_id).detailed(network(address).to_string());
        let subjects = self.kept(at_address(address).into_iter());
        let lifted = Lifted { realm_id, subjects, whose: None, company_id: None, done };
        let count = self.guessing.attempts.forget(&permit, call, &lifted, self.guessing.clock.now()).await?;
        Ok(permit.show(count))
    }

    fn kept(&self, subjects: impl Iterator<Item = Subject>) -> Vec<Vec<u8>> {
        subjects.map(|subject| self.guessing.kept(&subject)).collect()
    }
}
