//! Channels: how letters leave.

mod files;
mod message;
mod smtp;

use std::path::PathBuf;
use std::sync::Arc;

use messaging::Lane;
use runtime::settings::Settings;

use self::files::FileMailer;
use self::smtp::{SmtpConfig, SmtpMailer};
use crate::application::Mailer;

/// How mail leaves.
#[derive(Debug, Clone)]
pub(crate) enum MailConfig {
    Smtp(SmtpConfig),
    /// Each letter a file of this folder.
    Files(PathBuf),
}

impl MailConfig {
    pub(crate) fn read(settings: &mut Settings) -> Option<Self> {
        let transport: String = settings.value("mail.transport")?;
        match transport.as_str() {
            "smtp" => {
                settings.leave_out("mail.folder");
                SmtpConfig::read(settings).map(Self::Smtp)
            }
            "files" => {
                settings.leave_out("smtp");
                settings.value("mail.folder").map(Self::Files)
            }
            _ => {
                settings.problem("mail.transport", "must be smtp or files");
                None
            }
        }
    }

    /// Letters of a lane sent at the same time.
    pub(crate) const fn concurrency(&self, lane: Lane) -> usize {
        match (self, lane) {
            (Self::Smtp(smtp), Lane::Normal) => smtp.connections,
            (Self::Smtp(smtp), Lane::Security) => smtp.security_connections,
            (Self::Files(_), _) => 1,
        }
    }

    /// A mailer with connections of its own.
    pub(crate) fn mailer(&self) -> Arc<dyn Mailer> {
        match self {
            Self::Smtp(smtp) => Arc::new(SmtpMailer::new(smtp.clone())),
            Self::Files(folder) => Arc::new(FileMailer::new(folder.clone())),
        }
    }
}
