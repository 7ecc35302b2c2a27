//! TLS on connections that we open: to our own services, and to the broker.

use rustls::ClientConfig;

use super::files::{FileProblem, OwnCertificate, PemFile};
use crate::settings::Settings;

/// Whom we believe to be a server, and who we are to one that asks. Read again for every connection that is opened.
#[derive(Debug, Clone)]
pub struct ClientTls {
    authorities: PemFile,
    own: Option<OwnCertificate>,
}

impl ClientTls {
    /// Reads `ca_file` of a section and, for servers that ask, `certificate_file` and `key_file`; none without the first.
    pub fn read(settings: &mut Settings, section: &str) -> Option<Self> {
        let ca_file = format!("{section}.ca_file");
        let authorities = PemFile::read_setting(settings, &ca_file);
        let own = OwnCertificate::read(settings, section);
        if authorities.is_none() && own.is_some() {
            settings.problem(&ca_file, "must be set, since there is a certificate of our own");
        }
        let tls = Self { authorities: authorities?, own };
        for problem in tls.problems() {
            problem.tell(settings);
        }
        Some(tls)
    }

    /// What the files say now. The name of the server is checked besides (RFC 9525).
    pub fn config(&self) -> Result<ClientConfig, FileProblem> {
        let authorities = self.authorities.authorities(self.authorities.certificates()?)?;
        let builder = ClientConfig::builder().with_root_certificates(authorities);
        let Some(own) = &self.own else { return Ok(builder.with_no_client_auth()) };
        let (chain, key) = (own.certificate.certificates()?, own.key.private_key()?);
        builder.with_client_auth_cert(chain, key).map_err(|error| own.key.unfit(error))
    }

    fn problems(&self) -> Vec<FileProblem> {
        let own = self.own.iter().flat_map(OwnCertificate::problems);
        let mut problems: Vec<_> = self.authorities.certificates().err().into_iter().chain(own).collect();
        if problems.is_empty() {
            problems.extend(self.config().err());
        }
        problems
    }
}
