//! A provider of OpenID Connect whose accounts tests make up, and which lies or breaks as told: npm's `oidc-provider`, with a script of
//! ours (`provider.js`).

mod browser;

use serde_json::{Value, json};

use self::browser::Browser;
use crate::node_script::NodeScript;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/openid/provider.js");

/// How something is not what the provider would have said: its token, which is signed with its own key, unless the lie is about that, or
/// what it says of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderLie {
    /// It names another visit.
    Nonce,
    /// It is for another client.
    Audience,
    /// It is another provider's.
    Issuer,
    /// It ended an hour ago.
    Expired,
    /// Another key has signed it, under the name of the provider's.
    Signature,
    /// Nobody has signed it.
    Unsigned,
    /// It is signed with the client's own secret.
    ClientSecret,
    /// There is none.
    NoToken,
    /// It tells of somebody else's account.
    UserInfo,
}

impl ProviderLie {
    pub const ALL: [Self; 9] = [
        Self::Nonce,
        Self::Audience,
        Self::Issuer,
        Self::Expired,
        Self::Signature,
        Self::Unsigned,
        Self::ClientSecret,
        Self::NoToken,
        Self::UserInfo,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Nonce => "nonce",
            Self::Audience => "audience",
            Self::Issuer => "issuer",
            Self::Expired => "expired",
            Self::Signature => "signature",
            Self::Unsigned => "none",
            Self::ClientSecret => "hmac",
            Self::NoToken => "nothing",
            Self::UserInfo => "userinfo",
        }
    }
}

/// How a server answers that is no provider, or a broken one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderFailure {
    /// With a page for people.
    Garbage,
    /// Without end.
    Huge,
    /// 500.
    Error,
    /// 503, in the words of OAuth.
    Unavailable,
    /// 400, as to whoever shows something that is no code at all (RFC 6749 §5.2): it is not away.
    Refusal,
    /// With another address. Whoever follows ends the provider.
    Redirect,
    /// Not at all.
    Silence,
}

impl ProviderFailure {
    /// By which it is as good as away.
    pub const AWAY: [Self; 6] = [Self::Garbage, Self::Huge, Self::Error, Self::Unavailable, Self::Redirect, Self::Silence];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Garbage => "garbage",
            Self::Huge => "huge",
            Self::Error => "error",
            Self::Unavailable => "unavailable",
            Self::Refusal => "refusal",
            Self::Redirect => "redirect",
            Self::Silence => "silence",
        }
    }
}

/// A provider on a loopback port.
#[derive(Debug)]
pub struct OpenIdProvider {
    script: NodeScript,
    /// Where people may be sent back to.
    redirect_urls: Vec<String>,
}

impl OpenIdProvider {
    /// Who asks it.
    pub const CLIENT_ID: &str = "cabinet";
    pub const CLIENT_SECRET: &str = "open sesame of the lantern";
    /// Where it says who it is, exchanges codes, and tells of accounts.
    pub const DISCOVERY: &str = "/.well-known/openid-configuration";
    pub const TOKEN: &str = "/token";
    pub const USER_INFO: &str = "/me";

    /// Starts a provider that sends people back to these addresses.
    ///
    /// # Panics
    /// When Node.js or npm's `oidc-provider` is missing, or it does not start.
    #[must_use]
    pub fn start(redirect_urls: &[&str]) -> Self {
        let script = NodeScript::prepare("openid-provider", SCRIPT, "oidc-provider");
        let redirect_urls = redirect_urls.iter().map(|url| (*url).to_owned()).collect();
        let mut provider = Self { script, redirect_urls };
        provider.start_again();
        provider
    }

    /// The same after every `start_again`.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.script.port())
    }

    /// Ends it at once.
    pub fn stop(&mut self) {
        self.script.stop();
    }

    /// Starts it after [`stop`](Self::stop), with other keys, and no accounts.
    ///
    /// # Panics
    /// When it runs already or does not come up.
    pub fn start_again(&mut self) {
        let client = json!([{
            "client_id": Self::CLIENT_ID,
            "client_secret": Self::CLIENT_SECRET,
            "redirect_uris": self.redirect_urls,
        }]);
        self.script.start(&[&client.to_string()]);
    }

    /// Somebody who is called `login` there, which also is the account's subject, and what the provider knows of him.
    pub fn add_account(&mut self, login: &str, claims: &Value) {
        self.script.tell(&json!({ "account": login, "claims": claims }));
    }

    /// From now on it lies like this; none: it says what it should.
    pub fn lie(&mut self, lie: Option<ProviderLie>) {
        self.script.tell(&json!({ "lie": lie.map(ProviderLie::as_str) }));
    }

    /// From now on it answers like this at a path; none: as it should.
    pub fn fail(&mut self, path: &str, failure: Option<ProviderFailure>) {
        self.script.tell(&json!({ "at": path, "fails": failure.map(ProviderFailure::as_str) }));
    }

    /// Signs in there and consents, as a person does in a browser that has never been there. Answers with where he is sent back to.
    ///
    /// # Panics
    /// When he is not.
    #[must_use]
    pub fn visit(&self, authorization_url: &str, login: &str) -> String {
        Browser::new(&self.issuer()).go(authorization_url, login)
    }
}
