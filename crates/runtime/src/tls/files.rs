//! Certificates and keys as the files that settings name. What a file holds is never part of what is said about it.

use std::io::ErrorKind;
use std::path::PathBuf;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::settings::Settings;

/// A file in PEM (RFC 7468), and the setting that names it.
#[derive(Debug, Clone)]
pub(crate) struct PemFile {
    setting: String,
    path: PathBuf,
}

/// Why a file cannot be used, told by its setting.
#[derive(Debug, thiserror::Error)]
#[error("{setting}")]
pub struct FileProblem {
    setting: String,
    source: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("{0}")]
    Unreadable(ErrorKind),
    #[error("holds no certificate in PEM")]
    NoCertificate,
    #[error("holds no private key in PEM")]
    NoKey,
    #[error(transparent)]
    Unfit(#[from] rustls::Error),
    #[error(transparent)]
    UnfitAuthority(#[from] rustls::server::VerifierBuilderError),
}

impl FileProblem {
    /// Tells it among the other problems of the configuration.
    pub(crate) fn tell(self, settings: &mut Settings) {
        settings.problem(&self.setting, self.source);
    }
}

impl PemFile {
    pub(crate) fn new(setting: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self { setting: setting.into(), path: path.into() }
    }

    /// The file that a setting names, if it names one.
    pub(super) fn read_setting(settings: &mut Settings, key: &str) -> Option<Self> {
        settings.optional(key).map(|path| Self::new(key, path))
    }

    /// A chain of certificates, or a list of authorities.
    pub(crate) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, FileProblem> {
        let text = self.text()?;
        let certificates: Vec<_> =
            CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|_| self.problem(Reason::NoCertificate))?;
        if certificates.is_empty() { Err(self.problem(Reason::NoCertificate)) } else { Ok(certificates) }
    }

    pub(crate) fn private_key(&self) -> Result<PrivateKeyDer<'static>, FileProblem> {
        PrivateKeyDer::from_pem_slice(&self.text()?).map_err(|_| self.problem(Reason::NoKey))
    }

    /// The certificates of a file as authorities to be believed.
    pub(super) fn authorities(&self, certificates: Vec<CertificateDer<'static>>) -> Result<RootCertStore, FileProblem> {
        let mut store = RootCertStore::empty();
        for certificate in certificates {
            store.add(certificate).map_err(|error| self.unfit(error))?;
        }
        Ok(store)
    }

    /// What the file holds is in good form and cannot be used all the same.
    pub(super) fn unfit(&self, error: rustls::Error) -> FileProblem {
        self.problem(error.into())
    }

    pub(super) fn unfit_authority(&self, error: rustls::server::VerifierBuilderError) -> FileProblem {
        self.problem(error.into())
    }

    fn text(&self) -> Result<Vec<u8>, FileProblem> {
        std::fs::read(&self.path).map_err(|error| self.problem(Reason::Unreadable(error.kind())))
    }

    fn problem(&self, source: Reason) -> FileProblem {
        FileProblem { setting: self.setting.clone(), source }
    }
}

/// Who we are: a certificate, with those between it and its authority, and its key.
#[derive(Debug, Clone)]
pub(super) struct OwnCertificate {
    pub(super) certificate: PemFile,
    pub(super) key: PemFile,
}

impl OwnCertificate {
    /// Reads `certificate_file` and `key_file` of a section: both or neither.
    pub(super) fn read(settings: &mut Settings, section: &str) -> Option<Self> {
        let [certificate, key] = ["certificate_file", "key_file"].map(|name| format!("{section}.{name}"));
        match (PemFile::read_setting(settings, &certificate), PemFile::read_setting(settings, &key)) {
            (Some(certificate), Some(key)) => Some(Self { certificate, key }),
            (Some(_), None) => {
                settings.problem(&key, format_args!("must be set, since {certificate} is"));
                None
            }
            (None, Some(_)) => {
                settings.problem(&certificate, format_args!("must be set, since {key} is"));
                None
            }
            (None, None) => None,
        }
    }

    /// What is wrong with either file by itself.
    pub(super) fn problems(&self) -> impl Iterator<Item = FileProblem> {
        self.certificate.certificates().err().into_iter().chain(self.key.private_key().err())
    }
}
