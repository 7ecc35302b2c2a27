//! Letters: texts by language, layouts by minijinja.

use api::cabinet::case_monitoring::events::v1::CaseStatusChanged;
use api::cabinet::r#type::v1::LocalizedText;
use jiff::tz::TimeZone;
use kernel::{Fault, Timestamp};
use minijinja::{Environment, context};
use prost::Message as _;
use serde::{Deserialize, Serialize};

use crate::application::{Addressed, Letter, Letters, Realm};

/// What is used where a realm's language has no texts, or a status no label in it.
const FALLBACK_LANGUAGE: &str = "en";

const TEXTS: [(&str, &str); 4] = [
    ("en", include_str!("../../texts/en.toml")),
    ("pl", include_str!("../../texts/pl.toml")),
    ("ru", include_str!("../../texts/ru.toml")),
    ("uk", include_str!("../../texts/uk.toml")),
];
const HTML: &str = "status_change.html";
const TEXT: &str = "status_change.txt";

/// The texts of one language. Subject and sentences are templates of their own.
#[derive(Debug, Clone, Deserialize, Serialize)]
struct Texts {
    /// How a moment is written (strftime).
    moment: String,
    subject: String,
    status_changed: String,
    newer_status: String,
    open_case: String,
    reason: String,
}

pub(crate) struct TemplateLetters {
    environment: Environment<'static>,
    texts: Vec<(&'static str, Texts)>,
}

#[derive(Debug, thiserror::Error)]
#[error("a stored fact lacks a part")]
struct Incomplete;

impl TemplateLetters {
    pub(crate) fn new() -> Result<Self, Fault> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        environment.add_template(HTML, include_str!("../../texts/status_change.html")).map_err(Fault::internal)?;
        environment.add_template(TEXT, include_str!("../../texts/status_change.txt")).map_err(Fault::internal)?;
        let texts: Result<_, Fault> =
            TEXTS.into_iter().map(|(language, texts)| Ok((language, toml::from_str(texts).map_err(Fault::internal)?))).collect();
        Ok(Self { environment, texts: texts? })
    }

    fn texts(&self, language: &str) -> &Texts {
        let of = |wanted: &str| self.texts.iter().find(|(language, _)| *language == wanted).map(|(_, texts)| texts);
        of(language).or_else(|| of(FALLBACK_LANGUAGE)).expect("the fallback language has texts")
    }
}

impl Letters for TemplateLetters {
    fn write(&self, addressed: &Addressed, realm: &Realm, to: &str) -> Result<Letter, Fault> {
        let fact = CaseStatusChanged::decode(addressed.delivery.content.as_slice()).map_err(Fault::internal)?;
        let case = fact.case.ok_or_else(|| Fault::internal(Incomplete))?;
        let texts = self.texts(&realm.language);
        let values = context! {
            realm => &realm.name,
            number => case.number,
            case_subject => case.subject,
            status => label(fact.to.and_then(|status| status.requester_label).as_ref(), &realm.language),
            moment => moment(fact.change_time.ok_or_else(|| Fault::internal(Incomplete))?, &realm.time_zone, &texts.moment)?,
            link => format!("{}/cases/{}", realm.public_url, case.case_id),
        };
        let sentence = |template: &str| self.environment.render_str(template, &values).map_err(Fault::internal);
        let is_outdated = addressed.newest_version.is_some_and(|newest| newest > case.version);
        let sentences = context! {
            language => &realm.language,
            status_changed => sentence(&texts.status_changed)?,
            newer_status => if is_outdated { Some(sentence(&texts.newer_status)?) } else { None },
            open_case => sentence(&texts.open_case)?,
            reason => sentence(&texts.reason)?,
            ..values.clone()
        };
        let render = |name: &str| {
            self.environment.get_template(name).and_then(|template| template.render(&sentences)).map_err(Fault::internal)
        };
        Ok(Letter {
            delivery_id: addressed.delivery.delivery_id,
            from: realm.sender.clone(),
            to: to.to_owned(),
            subject: sentence(&texts.subject)?,
            text: render(TEXT)?,
            html: render(HTML)?,
        })
    }
}

fn label(label: Option<&LocalizedText>, language: &str) -> String {
    let by_language = label.map(|label| &label.by_language);
    let of = |wanted: &str| by_language.and_then(|texts| texts.get(wanted).cloned());
    of(language)
        .or_else(|| of(FALLBACK_LANGUAGE))
        .or_else(|| by_language.and_then(|texts| texts.values().next().cloned()))
        .unwrap_or_default()
}

fn moment(at: prost_types::Timestamp, zone: &TimeZone, format: &str) -> Result<String, Fault> {
    let at = Timestamp::new(at.seconds, at.nanos).map_err(Fault::internal)?;
    jiff::fmt::strtime::format(format, &at.to_zoned(zone.clone())).map_err(Fault::internal)
}
