//! What was said of users when they were added, as it is stored.

use kernel::{Fault, Line, PersonName};
use serde::{Deserialize, Serialize};

use crate::domain::Introduction;

#[derive(Serialize, Deserialize)]
pub(super) struct IntroductionForm {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    full_name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    last_name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    first_name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    middle_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    language: Option<String>,
}

impl IntroductionForm {
    /// Nothing if nothing was said.
    pub(super) fn of(introduction: &Introduction) -> Result<Option<serde_json::Value>, Fault> {
        if *introduction == Introduction::default() {
            return Ok(None);
        }
        let Introduction { name, language } = introduction;
        let text = |line: &Line| line.as_str().to_owned();
        let form = Self {
            full_name: text(&name.full),
            last_name: text(&name.last),
            first_name: text(&name.first),
            middle_name: text(&name.middle),
            language: language.clone(),
        };
        serde_json::to_value(form).map(Some).map_err(Fault::internal)
    }
}

impl From<IntroductionForm> for Introduction {
    fn from(form: IntroductionForm) -> Self {
        let IntroductionForm { full_name, last_name, first_name, middle_name, language } = form;
        let [full, last, first, middle] = [full_name, last_name, first_name, middle_name].map(Line::from_stored);
        Self { name: PersonName { full, last, first, middle }, language }
    }
}
