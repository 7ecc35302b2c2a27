//! Certificates for tests: an authority of one's own, which nobody else believes.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// Signs certificates. Its own is to be believed by whoever is to believe them.
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, both in PEM.
#[derive(Debug, Clone)]
pub struct IssuedCertificate {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    /// Makes an authority of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("the machine has randomness");
        let pem = params.self_signed(&key).expect("a key of our own signs").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Its own certificate.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Signs a certificate for a server or a client called `name` that is reached at these hosts or addresses.
    #[must_use]
    pub fn issue(&self, name: &str, hosts: &[&str]) -> IssuedCertificate {
        let key = KeyPair::generate().expect("the machine has randomness");
        let certificate = params(name, hosts).signed_by(&key, &self.issuer).expect("a key of our own signs");
        IssuedCertificate { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

fn params(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).expect("a test gives hosts in ASCII");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
