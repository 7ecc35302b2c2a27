//! TLS on connections that we serve, with the files as they are now.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::HTTP2;
use super::files::{FileProblem, OwnCertificate, PemFile};
use crate::settings::Settings;

const RELOAD_INTERVAL: Duration = Duration::from_secs(5);
/// How long a client may take to say who it is.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);

/// Who we are to clients, and whom we believe to be one; anybody, unless there is an authority of clients.
#[derive(Debug, Clone)]
pub(crate) struct ServerTls {
    own: OwnCertificate,
    client_authorities: Option<PemFile>,
}

/// What the files hold.
#[derive(PartialEq)]
struct Contents {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    client_authorities: Option<Vec<CertificateDer<'static>>>,
}

impl ServerTls {
    /// Reads `certificate_file`, `key_file` and `client_ca_file` of a section; none without a certificate.
    pub(crate) fn read(settings: &mut Settings, section: &str) -> Option<Self> {
        let own = OwnCertificate::read(settings, section);
        let client_ca_file = format!("{section}.client_ca_file");
        let client_authorities = PemFile::read_setting(settings, &client_ca_file);
        if client_authorities.is_some() && own.is_none() {
            settings.problem(&client_ca_file, "of no use without a certificate of our own");
        }
        let tls = Self { own: own?, client_authorities };
        for problem in tls.problems() {
            problem.tell(settings);
        }
        Some(tls)
    }

    fn contents(&self) -> Result<Contents, FileProblem> {
        let client_authorities = self.client_authorities.as_ref().map(PemFile::certificates).transpose()?;
        Ok(Contents { chain: self.own.certificate.certificates()?, key: self.own.key.private_key()?, client_authorities })
    }

    /// `protocol` is the one that is spoken.
    fn config(&self, contents: &Contents, protocol: &[u8]) -> Result<Arc<ServerConfig>, FileProblem> {
        let mut builder = ServerConfig::builder().with_no_client_auth();
        if let Some((file, certificates)) = self.client_authorities.as_ref().zip(contents.client_authorities.clone()) {
            let verifier = WebPkiClientVerifier::builder(Arc::new(file.authorities(certificates)?));
            let verifier = verifier.build().map_err(|error| file.unfit_authority(error))?;
            builder = ServerConfig::builder().with_client_cert_verifier(verifier);
        }
        let config = builder.with_single_cert(contents.chain.clone(), contents.key.clone_key());
        let mut config = config.map_err(|error| self.own.key.unfit(error))?;
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(Arc::new(config))
    }

    fn problems(&self) -> Vec<FileProblem> {
        let authorities = self.client_authorities.as_ref().and_then(|file| file.certificates().err());
        let mut problems: Vec<_> = self.own.problems().chain(authorities).collect();
        if problems.is_empty() {
            problems.extend(self.contents().and_then(|contents| self.config(&contents, HTTP2)).err());
        }
        problems
    }
}

/// Takes clients in, with what the files said when they were last in order.
#[derive(Clone)]
pub(crate) struct Acceptor {
    tls: ServerTls,
    protocol: &'static [u8],
    current: Arc<RwLock<(Contents, Arc<ServerConfig>)>>,
}

impl Acceptor {
    pub(crate) fn new(tls: ServerTls, protocol: &'static [u8]) -> Result<Self, FileProblem> {
        let contents = tls.contents()?;
        let config = tls.config(&contents, protocol)?;
        Ok(Self { tls, protocol, current: Arc::new(RwLock::new((contents, config))) })
    }

    /// Reads the files again and again. What cannot be used changes nothing; connections that stand are left alone.
    pub(crate) async fn keep_reading(self) -> Infallible {
        loop {
            tokio::time::sleep(RELOAD_INTERVAL).await;
            match self.read_again() {
                Ok(true) => tracing::info!("the TLS certificate was replaced"),
                Ok(false) => {}
                Err(problem) => {
                    tracing::error!(error = &problem as &dyn std::error::Error, "the TLS certificate is not replaced");
                }
            }
        }
    }

    /// True if the files hold something new, which counts from now on.
    fn read_again(&self) -> Result<bool, FileProblem> {
        let contents = self.tls.contents()?;
        if self.current.read().expect("nobody panics while holding it").0 == contents {
            return Ok(false);
        }
        let config = self.tls.config(&contents, self.protocol)?;
        *self.current.write().expect("nobody panics while holding it") = (contents, config);
        Ok(true)
    }

    /// Fails for a client that is not who it must be, or takes too long to say so.
    pub(crate) async fn accept(&self, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = self.current.read().expect("nobody panics while holding it").1.clone();
        tokio::time::timeout(HANDSHAKE_LIMIT, TlsAcceptor::from(config).accept(socket)).await?
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use testkit::{Authority, IssuedCertificate};

    use super::*;

    fn write(folder: &Path, issued: &IssuedCertificate) {
        std::fs::write(folder.join("certificate"), &issued.certificate).expect("the temporary folder is writable");
        std::fs::write(folder.join("key"), &issued.key).expect("the temporary folder is writable");
    }

    fn settings(folder: &Path, files: &[(&str, &str)]) -> Settings {
        let named = files.iter().map(|(setting, file)| {
            (format!("CABINET__GRPC__TLS__{}", setting.to_uppercase()), folder.join(file).display().to_string())
        });
        Settings::load(&[], None, named)
    }

    fn problems(folder: &Path, files: &[(&str, &str)]) -> String {
        let mut settings = settings(folder, files);
        let tls = ServerTls::read(&mut settings, "grpc.tls");
        settings.finish(Some(tls)).err().map(|invalid| invalid.to_string()).unwrap_or_default()
    }

    const BOTH: [(&str, &str); 2] = [("certificate_file", "certificate"), ("key_file", "key")];

    #[test]
    fn what_cannot_be_used_changes_nothing() {
        let (folder, authority) = (tempfile::tempdir().expect("it is writable"), Authority::new("ours"));
        write(folder.path(), &authority.issue("first", &["localhost"]));
        let tls = ServerTls::read(&mut settings(folder.path(), &BOTH), "grpc.tls").expect("good files");
        let acceptor = Acceptor::new(tls, HTTP2).expect("good files");
        let in_use = || Arc::as_ptr(&acceptor.current.read().expect("nobody panicked").1);
        let first = in_use();
        assert!(!acceptor.read_again().expect("good files"));

        let second = authority.issue("second", &["localhost"]);
        let half_written = IssuedCertificate { certificate: second.certificate.clone(), key: "-----BEGIN".to_owned() };
        let of_another = IssuedCertificate { certificate: second.certificate.clone(), ..authority.issue("third", &[]) };
        for broken in [half_written, of_another] {
            write(folder.path(), &broken);
            assert!(acceptor.read_again().is_err());
            assert_eq!(in_use(), first);
        }
        write(folder.path(), &second);
        assert!(acceptor.read_again().expect("good files"));
        assert_ne!(in_use(), first);
    }

    #[test]
    fn every_file_that_cannot_be_used_is_told_with_its_setting_and_nothing_it_holds() {
        let (folder, authority) = (tempfile::tempdir().expect("it is writable"), Authority::new("ours"));
        write(folder.path(), &authority.issue("first", &["localhost"]));
        std::fs::write(folder.path().join("text"), "hunter2").expect("it is writable");
        std::fs::write(folder.path().join("other key"), authority.issue("other", &[]).key).expect("it is writable");
        let told = |files: &[(&str, &str)]| problems(folder.path(), files);
        assert_eq!(told(&BOTH), "");
        assert_eq!(told(&[]), "");
        assert_eq!(
            told(&[("certificate_file", "certificate")]),
            "configuration: grpc.tls.key_file: must be set, since grpc.tls.certificate_file is"
        );
        assert_eq!(
            told(&[("client_ca_file", "certificate")]),
            "configuration: grpc.tls.client_ca_file: of no use without a certificate of our own"
        );
        assert_eq!(
            told(&[("certificate_file", "nowhere"), ("key_file", "text"), ("client_ca_file", "text")]),
            "configuration: grpc.tls.certificate_file: entity not found; grpc.tls.key_file: holds no private key in PEM; \
             grpc.tls.client_ca_file: holds no certificate in PEM"
        );
        assert_eq!(
            told(&[("certificate_file", "certificate"), ("key_file", "other key")]),
            "configuration: grpc.tls.key_file: keys may not be consistent: KeyMismatch"
        );
    }
}
