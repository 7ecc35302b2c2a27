//! Letters about an event log: read as a person reads them, and expected as a program says that knows only the file.

use std::path::{Path, PathBuf};
use std::process::Command;

use mail_parser::MessageParser;
use serde::Deserialize;
use testkit::Letter;

/// To whom, about which incident, its new status.
pub type Told = [String; 3];

/// What an announced import of a file must bring about.
#[derive(Debug, Deserialize)]
pub struct Expected {
    pub letters: Vec<Told>,
    pub count: ExpectedCount,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub struct ExpectedCount {
    pub cases: usize,
    pub changes: usize,
}

/// What a letter about an incident says.
pub fn told(letter: &Letter) -> Told {
    let parsed = MessageParser::default().parse(&letter.raw).expect("a good letter");
    let text = parsed.body_text(0).expect("text").into_owned();
    let incident = text.split_whitespace().skip_while(|word| !word.ends_with("Incident")).nth(1).unwrap_or_default();
    let incident = incident.chars().take_while(char::is_ascii_alphanumeric).collect();
    let status = parsed.subject().and_then(|subject| subject.split(['“', '”']).nth(1).map(str::to_owned));
    [letter.rcpt_to.join(","), incident, status.unwrap_or_default()]
}

/// What the program expects of a file whose requesters have their addresses in this domain.
pub fn expected_letters(file: &Path, domain: &str) -> Expected {
    let output = Command::new("python3").arg(expected_letters_program()).arg(file).args(["--domain", domain]).output();
    let output = output.expect("python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the form of expected_letters.py")
}

/// The program that knows nothing of Cabinet.
pub fn expected_letters_program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("expected_letters.py")
}
