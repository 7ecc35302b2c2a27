//! Mail and SMS as files, for trying out: each letter an Internet message that a mail program opens, each SMS a text.

use std::path::PathBuf;

use async_trait::async_trait;

use super::message::message;
use crate::application::{Letter, Mailer, SendError, Sms, Texter};

/// The domain of every Message-ID; nothing leaves the machine.
const DOMAIN: &str = "cabinet.invalid";

/// Where the files go.
struct Folder(PathBuf);

impl Folder {
    async fn write(&self, name: &str, content: &[u8]) -> Result<(), SendError> {
        let written = async {
            tokio::fs::create_dir_all(&self.0).await?;
            let unfinished = self.0.join(format!("{name}.part"));
            tokio::fs::write(&unfinished, content).await?;
            // Whoever watches the folder sees whole files only.
            tokio::fs::rename(&unfinished, self.0.join(name)).await
        };
        written.await.map_err(|_: std::io::Error| SendError::Transient { reason: "FOLDER_NOT_WRITABLE" })
    }
}

pub(crate) struct FileMailer {
    folder: Folder,
}

impl FileMailer {
    pub(crate) const fn new(folder: PathBuf) -> Self {
        Self { folder: Folder(folder) }
    }
}

#[async_trait]
impl Mailer for FileMailer {
    async fn send(&self, letter: &Letter) -> Result<(), SendError> {
        let message = message(letter, DOMAIN).map_err(|_| SendError::Permanent { reason: "NOT_ADDRESSABLE" })?;
        self.folder.write(&format!("{}.eml", letter.delivery_id), &message.formatted()).await
    }
}

pub(crate) struct FileTexter {
    folder: Folder,
}

impl FileTexter {
    pub(crate) const fn new(folder: PathBuf) -> Self {
        Self { folder: Folder(folder) }
    }
}

#[async_trait]
impl Texter for FileTexter {
    async fn send(&self, sms: &Sms) -> Result<Vec<String>, SendError> {
        let content = format!("To: {}\n\n{}\n", sms.to, sms.text);
        self.folder.write(&format!("{}.txt", sms.delivery_id), content.as_bytes()).await?;
        Ok(Vec::new())
    }
}
