//! The rules of attributes as they are stored: JSON, with words of its own.

use kernel::Fault;
use serde::{Deserialize, Serialize};

use crate::domain::{AttributeAudience, AttributeKey, AttributeLabel, AttributeOption, AttributeRules, AttributeType, Texts};

const KINDS: [(AttributeType, &str); 6] = [
    (AttributeType::Text, "TEXT"),
    (AttributeType::Number, "NUMBER"),
    (AttributeType::Date, "DATE"),
    (AttributeType::Boolean, "BOOLEAN"),
    (AttributeType::Choice, "CHOICE"),
    (AttributeType::MultipleChoice, "MULTIPLE_CHOICE"),
];

#[derive(Debug, thiserror::Error)]
#[error("an attribute is stored with a type that is none")]
struct UnknownKind;

#[derive(Serialize, Deserialize)]
struct RulesForm {
    label: Texts,
    required: bool,
    options: Vec<OptionForm>,
    visible_to: Vec<AudienceForm>,
    editable_by: Vec<AudienceForm>,
    placed: bool,
}

#[derive(Serialize, Deserialize)]
struct OptionForm {
    key: String,
    label: Texts,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum AudienceForm {
    User,
    Agent,
    Owner,
}

impl From<AttributeAudience> for AudienceForm {
    fn from(audience: AttributeAudience) -> Self {
        match audience {
            AttributeAudience::User => Self::User,
            AttributeAudience::Agent => Self::Agent,
            AttributeAudience::Owner => Self::Owner,
        }
    }
}

impl From<AudienceForm> for AttributeAudience {
    fn from(form: AudienceForm) -> Self {
        match form {
            AudienceForm::User => Self::User,
            AudienceForm::Agent => Self::Agent,
            AudienceForm::Owner => Self::Owner,
        }
    }
}

pub(super) fn kind_name(kind: AttributeType) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == kind).map_or("", |(_, name)| name)
}

pub(super) fn kind(name: &str) -> Result<AttributeType, Fault> {
    KINDS.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind).ok_or_else(|| Fault::internal(UnknownKind))
}

pub(super) fn rules_text(rules: &AttributeRules) -> Result<String, Fault> {
    let options = rules.options.iter();
    let form = RulesForm {
        label: rules.label.texts().clone(),
        required: rules.required,
        options: options
            .map(|option| OptionForm { key: option.key.as_str().to_owned(), label: option.label.texts().clone() })
            .collect(),
        visible_to: rules.visible_to.iter().map(|audience| (*audience).into()).collect(),
        editable_by: rules.editable_by.iter().map(|audience| (*audience).into()).collect(),
        placed: rules.placed,
    };
    serde_json::to_string(&form).map_err(Fault::internal)
}

pub(super) fn rules(text: &str) -> Result<AttributeRules, Fault> {
    let form: RulesForm = serde_json::from_str(text).map_err(Fault::internal)?;
    let option = |option: OptionForm| AttributeOption {
        key: AttributeKey::from_stored(option.key),
        label: AttributeLabel::from_stored(option.label),
    };
    Ok(AttributeRules {
        label: AttributeLabel::from_stored(form.label),
        required: form.required,
        options: form.options.into_iter().map(option).collect(),
        visible_to: form.visible_to.into_iter().map(Into::into).collect(),
        editable_by: form.editable_by.into_iter().map(Into::into).collect(),
        placed: form.placed,
    })
}
