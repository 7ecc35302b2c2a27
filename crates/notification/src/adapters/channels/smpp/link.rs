//! The connection to the SMSC: made, bound, watched, and made again.

use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use runtime::lifecycle::{Backoff, WorkerResult};
use rusmpp::Pdu;
use rusmpp::pdus::{BindTransceiver, DeliverSmResp};
use rusmpp::values::InterfaceVersion;
use rusmppc::error::Error;
use rusmppc::{Client, ConnectionBuilder, Event};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::config::SmppConfig;
use super::receipts::receipt;
use crate::application::ReceiptDesk;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a silent connection is tried, and how long the SMSC may take to say that it is there.
const ENQUIRE_INTERVAL: Duration = Duration::from_secs(30);
const ENQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Receipts that are being written down at the same time.
const RECEIPTS: usize = 64;

pub(crate) struct SmppLink {
    config: SmppConfig,
    desk: ReceiptDesk,
    publish: watch::Sender<Option<Client>>,
    slots: Arc<Semaphore>,
}

/// Why a connection came to its end.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("the SMSC cannot be reached")]
    Away(#[source] std::io::Error),
    #[error("the SMSC does not let us in")]
    NotBound(#[source] Error),
    #[error("the SMSC has closed the connection")]
    Closed,
}

impl SmppLink {
    pub(super) const fn new(
        config: SmppConfig,
        desk: ReceiptDesk,
        publish: watch::Sender<Option<Client>>,
        slots: Arc<Semaphore>,
    ) -> Self {
        Self { config, desk, publish, slots }
    }

    /// Runs until `stop` is cancelled and what is under way has its answer.
    pub(crate) async fn run(self, stop: CancellationToken) -> WorkerResult {
        let mut backoff = Backoff::new();
        loop {
            let ended = self.serve(&stop, &mut backoff).await;
            self.publish.send_replace(None);
            match ended {
                Ok(()) => return Ok(()),
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "no connection to the SMSC"),
            }
            tokio::select! {
                () = backoff.wait() => {}
                () = stop.cancelled() => return Ok(()),
            }
        }
    }

    /// One connection, from its beginning to its end.
    async fn serve(&self, stop: &CancellationToken, backoff: &mut Backoff) -> Result<(), LinkError> {
        let stream = tokio::select! {
            stream = self.connect() => stream?,
            () = stop.cancelled() => return Ok(()),
        };
        let (client, events, connection) = ConnectionBuilder::new()
            // It is for those who speak 5.0 only; we speak 3.4.
            .disable_interface_version_check()
            .enquire_link_interval(ENQUIRE_INTERVAL)
            .enquire_link_response_timeout(ENQUIRE_TIMEOUT)
            .response_timeout(self.config.response_timeout)
            .no_spawn()
            .connected(stream);
        let session = async {
            self.bind(&client).await?;
            backoff.reset();
            self.publish.send_replace(Some(client.clone()));
            tokio::select! {
                () = self.listen(&client, events) => Err(LinkError::Closed),
                () = self.drained(stop) => {
                    // Whatever it answers, we are done.
                    let _ = client.unbind().await;
                    Ok(())
                }
            }
        };
        tokio::select! {
            () = connection => Err(LinkError::Closed),
            ended = session => ended,
        }
    }

    async fn connect(&self) -> Result<TcpStream, LinkError> {
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(&self.config.server));
        let stream = connecting.await.unwrap_or_else(|elapsed| Err(elapsed.into())).map_err(LinkError::Away)?;
        stream.set_nodelay(true).map_err(LinkError::Away)?;
        Ok(stream)
    }

    async fn bind(&self, client: &Client) -> Result<(), LinkError> {
        let bind = BindTransceiver::builder()
            .system_id(self.config.system_id.clone())
            .password(self.config.password.expose().clone())
            .interface_version(InterfaceVersion::Smpp3_4)
            .build();
        client.bind_transceiver(bind).await.map(|_| ()).map_err(LinkError::NotBound)
    }

    /// Listens to what the SMSC says of its own accord, until it says no more.
    async fn listen(&self, client: &Client, events: impl Stream<Item = Event>) {
        events.for_each_concurrent(RECEIPTS, |event| self.hear(client, event)).await;
    }

    async fn hear(&self, client: &Client, event: Event) {
        let Event::Incoming(command) = event else { return };
        let number = command.sequence_number();
        // If an answer cannot leave, the connection is gone, and the SMSC says it again on the next.
        match command.pdu() {
            Some(Pdu::DeliverSm(message)) => {
                if let Some(receipt) = receipt(message) {
                    self.desk.take(&receipt).await;
                }
                let _ = client.deliver_sm_resp(number, DeliverSmResp::default()).await;
            }
            Some(Pdu::Unbind) => {
                self.publish.send_replace(None);
                let _ = client.unbind_resp(number).await;
                let _ = client.close().await;
            }
            _ => {}
        }
    }

    /// Waits until the process is to end and no SMS waits for its answer any more; from then on none is sent.
    async fn drained(&self, stop: &CancellationToken) {
        stop.cancelled().await;
        let all = u32::try_from(self.config.window + self.config.security_window).unwrap_or(u32::MAX);
        // Fails only when it is closed, which is what follows.
        let _all = self.slots.acquire_many(all).await;
        self.slots.close();
    }
}
