//! Receipts: what became of an SMS after it was sent.

use std::sync::Arc;

use runtime::lifecycle::Backoff;

use super::Ledger;
use crate::domain::Receipt;

/// How often a receipt is looked at again whose SMS is not known: it may be faster than the result it is about. With the waits
/// between, half a minute.
const LOOKS: usize = 10;

/// Takes receipts, whichever process the SMSC hands them to.
pub(crate) struct ReceiptDesk {
    pub(crate) ledger: Arc<dyn Ledger>,
}

impl ReceiptDesk {
    /// Writes it down, however long the ledger is away. What is then still unknown was not sent by us, or long ago.
    pub(crate) async fn take(&self, receipt: &Receipt) {
        let mut backoff = Backoff::new();
        let mut looks = 0;
        while looks < LOOKS {
            match self.ledger.receive(receipt).await {
                Ok(true) => return,
                Ok(false) => looks += 1,
                Err(fault) => tracing::warn!(error = &fault as &dyn std::error::Error, "receipt not written"),
            }
            backoff.wait().await;
        }
        tracing::warn!(receipt.state = receipt.state.as_str(), "a receipt of an SMS that nobody knows");
    }
}
