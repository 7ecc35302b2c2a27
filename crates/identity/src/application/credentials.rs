//! Credentials of machines: services of a realm, and gateways.

use std::sync::Arc;

use kernel::{
    Authorized, Call, Caller, Clock, CredentialId, GatewayCaller, IdSource, RealmId, Refusal, Secret, ServiceCaller, Through,
    UserCaller, UserId,
};

use super::user_actions::hidden_user;
use super::{AccessToken, AccessTokens, Credentials, Error, Realms, Secrets, Users};
use crate::domain::access::Action;
use crate::domain::{Credential, CredentialKind, UserStatus};

pub(crate) struct CredentialUseCases {
    pub(crate) credentials: Arc<dyn Credentials>,
    pub(crate) realms: Arc<dyn Realms>,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) tokens: Arc<dyn AccessTokens>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

#[derive(Debug)]
pub(crate) struct CreateCredential {
    pub(crate) realm_id: RealmId,
    pub(crate) kind: CredentialKind,
    pub(crate) name: String,
}

/// A credential together with its secret, which is shown once.
#[derive(Debug)]
pub(crate) struct CredentialCreated {
    pub(crate) credential: Credential,
    pub(crate) secret: Secret<String>,
}

impl CredentialUseCases {
    pub(crate) async fn create(&self, call: &Call, command: CreateCredential) -> Result<Authorized<CredentialCreated>, Error> {
        let permit = call.authorize(&Action::ManageCredentials)?;
        self.realms.get(command.realm_id).await?.ok_or(Error::RealmNotFound)?;
        let now = self.clock.now();
        let CreateCredential { realm_id, kind, name } = command;
        let credential = Credential { id: self.ids.new_id(now), realm_id, kind, name, created_at: now };
        let new = self.secrets.credential_secret();
        self.credentials.insert(&permit, call, &credential, &new.hash).await?;
        Ok(permit.show(CredentialCreated { credential, secret: new.secret }))
    }

    pub(crate) async fn list(&self, call: &Call, realm_id: RealmId) -> Result<Authorized<Vec<Credential>>, Error> {
        let permit = call.authorize(&Action::ManageCredentials)?;
        self.realms.get(realm_id).await?.ok_or(Error::RealmNotFound)?;
        Ok(permit.show(self.credentials.list(realm_id).await?))
    }

    pub(crate) async fn delete(&self, call: &Call, id: CredentialId) -> Result<Authorized<()>, Error> {
        let permit = call.authorize(&Action::ManageCredentials)?;
        if !self.credentials.delete(&permit, call, id, self.clock.now()).await? {
            return Err(Error::CredentialNotFound);
        }
        Ok(permit.show(()))
    }

    pub(crate) async fn issue_token(
        &self,
        call: &Call,
        id: CredentialId,
        secret: &str,
    ) -> Result<Authorized<AccessToken>, Error> {
        let permit = call.authorize(&Action::ShowSecret)?;
        let caller = self.caller(id, secret).await?;
        Ok(permit.show(self.tokens.issue(&caller, 0, None, self.clock.now())?))
    }

    /// Who shows this credential.
    pub(crate) async fn caller(&self, id: CredentialId, secret: &str) -> Result<Caller, Error> {
        let found = self.credentials.find(id, &self.secrets.credential_hash(secret)).await?;
        let Credential { realm_id, kind, name, .. } = found.ok_or(Error::CredentialRefused)?;
        Ok(match kind {
            CredentialKind::Service | CredentialKind::ActingService => {
                Caller::Service(ServiceCaller { realm_id, credential_id: id, name })
            }
            CredentialKind::Gateway => Caller::Gateway(GatewayCaller { realm_id, credential_id: id }),
        })
    }

    /// A token with which a machine calls in a user's name (N14).
    pub(crate) async fn issue_user_token(&self, call: &Call, user_id: UserId) -> Result<Authorized<AccessToken>, Error> {
        let now = self.clock.now();
        let credential = self.credential_of(call.caller()).await?;
        let user = self.users.get(call.realm_id()?, user_id).await?.ok_or(Error::UserNotFound)?;
        let permit = call.authorize(&Action::ActFor { user: &user, credential: credential.as_ref() });
        let permit = permit.map_err(hidden_user)?;
        let Some(Credential { id, .. }) = credential else { return Err(Refusal::Denied.into()) };
        if user.status() != UserStatus::Active {
            return Err(Error::UserBlocked);
        }
        let caller = Caller::User(UserCaller {
            realm_id: user.realm_id(),
            company_id: user.company_id(),
            user_id,
            role: user.role(),
            through: Through::Service(id),
        });
        tracing::info!(user.id = %user_id, credential.id = %id, "a machine calls in a user's name");
        Ok(permit.show(self.tokens.issue(&caller, user.access_generation(), None, now)?))
    }

    async fn credential_of(&self, caller: &Caller) -> Result<Option<Credential>, Error> {
        match caller {
            Caller::Service(service) => Ok(self.credentials.get(service.realm_id, service.credential_id).await?),
            _ => Ok(None),
        }
    }
}
