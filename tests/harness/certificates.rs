//! Certificates of one system, as files that an operator would mount and replace.

use kernel::Fault;
use runtime::grpc::PeerConfig;
use runtime::settings::Settings;
use testkit::Authority;
use tonic::transport::Channel;

/// Where every service of a test is.
const HOST: &str = "127.0.0.1";
const SERVICES: [&str; 4] = ["cabinet-identity", "cabinet-profile", "cabinet-case-monitoring", "cabinet-notification"];
/// Who tests are to services.
const CLIENT: &str = "client";

/// An authority, and certificates for all who take part.
pub struct Certificates {
    authority: Authority,
    folder: tempfile::TempDir,
}

impl Certificates {
    pub(crate) fn make() -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let certificates = Self { authority: Authority::new("ours"), folder };
        certificates.write("ca.pem", certificates.authority.pem());
        for name in SERVICES {
            certificates.replace(name);
        }
        certificates.keep(CLIENT, &certificates.authority, &[]);
        certificates
    }

    /// Replaces the certificate of a service by a new one; answers with it.
    pub fn replace(&self, service: &str) -> String {
        self.keep(service, &self.authority, &[HOST])
    }

    /// The path of the authority's certificate.
    pub fn authority(&self) -> String {
        self.path("ca.pem")
    }

    /// A client's settings: the authority he believes, and who he is, by name of his certificate.
    pub fn client(&self, certificate: Option<&str>) -> Vec<(String, String)> {
        let mut named = vec![("CA", self.authority())];
        if let Some(name) = certificate {
            named.push(("CERTIFICATE", self.path(&format!("{name}.pem"))));
            named.push(("KEY", self.path(&format!("{name}.key"))));
        }
        named.into_iter().map(|(name, path)| (format!("CABINET__PEERS__TLS__{name}_FILE"), path)).collect()
    }

    /// A certificate that an authority of nobody's has signed, under this name.
    pub fn keep_strangers(&self, name: &str) {
        self.keep(name, &Authority::new("theirs"), &[HOST]);
    }

    /// What makes a service serve with TLS, and ask others with TLS.
    pub(crate) fn settings_of(&self, service: &str) -> Vec<(&'static str, String)> {
        let [certificate, key] = ["pem", "key"].map(|kind| self.path(&format!("{service}.{kind}")));
        vec![
            ("CABINET__GRPC__TLS__CERTIFICATE_FILE", certificate.clone()),
            ("CABINET__GRPC__TLS__KEY_FILE", key.clone()),
            ("CABINET__GRPC__TLS__CLIENT_CA_FILE", self.authority()),
            ("CABINET__PEERS__TLS__CA_FILE", self.authority()),
            ("CABINET__PEERS__TLS__CERTIFICATE_FILE", certificate),
            ("CABINET__PEERS__TLS__KEY_FILE", key),
        ]
    }

    fn keep(&self, name: &str, authority: &Authority, hosts: &[&str]) -> String {
        let issued = authority.issue(name, hosts);
        self.write(&format!("{name}.pem"), &issued.certificate);
        self.write(&format!("{name}.key"), &issued.key);
        issued.certificate
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("the temporary folder is writable");
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

/// A channel to a service, as one service has it to another.
pub fn channel_with(url: &str, settings: Vec<(String, String)>) -> Result<Channel, Fault> {
    let address = ("CABINET__PEERS__SERVICE".to_owned(), url.to_owned());
    let mut settings = Settings::load(&[], None, settings.into_iter().chain([address]));
    let peer = PeerConfig::read(&mut settings, "peers.service");
    settings.finish(peer).map_err(Fault::internal)?.channel()
}

/// The client settings of tests themselves; none where there is no TLS.
pub(crate) fn own_settings(certificates: Option<&Certificates>) -> Vec<(String, String)> {
    certificates.map(|certificates| certificates.client(Some(CLIENT))).unwrap_or_default()
}
