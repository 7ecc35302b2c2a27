//! Channels: how letters and SMS leave.

mod files;
mod message;
pub(crate) mod smpp;
mod smtp;

use std::path::PathBuf;
use std::sync::Arc;

use messaging::Lane;
use runtime::settings::Settings;

use self::files::FileMailer;
pub(crate) use self::files::FileTexter;
use self::smpp::SmppConfig;
use self::smtp::{SmtpConfig, SmtpMailer};
use crate::application::Mailer;
use crate::domain::Channel;

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

/// How SMS leave.
#[derive(Debug, Clone)]
pub(crate) enum SmsConfig {
    /// They do not.
    None,
    Smpp(SmppConfig),
    /// Each SMS a file of this folder.
    Files(PathBuf),
}

impl SmsConfig {
    pub(crate) fn read(settings: &mut Settings) -> Option<Self> {
        let transport: String = settings.value("sms.transport")?;
        if transport != "files" {
            settings.leave_out("sms.folder");
        }
        if transport != "smpp" {
            settings.leave_out("smpp");
        }
        match transport.as_str() {
            "none" => Some(Self::None),
            "smpp" => SmppConfig::read(settings).map(Self::Smpp),
            "files" => settings.value("sms.folder").map(Self::Files),
            _ => {
                settings.problem("sms.transport", "must be none, smpp or files");
                None
            }
        }
    }

    /// The channels by which anything leaves; by e-mail it always does.
    pub(crate) const fn open_channels(&self) -> &'static [Channel] {
        match self {
            Self::None => &[Channel::Email],
            Self::Smpp(_) | Self::Files(_) => &[Channel::Email, Channel::Sms],
        }
    }

    /// SMS of a lane sent at the same time.
    pub(crate) const fn concurrency(&self, lane: Lane) -> usize {
        match (self, lane) {
            (Self::Smpp(smpp), Lane::Normal) => smpp.window,
            (Self::Smpp(smpp), Lane::Security) => smpp.security_window,
            (Self::None | Self::Files(_), _) => 1,
        }
    }
}
