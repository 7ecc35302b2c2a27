//! Whether somebody may enter a VPN: its server asks by the password that he signs in with (I12).

use std::sync::Arc;

use kernel::{Authorized, Call, Caller, Permit, RealmId, Refusal, UserId};
use uuid::Uuid;

use super::guessing::Attempt;
use super::{Account, Error, SessionUseCases, Stations, Waiting};
use crate::domain::access::Action;
use crate::domain::guessing::{Guessed, known_station};
use crate::domain::{FirstFactor, Login, Password, Station, UserStatus};

/// Whose stations are looked for where there is no user: nobody's.
const NOBODY: UserId = UserId::from_uuid(Uuid::nil());

pub(crate) struct VpnUseCases {
    pub(crate) stations: Arc<dyn Stations>,
    /// Looks at passwords.
    pub(crate) sessions: SessionUseCases,
}

pub(crate) struct EnterVpn {
    pub(crate) login: String,
    pub(crate) password: Password,
    /// None if the server does not say where he is.
    pub(crate) station: Option<Station>,
}

impl VpnUseCases {
    /// Refused as signing in is, after the same work (I22). No session begins: connections are the VPN server's own.
    pub(crate) async fn enter(&self, call: &Call, command: EnterVpn) -> Result<Authorized<()>, Error> {
        let permit = call.authorize(&Action::EnterVpn)?;
        let Caller::Gateway(gateway) = call.caller() else { return Err(Refusal::Denied.into()) };
        let (users, guessing) = (&self.sessions.users, &self.sessions.guessing);
        let realm = self.sessions.realms.get(gateway.realm_id).await?.ok_or(Error::RealmNotFound)?;
        let login = Login::read(&command.login, &realm.policy);
        let account = users.account(realm.id, login.as_ref()).await?;
        let (waiting, attempt) = self.attempt(&permit, realm.id, &command, login.as_ref(), account.as_ref()).await?;
        let account = self.sessions.look_at(&permit, account, command.password, waiting, &attempt).await?;
        let may_use_it = realm.policy.sign_on.admits(account.user.role(), FirstFactor::Password);
        if account.user.status() != UserStatus::Active || !may_use_it {
            return Err(Error::SignInRefused);
        }
        // It took a while: whoever was blocked meanwhile, or has another password, stays outside.
        let now = users.account(realm.id, login.as_ref()).await?.filter(|now| is_still(&account, now));
        let entering = now.ok_or(Error::SignInRefused)?;
        guessing.take_back(&permit, &attempt).await?;
        if let Some(station) = &command.station {
            let kept = self.kept(station, entering.user.id());
            self.stations.remember(&permit, &entering, &kept, self.sessions.clock.now()).await?;
        }
        Ok(permit.show(()))
    }

    /// Counts an attempt, and says in which queue it stands.
    async fn attempt(
        &self,
        permit: &Permit,
        realm_id: RealmId,
        command: &EnterVpn,
        login: Option<&Login>,
        account: Option<&Account>,
    ) -> Result<(Waiting, Attempt), Error> {
        let guessing = &self.sessions.guessing;
        let user_id = account.map_or(NOBODY, |account| account.user.id());
        if let Some(station) = &command.station
            && self.stations.is_known(realm_id, user_id, &self.kept(station, user_id)).await?
        {
            let there = guessing.limits.of_known_station(station, user_id);
            return guessing.begin_known(permit, realm_id, &there, user_id).await;
        }
        let buckets = guessing.limits.of_strange_station(command.station.as_ref(), login, &command.login);
        let attempt = guessing.begin(permit, realm_id, Guessed::Password, &buckets).await?;
        Ok((Waiting::Stranger, attempt))
    }

    fn kept(&self, station: &Station, user_id: UserId) -> Vec<u8> {
        self.sessions.secrets.guess_subject(known_station(station, user_id).as_str())
    }
}

/// Whether the login is that of the same active user, with the password that was looked at.
fn is_still(looked_at: &Account, now: &Account) -> bool {
    now.user.status() == UserStatus::Active
        && now.user.id() == looked_at.user.id()
        && now.password_set_at() == looked_at.password_set_at()
}
