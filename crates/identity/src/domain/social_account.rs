//! Accounts that users have at other providers, and sign in by (I18). A provider says who somebody is there; who he is here, nobody says
//! but he himself, signed in.

use std::time::Duration;

use kernel::{RealmId, Secret, SessionId, SocialAccountId, SocialVisitId, Timestamp};

use super::EmailAddress;

/// How long somebody takes to sign in at a provider, and to come back.
const VISIT: Duration = Duration::from_mins(10);

/// Whether accounts of other providers sign people in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SocialSignIn {
    Closed,
    Open,
}

/// Whose accounts sign people in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SocialProvider {
    /// As an operator has called it.
    pub(crate) name: String,
    /// As people call it.
    pub(crate) label: String,
    /// Who it is, by any name.
    pub(crate) issuer: String,
}

/// What names an account in the whole world, and is never another's (OpenID Connect Core 1.0 §2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProviderAccount {
    pub(crate) issuer: String,
    pub(crate) subject: Secret<String>,
}

/// An account that a user has linked.
#[derive(Debug, Clone)]
pub(crate) struct SocialAccount {
    pub(crate) id: SocialAccountId,
    pub(crate) account: ProviderAccount,
    /// The address it had when it was linked, whoever has verified it: to tell one from another.
    pub(crate) email: Option<Secret<String>>,
    pub(crate) linked_at: Timestamp,
}

/// What a provider says of the account of somebody who has been there.
#[derive(Debug)]
pub(crate) struct ProviderSays {
    pub(crate) account: ProviderAccount,
    /// The address it has, whoever has verified it.
    pub(crate) email: Option<Secret<String>>,
    /// The same, if the provider has verified it and is trusted with that.
    pub(crate) verified_email: Option<EmailAddress>,
    pub(crate) name: ProviderName,
}

/// What the account is called, all of it and in parts; empty where the provider does not say.
#[derive(Debug)]
pub(crate) struct ProviderName {
    pub(crate) full: Secret<String>,
    pub(crate) first: Secret<String>,
    pub(crate) last: Secret<String>,
    /// The language of the account (BCP 47).
    pub(crate) locale: String,
}

/// Somebody who was sent to a provider and is to come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SocialVisit {
    pub(crate) realm_id: RealmId,
    pub(crate) provider: String,
    pub(crate) id: SocialVisitId,
    /// In which he links an account; none if he signs in by it.
    pub(crate) session_id: Option<SessionId>,
    pub(crate) expires_at: Timestamp,
}

impl SocialVisit {
    pub(crate) fn new(
        realm_id: RealmId,
        provider: &SocialProvider,
        id: SocialVisitId,
        session_id: Option<SessionId>,
        now: Timestamp,
    ) -> Self {
        let expires_at = now.saturating_add(VISIT).expect("whole minutes can be added to a moment");
        Self { realm_id, provider: provider.name.clone(), id, session_id, expires_at }
    }

    pub(crate) fn is_open_at(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}

/// What has become of an account, as its user is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SocialAccountChange {
    Linked,
    Unlinked,
}

/// In which ways a user signs in, besides by what mail brings him.
#[derive(Debug)]
pub(crate) struct WaysIn<'a> {
    pub(crate) accounts: &'a [SocialAccount],
    /// Whose accounts sign people in now.
    pub(crate) providers: &'a [SocialProvider],
    pub(crate) has_password: bool,
}

impl WaysIn<'_> {
    /// Whether he could not come in any more without this account.
    pub(crate) fn is_last(&self, id: SocialAccountId) -> bool {
        let signs_in = |account: &SocialAccount| self.providers.iter().any(|provider| provider.issuer == account.account.issuer);
        let (this, others): (Vec<_>, Vec<_>) = self.accounts.iter().partition(|account| account.id == id);
        !self.has_password && this.into_iter().any(signs_in) && !others.into_iter().any(signs_in)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use kernel::Id;
    use uuid::Uuid;

    use super::*;

    fn provider(issuer: &str) -> SocialProvider {
        SocialProvider { name: issuer.to_owned(), label: issuer.to_owned(), issuer: issuer.to_owned() }
    }

    fn account(number: u128, issuer: &str) -> SocialAccount {
        SocialAccount {
            id: Id::from_uuid(Uuid::from_u128(number)),
            account: ProviderAccount { issuer: issuer.to_owned(), subject: Secret::new("7".to_owned()) },
            email: None,
            linked_at: Timestamp::UNIX_EPOCH,
        }
    }

    /// Rule I18.c: the last way in is an account that signs in now, beside which there is neither a password nor another such account.
    #[test]
    fn the_last_way_in_is_the_last_that_works() {
        let (both, providers) = ([account(1, "a"), account(2, "b")], [provider("a"), provider("b")]);
        let is_last = |accounts: &[SocialAccount], providers: &[SocialProvider], has_password| {
            WaysIn { accounts, providers, has_password }.is_last(both[0].id)
        };
        assert!(is_last(&both[..1], &providers, false));
        assert!(!is_last(&both[..1], &providers, true), "a password is left");
        assert!(!is_last(&both, &providers, false), "another account is left");
        assert!(is_last(&both, &providers[..1], false), "one whose provider is gone signs nobody in");
        assert!(!is_last(&both, &providers[1..], false), "and is no way in that could be lost");
        assert!(!is_last(&both[1..], &providers, false), "he has not linked it");
    }

    #[test]
    fn a_visit_ends() {
        let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let id = Id::from_uuid(Uuid::nil());
        let visit = SocialVisit::new(Id::from_uuid(Uuid::nil()), &provider("a"), id, None, at(0));
        assert!(visit.is_open_at(at(9)) && !visit.is_open_at(at(10)));
    }
}
