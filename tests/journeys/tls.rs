//! A system in which every service shows a certificate and wants to see one.

use std::sync::Arc;

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::access_service_client::AccessServiceClient;
use api::cabinet::identity::v1::session_service_client::SessionServiceClient;
use cabinet_e2e::{Cabinet, Certificates, ServiceProcess, Setup, channel_with, eventually_async, with_token};
use runtime::settings::Settings;
use runtime::tls::ClientTls;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::Status;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;

async fn started() -> (Cabinet, Certificates) {
    let mut cabinet = Setup::default().tls().start().await;
    let certificates = cabinet.certificates.take().expect("asked for");
    (cabinet, certificates)
}

/// Asks for what anybody may know.
async fn ask(channel: Channel) -> Result<(), Status> {
    AccessServiceClient::new(channel).list_signing_keys(pb::ListSigningKeysRequest {}).await.map(drop)
}

/// Fails if the service could not be spoken to at all; what it answers is of no interest.
async fn reaches(url: &str, settings: Vec<(String, String)>) -> Result<(), Status> {
    match ask(channel_with(url, settings).expect("good settings")).await {
        Err(status) if status.get_details_error_info().is_none() && status.code() != tonic::Code::Unimplemented => Err(status),
        _ => Ok(()),
    }
}

/// The certificate that a service shows to a new connection.
async fn shown_by(service: &ServiceProcess, certificates: &Certificates) -> CertificateDer<'static> {
    let tls = ClientTls::read(&mut Settings::load(&[], None, certificates.client(Some("client"))), "peers.tls");
    let config = tls.expect("there is an authority").config().expect("good files");
    let socket = TcpStream::connect(service.grpc_address()).await.expect("it listens");
    let name = ServerName::try_from("127.0.0.1").expect("an address");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await.expect("it is believed");
    let chain = stream.get_ref().1.peer_certificates().expect("a server shows one");
    chain.first().expect("a server shows one").clone().into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_is_done_where_every_service_wants_a_certificate() {
    let (cabinet, _certificates) = started().await;
    let customer = cabinet.create_customer_who_ticked("anna@example.com").await;
    let case = cabinet.create_case(&customer.user_id).await;
    cabinet.change_status(&cabinet.service_token(), &case.case_id, "OPEN").await.expect("an allowed move");
    let letters = cabinet.letters(1).await;
    assert_eq!(letters[0].rcpt_to, ["anna@example.com"]);

    let tokens = cabinet.signed_in(&customer).await;
    let request = with_token(&tokens.access_token, pb::ListSessionsRequest {});
    let sessions = SessionServiceClient::new(cabinet.identity.channel()).list_sessions(request).await.expect("one's own");
    assert_eq!(sessions.get_ref().sessions[0].client_address, "127.0.0.1", "the peer is seen as without TLS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_not_who_it_must_be_is_refused() {
    let (cabinet, certificates) = started().await;
    certificates.keep_strangers("stranger");
    for (service, url) in [(&cabinet.identity, cabinet.identity.grpc_url()), (&cabinet.profile, cabinet.profile.grpc_url())] {
        assert!(reaches(&url, certificates.client(Some("client"))).await.is_ok(), "{url}");
        assert!(reaches(&url, certificates.client(None)).await.is_err(), "{url}: no certificate");
        assert!(reaches(&url, certificates.client(Some("stranger"))).await.is_err(), "{url}: of another authority");
        let plain = format!("http://{}", service.grpc_address());
        assert!(reaches(&plain, Vec::new()).await.is_err(), "{url}: without TLS");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_another_authority_vouches_for_is_refused() {
    let (cabinet, certificates) = started().await;
    certificates.keep_strangers("stranger");
    let mut settings = certificates.client(Some("client"));
    let (ca_file, path) = settings.first_mut().expect("the authority stands first");
    assert_eq!(ca_file, "CABINET__PEERS__TLS__CA_FILE");
    *path = path.replace("ca.pem", "stranger.pem");
    assert!(ask(channel_with(&cabinet.identity.grpc_url(), settings).expect("good settings")).await.is_err());
    let by_name = cabinet.identity.grpc_url().replace("127.0.0.1", "localhost");
    let by_name = channel_with(&by_name, certificates.client(Some("client"))).expect("good settings");
    assert!(ask(by_name).await.is_err(), "a name that is not in the certificate");
    assert!(ask(cabinet.identity.channel()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_was_replaced_is_shown_to_new_connections_without_a_restart() {
    let (cabinet, certificates) = started().await;
    let before = shown_by(&cabinet.identity, &certificates).await;
    let kept = cabinet.identity.channel();
    ask(kept.clone()).await.expect("it serves");

    let replaced = certificates.replace("cabinet-identity");
    let replaced = CertificateDer::from_pem_slice(replaced.as_bytes()).expect("a certificate in PEM");
    assert_ne!(before, replaced);
    eventually_async("the new certificate", async || {
        (shown_by(&cabinet.identity, &certificates).await == replaced).then_some(())
    })
    .await;
    ask(kept).await.expect("the connection from before goes on");
    assert!(cabinet.identity.is_ready().await);
}
