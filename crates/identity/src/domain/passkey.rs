//! Passkeys (WebAuthn Level 3): what is kept of them, and where and for how long a challenge may be answered (I25).

use std::time::Duration;

use kernel::{RealmId, SecondFactorId, SessionId, Timestamp, UserId};
use url::{Host, Url};

use super::{HalfSignedIn, RealmSettings};

/// How many somebody may have.
pub(crate) const MOST_PASSKEYS: usize = 20;
/// How long somebody takes to find his authenticator, and a finger for it.
const CEREMONY: Duration = Duration::from_mins(5);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Passkey {
    pub(crate) realm_id: RealmId,
    pub(crate) user_id: UserId,
    pub(crate) id: SecondFactorId,
    pub(crate) name: String,
    pub(crate) key: PasskeyRecord,
    pub(crate) created_at: Timestamp,
    pub(crate) used_at: Option<Timestamp>,
    /// When its counter did not go on for the first time.
    pub(crate) copied_at: Option<Timestamp>,
}

/// What a relying party keeps of a passkey (WebAuthn §4, credential record).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasskeyRecord {
    /// By which the authenticator knows it.
    pub(crate) credential_id: Vec<u8>,
    /// How often it has signed; zero of one that does not count.
    pub(crate) counter: i64,
    /// The rest, as whoever verifies signatures reads it.
    pub(crate) record: serde_json::Value,
}

/// The site on which passkeys are made and shown: the relying party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasskeySite {
    /// The host: passkeys are of it.
    pub(crate) id: String,
    /// Where the front end is, with its port.
    pub(crate) origin: Url,
    /// What people call it.
    pub(crate) name: String,
}

impl PasskeySite {
    /// Where the realm's front end is. None where browsers make no passkeys: at an address that is no name (WebAuthn §5.1.3).
    pub(crate) fn of(settings: &RealmSettings) -> Option<Self> {
        let public = Url::parse(&settings.public_url).ok()?;
        let Some(Host::Domain(host)) = public.host() else { return None };
        let origin = Url::parse(&public.origin().ascii_serialization()).ok()?;
        Some(Self { id: host.to_owned(), origin, name: settings.name.clone() })
    }
}

/// What an authenticator is asked to sign for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasskeyPurpose {
    Registration,
    Assertion,
}

impl PasskeyPurpose {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "REGISTRATION",
            Self::Assertion => "ASSERTION",
        }
    }
}

/// Whose answer is waited for: nobody else's counts, not even his own from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AskedIn {
    Session(SessionId),
    /// With the token of somebody who is half signed in.
    SignIn(HalfSignedIn),
}

impl AskedIn {
    /// As it is told apart from all others of the same user.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Session(session_id) => format!("session {session_id}"),
            Self::SignIn(half) => format!("sign-in {}", half.shown_at),
        }
    }
}

/// What an authenticator was asked to sign.
#[derive(Debug, Clone)]
pub(crate) struct PasskeyChallenge {
    pub(crate) realm_id: RealmId,
    pub(crate) user_id: UserId,
    pub(crate) purpose: PasskeyPurpose,
    pub(crate) asked_in: AskedIn,
    /// The challenge itself, as whoever verifies signatures reads it.
    pub(crate) state: serde_json::Value,
    pub(crate) created_at: Timestamp,
}

impl PasskeyChallenge {
    pub(crate) fn expires_at(&self) -> Timestamp {
        self.created_at.saturating_add(CEREMONY).expect("whole minutes can be added to a moment")
    }

    /// Challenges of this moment, and older ones, are over by now.
    pub(crate) fn over_since(now: Timestamp) -> Timestamp {
        now.saturating_sub(CEREMONY).expect("whole minutes can be taken from a moment")
    }
}

/// Why an answer of an authenticator is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PasskeyProblem {
    #[error("it is not what a browser answers")]
    Unreadable,
    #[error("it answers another challenge")]
    OtherChallenge,
    #[error("it was made on another site")]
    OtherOrigin,
    #[error("it is for another relying party")]
    OtherRelyingParty,
    #[error("nobody was there")]
    NobodyPresent,
    #[error("whoever was there was not verified")]
    NotVerified,
    #[error("it is none of the passkeys that were asked for")]
    UnknownPasskey,
    #[error("its signature is wrong")]
    SignatureWrong,
    #[error("its kind of key or authenticator is not taken")]
    NotTaken,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(public_url: &str) -> Option<(String, String)> {
        let settings = RealmSettings {
            name: "Helpline".to_owned(),
            public_url: public_url.to_owned(),
            sender: "noreply@helpline.example".to_owned(),
            language: "en".to_owned(),
            time_zone: "UTC".to_owned(),
        };
        PasskeySite::of(&settings).map(|site| (site.id, site.origin.origin().ascii_serialization()))
    }

    /// Rule I25.b: passkeys are of the host of the realm's public address, and made at its origin.
    #[test]
    fn the_site_of_a_realm_is_where_its_public_address_is() {
        let is = |id: &str, origin: &str| Some((id.to_owned(), origin.to_owned()));
        assert_eq!(site("https://helpline.example/cabinet"), is("helpline.example", "https://helpline.example"));
        assert_eq!(site("http://localhost:8080"), is("localhost", "http://localhost:8080"));
        assert_eq!(site("https://help.example:8443/a/b"), is("help.example", "https://help.example:8443"));
        for no_name in ["http://127.0.0.1:8080", "http://[::1]", "https://192.0.2.7/cabinet"] {
            assert_eq!(site(no_name), None, "{no_name}");
        }
    }
}
