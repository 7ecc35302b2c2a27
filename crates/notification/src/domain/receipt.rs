//! What an SMSC tells afterwards of an SMS that it had taken.

/// What became of one segment of an SMS, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReceiptState {
    Delivered,
    Expired,
    Deleted,
    Undeliverable,
    Rejected,
    Unknown,
}

impl ReceiptState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "DELIVERED",
            Self::Expired => "EXPIRED",
            Self::Deleted => "DELETED",
            Self::Undeliverable => "UNDELIVERABLE",
            Self::Rejected => "REJECTED",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// A delivery receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// The name that the SMSC gave the segment when it took it.
    pub(crate) message_id: String,
    pub(crate) state: ReceiptState,
}
