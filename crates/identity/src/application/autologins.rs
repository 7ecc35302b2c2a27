//! Links in letters about a case that open their reader's account at it (I19).

use std::collections::HashMap;
use std::sync::Arc;

use kernel::{Authorized, Call, CaseId, Clock, DeliveryId, RealmId, Secret, UserId};

use super::sessions::session_user;
use super::{ATTEMPTS, Autologins, Error, Realms, Secrets, SessionTokens, SessionUseCases, Users};
use crate::domain::access::Action;
use crate::domain::{Autologin, AutologinReader, FirstFactor, Policy, Proof, User};

pub(crate) struct AutologinUseCases {
    pub(crate) autologins: Arc<dyn Autologins>,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) realms: Arc<dyn Realms>,
    pub(crate) secrets: Arc<dyn Secrets>,
    /// Makes the tokens of whoever has followed a link.
    pub(crate) sessions: SessionUseCases,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The token of a letter, and the address that it may be mailed to.
pub(crate) struct MadeAutologin {
    pub(crate) delivery_id: DeliveryId,
    pub(crate) token: Secret<String>,
    pub(crate) email: String,
}

/// Where a link leads, and whether it opens anything.
pub(crate) struct InspectedAutologin {
    pub(crate) case_id: CaseId,
    pub(crate) is_open: bool,
}

pub(crate) struct RedeemedAutologin {
    pub(crate) user: User,
    pub(crate) tokens: SessionTokens,
    pub(crate) case_id: CaseId,
}

impl AutologinUseCases {
    /// The tokens of those letters whose links may open something.
    pub(crate) async fn make(
        &self,
        call: &Call,
        realm_id: RealmId,
        letters: Vec<Autologin>,
    ) -> Result<Authorized<Vec<MadeAutologin>>, Error> {
        let permit = call.authorize(&Action::MakeAutologins)?;
        let policy = self.realms.get(realm_id).await?.ok_or(Error::RealmNotFound)?.policy;
        let ids: Vec<UserId> = letters.iter().map(|letter| letter.user_id).collect();
        let readers = self.autologins.readers(realm_id, &ids).await?;
        let readers: HashMap<UserId, AutologinReader> = readers.into_iter().map(|reader| (reader.user_id, reader)).collect();
        let (now, mut made) = (self.clock.now(), Vec::new());
        for letter in letters.into_iter().filter(|letter| letter.is_open_at(now)) {
            if let Some(reader) = readers.get(&letter.user_id).filter(|reader| reader.may_enter(&letter, &policy)) {
                let (token, email) = (self.secrets.autologin_token(&letter, reader), reader.email.as_str().to_owned());
                made.push(MadeAutologin { delivery_id: letter.delivery_id, token, email });
            }
        }
        Ok(permit.show(made))
    }

    /// Uses nothing up: mail scanners open links.
    pub(crate) async fn inspect(&self, call: &Call, token: &str) -> Result<Authorized<InspectedAutologin>, Error> {
        let permit = call.authorize(&Action::ShowSecret)?;
        let autologin = self.secrets.autologin_named(token).ok_or(Error::LinkNotValid)?;
        let is_open = self.open(&autologin, token).await?.is_some();
        Ok(permit.show(InspectedAutologin { case_id: autologin.case_id, is_open }))
    }

    /// Opens a session for reading and answering, once.
    pub(crate) async fn redeem(
        &self,
        call: &Call,
        token: &str,
        session_name: &str,
    ) -> Result<Authorized<RedeemedAutologin>, Error> {
        let permit = call.authorize(&Action::ShowSecret)?;
        let autologin = self.secrets.autologin_named(token).ok_or(Error::LinkNotValid)?;
        for _ in 0..ATTEMPTS {
            let (reader, policy) = self.open(&autologin, token).await?.ok_or(Error::AutologinOver)?;
            let user = self.users.get(autologin.realm_id, reader.user_id).await?.ok_or(Error::AutologinOver)?;
            let proof = Proof::by(FirstFactor::Autologin);
            let session = self.sessions.begin(call, &user, &policy, session_name.to_owned(), proof);
            let now = session.created_at;
            if self.autologins.redeem(&permit, &autologin, &session, reader.version, now).await? {
                let tokens = self.sessions.tokens(&session, session_user(&user), now)?;
                return Ok(permit.show(RedeemedAutologin { user, tokens, case_id: autologin.case_id }));
            }
            // Somebody was faster with the same link, or has changed the user.
        }
        Err(Error::AutologinOver)
    }

    /// Whose account it opens, if it still does.
    async fn open(&self, autologin: &Autologin, token: &str) -> Result<Option<(AutologinReader, Policy)>, Error> {
        let realm_id = autologin.realm_id;
        if !autologin.is_open_at(self.clock.now()) || self.autologins.is_redeemed(realm_id, autologin.delivery_id).await? {
            return Ok(None);
        }
        let Some(realm) = self.realms.get(realm_id).await? else { return Ok(None) };
        let reader = self.autologins.readers(realm_id, &[autologin.user_id]).await?.pop();
        let is_meant = |reader: &AutologinReader| {
            reader.may_enter(autologin, &realm.policy) && self.secrets.is_autologin_token(token, autologin, reader)
        };
        Ok(reader.filter(is_meant).map(|reader| (reader, realm.policy.clone())))
    }
}
