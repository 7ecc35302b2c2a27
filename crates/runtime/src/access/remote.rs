//! Following identity from another process: its keys, its stream of revocations, and a token of our own to ask with.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::access_service_client::AccessServiceClient;
use async_trait::async_trait;
use kernel::{Clock, Component, Errand, Fault, Secret, Timestamp};
use tokio::sync::Mutex;
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::{Access, AccessSource, REVOCATION_MEMORY, Revocation};
use crate::Process;
use crate::grpc::{Client, PeerConfig, peer_fault};
use crate::lifecycle::Backoff;
use crate::settings::Settings;
use crate::token::{KeySet, Subject};

/// How often keys are asked for that nobody has missed.
const KEY_INTERVAL: Duration = Duration::from_secs(30);
/// A stream that is silent for this long is opened anew: its connection may be gone without a word.
const STREAM_SILENCE: Duration = Duration::from_secs(2);
const COMPONENT_SECRET: &str = "components.secret";
const SHORTEST_SECRET: usize = 24;
const QUESTION_LIMIT: Duration = Duration::from_secs(2);
/// A token is asked for again while it still lasts a while.
const TOKEN_MARGIN: jiff::SignedDuration = jiff::SignedDuration::from_mins(1);

/// Where identity is, and the secret that makes us one of its components.
#[derive(Debug, Clone)]
pub struct IdentityConfig {
    pub peer: PeerConfig,
    pub component_secret: Secret<String>,
}

impl IdentityConfig {
    pub fn read(settings: &mut Settings) -> Option<Self> {
        let peer = PeerConfig::read(settings, "peers.identity");
        let component_secret = read_component_secret(settings);
        Some(Self { peer: peer?, component_secret: component_secret? })
    }
}

/// The secret that all components share, and that nobody guesses.
pub fn read_component_secret(settings: &mut Settings) -> Option<Secret<String>> {
    let secret = settings.secret(COMPONENT_SECRET)?;
    if secret.expose().len() < SHORTEST_SECRET {
        settings.problem(COMPONENT_SECRET, format!("must have at least {SHORTEST_SECRET} characters"));
        return None;
    }
    Some(secret)
}

/// Who makes the tokens that components show.
#[async_trait]
pub trait ComponentTokenSource: Send + Sync {
    /// A new token, and when it ends, as far as that can be said.
    async fn issue(&self, component: Component, deadline: Instant) -> Result<(Secret<String>, Option<Timestamp>), Status>;
}

/// The short-lived token that makes a component known to its peers; asked for when it is first needed.
#[derive(Clone)]
pub struct ComponentTokens(Arc<Tokens>);

struct Tokens {
    source: Box<dyn ComponentTokenSource>,
    component: Component,
    clock: Arc<dyn Clock>,
    token: Mutex<Option<(Secret<String>, Timestamp)>>,
}

impl ComponentTokens {
    /// Of a service that asks identity for them.
    pub fn new(identity: &IdentityConfig, component: Component, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        let issuer = RemoteIssuer { identity: identity.peer.channel()?, secret: identity.component_secret.clone() };
        Ok(Self::made_by(Box::new(issuer), component, clock))
    }

    /// Of identity, which makes its own.
    pub fn made_by(source: Box<dyn ComponentTokenSource>, component: Component, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Tokens { source, component, clock, token: Mutex::new(None) }))
    }

    /// Forgets the token: it was refused, so that the next one may do.
    pub(crate) fn forget(&self) {
        // Whoever holds the lock is asking for another one.
        if let Ok(mut token) = self.0.token.try_lock() {
            *token = None;
        }
    }

    /// A token that lasts a while yet.
    pub(crate) async fn token(&self, deadline: Instant) -> Result<Secret<String>, Status> {
        let waiting = tokio::time::timeout_at(deadline.into(), self.0.token.lock());
        let mut token = waiting.await.map_err(|_| Status::deadline_exceeded("no token in time"))?;
        let now = self.0.clock.now();
        if let Some((token, ends_at)) = token.as_ref()
            && ends_at.duration_since(now) > TOKEN_MARGIN
        {
            return Ok(token.clone());
        }
        let (fresh, ends_at) = self.0.source.issue(self.0.component, deadline).await?;
        *token = ends_at.map(|ends_at| (fresh.clone(), ends_at));
        Ok(fresh)
    }
}

/// Identity in another process, and the secret that it wants to see.
struct RemoteIssuer {
    identity: Channel,
    secret: Secret<String>,
}

#[async_trait]
impl ComponentTokenSource for RemoteIssuer {
    async fn issue(&self, component: Component, deadline: Instant) -> Result<(Secret<String>, Option<Timestamp>), Status> {
        let question = pb::IssueComponentTokenRequest { component: wire(component).into(), secret: self.secret.expose().clone() };
        let mut request = Request::new(question);
        request.set_timeout(deadline.saturating_duration_since(Instant::now()));
        let answer = AccessServiceClient::new(self.identity.clone()).issue_component_token(request).await?.into_inner();
        let ends_at = answer.expire_time.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok());
        Ok((Secret::new(answer.access_token), ends_at))
    }
}

const fn wire(component: Component) -> pb::Component {
    match component {
        Component::Identity => pb::Component::Identity,
        Component::CaseMonitoring => pb::Component::CaseMonitoring,
        Component::Notification => pb::Component::Notification,
        Component::Profile => pb::Component::Profile,
    }
}

/// Identity in another process.
struct RemoteIdentity(Client);

#[async_trait]
impl AccessSource for RemoteIdentity {
    async fn signing_keys(&self) -> Result<KeySet, Fault> {
        let mut request = Request::new(pb::ListSigningKeysRequest {});
        request.set_timeout(QUESTION_LIMIT);
        let answer = AccessServiceClient::new(self.0.channel()).list_signing_keys(request).await.map_err(peer_fault)?;
        Ok(KeySet::new(answer.get_ref().keys.iter().map(|key| (key.kid.clone(), key.public_key.as_slice()))))
    }

    async fn is_revoked(&self, subjects: &[Subject]) -> Result<bool, Fault> {
        let subjects = subjects
            .iter()
            .map(|subject| pb::AccessSubject { subject_id: subject.id.to_string(), generation: subject.generation });
        let question = pb::CheckAccessRequest { subjects: subjects.collect() };
        let request = self.0.request(question, Errand::until(Instant::now() + QUESTION_LIMIT)).await?;
        let answer = AccessServiceClient::new(self.0.channel()).check_access(request).await;
        let answer = answer.map_err(|status| self.0.refused(status))?;
        Ok(answer.into_inner().is_revoked)
    }
}

/// Keeps the process up to date about keys and revocations from now on; answers with the way to identity.
pub fn follow_identity(process: &mut Process, identity: &IdentityConfig, component: Component) -> Result<Client, Fault> {
    let tokens = ComponentTokens::new(identity, component, process.clock.clone())?;
    let client = Client::new(&identity.peer, tokens, process.tracer.clone())?;
    process.workers.spawn_endless("access", follow(process.access.clone(), client.clone(), process.clock.clone()));
    Ok(client)
}

/// Keeps `access` up to date, for ever; nothing to do where identity is in this very process, which knows best.
async fn follow(access: Access, identity: Client, clock: Arc<dyn Clock>) -> Infallible {
    let source = Arc::new(RemoteIdentity(identity));
    if !access.ask(source.clone()) {
        std::future::pending::<()>().await;
    }
    let keys = async {
        let mut backoff = Backoff::new();
        loop {
            match source.signing_keys().await {
                Ok(keys) => {
                    access.learn_keys(keys);
                    backoff.reset();
                    tokio::time::sleep(KEY_INTERVAL).await;
                }
                Err(fault) => {
                    tracing::debug!(error = &fault as &dyn std::error::Error, "keys not read");
                    backoff.wait().await;
                }
            }
        }
    };
    let revocations = async {
        let mut backoff = Backoff::new();
        loop {
            let broken = watch(&access, &source.0, clock.as_ref(), &mut backoff).await;
            tracing::warn!(error = &broken as &dyn std::error::Error, "revocations are watched anew");
            backoff.wait().await;
        }
    };
    let (never, _): (Infallible, Infallible) = tokio::join!(keys, revocations);
    never
}

/// Watches one stream until it breaks.
async fn watch(access: &Access, identity: &Client, clock: &dyn Clock, backoff: &mut Backoff) -> Fault {
    let opening = async {
        let errand = Errand::until(Instant::now() + QUESTION_LIMIT);
        let mut request = identity.request(pb::WatchRevocationsRequest {}, errand).await?;
        // The stream has no end of its own.
        request.metadata_mut().remove("grpc-timeout");
        AccessServiceClient::new(identity.channel()).watch_revocations(request).await.map_err(|status| identity.refused(status))
    };
    let mut stream = match tokio::time::timeout(QUESTION_LIMIT, opening).await {
        Ok(Ok(answer)) => answer.into_inner(),
        Ok(Err(fault)) => return fault,
        Err(elapsed) => return Fault::unavailable(elapsed),
    };
    loop {
        let message = match tokio::time::timeout(STREAM_SILENCE, stream.message()).await {
            Ok(Ok(Some(message))) => message,
            Ok(Ok(None)) => return Fault::unavailable("the stream has ended"),
            Ok(Err(status)) => return peer_fault(status),
            Err(elapsed) => return Fault::unavailable(elapsed),
        };
        let revocations: Vec<Revocation> = message.revocations.iter().filter_map(revocation).collect();
        access.hear(&revocations, message.is_current, Instant::now());
        if !revocations.is_empty()
            && let Ok(oldest) = clock.now().checked_sub(REVOCATION_MEMORY)
        {
            access.forget_before(oldest);
        }
        backoff.reset();
    }
}

fn revocation(told: &pb::Revocation) -> Option<Revocation> {
    let at = told.revoke_time.as_ref()?;
    Some(Revocation {
        subject: Subject { id: told.subject_id.parse().ok()?, generation: told.generation },
        at: Timestamp::new(at.seconds, at.nanos).ok()?,
    })
}
