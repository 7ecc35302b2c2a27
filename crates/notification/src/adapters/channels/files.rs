//! Mail as files, for trying out: each letter an Internet message that a mail program opens.

use std::path::PathBuf;

use async_trait::async_trait;

use super::message::message;
use crate::application::{Letter, Mailer, SendError};

/// The domain of every Message-ID; nothing leaves the machine.
const DOMAIN: &str = "cabinet.invalid";

pub(crate) struct FileMailer {
    folder: PathBuf,
}

impl FileMailer {
    pub(crate) const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    async fn write(&self, name: &str, message: &[u8]) -> std::io::Result<()> {
        tokio::fs::create_dir_all(&self.folder).await?;
        let unfinished = self.folder.join(format!("{name}.part"));
        tokio::fs::write(&unfinished, message).await?;
        // Whoever watches the folder sees whole letters only.
        tokio::fs::rename(&unfinished, self.folder.join(format!("{name}.eml"))).await
    }
}

#[async_trait]
impl Mailer for FileMailer {
    async fn send(&self, letter: &Letter) -> Result<(), SendError> {
        let message = message(letter, DOMAIN).map_err(|_| SendError::Permanent { reason: "NOT_ADDRESSABLE" })?;
        let written = self.write(&letter.delivery_id.to_string(), &message.formatted()).await;
        written.map_err(|_| SendError::Transient { reason: "FOLDER_NOT_WRITABLE" })
    }
}
