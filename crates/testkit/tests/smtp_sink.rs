//! A sink keeps what it accepted, and misbehaves where it was told to.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use cabinet_testkit::{SinkOptions, SmtpMoment, SmtpSink};

const LIMIT: Duration = Duration::from_secs(5);
const LETTER: &str = "Subject: a hearing\r\n was moved\r\nmessage-id: <1@example.org>\r\n\r\nTomorrow.\r\n..dot\r\n";

#[test]
fn a_letter_is_kept_with_its_envelope() {
    let sink = SmtpSink::start(SinkOptions::default());

    send(&sink, LETTER);

    let letters = sink.wait_for_letters(1, LIMIT);
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].mail_from, "cabinet@example.org");
    assert_eq!(letters[0].rcpt_to, ["one@example.org", "two@example.org"]);
    assert_eq!(letters[0].message_id, "<1@example.org>");
    assert_eq!(letters[0].subject, "a hearing was moved");
    let sent = LETTER.replace("\r\n..dot", "\r\n.dot");
    assert_eq!(String::from_utf8_lossy(&letters[0].raw), sent);
    assert_eq!(sink.accepted(), 1);
}

#[test]
fn a_letter_that_was_not_finished_is_not_kept() {
    let mut sink = SmtpSink::start(SinkOptions::default());
    let mut client = Client::connect(&sink);
    client.open_letter();
    client.write("Subject: half\r\n\r\nhal");

    assert_eq!(sink.letters(), []);
    sink.stop();
    sink.start_again();

    assert_eq!(sink.letters(), []);
    assert_eq!(sink.accepted(), 0);
}

#[test]
fn a_sink_started_again_listens_on_its_port_and_still_has_its_letters() {
    let mut sink = SmtpSink::start(SinkOptions::default());
    send(&sink, LETTER);
    let before = sink.wait_for_letters(1, LIMIT);

    sink.stop();
    assert!(TcpStream::connect(("127.0.0.1", sink.port())).is_err());
    sink.start_again();
    send(&sink, LETTER);

    assert_eq!(sink.wait_for_letters(2, LIMIT), [before.clone(), before].concat());
}

#[test]
fn a_sink_refuses_defers_and_hangs_up_where_it_was_told_to() {
    let reply = |options: SinkOptions| {
        let sink = SmtpSink::start(options);
        let mut client = Client::connect(&sink);
        client.say("EHLO test");
        client.say("MAIL FROM:<cabinet@example.org>");
        client.say("RCPT TO:<one@example.org>")
    };
    let reject = SinkOptions::default().reject(SmtpMoment::Rcpt).reject_reply("550 5.1.1 unknown");
    assert_eq!(reply(reject), "550 5.1.1 unknown");
    let defer = SinkOptions::default().defer(SmtpMoment::Rcpt).defer_reply("451 4.7.1 later");
    assert_eq!(reply(defer), "451 4.7.1 later");
    assert_eq!(reply(SinkOptions::default().disconnect(SmtpMoment::Rcpt)), "");
    assert!(reply(SinkOptions::default().close(SmtpMoment::Rcpt)).starts_with("421"));
}

#[test]
fn a_sink_that_discards_still_counts() {
    let mut sink = SmtpSink::start(SinkOptions::default().discard());

    send(&sink, LETTER);
    send(&sink, LETTER);

    assert_eq!(sink.accepted(), 2);
    assert_eq!(sink.letters(), []);
    sink.stop();
    sink.start_again_with(SinkOptions::default());
    assert_eq!(sink.accepted(), 0);
}

fn send(sink: &SmtpSink, letter: &str) {
    let mut client = Client::connect(sink);
    client.open_letter();
    client.write(letter);
    assert!(client.say(".").starts_with("250"));
    client.say("QUIT");
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(sink: &SmtpSink) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", sink.port())).expect("the sink listens");
        let mut client = Self(BufReader::new(stream));
        client.answer();
        client
    }

    fn open_letter(&mut self) {
        self.say("EHLO test");
        self.say("MAIL FROM:<cabinet@example.org> SIZE=100");
        self.say("RCPT TO:<one@example.org> NOTIFY=NEVER");
        self.say("RCPT TO:<two@example.org>");
        assert!(self.say("DATA").starts_with("354"));
    }

    fn say(&mut self, line: &str) -> String {
        self.write(&format!("{line}\r\n"));
        self.answer()
    }

    fn write(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).expect("the sink reads");
    }

    /// The last line of an answer.
    fn answer(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("the sink answers or hangs up");
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim().to_owned();
            }
        }
    }
}
