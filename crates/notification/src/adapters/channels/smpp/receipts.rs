//! Delivery receipts, as SMSCs word them: in fields of their own, else as a text (SMPP 3.4, appendix B).

use rusmpp::pdus::DeliverSm;
use rusmpp::tlvs::TlvValue;
use rusmpp::values::MessageState;

use crate::domain::{Receipt, ReceiptState};

/// Bits 5 to 2 of `esm_class`: what kind of message it is; and the kind that is a receipt.
const KIND: u8 = 0b0011_1100;
const IS_RECEIPT: u8 = 0b0000_0100;

/// The receipt that a message is; none if it is something else, or tells nothing final.
pub(super) fn receipt(message: &DeliverSm) -> Option<Receipt> {
    if u8::from(message.esm_class) & KIND != IS_RECEIPT {
        return None;
    }
    let text = String::from_utf8_lossy(message.short_message().as_ref()).into_owned();
    let message_id = named_id(message).or_else(|| Some(word_behind(&text, "id:")?.to_owned()))?;
    let state = named_state(message).or_else(|| state_of(word_behind(&text, "stat:")?))?;
    Some(Receipt { message_id, state })
}

fn named_id(message: &DeliverSm) -> Option<String> {
    message.tlvs().iter().find_map(|field| match field.value() {
        Some(TlvValue::ReceiptedMessageId(id)) => Some(id.to_string()),
        _ => None,
    })
}

fn named_state(message: &DeliverSm) -> Option<ReceiptState> {
    message.tlvs().iter().find_map(|field| match field.value() {
        Some(TlvValue::MessageState(state)) => final_state(*state),
        _ => None,
    })
}

const fn final_state(state: MessageState) -> Option<ReceiptState> {
    match state {
        MessageState::Delivered => Some(ReceiptState::Delivered),
        MessageState::Expired => Some(ReceiptState::Expired),
        MessageState::Deleted => Some(ReceiptState::Deleted),
        MessageState::Undeliverable => Some(ReceiptState::Undeliverable),
        MessageState::Rejected => Some(ReceiptState::Rejected),
        MessageState::Unknown => Some(ReceiptState::Unknown),
        _ => None,
    }
}

fn state_of(word: &str) -> Option<ReceiptState> {
    match word {
        "DELIVRD" => Some(ReceiptState::Delivered),
        "EXPIRED" => Some(ReceiptState::Expired),
        "DELETED" => Some(ReceiptState::Deleted),
        "UNDELIV" => Some(ReceiptState::Undeliverable),
        "REJECTD" => Some(ReceiptState::Rejected),
        "UNKNOWN" => Some(ReceiptState::Unknown),
        _ => None,
    }
}

fn word_behind<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let word = text.split_whitespace().find_map(|word| word.strip_prefix(name))?;
    (!word.is_empty()).then_some(word)
}

#[cfg(test)]
mod tests {
    use rusmpp::tlvs::MessageDeliveryRequestTlvValue;
    use rusmpp::types::{COctetString, OctetString};
    use rusmpp::values::EsmClass;

    use super::*;

    const TEXT: &str =
        "id:00a7 sub:001 dlvrd:001 submit date:2611220220 done date:2611220221 stat:UNDELIV err:027 text:Helpline: case";

    fn message(esm_class: u8, text: &str) -> DeliverSm {
        let text = OctetString::from_slice(text.as_bytes()).expect("short");
        DeliverSm::builder().esm_class(EsmClass::from(esm_class)).short_message(text).build()
    }

    #[test]
    fn a_receipt_is_read_from_its_text() {
        let read = receipt(&message(0x04, TEXT));
        assert_eq!(read, Some(Receipt { message_id: "00a7".to_owned(), state: ReceiptState::Undeliverable }));
    }

    #[test]
    fn fields_win_over_the_text() {
        let mut with_fields = message(0x04, TEXT);
        let id = COctetString::from_slice(b"b8\0").expect("short");
        with_fields.push_tlv(MessageDeliveryRequestTlvValue::ReceiptedMessageId(id));
        with_fields.push_tlv(MessageDeliveryRequestTlvValue::MessageState(MessageState::Delivered));
        assert_eq!(receipt(&with_fields), Some(Receipt { message_id: "b8".to_owned(), state: ReceiptState::Delivered }));
    }

    #[test]
    fn what_is_no_final_receipt_is_none() {
        assert_eq!(receipt(&message(0x00, TEXT)), None, "an ordinary message");
        assert_eq!(receipt(&message(0x04, "id:1 stat:ENROUTE")), None);
        assert_eq!(receipt(&message(0x04, "id: stat:DELIVRD")), None);
        assert_eq!(receipt(&message(0x04, "what do you want?")), None);
        assert_eq!(receipt(&message(0x04, "")), None);
    }
}
