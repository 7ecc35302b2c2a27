//! Every kind of letter in every language.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use api::cabinet::case_monitoring::events::v1 as pb_cases;
use api::cabinet::identity::events::v1 as pb;
use api::cabinet::r#type::v1::LocalizedText;
use jiff::tz::TimeZone;
use kernel::{Fault, Id, IdSource as _, RandomIds, Secret, Timestamp, UserId};
use prost::Message as _;
use runtime::grpc::timestamp;
use runtime::sealing::{OpeningKey, SealingKey, SealingPair};
use uuid::Uuid;

use super::TemplateLetters;
use crate::adapters::unsubscribe_tokens::unsubscribe_tokens;
use crate::application::{Addressed, Letter, Letters as _, Person, PersonStanding, Realm, UnsubscribeTokens as _};
use crate::domain::{Channel, Claimed, Kind, Phone, Preference, Unsubscription};

const LANGUAGES: [&str; 4] = ["en", "pl", "ru", "uk"];
const LINK: Uuid = Uuid::from_u128(7);
const TOKEN: &str = "a-Token_of-43_characters";
const PUBLIC_URL: &str = "https://cabinet.example/account";

struct Desk {
    letters: TemplateLetters,
    sealing_key: SealingKey,
}

impl Desk {
    fn new() -> Self {
        let pair = SealingPair::generate();
        let opening_key = OpeningKey::from_base64(&pair.opening_key).expect("just made");
        let letters = TemplateLetters::new(opening_key, unsubscribe_tokens()).expect("the texts can be read");
        Self { letters, sealing_key: SealingKey::from_base64(&pair.sealing_key).expect("just made") }
    }

    fn sealed(&self) -> Vec<u8> {
        self.sealing_key.seal(LINK.as_bytes(), &Secret::new(TOKEN.to_owned()))
    }

    fn sealed_address(&self, object: Uuid) -> Vec<u8> {
        let context = [b"address".as_slice(), object.as_bytes()].concat();
        self.sealing_key.seal(&context, &Secret::new("wanted@example.com".to_owned()))
    }

    /// A fact of a kind, in July at half past ten, UTC.
    fn content(&self, kind: Kind) -> Vec<u8> {
        let user_id = UserId::from_uuid(Uuid::from_u128(1)).to_string();
        let at = Some(timestamp(moment()));
        let link_id = LINK.to_string();
        let sealed_token = self.sealed();
        match kind {
            Kind::StatusChange => status_change(),
            Kind::Invitation => pb::UserInvited { user_id, link_id, sealed_token, expire_time: at, version: 1 }.encode_to_vec(),
            Kind::PasswordReset => {
                pb::UserPasswordResetRequested { user_id, link_id, sealed_token, expire_time: at, version: 1 }.encode_to_vec()
            }
            Kind::PasswordChanged => pb::UserPasswordChanged { user_id, change_time: at, version: 1 }.encode_to_vec(),
            Kind::SessionCompromised => {
                pb::SessionCompromised { user_id, session_id: link_id, notice_time: at, version: 1 }.encode_to_vec()
            }
            Kind::PhoneCode => {
                let sealed_code = self.sealing_key.seal(LINK.as_bytes(), &Secret::new("042137".to_owned()));
                let (code_id, version) = (link_id, 1);
                pb::UserPhoneCodeRequested { user_id, code_id, sealed_code, expire_time: at, version }.encode_to_vec()
            }
            Kind::PhoneChange => {
                let sealed_code = self.sealing_key.seal(LINK.as_bytes(), &Secret::new("042137".to_owned()));
                let (code_id, version, sealed_phone) = (link_id, 1, self.sealed_address(LINK));
                pb::UserPhoneChangeRequested { user_id, code_id, sealed_code, sealed_phone, expire_time: at, version }
                    .encode_to_vec()
            }
            Kind::EmailChange => {
                let sealed_address = self.sealed_address(LINK);
                let version = 1;
                pb::UserEmailChangeRequested { user_id, link_id, sealed_token, sealed_address, expire_time: at, version }
                    .encode_to_vec()
            }
            Kind::EmailReplaced => {
                let sealed_address = self.sealed_address(Uuid::from_u128(1));
                pb::UserEmailReplaced { user_id, sealed_address, replace_time: at, version: 1 }.encode_to_vec()
            }
            Kind::PhoneReplaced => {
                pb::UserPhoneReplaced { user_id, sealed_address: Vec::new(), replace_time: at, version: 1 }.encode_to_vec()
            }
            Kind::Registration => {
                let (sealed_address, language) = (self.sealed_address(LINK), String::new());
                pb::UserRegistrationRequested { user_id, link_id, sealed_token, sealed_address, expire_time: at, language }
                    .encode_to_vec()
            }
            Kind::RegistrationRepeated => {
                pb::UserRegistrationRepeated { user_id, request_time: at, expire_time: at, version: 1 }.encode_to_vec()
            }
            Kind::SecondFactorChanged => {
                let change = pb::SecondFactorChange::Reset.into();
                pb::UserSecondFactorChanged { user_id, change_time: at, version: 1, change }.encode_to_vec()
            }
            Kind::SocialAccountChanged => {
                let change = pb::SocialAccountChange::Linked.into();
                let provider_label = "Lantern".to_owned();
                pb::UserSocialAccountChanged { user_id, change_time: at, version: 1, change, provider_label }.encode_to_vec()
            }
            Kind::AccountBlocked => pb::UserBlocked { user_id, block_time: at, ..Default::default() }.encode_to_vec(),
        }
    }

    fn write(&self, kind: Kind, content: Vec<u8>, language: &str) -> Result<Letter, Fault> {
        self.letters.write(&addressed(kind, content), &realm(language), "anna@example.com", None)
    }
}

fn moment() -> Timestamp {
    "2026-07-01T10:30:00Z".parse().expect("RFC 3339")
}

fn status_change() -> Vec<u8> {
    let case = pb_cases::CaseFacts {
        case_id: LINK.to_string(),
        number: 42,
        subject: "<b>Printer</b> & fire".to_owned(),
        version: 1,
        ..Default::default()
    };
    let label = LocalizedText { by_language: [("en".to_owned(), "In progress".to_owned())].into() };
    let to = pb_cases::StatusFacts { requester_label: Some(label), ..Default::default() };
    let fact = pb_cases::CaseStatusChanged {
        case: Some(case),
        to: Some(to),
        change_time: Some(timestamp(moment())),
        ..Default::default()
    };
    fact.encode_to_vec()
}

fn addressed(kind: Kind, content: Vec<u8>) -> Addressed {
    let delivery = Claimed {
        realm_id: id(),
        cause_id: id(),
        object_id: id(),
        user_id: id(),
        delivery_id: id(),
        channel: Channel::Email,
        kind,
        content,
        attempt: 1,
        created_at: moment(),
        expires_at: None,
        traceparent: None,
        leased_since: Instant::now(),
    };
    let email = Some("anna@example.com".to_owned());
    let person = Person::Known { email, phone: Phone::Missing, standing: PersonStanding::Active };
    Addressed { delivery, person, is_ticked: true, newest_version: None }
}

fn id<Of>() -> Id<Of> {
    Id::from_uuid(RandomIds.uuid_v7(moment()))
}

fn realm(language: &str) -> Realm {
    Realm {
        name: "Help & Line".to_owned(),
        public_url: PUBLIC_URL.to_owned(),
        sender: "Helpline <noreply@example.com>".to_owned(),
        language: language.to_owned(),
        time_zone: TimeZone::get("Europe/Kyiv").expect("a zone of the world"),
    }
}

fn letter_kinds() -> impl Iterator<Item = Kind> {
    Kind::ALL.into_iter().filter(|kind| kind.channel() == Channel::Email)
}

/// HTML as a mail program shows it.
fn shown(html: &str) -> String {
    html.replace("&#x2f;", "/").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[test]
fn every_kind_is_written_in_every_language() {
    let desk = Desk::new();
    for kind in letter_kinds() {
        let mut subjects = HashSet::new();
        for language in LANGUAGES {
            let letter = desk.write(kind, desk.content(kind), language).expect("it can be written");
            for part in [&letter.subject, &letter.text, &letter.html] {
                assert!(!part.contains("{{") && !part.contains("{%"), "{kind:?} {language}: {part}");
            }
            assert!(letter.subject.contains("Help & Line"), "{kind:?} {language}: {}", letter.subject);
            assert!(!letter.subject.contains('\n'), "{kind:?} {language}: {}", letter.subject);
            let text = letter.text.trim_end();
            let is_whole = text.ends_with('.') || letter.unsubscribe_url.is_some_and(|url| text.ends_with(&url));
            assert!(is_whole && !text.contains("\n\n\n"), "{kind:?} {language}: {text}");
            assert!(
                letter.html.contains("Help &amp; Line") && letter.html.contains("</html>"),
                "{kind:?} {language}: {}",
                letter.html
            );
            assert!(subjects.insert(letter.subject), "{kind:?}: two languages say the same");
        }
    }
}

#[test]
fn every_letter_says_its_moment_by_the_realms_clocks() {
    let desk = Desk::new();
    for kind in letter_kinds() {
        for language in LANGUAGES {
            let letter = desk.write(kind, desk.content(kind), language).expect("it can be written");
            assert!(letter.text.contains("13:30 (EEST)") && letter.html.contains("13:30 (EEST)"), "{kind:?} {language}");
        }
    }
}

/// Rules I25.b, I25.c: the letter says what has become of the second factor, in each language in words of its own.
#[test]
fn a_letter_says_what_has_become_of_a_second_factor() {
    use pb::SecondFactorChange::{Off, On, PasskeyAdded, PasskeyCopied, PasskeyDeleted, RecoveryCodes, Reset, Unspecified};
    let desk = Desk::new();
    for language in LANGUAGES {
        let changes = [On, Off, Reset, RecoveryCodes, PasskeyAdded, PasskeyDeleted, PasskeyCopied, Unspecified];
        let texts = changes.map(|change| {
            let (user_id, change_time) = (UserId::from_uuid(Uuid::from_u128(1)).to_string(), Some(timestamp(moment())));
            let fact = pb::UserSecondFactorChanged { user_id, change_time, version: 1, change: change.into() };
            desk.write(Kind::SecondFactorChanged, fact.encode_to_vec(), language).expect("it can be written").text
        });
        let different: std::collections::BTreeSet<_> = texts.iter().collect();
        assert_eq!(different.len(), texts.len(), "{language}: {texts:?}");
    }
}

/// Rule I18.d: the letter says what has become of an account of which provider, in each language in words of its own.
#[test]
fn a_letter_says_what_has_become_of_a_linked_account() {
    use pb::SocialAccountChange::{Linked, Unlinked, Unspecified};
    let desk = Desk::new();
    for language in LANGUAGES {
        let texts = [Linked, Unlinked, Unspecified].map(|change| {
            let (user_id, change_time) = (UserId::from_uuid(Uuid::from_u128(1)).to_string(), Some(timestamp(moment())));
            let (change, provider_label) = (change.into(), "Lantern & Co".to_owned());
            let fact = pb::UserSocialAccountChanged { user_id, change_time, version: 1, change, provider_label };
            desk.write(Kind::SocialAccountChanged, fact.encode_to_vec(), language).expect("it can be written").text
        });
        assert!(texts.iter().all(|text| text.contains("Lantern & Co")), "{language}: {texts:?}");
        let different: std::collections::BTreeSet<_> = texts.iter().collect();
        assert_eq!(different.len(), texts.len(), "{language}: {texts:?}");
    }
}

#[test]
fn a_letter_leads_where_its_kind_leads() {
    let links = BTreeMap::from([
        (Kind::StatusChange.as_str(), format!("{PUBLIC_URL}/cases/{LINK}")),
        (Kind::Invitation.as_str(), format!("{PUBLIC_URL}/set-password?token={TOKEN}")),
        (Kind::PasswordReset.as_str(), format!("{PUBLIC_URL}/reset-password?token={TOKEN}")),
        (Kind::EmailChange.as_str(), format!("{PUBLIC_URL}/confirm-email?token={TOKEN}")),
        (Kind::Registration.as_str(), format!("{PUBLIC_URL}/confirm-registration?token={TOKEN}")),
    ]);
    let desk = Desk::new();
    for kind in letter_kinds() {
        for language in LANGUAGES {
            let letter = desk.write(kind, desk.content(kind), language).expect("it can be written");
            match links.get(kind.as_str()) {
                Some(link) => {
                    assert!(letter.text.contains(&format!(": {link}\n")), "{kind:?} {language}: {}", letter.text);
                    assert!(
                        shown(&letter.html).contains(&format!("<a href=\"{link}\">")),
                        "{kind:?} {language}: {}",
                        letter.html
                    );
                }
                None => assert!(!letter.html.contains("<a ") && !letter.text.contains("token="), "{kind:?} {language}"),
            }
        }
    }
}

/// Rule I19.a: in every language, as text and as HTML, a letter that opens its reader's account says so, and no other does.
#[test]
fn only_a_letter_with_an_autologin_says_what_its_link_opens() {
    let (desk, token) = (Desk::new(), Secret::new(TOKEN.to_owned()));
    let (case_url, mut notes) = (format!("{PUBLIC_URL}/cases/{LINK}"), HashSet::new());
    for language in LANGUAGES {
        let addressed = addressed(Kind::StatusChange, status_change());
        let write = |autologin: Option<&Secret<String>>| {
            desk.letters.write(&addressed, &realm(language), "anna@example.com", autologin).expect("it can be written")
        };
        let (plain, opening) = (write(None), write(Some(&token)));
        assert!(plain.text.contains(&format!(": {case_url}\n")) && !plain.html.contains("autologin"), "{}", plain.text);

        let added: Vec<&str> = opening.text.lines().filter(|line| !plain.text.contains(*line)).collect();
        let [link, note] = added[..] else { panic!("{language}: {added:?}") };
        assert!(link.ends_with(&format!(": {case_url}?autologin={TOKEN}")), "{link}");
        assert!(note.contains("72") && note.ends_with('.'), "{note}");
        let html = shown(&opening.html);
        assert!(html.contains(&format!("<a href=\"{case_url}?autologin={TOKEN}\">")) && html.contains(note), "{html}");
        assert!(!shown(&plain.html).contains(note), "{language}");
        assert!(notes.insert(note.to_owned()), "{language}: two languages say the same");
    }
}

#[test]
fn what_people_wrote_is_no_markup() {
    let letter = Desk::new().write(Kind::StatusChange, status_change(), "en").expect("it can be written");
    assert!(letter.text.contains("<b>Printer</b> & fire"));
    assert!(!letter.html.contains("<b>") && shown(&letter.html).contains("<b>Printer</b> & fire"));
}

#[test]
fn a_language_without_texts_falls_back() {
    let letter = Desk::new().write(Kind::StatusChange, status_change(), "fr").expect("it can be written");
    assert_eq!(letter.subject, "Help & Line: case 42 is now “In progress”");
}

#[test]
fn a_token_that_does_not_open_makes_no_letter() {
    let desk = Desk::new();
    let user_id = Uuid::from_u128(1).to_string();
    let expire_time = Some(timestamp(moment()));
    let another_link = Uuid::from_u128(8).to_string();
    let moved =
        pb::UserInvited { user_id: user_id.clone(), link_id: another_link, sealed_token: desk.sealed(), expire_time, version: 1 };
    let garbage =
        pb::UserInvited { user_id, link_id: LINK.to_string(), sealed_token: b"garbage".to_vec(), expire_time, version: 1 };
    let foreign = Desk::new().content(Kind::Invitation);
    for content in [moved.encode_to_vec(), garbage.encode_to_vec(), foreign] {
        assert!(desk.write(Kind::Invitation, content, "en").is_err());
    }
}

#[test]
fn a_fact_that_lacks_a_part_makes_no_letter() {
    let desk = Desk::new();
    for kind in letter_kinds().filter(|kind| *kind != Kind::AccountBlocked) {
        assert!(desk.write(kind, Vec::new(), "en").is_err(), "{kind:?}");
        assert!(desk.write(kind, b"\xff".to_vec(), "en").is_err(), "{kind:?}");
    }
}

/// Facts of earlier releases have no moment: the delivery's own stands for it.
#[test]
fn a_block_of_an_earlier_release_is_told_too() {
    let desk = Desk::new();
    let letter = desk.write(Kind::AccountBlocked, pb::UserBlocked::default().encode_to_vec(), "en").expect("it can be written");
    assert!(letter.text.contains("1 July 2026, 13:30 (EEST)"), "{}", letter.text);
}

fn sms(language: &str, newest_version: Option<i64>) -> String {
    let addressed = Addressed { newest_version, ..addressed(Kind::StatusChange, status_change()) };
    let sms = Desk::new().letters.write_sms(&addressed, &realm(language), "+380671234567").expect("it can be written");
    assert_eq!(sms.to, "+380671234567");
    sms.text
}

#[test]
fn an_sms_says_in_every_language_what_changed_and_where_to_look() {
    let mut said = HashSet::new();
    for language in LANGUAGES {
        let text = sms(language, Some(1));
        assert!(text.starts_with("Help & Line: ") && text.contains("42") && text.contains("\"In progress\""), "{text}");
        assert!(text.ends_with(&format!(". {PUBLIC_URL}/cases/{LINK}")), "{text}");
        assert!(said.insert(text), "{language}: two languages say the same");
    }
    assert_eq!(sms("fr", None), sms("en", None));
}

#[test]
fn a_late_sms_says_that_the_status_has_changed_again() {
    for language in LANGUAGES {
        assert!(sms(language, Some(2)).len() > sms(language, Some(1)).len(), "{language}");
    }
    assert!(sms("en", Some(2)).contains("\". It has changed again since. https://"));
}

#[test]
fn what_is_not_told_by_sms_makes_none() {
    let desk = Desk::new();
    for kind in letter_kinds().filter(|kind| !matches!(kind, Kind::StatusChange | Kind::PasswordReset)) {
        let addressed = addressed(kind, desk.content(kind));
        assert!(desk.letters.write_sms(&addressed, &realm("en"), "+380671234567").is_err(), "{kind:?}");
    }
}

/// Rule I17.a: the code stands in the SMS, in every language, with its end.
#[test]
fn a_code_is_told_by_sms_in_every_language() {
    let desk = Desk::new();
    for language in LANGUAGES {
        let addressed = addressed(Kind::PhoneCode, desk.content(Kind::PhoneCode));
        let sms = desk.letters.write_sms(&addressed, &realm(language), "+380671234567").expect("it can be written");
        assert!(sms.text.contains("042137") && sms.text.contains("13:30"), "{language}: {}", sms.text);
    }
}

/// Rules I17.c, N9.a: a link to set another password stands in the SMS, in every language in words of its own, with its end; in English in
/// ASCII, so that it costs no more than it must.
#[test]
fn a_link_is_told_by_sms_in_every_language() {
    let (desk, mut said) = (Desk::new(), HashSet::new());
    let link = format!("{PUBLIC_URL}/reset-password?token={TOKEN}");
    for language in LANGUAGES {
        let (user_id, link_id) = (UserId::from_uuid(Uuid::from_u128(1)).to_string(), LINK.to_string());
        let (sealed_token, expire_time) = (desk.sealed(), Some(timestamp(moment())));
        let fact = pb::UserPasswordResetBySmsRequested { user_id, link_id, sealed_token, expire_time, version: 1 };
        let mut texted = addressed(Kind::PasswordReset, fact.encode_to_vec());
        texted.delivery.channel = Channel::Sms;
        let text = desk.letters.write_sms(&texted, &realm(language), "+380671234567").expect("it can be written").text;
        assert!(text.starts_with("Help & Line: ") && text.contains("13:30"), "{language}: {text}");
        assert!(text.ends_with(&format!(": {link}")), "{language}: {text}");
        assert!(language != "en" || text.is_ascii(), "{text}");
        assert!(said.insert(text), "{language}: two languages say the same");
    }
}

/// Rules N10.a, N10.b: what one ticked has a way out, in every language, for that tick of that person; what everybody is told
/// has none.
#[test]
fn only_letters_that_were_ticked_can_be_unsubscribed_from() {
    let desk = Desk::new();
    for language in LANGUAGES {
        for kind in letter_kinds() {
            let addressed = addressed(kind, desk.content(kind));
            let letter = desk.letters.write(&addressed, &realm(language), "anna@example.com", None).expect("a letter");
            let Some(url) = letter.unsubscribe_url else {
                assert_ne!(kind, Kind::StatusChange);
                assert!(!letter.text.contains("unsubscribe") && !letter.html.contains("unsubscribe"), "{kind:?}");
                continue;
            };
            assert_eq!(kind, Kind::StatusChange);
            let token = url.strip_prefix(&format!("{PUBLIC_URL}/unsubscribe?token=")).expect("behind the realm's address");
            let unsubscription = unsubscribe_tokens().read(token).expect("one of ours");
            let Claimed { realm_id, user_id, .. } = addressed.delivery;
            assert_eq!(unsubscription, Unsubscription { realm_id, user_id, preference: Preference::StatusChangeEmail });
            assert!(letter.text.ends_with(&format!(": {url}\n")), "{}", letter.text);
            assert!(shown(&letter.html).contains(&url), "{}", letter.html);
        }
    }
}
