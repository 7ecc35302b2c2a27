//! Letters: one layout in HTML and one in plain text; what stands in them is said by a kind's texts and values. And SMS, of the
//! same values. And the page behind a letter's way out.

mod kinds;
mod pages;
mod sms;
#[cfg(test)]
mod tests;
mod texts;

use std::sync::Arc;

use kernel::{Fault, Secret};
use minijinja::{Environment, context};
use runtime::sealing::OpeningKey;

pub(crate) use self::pages::UnsubscribePages;
use self::sms::SmsTexts;
use self::texts::{Language, Texts};
use crate::application::{Addressed, Letter, Letters, Realm, Sms, UnsubscribeTokens};
use crate::domain::{Claimed, Kind, Unsubscription};

/// Behind a realm's public address.
pub(crate) const UNSUBSCRIBE_PATH: &str = "/unsubscribe";
const HTML: &str = "letter.html";
const TEXT: &str = "letter.txt";

pub(crate) struct TemplateLetters {
    environment: Environment<'static>,
    languages: Vec<(&'static str, Language)>,
    sms_languages: Vec<(&'static str, SmsTexts)>,
    opening_key: OpeningKey,
    unsubscribe_tokens: Arc<dyn UnsubscribeTokens>,
}

/// What a kind adds to its texts.
struct Content {
    /// What subject and sentences may name.
    values: minijinja::Value,
    /// Where the letter leads, if anywhere.
    link: Option<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("nobody is told of this kind by letter")]
struct NoLetter;

impl TemplateLetters {
    pub(crate) fn new(opening_key: OpeningKey, unsubscribe_tokens: Arc<dyn UnsubscribeTokens>) -> Result<Self, Fault> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        environment.add_template(HTML, include_str!("../../../texts/letter.html")).map_err(Fault::internal)?;
        environment.add_template(TEXT, include_str!("../../../texts/letter.txt")).map_err(Fault::internal)?;
        Ok(Self { environment, languages: texts::read()?, sms_languages: sms::read()?, opening_key, unsubscribe_tokens })
    }

    fn language(&self, wanted: &str) -> &Language {
        in_language(&self.languages, wanted)
    }

    fn content(
        &self,
        addressed: &Addressed,
        realm: &Realm,
        language: &Language,
        autologin: Option<&Secret<String>>,
    ) -> Result<Content, Fault> {
        let delivery = &addressed.delivery;
        match delivery.kind {
            Kind::StatusChange => kinds::status_change(addressed, realm, language, autologin),
            Kind::Invitation => kinds::invitation(delivery, realm, language, &self.opening_key),
            Kind::PasswordReset => kinds::password_reset(delivery, realm, language, &self.opening_key),
            Kind::PasswordChanged => kinds::password_changed(delivery, realm, language),
            Kind::SessionCompromised => kinds::session_compromised(delivery, realm, language),
            Kind::AccountBlocked => kinds::account_blocked(delivery, realm, language),
            Kind::EmailChange => kinds::email_change(delivery, realm, language, &self.opening_key),
            Kind::EmailReplaced => kinds::email_replaced(delivery, realm, language),
            Kind::PhoneReplaced => kinds::phone_replaced(delivery, realm, language),
            Kind::Registration => kinds::registration(delivery, realm, language, &self.opening_key),
            Kind::RegistrationRepeated => kinds::registration_repeated(delivery, realm, language),
            Kind::SecondFactorChanged => kinds::second_factor_changed(delivery, realm, language),
            Kind::SocialAccountChanged => kinds::social_account_changed(delivery, realm, language),
            Kind::PhoneCode => kinds::phone_code(delivery, realm, language, &self.opening_key),
            Kind::PhoneChange => kinds::phone_change(delivery, realm, language, &self.opening_key),
        }
    }

    fn sentence(&self, template: &str, values: &minijinja::Value) -> Result<String, Fault> {
        self.environment.render_str(template, values).map_err(Fault::internal)
    }

    /// Sentences that have nothing to say this time are left out.
    fn sentences(&self, templates: &[String], values: &minijinja::Value) -> Result<Vec<String>, Fault> {
        let mut sentences: Vec<String> =
            templates.iter().map(|template| self.sentence(template, values)).collect::<Result<_, _>>()?;
        sentences.retain(|sentence| !sentence.is_empty());
        Ok(sentences)
    }

    /// N10: where one says that one wants no more letters like this; none for what everybody is told.
    fn unsubscribe_url(&self, delivery: &Claimed, realm: &Realm) -> Option<String> {
        let preference = delivery.kind.preference(delivery.channel)?;
        let unsubscription = Unsubscription { realm_id: delivery.realm_id, user_id: delivery.user_id, preference };
        Some(format!("{}{UNSUBSCRIBE_PATH}?token={}", realm.public_url, self.unsubscribe_tokens.write(unsubscription)))
    }

    fn page(
        &self,
        realm: &Realm,
        texts: &Texts,
        content: &Content,
        unsubscribe: Option<minijinja::Value>,
    ) -> Result<minijinja::Value, Fault> {
        let values = &content.values;
        Ok(context! {
            language => &realm.language,
            realm => &realm.name,
            body => self.sentences(&texts.body, values)?,
            link => &content.link,
            action => &texts.action,
            notes => self.sentences(&texts.notes, values)?,
            reason => self.sentence(&texts.reason, values)?,
            unsubscribe,
        })
    }

    fn lay_out(&self, layout: &str, page: &minijinja::Value) -> Result<String, Fault> {
        self.environment.get_template(layout).and_then(|template| template.render(page)).map_err(Fault::internal)
    }
}

/// What is there in a language, or else in the fallback.
fn in_language<'a, T>(languages: &'a [(&'static str, T)], wanted: &str) -> &'a T {
    let of = |wanted: &str| languages.iter().find(|(code, _)| *code == wanted).map(|(_, language)| language);
    of(wanted).or_else(|| of(texts::FALLBACK_LANGUAGE)).expect("the fallback language has texts")
}

impl Letters for TemplateLetters {
    fn own_recipient(&self, delivery: &Claimed) -> Result<Option<String>, Fault> {
        kinds::own_recipient(delivery, &self.opening_key)
    }

    fn own_language(&self, delivery: &Claimed) -> Result<Option<String>, Fault> {
        kinds::own_language(delivery)
    }

    fn write(&self, addressed: &Addressed, realm: &Realm, to: &str, autologin: Option<&Secret<String>>) -> Result<Letter, Fault> {
        let language = self.language(&realm.language);
        let texts = language.of(addressed.delivery.kind).ok_or_else(|| Fault::internal(NoLetter))?;
        let content = self.content(addressed, realm, language, autologin)?;
        let unsubscribe_url = self.unsubscribe_url(&addressed.delivery, realm);
        let unsubscribe = unsubscribe_url.as_ref().map(|url| context! { url, action => &language.unsubscribe });
        let page = self.page(realm, texts, &content, unsubscribe)?;
        Ok(Letter {
            delivery_id: addressed.delivery.delivery_id,
            from: realm.sender.clone(),
            to: to.to_owned(),
            subject: self.sentence(&texts.subject, &content.values)?,
            text: self.lay_out(TEXT, &page)?,
            html: self.lay_out(HTML, &page)?,
            unsubscribe_url,
        })
    }

    fn write_sms(&self, addressed: &Addressed, realm: &Realm, to: &str) -> Result<Sms, Fault> {
        let text = in_language(&self.sms_languages, &realm.language).of(addressed.delivery.kind)?;
        let Content { values, link } = self.content(addressed, realm, self.language(&realm.language), None)?;
        let text = self.sentence(text, &context! { link, ..values })?;
        Ok(Sms { delivery_id: addressed.delivery.delivery_id, to: to.to_owned(), text })
    }
}
