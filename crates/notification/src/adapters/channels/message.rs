//! A letter as an Internet message (RFC 5322): HTML and text, marked as written by a machine.

use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};

use crate::application::Letter;

/// RFC 3834: nobody is to answer this automatically.
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Where one unsubscribes (RFC 2369 §3.2), and that a POST there is all it takes (RFC 8058).
#[derive(Debug, Clone)]
struct ListUnsubscribe(String);

impl Header for ListUnsubscribe {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(text.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), format!("<{}>", self.0))
    }
}

#[derive(Debug, Clone)]
struct ListUnsubscribePost;

impl Header for ListUnsubscribePost {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe-Post")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "List-Unsubscribe=One-Click".to_owned())
    }
}

/// The message of a letter. Its `Message-ID` is made of the delivery, so that every attempt has the same.
pub(super) fn message(letter: &Letter, domain: &str) -> Result<lettre::Message, lettre::error::Error> {
    let from: Mailbox = letter.from.parse().map_err(|_| lettre::error::Error::MissingFrom)?;
    let to: Mailbox = letter.to.parse().map_err(|_| lettre::error::Error::MissingTo)?;
    let builder = lettre::Message::builder()
        .from(from)
        .to(to)
        .subject(letter.subject.as_str())
        .message_id(Some(format!("<{}@{domain}>", letter.delivery_id)))
        .header(AutoSubmitted);
    let builder = match &letter.unsubscribe_url {
        Some(url) => builder.header(ListUnsubscribe(url.clone())).header(ListUnsubscribePost),
        None => builder,
    };
    builder.multipart(MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone()))
}
