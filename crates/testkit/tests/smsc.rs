//! An SMSC answers as it was told, and keeps what it has taken.

use std::io::{Read, Write};
use std::net::TcpStream;

use cabinet_testkit::{Smsc, SmscAnswer};

const BIND: u32 = 0x09;
const SUBMIT: u32 = 0x04;
const DELIVER: u32 = 0x05;

#[test]
fn it_takes_refuses_and_keeps_what_was_submitted() {
    let mut smsc = Smsc::start();
    let mut client = Client::bound(&smsc);
    assert_eq!(client.submit("", b"one"), 0);
    smsc.answer(SmscAnswer::Throttle);
    assert_eq!(client.submit("", b"two"), 0x58);
    smsc.answer(SmscAnswer::InvalidDestination);
    assert_eq!(client.submit("", b"three"), 0x0b);

    let submitted = smsc.submitted();
    let texts: Vec<_> = submitted.iter().map(|segment| (segment.text.as_str(), segment.is_taken)).collect();
    assert_eq!(texts, [("one", true), ("two", false), ("three", false)]);
    assert_eq!((submitted[0].from.as_str(), submitted[0].to.as_str()), ("Helpline", "380671234567"));
    assert_eq!(smsc.received().len(), 1);
}

#[test]
fn segments_are_put_together_whatever_their_order() {
    let smsc = Smsc::start();
    let mut client = Client::bound(&smsc);
    client.submit("\u{5}\0\u{3}\u{7}\u{2}\u{2}", b"bc");
    assert_eq!(smsc.received(), []);
    client.submit("\u{5}\0\u{3}\u{7}\u{2}\u{1}", b"a");
    client.submit("\u{5}\0\u{3}\u{8}\u{2}\u{1}", b"lonely");
    let texts: Vec<_> = smsc.received().into_iter().map(|sms| sms.text).collect();
    assert_eq!(texts, ["abc"]);
}

#[test]
fn a_receipt_reaches_who_is_bound() {
    let mut smsc = Smsc::start();
    let mut client = Client::bound(&smsc);
    client.submit("", b"one");
    let segment = smsc.submitted().remove(0);
    let answering = std::thread::spawn(move || {
        let (command, body) = client.read();
        // The number of what it answers, the SMSC's first.
        client.number = 1;
        client.write(DELIVER | 0x8000_0000, b"\0");
        (command, body)
    });
    smsc.send_receipt(&segment, "UNDELIV");
    let (command, body) = answering.join().expect("it reads");
    assert_eq!(command.0, DELIVER);
    let text = String::from_utf8_lossy(&body);
    assert!(text.contains(&format!("id:{} ", segment.message_id)) && text.contains("stat:UNDELIV"), "{text}");
}

#[test]
fn started_again_it_still_has_what_it_took() {
    let mut smsc = Smsc::start();
    Client::bound(&smsc).submit("", b"one");
    smsc.stop();
    assert!(TcpStream::connect(("127.0.0.1", smsc.port())).is_err());
    smsc.start_again();
    Client::bound(&smsc).submit("", b"two");
    let texts: Vec<_> = smsc.received().into_iter().map(|sms| sms.text).collect();
    assert_eq!(texts, ["one", "two"]);
}

#[test]
fn a_wrong_password_does_not_bind() {
    let smsc = Smsc::start();
    assert_eq!(Client::connect(&smsc).bind("wrong"), 0x0d);
}

/// As much of SMPP as it takes to try the SMSC.
struct Client {
    stream: TcpStream,
    number: u32,
}

impl Client {
    fn connect(smsc: &Smsc) -> Self {
        Self { stream: TcpStream::connect(("127.0.0.1", smsc.port())).expect("it listens"), number: 0 }
    }

    fn bound(smsc: &Smsc) -> Self {
        let mut client = Self::connect(smsc);
        assert_eq!(client.bind(Smsc::PASSWORD), 0);
        client
    }

    fn bind(&mut self, password: &str) -> u32 {
        self.ask(BIND, format!("cabinet\0{password}\0\0\u{34}\0\0\0").as_bytes())
    }

    fn submit(&mut self, header: &str, text: &[u8]) -> u32 {
        let esm_class = if header.is_empty() { "\0" } else { "\u{40}" };
        let length = u8::try_from(header.len() + text.len()).expect("short");
        let addresses = "\0\u{5}\0Helpline\0\u{1}\u{1}380671234567\0";
        let flags = "\0\0\0\0\u{1}\0\0\0";
        let body = [addresses.as_bytes(), esm_class.as_bytes(), flags.as_bytes(), &[length], header.as_bytes(), text];
        self.ask(SUBMIT, &body.concat())
    }

    /// Sends a request and answers with the status of its response.
    fn ask(&mut self, command: u32, body: &[u8]) -> u32 {
        self.number += 1;
        self.write(command, body);
        let ((answered, status), _) = self.read();
        assert_eq!(answered, command | 0x8000_0000);
        status
    }

    fn write(&mut self, command: u32, body: &[u8]) {
        let length = u32::try_from(16 + body.len()).expect("short");
        let header = [length, command, 0, self.number].map(u32::to_be_bytes).concat();
        self.stream.write_all(&[&header, body].concat()).expect("the SMSC reads");
    }

    /// Command and status, and what follows.
    fn read(&mut self) -> ((u32, u32), Vec<u8>) {
        let mut header = [0; 16];
        self.stream.read_exact(&mut header).expect("the SMSC answers");
        let word = |place: usize| u32::from_be_bytes([header[place], header[place + 1], header[place + 2], header[place + 3]]);
        let length = usize::try_from(word(0)).expect("short");
        let mut body = vec![0; length - 16];
        self.stream.read_exact(&mut body).expect("the SMSC answers");
        ((word(4), word(8)), body)
    }
}
