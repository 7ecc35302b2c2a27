//! Cases from an event log: a client of the public contracts that brings what another system has recorded (C12).
//!
//! Nothing is remembered between runs: where a row stands in its case is its place in the source, and Cabinet knows how far it
//! has come. So the same file again changes nothing, and what was killed is finished by running it again.

mod cases;
mod connection;
mod log;
mod mapping;
mod pace;
mod report;
mod requesters;
mod workflow;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use runtime::StartError;

use self::cases::ImportCases;
use self::connection::Connection;

#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// Imports cases and their status changes from a CSV file, one row a state of a case.
    ///
    /// The same file again changes nothing; an import that was killed is finished by running it again. A row that cannot be
    /// taken is reported with its line and reason and stops no other: the exit code is 0 if the import was carried out to its
    /// end, whatever rows were refused.
    Cases(ImportCases),
    /// Replaces the realm's workflow by that of a file, as an import may need it.
    Workflow {
        /// Statuses (TOML), in the form of Cabinet's presets.
        file: PathBuf,
        #[command(flatten)]
        access: Access,
    },
}

/// Where Cabinet is, and who calls. Addresses that begin with https:// want `CABINET__PEERS__TLS__CA_FILE`, and where clients are to
/// show a certificate `…CERTIFICATE_FILE` and `…KEY_FILE`, as a service does.
#[derive(Debug, Args)]
pub(crate) struct Access {
    /// Where identity serves.
    #[arg(long, default_value = "http://127.0.0.1:50051")]
    identity: String,
    /// Where case-monitoring serves.
    #[arg(long, default_value = "http://127.0.0.1:50051")]
    case_monitoring: String,
    /// Where notification serves.
    #[arg(long, default_value = "http://127.0.0.1:50051")]
    notification: String,
    /// The credential: an ACTING_SERVICE of the realm, or a SERVICE if the mapping ticks nothing.
    #[arg(long, env = "CABINET_IMPORT_CREDENTIAL")]
    credential: String,
    /// A file that holds the credential's secret.
    #[arg(long, env = "CABINET_IMPORT_SECRET_FILE")]
    secret_file: PathBuf,
    /// How long, in seconds, one call is tried again while Cabinet is away.
    #[arg(long, default_value_t = 300)]
    patience: u64,
}

impl Import {
    pub(crate) async fn run(self) -> Result<(), StartError> {
        match self {
            Self::Cases(import) => import.run().await,
            Self::Workflow { file, access } => workflow::replace(&file, &Connection::open(&access)?).await,
        }
    }
}
