//! Channels: how letters leave.

mod files;
mod message;
mod smtp;

use std::path::PathBuf;
use std::sync::Arc;

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

    /// Letters sent at the same time.
    pub(crate) const fn concurrency(&self) -> usize {
        match self {
            Self::Smtp(smtp) => smtp.connections,
            Self::Files(_) => 1,
        }
    }
}

pub(crate) fn mailer(config: MailConfig) -> Arc<dyn Mailer> {
    match config {
        MailConfig::Smtp(smtp) => Arc::new(SmtpMailer::new(smtp)),
        MailConfig::Files(folder) => Arc::new(FileMailer::new(folder)),
    }
}
