//! What went through a system and can be asked for at its end: people from the databases, links and texts from letters and SMS.
//! What was never kept is registered by whoever made it or was given it.

use mail_parser::MessageParser;
use testkit::{Letter, Smsc, TestDatabase};

use crate::{Cabinet, Kind};

/// Of so many letters and SMS the last ones are read.
const MOST_LETTERS: usize = 100;
/// Shorter pieces of prose stand in any text by chance.
const SHORTEST_PROSE: usize = 20;
/// So many digits confirm a phone (I17).
const CODE: usize = 6;

/// Facts that wait, that have left, and that were given up.
const FACTS: &str = "
    SELECT 'fact', encode(payload, 'hex') FROM messaging.outbox
    UNION ALL SELECT 'fact', encode(payload, 'hex') FROM messaging.outbox_archive
    UNION ALL SELECT 'fact', encode(payload, 'hex') FROM messaging.dead_letter
    UNION ALL SELECT 'reason', encode(convert_to(type || ' ' || reason, 'UTF8'), 'hex') FROM messaging.dead_letter";

impl Cabinet {
    /// Asks for it, while everything is there.
    pub(crate) fn harvest(&self) {
        let databases = &self.databases;
        let users = [("address", "email"), ("phone", "phone"), ("name", "user_name")];
        self.harvest_database("identity", &databases.identity, "users", &users);
        self.harvest_database("profile", &databases.profile, "profiles", &[("name", "full_name"), ("name", "job_title")]);
        self.harvest_database("case-monitoring", &databases.case_monitoring, "cases", &[("text", "subject")]);
        self.harvest_database("notification", &databases.notification, "people", &[("address", "email"), ("phone", "phone")]);
        for letter in self.mail.letters().iter().rev().take(MOST_LETTERS) {
            self.harvest_letter(letter);
        }
        for sms in self.smsc.iter().flat_map(Smsc::submitted).take(MOST_LETTERS) {
            self.watch.canary(Kind::Phone, &sms.to);
            self.harvest_text(&sms.text);
        }
    }

    /// What is kept in these columns, and what the facts of a service tell.
    fn harvest_database(&self, service: &str, database: &TestDatabase, table: &str, columns: &[(&str, &str)]) {
        let kept = columns.iter().map(|(kind, column)| {
            format!("SELECT DISTINCT '{kind}', encode(convert_to({column}, 'UTF8'), 'hex') FROM {table} WHERE {column} <> ''")
        });
        let all = kept.chain([FACTS.to_owned()]).collect::<Vec<_>>().join(" UNION ALL ");
        for row in database.value(&all).lines() {
            let (kind, value) = row.split_once('|').expect("two columns");
            let value = bytes(value);
            let text = String::from_utf8_lossy(&value);
            let kind = match kind {
                "address" => Kind::Address,
                "phone" => Kind::Phone,
                "name" => Kind::Name,
                "text" => Kind::Text,
                "fact" => {
                    self.watch.hear_facts(&format!("a fact of {service}"), &value);
                    continue;
                }
                _ => {
                    self.watch.hear(&format!("a dead letter of {service}"), &value);
                    continue;
                }
            };
            self.watch.canary(kind, &text);
        }
    }

    fn harvest_letter(&self, letter: &Letter) {
        for address in &letter.rcpt_to {
            self.watch.canary(Kind::Address, address);
        }
        let parsed = MessageParser::default().parse(&letter.raw).expect("a good letter");
        if let Some(header) = parsed.header_raw("List-Unsubscribe") {
            self.harvest_text(&header.replace(['<', '>', '\r', '\n', ' ', '\t'], ""));
        }
        self.harvest_text(&parsed.body_text(0).unwrap_or_default());
    }

    /// Tokens of links, codes and prose. What else a link holds are names of ours, and ids.
    fn harvest_text(&self, text: &str) {
        for word in text.split_whitespace() {
            if let Some((_, token)) = word.split_once("token=").or_else(|| word.split_once("autologin=")) {
                self.watch.canary(Kind::Token, token);
            }
        }
        for prose in text.lines().filter_map(|line| line.split("http").next()) {
            if prose.trim().len() >= SHORTEST_PROSE {
                self.watch.canary(Kind::Text, prose);
            }
            for code in prose.split(|character: char| !character.is_ascii_digit()).filter(|digits| digits.len() == CODE) {
                self.watch.canary(Kind::Code, code);
            }
        }
    }
}

/// What PostgreSQL wrote in hexadecimal.
fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits = hexadecimal.as_bytes().chunks_exact(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal");
    digits.map(byte).collect()
}
