//! The page behind a letter's way out: a question with a button, and what is said once it was pressed.

use kernel::Fault;
use minijinja::{Environment, context};

use super::in_language;
use super::texts::{self, Language};
use crate::application::Realm;

const PAGE: &str = "unsubscribe.html";

pub(crate) struct UnsubscribePages {
    environment: Environment<'static>,
    languages: Vec<(&'static str, Language)>,
}

impl UnsubscribePages {
    pub(crate) fn new() -> Result<Self, Fault> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        environment.add_template(PAGE, include_str!("../../../texts/unsubscribe.html")).map_err(Fault::internal)?;
        Ok(Self { environment, languages: texts::read()? })
    }

    /// Asks whether it is meant. Nothing happens before the button is pressed.
    pub(crate) fn question(&self, realm: &Realm) -> Result<String, Fault> {
        let texts = &in_language(&self.languages, &realm.language).unsubscribe_page;
        self.page(realm, &texts.question, Some(&texts.action))
    }

    pub(crate) fn done(&self, realm: &Realm) -> Result<String, Fault> {
        self.page(realm, &in_language(&self.languages, &realm.language).unsubscribe_page.done, None)
    }

    /// Whose link it was to be nobody knows, so it is said in the language of his browser.
    pub(crate) fn not_valid(&self, language: &str) -> Result<String, Fault> {
        self.notice(language, &in_language(&self.languages, language).unsubscribe_page.not_valid)
    }

    pub(crate) fn later(&self, language: &str) -> Result<String, Fault> {
        self.notice(language, &in_language(&self.languages, language).unsubscribe_page.later)
    }

    fn notice(&self, language: &str, sentence: &str) -> Result<String, Fault> {
        let page = context! { language, realm => sentence, sentence, action => () };
        self.environment.get_template(PAGE).and_then(|template| template.render(page)).map_err(Fault::internal)
    }

    fn page(&self, realm: &Realm, sentence: &str, action: Option<&str>) -> Result<String, Fault> {
        let sentence = self.environment.render_str(sentence, context! { realm => &realm.name }).map_err(Fault::internal)?;
        let page = context! { language => &realm.language, realm => &realm.name, sentence, action };
        self.environment.get_template(PAGE).and_then(|template| template.render(page)).map_err(Fault::internal)
    }
}
