//! A realm is asked of identity once, whoever needs it; then it is known here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::access_service_server::{AccessService, AccessServiceServer};
use api::cabinet::identity::v1::realm_service_server::{RealmService, RealmServiceServer};
use futures::stream::BoxStream;
use kernel::{Component, Errand, Fault, RealmId, Secret};
use runtime::access::{ComponentTokens, IdentityConfig};
use runtime::grpc::{Client, PeerConfig};
use runtime::trace::Tracer;
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::desk::{Desk, ManualClock};
use crate::adapters::clients::IdentityClient;
use crate::adapters::postgres::PgRealms;
use crate::adapters::realms::RealmDirectory;
use crate::application::Realms as _;

/// Identity, with one realm.
struct OneRealm {
    realm: pb::Realm,
    asked: Arc<AtomicUsize>,
}

#[tonic::async_trait]
impl RealmService for OneRealm {
    async fn get_realm(&self, request: Request<pb::GetRealmRequest>) -> Result<Response<pb::GetRealmResponse>, Status> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if request.into_inner().realm_id != self.realm.realm_id {
            return Err(Status::not_found("REALM_NOT_FOUND"));
        }
        Ok(Response::new(pb::GetRealmResponse { realm: Some(self.realm.clone()) }))
    }

    async fn create_realm(&self, _: Request<pb::CreateRealmRequest>) -> Result<Response<pb::CreateRealmResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_realms(&self, _: Request<pb::ListRealmsRequest>) -> Result<Response<pb::ListRealmsResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_policy(&self, _: Request<pb::GetPolicyRequest>) -> Result<Response<pb::GetPolicyResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn update_policy(&self, _: Request<pb::UpdatePolicyRequest>) -> Result<Response<pb::UpdatePolicyResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn update_realm(&self, _: Request<pb::UpdateRealmRequest>) -> Result<Response<pb::UpdateRealmResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_company_settings(
        &self,
        _: Request<pb::GetCompanySettingsRequest>,
    ) -> Result<Response<pb::GetCompanySettingsResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn update_company_settings(
        &self,
        _: Request<pb::UpdateCompanySettingsRequest>,
    ) -> Result<Response<pb::UpdateCompanySettingsResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn create_company(&self, _: Request<pb::CreateCompanyRequest>) -> Result<Response<pb::CreateCompanyResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_company(&self, _: Request<pb::GetCompanyRequest>) -> Result<Response<pb::GetCompanyResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_companies(&self, _: Request<pb::ListCompaniesRequest>) -> Result<Response<pb::ListCompaniesResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// Identity's door, where components get their tokens.
struct Door;

#[tonic::async_trait]
impl AccessService for Door {
    async fn issue_component_token(
        &self,
        _: Request<pb::IssueComponentTokenRequest>,
    ) -> Result<Response<pb::IssueComponentTokenResponse>, Status> {
        Ok(Response::new(pb::IssueComponentTokenResponse { access_token: "a token".to_owned(), expire_time: None }))
    }

    async fn list_signing_keys(
        &self,
        _: Request<pb::ListSigningKeysRequest>,
    ) -> Result<Response<pb::ListSigningKeysResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    type WatchRevocationsStream = BoxStream<'static, Result<pb::WatchRevocationsResponse, Status>>;

    async fn watch_revocations(
        &self,
        _: Request<pb::WatchRevocationsRequest>,
    ) -> Result<Response<Self::WatchRevocationsStream>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn check_access(&self, _: Request<pb::CheckAccessRequest>) -> Result<Response<pb::CheckAccessResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// A running identity, until it is dropped.
struct Peer {
    url: String,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Peer {
    fn start(realm: pb::Realm) -> Self {
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let url = format!("http://{}", incoming.local_addr().expect("it is bound"));
        let asked = Arc::new(AtomicUsize::default());
        let service = RealmServiceServer::new(OneRealm { realm, asked: asked.clone() });
        let serving =
            Server::builder().add_service(service).add_service(AccessServiceServer::new(Door)).serve_with_incoming(incoming);
        let task = tokio::spawn(async { serving.await.expect("the port is ours") });
        Self { url, asked, task }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn realm(realm_id: RealmId, time_zone: &str) -> pb::Realm {
    pb::Realm {
        realm_id: realm_id.to_string(),
        name: "Helpline".to_owned(),
        public_url: "https://cabinet.example".to_owned(),
        sender: "Helpline <noreply@example.com>".to_owned(),
        language: "uk".to_owned(),
        time_zone: time_zone.to_owned(),
        version: 1,
        ..Default::default()
    }
}

/// The directory of a process that has just started.
fn directory(desk: &Desk, url: &str) -> RealmDirectory {
    let clock: Arc<ManualClock> = desk.clock.clone();
    let identity = IdentityConfig { peer: PeerConfig::without_tls(url), component_secret: Secret::new("shared".to_owned()) };
    let tokens = ComponentTokens::new(&identity, Component::Notification, clock).expect("a good URL");
    let client = Client::new(&identity.peer, tokens, Tracer::default()).expect("a good URL");
    RealmDirectory::new(PgRealms::new(desk.pool.clone()), Arc::new(IdentityClient::new(client)))
}

fn soon() -> Errand<'static> {
    Errand::until(Instant::now() + Duration::from_secs(10))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_realm_is_asked_for_once() {
    let desk = Desk::open().await;
    let peer = Peer::start(realm(desk.realm_id, "Europe/Kyiv"));
    let first = directory(&desk, &peer.url);
    assert!(first.known(desk.realm_id).is_none());

    let told = first.get(desk.realm_id, soon()).await.expect("identity is there").expect("it knows the realm");
    assert_eq!((told.name.as_str(), told.language.as_str()), ("Helpline", "uk"));
    assert_eq!(told.time_zone.iana_name(), Some("Europe/Kyiv"));
    assert!(first.known(desk.realm_id).is_some());
    let again = first.get(desk.realm_id, soon()).await.expect("it is known");
    assert!(again.is_some());

    // Another process, or the same after a restart, with identity gone for good.
    let asked = peer.asked();
    drop(peer);
    let second = directory(&desk, "http://127.0.0.1:1");
    let kept = second.get(desk.realm_id, soon()).await.expect("the table has it").expect("the table has it");
    assert_eq!((asked, kept.sender.as_str()), (1, "Helpline <noreply@example.com>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_realm_that_identity_does_not_know_is_none() {
    let desk = Desk::open().await;
    let peer = Peer::start(realm(RealmId::from_uuid(uuid::Uuid::from_u128(1)), "Europe/Kyiv"));
    let directory = directory(&desk, &peer.url);
    assert!(directory.get(desk.realm_id, soon()).await.expect("identity is there").is_none());
    assert_eq!(desk.database.value("SELECT count(*) FROM realms"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_identity_is_away_a_new_realm_cannot_be_known() {
    let desk = Desk::open().await;
    let directory = directory(&desk, "http://127.0.0.1:1");
    let fault = directory.get(desk.realm_id, soon()).await.expect_err("nobody is there");
    assert!(matches!(fault, Fault::Unavailable(_)), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_realm_no_letter_can_be_written_for_is_not_kept() {
    let desk = Desk::open().await;
    let peer = Peer::start(realm(desk.realm_id, "Europe/Nowhere"));
    assert!(directory(&desk, &peer.url).get(desk.realm_id, soon()).await.is_err());
    assert_eq!(desk.database.value("SELECT count(*) FROM realms"), "0");
}

/// Rule I1.e: news of a realm that came before anybody had asked about it, twice and out of order, is not lost: it is asked about until
/// it is as new as that; while nobody answers, or not so that a letter could be written, it is what it was.
#[tokio::test(flavor = "multi_thread")]
async fn news_of_a_realm_is_kept_until_it_is_known() {
    let desk = Desk::open().await;
    desk.tell(&[desk.realm_changed(3)]).await;
    desk.tell(&[desk.realm_changed(2), desk.realm_changed(3)]).await;
    let old = Peer::start(realm(desk.realm_id, "Europe/Kyiv"));
    directory(&desk, &old.url).get(desk.realm_id, soon()).await.expect("identity is there").expect("it knows the realm");
    assert_eq!(desk.database.value("SELECT version FROM realms"), "1", "an answer that was on its way");

    let broken = Peer::start(pb::Realm { version: 3, ..realm(desk.realm_id, "Europe/Nowhere") });
    for url in [broken.url.as_str(), "http://127.0.0.1:1"] {
        let kept = directory(&desk, url).get(desk.realm_id, soon()).await.expect("the table has it").expect("the table has it");
        assert_eq!(kept.time_zone.iana_name(), Some("Europe/Kyiv"), "{url}");
    }
    let new = Peer::start(pb::Realm { version: 3, name: "Hotline".to_owned(), ..realm(desk.realm_id, "Europe/Warsaw") });
    let told =
        directory(&desk, &new.url).get(desk.realm_id, soon()).await.expect("identity is there").expect("it knows the realm");
    assert_eq!(told.name, "Hotline");
    let (second, asked) = (directory(&desk, "http://127.0.0.1:1"), new.asked());
    let told = second.get(desk.realm_id, soon()).await.expect("the table has it").expect("the table has it");
    assert_eq!((told.name.as_str(), asked), ("Hotline", 1));
}
