//! Providers of OpenID Connect (Core 1.0, Discovery 1.0): who they are, and what they say of an account.
//!
//! Whatever a provider says that cannot be used is told by a word of ours: its own words may hold tokens and addresses.

mod config;
mod http;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use kernel::{Fault, RealmId, Secret, Timestamp};
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreErrorResponseType, CoreIdTokenClaims, CoreJwsSigningAlgorithm,
    CoreProviderMetadata, CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::{
    AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, DiscoveryError, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, IssuerUrl, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RequestTokenError, Scope, SignatureVerificationError, StandardErrorResponse, TokenResponse as _,
};
use tokio::sync::Mutex;
use tracing::warn;

use self::config::VerifiedEmails;
use self::http::{HttpError, ProviderHttp};
use crate::application::{Asking, ProviderError, SocialProviders};
use crate::domain::{EmailAddress, ProviderAccount, ProviderName, ProviderSays, SocialProvider};

pub(crate) use self::config::ProviderConfig;

/// How long what a provider says of itself, and its keys, are believed.
const BELIEVED: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);
/// How long nobody waits for it who comes after it has failed.
const PAUSE: Duration = Duration::from_secs(5);
/// OpenID Connect Core 1.0 §2.
const LONGEST_SUBJECT: usize = 255;
/// What is believed of tokens: that the provider has signed them. What we could have signed ourselves (HMAC), or nobody has, says nothing.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// The library's client, once the provider's addresses are known.
type Client = CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;
type TokenError = RequestTokenError<HttpError, StandardErrorResponse<CoreErrorResponseType>>;

/// All that the settings name.
pub(crate) struct OpenIdProviders(BTreeMap<String, Provider>);

struct Provider {
    config: ProviderConfig,
    http: ProviderHttp,
    /// Locked while it is asked, so that many who come at once ask once.
    known: Mutex<Known>,
}

/// What a provider has said of itself.
#[derive(Default)]
struct Known {
    metadata: Option<(CoreProviderMetadata, Timestamp)>,
    /// By our own monotonic clock.
    failed_at: Option<Instant>,
}

impl OpenIdProviders {
    /// Asks nobody yet: a provider that is away keeps nobody from starting.
    pub(crate) fn open(configs: &[ProviderConfig]) -> Result<Self, Fault> {
        let opened = configs.iter().map(|config| Ok((config.name.clone(), Provider::open(config.clone())?)));
        opened.collect::<Result<_, Fault>>().map(Self)
    }

    fn get(&self, asking: Asking<'_>) -> Result<&Provider, ProviderError> {
        self.0.get(&asking.provider.name).ok_or(ProviderError::Away)
    }
}

#[async_trait]
impl SocialProviders for OpenIdProviders {
    fn of_realm(&self, realm_id: RealmId) -> Vec<SocialProvider> {
        let serving = self.0.values().map(|provider| &provider.config).filter(|config| config.serves(realm_id));
        let shown = serving.map(|ProviderConfig { name, label, issuer, .. }| SocialProvider {
            name: name.clone(),
            label: label.clone(),
            issuer: issuer.clone(),
        });
        shown.collect()
    }

    async fn authorization_url(&self, asking: Asking<'_>) -> Result<Secret<String>, ProviderError> {
        self.get(asking)?.authorization_url(asking).await
    }

    async fn identify(&self, asking: Asking<'_>, code: &Secret<String>) -> Result<ProviderSays, ProviderError> {
        self.get(asking)?.identify(asking, code).await
    }
}

impl Provider {
    fn open(config: ProviderConfig) -> Result<Self, Fault> {
        let http = ProviderHttp::for_issuer(&config.issuer).map_err(Fault::internal)?;
        Ok(Self { config, http, known: Mutex::default() })
    }

    /// What it says of itself, as it was learnt a while ago at the most.
    async fn metadata(&self, believed: jiff::SignedDuration, now: Timestamp) -> Result<CoreProviderMetadata, ProviderError> {
        let mut known = self.known.lock().await;
        if let Some((metadata, learnt_at)) = &known.metadata
            && now.duration_since(*learnt_at) < believed
        {
            return Ok(metadata.clone());
        }
        if known.failed_at.is_some_and(|failed_at| failed_at.elapsed() < PAUSE) {
            return Err(ProviderError::Away);
        }
        let issuer = IssuerUrl::new(self.config.issuer.clone()).map_err(|_| self.away("its address is none"))?;
        match CoreProviderMetadata::discover_async(issuer, &self.http).await {
            Ok(metadata) => {
                *known = Known { metadata: Some((metadata.clone(), now)), failed_at: None };
                Ok(metadata)
            }
            Err(error) => {
                known.failed_at = Some(Instant::now());
                Err(self.away(match error {
                    DiscoveryError::Request(HttpError::Away) => "no answer",
                    DiscoveryError::Request(HttpError::TooLong) => "an answer without end",
                    DiscoveryError::Validation(_) => "it is another than it says",
                    _ => "it does not say who it is",
                }))
            }
        }
    }

    fn client(&self, metadata: CoreProviderMetadata, redirect_url: &str) -> Result<Client, ProviderError> {
        let redirect_url = RedirectUrl::new(redirect_url.to_owned()).map_err(|_| self.away("nobody could come back"))?;
        let methods = metadata.token_endpoint_auth_methods_supported();
        let wants_body = methods.is_some_and(|methods| !methods.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let auth_type = if wants_body { AuthType::RequestBody } else { AuthType::BasicAuth };
        let (id, secret) = (&self.config.client_id, self.config.client_secret.expose());
        let (id, secret) = (ClientId::new(id.clone()), ClientSecret::new(secret.clone()));
        Ok(CoreClient::from_provider_metadata(metadata, id, Some(secret)).set_redirect_uri(redirect_url).set_auth_type(auth_type))
    }

    async fn authorization_url(&self, asking: Asking<'_>) -> Result<Secret<String>, ProviderError> {
        let client = self.client(self.metadata(BELIEVED, asking.now).await?, asking.redirect_url)?;
        let (state, nonce) = (asking.secrets.state.expose().clone(), asking.secrets.nonce.expose().clone());
        let verifier = PkceCodeVerifier::new(asking.secrets.code_verifier.expose().clone());
        let code_flow = CoreAuthenticationFlow::AuthorizationCode;
        let (url, ..) = client
            .authorize_url(code_flow, move || CsrfToken::new(state), move || Nonce::new(nonce))
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .url();
        Ok(Secret::new(url.into()))
    }

    async fn identify(&self, asking: Asking<'_>, code: &Secret<String>) -> Result<ProviderSays, ProviderError> {
        let client = self.client(self.metadata(BELIEVED, asking.now).await?, asking.redirect_url)?;
        let tokens = self.exchange(&client, asking, code).await?;
        let claims = self.claims(&client, asking, &tokens).await?;
        let told = match client.user_info(tokens.access_token().clone(), Some(claims.subject().clone())) {
            Ok(asked) => {
                let told: Result<CoreUserInfoClaims, _> = asked.request_async(&self.http).await;
                Some(told.map_err(|_| self.away("it does not say what it knows of an account"))?)
            }
            // It has said everything in the token.
            Err(_) => None,
        };
        self.says(&claims, told.as_ref())
    }

    async fn exchange(
        &self,
        client: &Client,
        asking: Asking<'_>,
        code: &Secret<String>,
    ) -> Result<CoreTokenResponse, ProviderError> {
        let code = AuthorizationCode::new(code.expose().clone());
        let verifier = PkceCodeVerifier::new(asking.secrets.code_verifier.expose().clone());
        let request = client.exchange_code(code).map_err(|_| self.away("it takes no codes"))?;
        let exchanged: Result<CoreTokenResponse, TokenError> =
            request.set_pkce_verifier(verifier).request_async(&self.http).await;
        exchanged.map_err(|error| match error {
            RequestTokenError::ServerResponse(refusal) => match refusal.error() {
                // Of what RFC 6749 §5.2 names these two are about what somebody shows; the rest is about us, and some of it about the provider.
                CoreErrorResponseType::InvalidGrant | CoreErrorResponseType::InvalidRequest => ProviderError::Refused,
                _ => self.away("it refuses us, and no code of anybody"),
            },
            RequestTokenError::Request(HttpError::Away) => self.away("no answer"),
            RequestTokenError::Request(HttpError::TooLong) => self.away("an answer without end"),
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => self.away("its answer is none"),
        })
    }

    /// What the ID token says, if the provider has signed it for us, and for this very visit.
    async fn claims(
        &self,
        client: &Client,
        asking: Asking<'_>,
        tokens: &CoreTokenResponse,
    ) -> Result<CoreIdTokenClaims, ProviderError> {
        let id_token = tokens.id_token().ok_or_else(|| self.away("no ID token"))?;
        let nonce = Nonce::new(asking.secrets.nonce.expose().clone());
        let read = |client: &Client| {
            let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
            id_token.claims(&verifier, &nonce).cloned()
        };
        let claims = match read(client) {
            // It may have other keys by now.
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                let metadata = self.metadata(jiff::SignedDuration::ZERO, asking.now).await?;
                read(&self.client(metadata, asking.redirect_url)?)
            }
            read => read,
        };
        claims.map_err(|error| {
            let flaw = match error {
                ClaimsVerificationError::Expired(_) => "it has ended",
                ClaimsVerificationError::InvalidAudience(_) => "it is for somebody else",
                ClaimsVerificationError::InvalidIssuer(_) => "it is somebody else's",
                ClaimsVerificationError::InvalidNonce(_) => "it is for another visit",
                ClaimsVerificationError::SignatureVerification(_) => "its signature is not the provider's",
                _ => "it is none",
            };
            warn!(provider = self.config.name, flaw, "an ID token is not believed");
            ProviderError::Refused
        })
    }

    /// An address and whether it is verified are told by the same source.
    fn says(&self, claims: &CoreIdTokenClaims, told: Option<&CoreUserInfoClaims>) -> Result<ProviderSays, ProviderError> {
        let subject = claims.subject().as_str();
        if subject.is_empty() || subject.len() > LONGEST_SUBJECT {
            return Err(self.away("an account without a name"));
        }
        let (email, is_verified) = match told.filter(|told| told.email().is_some()) {
            Some(told) => (told.email(), told.email_verified()),
            None => (claims.email(), claims.email_verified()),
        };
        let email = email.and_then(|email| EmailAddress::parse(email).ok());
        let is_trusted = self.config.emails == VerifiedEmails::Trusted && is_verified == Some(true);
        Ok(ProviderSays {
            account: ProviderAccount { issuer: self.config.issuer.clone(), subject: Secret::new(subject.to_owned()) },
            email: email.as_ref().map(|email| Secret::new(email.as_str().to_owned())),
            verified_email: email.filter(|_| is_trusted),
            name: name(told),
        })
    }

    /// For operators: people are told only that it is so.
    fn away(&self, flaw: &'static str) -> ProviderError {
        warn!(provider = self.config.name, flaw, "a provider does not answer as one");
        ProviderError::Away
    }
}

fn name(told: Option<&CoreUserInfoClaims>) -> ProviderName {
    let secret = |text: Option<&str>| Secret::new(text.unwrap_or_default().to_owned());
    let full = told.and_then(CoreUserInfoClaims::name).and_then(|name| name.get(None));
    let first = told.and_then(CoreUserInfoClaims::given_name).and_then(|name| name.get(None));
    let last = told.and_then(CoreUserInfoClaims::family_name).and_then(|name| name.get(None));
    let locale = told.and_then(CoreUserInfoClaims::locale).map(|locale| locale.as_ref().to_owned());
    ProviderName {
        full: secret(full.map(|name| name.as_str())),
        first: secret(first.map(|name| name.as_str())),
        last: secret(last.map(|name| name.as_str())),
        locale: locale.unwrap_or_default(),
    }
}
