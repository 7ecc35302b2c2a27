//! A letter as the SMTP sink has kept it: the envelope, two headers tests ask for most, and everything else as bytes.

/// A letter somebody has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The address of `MAIL FROM`, without angle brackets.
    pub mail_from: String,
    /// The addresses of every `RCPT TO`, without angle brackets.
    pub rcpt_to: Vec<String>,
    /// The `Message-ID` header with its angle brackets; empty when there is none.
    pub message_id: String,
    /// The `Subject` header, unfolded but not decoded (RFC 2047); empty when there is none.
    pub subject: String,
    /// Headers and body as the client has sent them, for a mail parser.
    pub raw: Vec<u8>,
}

impl Letter {
    /// Reads a dump of smtp-sink: its own headers (the last one is `Received`), the letter with bare line feeds, an empty line.
    pub(crate) fn from_dump(dump: &[u8]) -> Self {
        let end_of_envelope = end_of_envelope(dump);
        let (envelope, letter) = dump.split_at(end_of_envelope);
        let letter = letter.strip_suffix(b"\n").unwrap_or(letter);
        let envelope = headers(&String::from_utf8_lossy(envelope));
        let headers = headers(&String::from_utf8_lossy(letter));
        Self {
            mail_from: values(&envelope, "X-Mail-Args").map(address).next().unwrap_or_default(),
            rcpt_to: values(&envelope, "X-Rcpt-Args").map(address).collect(),
            message_id: values(&headers, "Message-ID").next().unwrap_or_default().to_owned(),
            subject: values(&headers, "Subject").next().unwrap_or_default().to_owned(),
            raw: with_crlf(letter),
        }
    }
}

/// The sink's own headers end with the first `Received` and its two indented lines.
fn end_of_envelope(dump: &[u8]) -> usize {
    let mut end = 0;
    let mut in_received = false;
    for line in dump.split_inclusive(|byte| *byte == b'\n') {
        if in_received && !line.starts_with(b"\t") {
            break;
        }
        in_received |= line.starts_with(b"Received: ");
        end += line.len();
    }
    end
}

/// Names and unfolded values (RFC 5322, 2.2.3) up to the first empty line.
fn headers(text: &str) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in text.lines().take_while(|line| !line.is_empty()) {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = headers.last_mut() {
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            headers.push((name.to_owned(), value.trim_start().to_owned()));
        }
    }
    headers
}

fn values<'a>(headers: &'a [(String, String)], wanted: &'a str) -> impl Iterator<Item = &'a str> {
    headers.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_str())
}

/// Takes the address out of `<a@example.org> SIZE=120`.
fn address(arguments: &str) -> String {
    let inner = arguments.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    inner.map_or(arguments, |(address, _)| address).to_owned()
}

fn with_crlf(text: &[u8]) -> Vec<u8> {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    lines.fold(Vec::with_capacity(text.len() + 64), |mut raw, line| {
        if let Some(line) = line.strip_suffix(b"\n") {
            raw.extend_from_slice(line);
            raw.extend_from_slice(b"\r\n");
        } else {
            raw.extend_from_slice(line);
        }
        raw
    })
}
