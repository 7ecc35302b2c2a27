//! Mail over SMTP (RFC 5321), on connections that are kept.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use runtime::settings::Settings;
use tokio::net::TcpStream;

use super::message::message;
use crate::application::{Letter, Mailer, SendError};

const SERVICE_CLOSING: u16 = 421;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone)]
pub(crate) struct SmtpConfig {
    /// `host:port`
    server: String,
    /// What we call ourselves: EHLO, and the domain of every Message-ID.
    hello_name: String,
    /// Letters sent at the same time.
    pub(crate) connections: usize,
    /// Letters of the lane security, beside them.
    pub(crate) security_connections: usize,
}

impl SmtpConfig {
    pub(crate) fn read(settings: &mut Settings) -> Option<Self> {
        let server = settings.value("smtp.server");
        let hello_name = settings.value("smtp.hello_name");
        let connections = settings.number("smtp.connections", 1..=256);
        let security_connections = settings.number("smtp.security_connections", 1..=256);
        Some(Self {
            server: server?,
            hello_name: hello_name?,
            connections: connections?,
            security_connections: security_connections?,
        })
    }
}

pub(crate) struct SmtpMailer {
    config: SmtpConfig,
    /// Connections that wait for the next letter.
    idle: Mutex<Vec<AsyncSmtpConnection>>,
}

impl SmtpMailer {
    pub(crate) const fn new(config: SmtpConfig) -> Self {
        Self { config, idle: Mutex::new(Vec::new()) }
    }

    fn take_idle(&self) -> Option<AsyncSmtpConnection> {
        self.idle.lock().expect("nobody panics while holding the connections").pop()
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        self.idle.lock().expect("nobody panics while holding the connections").push(connection);
    }

    /// Opens the socket ourselves: the client's own leaves Nagle's algorithm on, and every letter then waits 40 ms for a
    /// delayed acknowledgement.
    async fn connect(&self) -> Result<AsyncSmtpConnection, SendError> {
        let away = SendError::Transient { reason: "PROVIDER_AWAY" };
        let connecting = async {
            let stream = TcpStream::connect(&self.config.server).await.map_err(|_| away)?;
            stream.set_nodelay(true).map_err(|_| away)?;
            let hello = ClientId::Domain(self.config.hello_name.clone());
            // Whatever a server says at its door is about us, not about a letter.
            AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello).await.map_err(|_| away)
        };
        tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or(Err(away))
    }
}

/// How far a letter came before its connection broke or its server said no.
enum Broken {
    /// At its beginning: whatever the server says then is about us or about the connection.
    Door(lettre::transport::smtp::Error),
    /// Before its last byte could have been taken: certainly not sent.
    Before(lettre::transport::smtp::Error),
    /// After the final dot had left, without an answer.
    After,
    /// The server refused the letter as a whole.
    Refused(lettre::transport::smtp::Error),
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, letter: &Letter) -> Result<(), SendError> {
        let message = message(letter, &self.config.hello_name).map_err(|_| SendError::Permanent { reason: "NOT_ADDRESSABLE" })?;
        let mut reused = self.take_idle();
        loop {
            let is_reused = reused.is_some();
            let mut connection = match reused.take() {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            match transmit(&mut connection, &message).await {
                Ok(()) => {
                    self.keep(connection);
                    return Ok(());
                }
                // A connection that was kept may have been closed meanwhile: that says nothing about the letter.
                Err(Broken::Door(error)) if is_reused && is_closing(&error) => reused = self.take_idle(),
                Err(Broken::Door(_)) => return Err(SendError::Transient { reason: "PROVIDER_BUSY" }),
                Err(Broken::Before(error) | Broken::Refused(error)) => return Err(refusal(&error)),
                Err(Broken::After) => return Err(SendError::Uncertain),
            }
        }
    }
}

async fn transmit(connection: &mut AsyncSmtpConnection, message: &lettre::Message) -> Result<(), Broken> {
    let envelope = message.envelope();
    connection.command(Mail::new(envelope.from().cloned(), vec![])).await.map_err(Broken::Door)?;
    for recipient in envelope.to() {
        connection.command(Rcpt::new(recipient.clone(), vec![])).await.map_err(Broken::Before)?;
    }
    connection.command(Data).await.map_err(Broken::Before)?;
    match connection.message(&message.formatted()).await {
        Ok(_) => Ok(()),
        Err(error) if is_answer(&error) => Err(Broken::Refused(error)),
        Err(_) => Err(Broken::After),
    }
}

/// True if the server has closed the connection, or is just saying so (RFC 5321 §3.8: 421).
fn is_closing(error: &lettre::transport::smtp::Error) -> bool {
    !is_answer(error) || error.status().is_some_and(|code| u16::from(code) == SERVICE_CLOSING)
}

/// True if the server said no, rather than nothing.
fn is_answer(error: &lettre::transport::smtp::Error) -> bool {
    error.is_permanent() || error.is_transient()
}

/// RFC 5321 §4.2.1: 5yz is for good, 4yz for now; silence before the letter was out is for now.
fn refusal(error: &lettre::transport::smtp::Error) -> SendError {
    if error.is_permanent() {
        SendError::Permanent { reason: "PROVIDER_REFUSED" }
    } else if error.is_transient() {
        SendError::Transient { reason: "PROVIDER_BUSY" }
    } else {
        SendError::Transient { reason: "PROVIDER_AWAY" }
    }
}
