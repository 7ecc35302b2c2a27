//! What each kind of letter has to say: the stored fact, read at the moment of writing.

use api::cabinet::case_monitoring::events::v1::CaseStatusChanged;
use api::cabinet::identity::events::v1 as pb;
use api::cabinet::r#type::v1::LocalizedText;
use kernel::{Fault, Secret, Timestamp};
use minijinja::context;
use prost::Message;
use runtime::sealing::OpeningKey;

use super::Content;
use super::texts::{FALLBACK_LANGUAGE, Language};
use crate::application::{Addressed, Realm};
use crate::domain::{Channel, Claimed, Kind, ObjectId};

/// Where people reach what a link is for, behind a realm's public address.
const SET_PASSWORD: &str = "set-password";
const RESET_PASSWORD: &str = "reset-password";
const CONFIRM_EMAIL: &str = "confirm-email";
const CONFIRM_REGISTRATION: &str = "confirm-registration";

#[derive(Debug, thiserror::Error)]
#[error("a stored fact lacks a part")]
struct Incomplete;

/// A link with a token, as several kinds of facts carry it.
struct SealedLink {
    link_id: String,
    sealed_token: Vec<u8>,
    expire_time: Option<prost_types::Timestamp>,
}

/// A code, as two kinds of facts carry it.
struct SealedCode {
    id: String,
    sealed: Vec<u8>,
    expire_time: Option<prost_types::Timestamp>,
}

/// An autologin is open here and in the letter, nowhere else.
pub(super) fn status_change(
    addressed: &Addressed,
    realm: &Realm,
    language: &Language,
    autologin: Option<&Secret<String>>,
) -> Result<Content, Fault> {
    let fact: CaseStatusChanged = read(&addressed.delivery)?;
    let case = fact.case.ok_or_else(incomplete)?;
    let values = context! {
        realm => &realm.name,
        number => case.number,
        case_subject => case.subject,
        status => label(fact.to.and_then(|status| status.requester_label).as_ref(), &realm.language),
        moment => moment(fact.change_time, realm, language)?,
        is_outdated => addressed.newest_version.is_some_and(|newest| newest > case.version),
        is_autologin => autologin.is_some(),
    };
    let case_url = format!("{}/cases/{}", realm.public_url, case.case_id);
    let link = match autologin {
        Some(token) => format!("{case_url}?autologin={}", token.expose()),
        None => case_url,
    };
    Ok(Content { values, link: Some(link) })
}

pub(super) fn invitation(delivery: &Claimed, realm: &Realm, language: &Language, key: &OpeningKey) -> Result<Content, Fault> {
    let pb::UserInvited { link_id, sealed_token, expire_time, .. } = read(delivery)?;
    sent_link(SET_PASSWORD, &SealedLink { link_id, sealed_token, expire_time }, realm, language, key)
}

pub(super) fn password_reset(delivery: &Claimed, realm: &Realm, language: &Language, key: &OpeningKey) -> Result<Content, Fault> {
    let link = match delivery.channel {
        Channel::Email => {
            let pb::UserPasswordResetRequested { link_id, sealed_token, expire_time, .. } = read(delivery)?;
            SealedLink { link_id, sealed_token, expire_time }
        }
        Channel::Sms => {
            let pb::UserPasswordResetBySmsRequested { link_id, sealed_token, expire_time, .. } = read(delivery)?;
            SealedLink { link_id, sealed_token, expire_time }
        }
    };
    sent_link(RESET_PASSWORD, &link, realm, language, key)
}

/// The token is open here and in the letter or the SMS, nowhere else. It was sealed for its link's id.
fn sent_link(path: &str, link: &SealedLink, realm: &Realm, language: &Language, key: &OpeningKey) -> Result<Content, Fault> {
    let link_id: ObjectId = link.link_id.parse().map_err(Fault::internal)?;
    let token = key.open(link_id.as_uuid().as_bytes(), &link.sealed_token).map_err(Fault::internal)?;
    let values = context! { realm => &realm.name, end => moment(link.expire_time, realm, language)? };
    Ok(Content { values, link: Some(format!("{}/{path}?token={}", realm.public_url, token.expose())) })
}

/// The code is open here and in the SMS, nowhere else. It was sealed for its own id.
pub(super) fn phone_code(delivery: &Claimed, realm: &Realm, language: &Language, key: &OpeningKey) -> Result<Content, Fault> {
    let pb::UserPhoneCodeRequested { code_id, sealed_code, expire_time, .. } = read(delivery)?;
    texted_code(&SealedCode { id: code_id, sealed: sealed_code, expire_time }, realm, language, key)
}

/// The code is for the number that the fact brings with it.
pub(super) fn phone_change(delivery: &Claimed, realm: &Realm, language: &Language, key: &OpeningKey) -> Result<Content, Fault> {
    let pb::UserPhoneChangeRequested { code_id, sealed_code, expire_time, .. } = read(delivery)?;
    texted_code(&SealedCode { id: code_id, sealed: sealed_code, expire_time }, realm, language, key)
}

fn texted_code(code: &SealedCode, realm: &Realm, language: &Language, key: &OpeningKey) -> Result<Content, Fault> {
    let code_id: ObjectId = code.id.parse().map_err(Fault::internal)?;
    let opened = key.open(code_id.as_uuid().as_bytes(), &code.sealed).map_err(Fault::internal)?;
    let values = context! { realm => &realm.name, code => opened.expose(), end => moment(code.expire_time, realm, language)? };
    Ok(Content { values, link: None })
}

/// The token is for the address that the fact brings with it.
pub(super) fn email_change(delivery: &Claimed, realm: &Realm, language: &Language, key: &OpeningKey) -> Result<Content, Fault> {
    let pb::UserEmailChangeRequested { link_id, sealed_token, expire_time, .. } = read(delivery)?;
    sent_link(CONFIRM_EMAIL, &SealedLink { link_id, sealed_token, expire_time }, realm, language, key)
}

/// The token is for the address that the fact brings with it.
pub(super) fn registration(delivery: &Claimed, realm: &Realm, language: &Language, key: &OpeningKey) -> Result<Content, Fault> {
    let pb::UserRegistrationRequested { link_id, sealed_token, expire_time, .. } = read(delivery)?;
    sent_link(CONFIRM_REGISTRATION, &SealedLink { link_id, sealed_token, expire_time }, realm, language, key)
}

pub(super) fn registration_repeated(delivery: &Claimed, realm: &Realm, language: &Language) -> Result<Content, Fault> {
    let fact: pb::UserRegistrationRepeated = read(delivery)?;
    notice(fact.request_time, realm, language)
}

pub(super) fn email_replaced(delivery: &Claimed, realm: &Realm, language: &Language) -> Result<Content, Fault> {
    let fact: pb::UserEmailReplaced = read(delivery)?;
    notice(fact.replace_time, realm, language)
}

pub(super) fn phone_replaced(delivery: &Claimed, realm: &Realm, language: &Language) -> Result<Content, Fault> {
    let fact: pb::UserPhoneReplaced = read(delivery)?;
    notice(fact.replace_time, realm, language)
}

/// Where a message goes whose fact says so itself: to a contact that he wants, or had. It was sealed for what the fact is about. Nothing
/// if he had none.
pub(super) fn own_recipient(delivery: &Claimed, key: &OpeningKey) -> Result<Option<String>, Fault> {
    let (object_id, sealed) = match delivery.kind {
        Kind::EmailChange => {
            let fact: pb::UserEmailChangeRequested = read(delivery)?;
            (fact.link_id, fact.sealed_address)
        }
        Kind::EmailReplaced => {
            let fact: pb::UserEmailReplaced = read(delivery)?;
            (fact.user_id, fact.sealed_address)
        }
        Kind::PhoneReplaced => {
            let fact: pb::UserPhoneReplaced = read(delivery)?;
            (fact.user_id, fact.sealed_address)
        }
        Kind::PhoneChange => {
            let fact: pb::UserPhoneChangeRequested = read(delivery)?;
            (fact.code_id, fact.sealed_phone)
        }
        Kind::Registration => {
            let fact: pb::UserRegistrationRequested = read(delivery)?;
            (fact.link_id, fact.sealed_address)
        }
        Kind::StatusChange
        | Kind::Invitation
        | Kind::PasswordReset
        | Kind::PasswordChanged
        | Kind::SessionCompromised
        | Kind::AccountBlocked
        | Kind::RegistrationRepeated
        | Kind::SecondFactorChanged
        | Kind::SocialAccountChanged
        | Kind::PhoneCode => return Ok(None),
    };
    if sealed.is_empty() && delivery.kind == Kind::PhoneReplaced {
        return Ok(None);
    }
    let object_id: ObjectId = object_id.parse().map_err(Fault::internal)?;
    let context = [b"address".as_slice(), object_id.as_uuid().as_bytes()].concat();
    key.open(&context, &sealed).map(|address| Some(address.expose().clone())).map_err(Fault::internal)
}

/// The language of somebody of whom nobody has heard yet; nothing if he has chosen none.
pub(super) fn own_language(delivery: &Claimed) -> Result<Option<String>, Fault> {
    if delivery.kind != Kind::Registration {
        return Ok(None);
    }
    let fact: pb::UserRegistrationRequested = read(delivery)?;
    Ok(Some(fact.language).filter(|language| !language.is_empty()))
}

pub(super) fn password_changed(delivery: &Claimed, realm: &Realm, language: &Language) -> Result<Content, Fault> {
    let fact: pb::UserPasswordChanged = read(delivery)?;
    notice(fact.change_time, realm, language)
}

pub(super) fn second_factor_changed(delivery: &Claimed, realm: &Realm, language: &Language) -> Result<Content, Fault> {
    let fact: pb::UserSecondFactorChanged = read(delivery)?;
    // What only a later release knows is a change all the same.
    let change = match fact.change() {
        pb::SecondFactorChange::Unspecified => "",
        pb::SecondFactorChange::On => "ON",
        pb::SecondFactorChange::Off => "OFF",
        pb::SecondFactorChange::Reset => "RESET",
        pb::SecondFactorChange::RecoveryCodes => "RECOVERY_CODES",
        pb::SecondFactorChange::PasskeyAdded => "PASSKEY_ADDED",
        pb::SecondFactorChange::PasskeyDeleted => "PASSKEY_DELETED",
        pb::SecondFactorChange::PasskeyCopied => "PASSKEY_COPIED",
    };
    let Content { values, link } = notice(fact.change_time, realm, language)?;
    Ok(Content { values: context! { change, ..values }, link })
}

pub(super) fn social_account_changed(delivery: &Claimed, realm: &Realm, language: &Language) -> Result<Content, Fault> {
    let fact: pb::UserSocialAccountChanged = read(delivery)?;
    // What only a later release knows is a change all the same.
    let change = match fact.change() {
        pb::SocialAccountChange::Unspecified => "",
        pb::SocialAccountChange::Linked => "LINKED",
        pb::SocialAccountChange::Unlinked => "UNLINKED",
    };
    let Content { values, link } = notice(fact.change_time, realm, language)?;
    Ok(Content { values: context! { change, provider => fact.provider_label, ..values }, link })
}

pub(super) fn session_compromised(delivery: &Claimed, realm: &Realm, language: &Language) -> Result<Content, Fault> {
    let fact: pb::SessionCompromised = read(delivery)?;
    notice(fact.notice_time, realm, language)
}

pub(super) fn account_blocked(delivery: &Claimed, realm: &Realm, language: &Language) -> Result<Content, Fault> {
    let fact: pb::UserBlocked = read(delivery)?;
    // Facts of earlier releases do not say when; it was a moment before they arrived.
    notice(fact.block_time.or_else(|| Some(runtime::grpc::timestamp(delivery.created_at))), realm, language)
}

/// Something has happened to somebody's account, and there is nowhere to go.
fn notice(at: Option<prost_types::Timestamp>, realm: &Realm, language: &Language) -> Result<Content, Fault> {
    let values = context! {
        realm => &realm.name,
        public_url => &realm.public_url,
        moment => moment(at, realm, language)?,
    };
    Ok(Content { values, link: None })
}

fn read<Fact: Message + Default>(delivery: &Claimed) -> Result<Fact, Fault> {
    Fact::decode(delivery.content.as_slice()).map_err(Fault::internal)
}

fn incomplete() -> Fault {
    Fault::internal(Incomplete)
}

fn label(label: Option<&LocalizedText>, language: &str) -> String {
    let by_language = label.map(|label| &label.by_language);
    let of = |wanted: &str| by_language.and_then(|texts| texts.get(wanted).cloned());
    of(language)
        .or_else(|| of(FALLBACK_LANGUAGE))
        .or_else(|| by_language.and_then(|texts| texts.values().next().cloned()))
        .unwrap_or_default()
}

/// A moment by the realm's clocks.
fn moment(at: Option<prost_types::Timestamp>, realm: &Realm, language: &Language) -> Result<String, Fault> {
    let at = at.ok_or_else(incomplete)?;
    let at = Timestamp::new(at.seconds, at.nanos).map_err(Fault::internal)?;
    jiff::fmt::strtime::format(&language.moment, &at.to_zoned(realm.time_zone.clone())).map_err(Fault::internal)
}
