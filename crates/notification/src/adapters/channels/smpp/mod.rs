//! SMS over SMPP 3.4: one connection that sends and is told what became of what was sent.
//!
//! [`SmppTexter`] cuts a text into segments and submits them, [`SmppLink`] keeps the connection. The library underneath knows
//! the protocol; when to connect, what to make of an answer, and what was certainly not sent is decided here.

mod alphabet;
mod config;
mod link;
mod receipts;
mod segments;

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kernel::DeliveryId;
use rusmpp::pdus::SubmitSm;
use rusmpp::types::{COctetString, OctetString};
use rusmpp::values::{
    DataCoding, EsmClass, IntermediateNotification, MCDeliveryReceipt, Npi, RegisteredDelivery, SmeOriginatedAcknowledgement, Ton,
};
use rusmpp::{Command, CommandStatus};
use rusmppc::Client;
use rusmppc::error::Error;
use tokio::sync::{Semaphore, watch};

use self::alphabet::Alphabet;
pub(crate) use self::config::SmppConfig;
pub(crate) use self::link::SmppLink;
use self::segments::{Segment, segments};
use crate::application::{ReceiptDesk, SendError, Sms, Texter};

/// How long an SMS waits for a connection that is being made.
const LINK_PATIENCE: Duration = Duration::from_secs(5);
/// `esm_class`: an ordinary message, and one that begins with a header. The library's own default is an acknowledgement.
const PLAIN: u8 = 0;
const WITH_HEADER: u8 = 0b0100_0000;

const AWAY: SendError = SendError::Transient { reason: "PROVIDER_AWAY" };
const NOT_ADDRESSABLE: SendError = SendError::Permanent { reason: "NOT_ADDRESSABLE" };

/// A texter, and the connection it sends through, which is to be run.
pub(crate) fn open(config: SmppConfig, desk: ReceiptDesk) -> (SmppTexter, SmppLink) {
    let (publish, session) = watch::channel(None);
    let slots = Arc::new(Semaphore::new(config.window + config.security_window));
    let texter = SmppTexter { config: config.clone(), session, slots: slots.clone() };
    (texter, SmppLink::new(config, desk, publish, slots))
}

pub(crate) struct SmppTexter {
    config: SmppConfig,
    /// The connection as it stands; none while there is none that is bound.
    session: watch::Receiver<Option<Client>>,
    /// One for each SMS under way; closed when the process ends and none is left.
    slots: Arc<Semaphore>,
}

#[async_trait]
impl Texter for SmppTexter {
    /// One segment after the other. If one is refused for now, the whole is tried again: its segments have the same reference
    /// then, so that a phone puts together what it has.
    async fn send(&self, sms: &Sms) -> Result<Vec<String>, SendError> {
        let reference = reference(sms.delivery_id);
        let segments = segments(&sms.text, reference).map_err(|_| SendError::Permanent { reason: "TOO_LONG" })?;
        let _slot = self.slots.acquire().await.map_err(|_| AWAY)?;
        let client = self.bound().await?;
        let mut message_ids = Vec::new();
        for segment in segments {
            message_ids.extend(submit(&client, self.submission(&sms.to, segment)?).await?);
        }
        Ok(message_ids)
    }
}

impl SmppTexter {
    async fn bound(&self) -> Result<Client, SendError> {
        let mut session = self.session.clone();
        let bound = tokio::time::timeout(LINK_PATIENCE, session.wait_for(Option::is_some));
        let bound = bound.await.map_err(|_| AWAY)?.map_err(|_| AWAY)?;
        bound.clone().ok_or(AWAY)
    }

    fn submission(&self, to: &str, segment: Segment) -> Result<SubmitSm, SendError> {
        let source = &self.config.source;
        let to = COctetString::from_str(to.trim_start_matches('+')).map_err(|_| NOT_ADDRESSABLE)?;
        let octets = OctetString::from_vec(segment.octets).map_err(|_| NOT_ADDRESSABLE)?;
        Ok(SubmitSm::builder()
            .source_addr_ton(source.ton)
            .source_addr_npi(source.npi)
            .source_addr(source.address.clone())
            .dest_addr_ton(Ton::International)
            .dest_addr_npi(Npi::Isdn)
            .destination_addr(to)
            .esm_class(EsmClass::from(if segment.has_header { WITH_HEADER } else { PLAIN }))
            .registered_delivery(final_receipts())
            .data_coding(match segment.alphabet {
                Alphabet::Gsm => DataCoding::McSpecific,
                Alphabet::Ucs2 => DataCoding::Ucs2,
            })
            .short_message(octets)
            .build())
    }
}

fn final_receipts() -> RegisteredDelivery {
    RegisteredDelivery::new(
        MCDeliveryReceipt::McDeliveryReceiptRequestedWhereFinalDeliveryOutcomeIsSuccessOrFailure,
        SmeOriginatedAcknowledgement::default(),
        IntermediateNotification::default(),
        0,
    )
}

/// The last byte of a UUIDv7 is random, and the same for every attempt.
const fn reference(delivery_id: DeliveryId) -> u8 {
    delivery_id.as_uuid().as_bytes()[15]
}

/// Answers with the name the SMSC has given the segment, if it has.
async fn submit(client: &Client, submission: SubmitSm) -> Result<Option<String>, SendError> {
    if !client.is_active() {
        return Err(AWAY);
    }
    match client.submit_sm(submission).await {
        Ok(answer) => {
            let name = answer.message_id().to_string();
            Ok((!name.is_empty()).then_some(name))
        }
        Err(Error::UnexpectedResponse { response }) => Err(refusal(&response)),
        Err(Error::Encode(_)) => Err(NOT_ADDRESSABLE),
        // It may have left before the connection broke: nobody knows.
        Err(_) => Err(SendError::Uncertain),
    }
}

/// SMPP 3.4 §5.1.3: which errors say "later", and which "never".
fn refusal(answer: &Command) -> SendError {
    match answer.status() {
        CommandStatus::EsmeRthrottled | CommandStatus::EsmeRmsgqful | CommandStatus::EsmeRsyserr | CommandStatus::EsmeRxTAppn => {
            SendError::Transient { reason: "PROVIDER_BUSY" }
        }
        // About the connection, not about the message.
        CommandStatus::EsmeRinvbndsts => AWAY,
        CommandStatus::EsmeRinvdstadr | CommandStatus::EsmeRinvdstton | CommandStatus::EsmeRinvdstnpi => {
            SendError::Permanent { reason: "DESTINATION_INVALID" }
        }
        _ => SendError::Permanent { reason: "PROVIDER_REFUSED" },
    }
}
