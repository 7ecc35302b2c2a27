//! What somebody has in a further field: texts in the one form that the type of the field has for each value.

use std::fmt;

use jiff::civil::Date;
use kernel::{AttributeId, InvalidLine, Line};

use super::attribute::{Attribute, AttributeKey, AttributeRules, AttributeType};

/// Digits of a number, before its point and behind it.
const MOST_DIGITS: usize = 15;
const MOST_DECIMALS: usize = 6;

/// One value, several of a multiple choice, or none.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct AttributeValues(Vec<String>);

/// What people say of themselves is not printed.
impl fmt::Debug for AttributeValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttributeValues")
    }
}

/// What an attribute is to have, as somebody typed it.
#[derive(Clone)]
pub(crate) struct ProposedAttribute {
    pub(crate) key: String,
    pub(crate) values: Vec<String>,
}

/// What an attribute is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttributeChange {
    pub(crate) attribute_id: AttributeId,
    /// Of the attribute whose rules it was read by.
    pub(crate) version: i64,
    pub(crate) values: AttributeValues,
}

/// A value that an attribute cannot have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvalidAttributeValue {
    pub(crate) key: AttributeKey,
    pub(crate) flaw: ValueFlaw,
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ValueFlaw {
    #[error("must have a value")]
    Missing,
    #[error("must have one value")]
    Several,
    #[error(transparent)]
    Line(#[from] InvalidLine),
    #[error("must be a decimal number of up to {MOST_DIGITS} digits, and {MOST_DECIMALS} behind the point")]
    Number,
    #[error("must be a day, such as 2026-11-22")]
    Date,
    #[error("must be true or false")]
    Boolean,
    #[error("must be one of the options")]
    Option,
}

impl AttributeValues {
    /// Values that were read before they were stored.
    pub(crate) const fn from_stored(values: Vec<String>) -> Self {
        Self(values)
    }

    pub(crate) fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Without those that are no options any more.
    pub(crate) fn still_offered(self, attribute: &Attribute) -> Self {
        match attribute.kind {
            AttributeType::Choice | AttributeType::MultipleChoice => {
                Self(self.0.into_iter().filter(|value| is_option(&attribute.rules, value)).collect())
            }
            _ => self,
        }
    }
}

impl AttributeChange {
    pub(crate) fn read(attribute: &Attribute, typed: &[String]) -> Result<Self, ValueFlaw> {
        let typed: Vec<&str> = typed.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
        let values = match (attribute.kind, &typed[..]) {
            (_, []) if attribute.rules.required => return Err(ValueFlaw::Missing),
            (_, []) => Vec::new(),
            (AttributeType::MultipleChoice, chosen) => options(&attribute.rules, chosen)?,
            (kind, [text]) => vec![value(kind, &attribute.rules, text)?],
            _ => return Err(ValueFlaw::Several),
        };
        Ok(Self {
            attribute_id: attribute.id,
            version: attribute.version,
            values: AttributeValues(values.into_iter().filter(|value| !value.is_empty()).collect()),
        })
    }
}

fn value(kind: AttributeType, rules: &AttributeRules, text: &str) -> Result<String, ValueFlaw> {
    match kind {
        AttributeType::Text => {
            let line = Line::parse(text)?;
            if line.is_empty() && rules.required { Err(ValueFlaw::Missing) } else { Ok(line.as_str().to_owned()) }
        }
        AttributeType::Number => number(text),
        AttributeType::Date => date(text),
        AttributeType::Boolean if ["true", "false"].contains(&text) => Ok(text.to_owned()),
        AttributeType::Boolean => Err(ValueFlaw::Boolean),
        AttributeType::Choice | AttributeType::MultipleChoice => {
            if is_option(rules, text) {
                Ok(text.to_owned())
            } else {
                Err(ValueFlaw::Option)
            }
        }
    }
}

/// In the order of the options, each once.
fn options(rules: &AttributeRules, chosen: &[&str]) -> Result<Vec<String>, ValueFlaw> {
    if !chosen.iter().all(|key| is_option(rules, key)) {
        return Err(ValueFlaw::Option);
    }
    let keys = rules.options.iter().map(|option| option.key.as_str());
    Ok(keys.filter(|key| chosen.contains(key)).map(str::to_owned).collect())
}

fn is_option(rules: &AttributeRules, key: &str) -> bool {
    rules.options.iter().any(|option| option.key.as_str() == key)
}

/// Without zeros that say nothing: `-0.50` is `-0.5`, `-0` is `0`.
fn number(text: &str) -> Result<String, ValueFlaw> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, decimals) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let are_digits = |digits: &str, most| (1..=most).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole, MOST_DIGITS) || !are_digits(decimals, MOST_DECIMALS) {
        return Err(ValueFlaw::Number);
    }
    let whole = Some(whole.trim_start_matches('0')).filter(|digits| !digits.is_empty()).unwrap_or("0");
    let decimals = decimals.trim_end_matches('0');
    let size = if decimals.is_empty() { whole.to_owned() } else { format!("{whole}.{decimals}") };
    let is_negative = text.starts_with('-') && size != "0";
    Ok(if is_negative { format!("-{size}") } else { size })
}

/// ISO 8601, and nothing else of what one might take for it.
fn date(text: &str) -> Result<String, ValueFlaw> {
    let date: Date = text.parse().map_err(|_| ValueFlaw::Date)?;
    if date.to_string() == text { Ok(text.to_owned()) } else { Err(ValueFlaw::Date) }
}

#[cfg(test)]
mod tests {
    use kernel::Id;
    use uuid::Uuid;

    use super::super::attribute::tests::rules;
    use super::*;

    fn attribute(kind: AttributeType, required: bool) -> Attribute {
        let options: &[&str] = match kind {
            AttributeType::Choice | AttributeType::MultipleChoice => &["small", "large"],
            _ => &[],
        };
        let id = Uuid::nil();
        Attribute {
            realm_id: Id::from_uuid(id),
            id: Id::from_uuid(id),
            company_id: Id::from_uuid(id),
            key: AttributeKey::parse("size").expect("a good key"),
            kind,
            rules: AttributeRules { required, ..rules(kind, options) },
            version: 1,
        }
    }

    fn read(kind: AttributeType, typed: &[&str]) -> Result<Vec<String>, ValueFlaw> {
        let typed: Vec<_> = typed.iter().map(|text| (*text).to_owned()).collect();
        AttributeChange::read(&attribute(kind, false), &typed).map(|change| change.values.0)
    }

    fn one(text: &str) -> Vec<String> {
        vec![text.to_owned()]
    }

    /// Rule P6.b: each type takes its own values, and writes them in one way.
    #[test]
    fn values_are_of_their_type() {
        assert_eq!(read(AttributeType::Text, &["  розмір 38 "]), Ok(one("розмір 38")));
        for (typed, kept) in [("38", "38"), ("-038.500", "-38.5"), ("-0.0", "0"), ("0.000001", "0.000001")] {
            assert_eq!(read(AttributeType::Number, &[typed]), Ok(one(kept)), "{typed}");
        }
        assert_eq!(read(AttributeType::Date, &["2024-02-29"]), Ok(one("2024-02-29")));
        assert_eq!(read(AttributeType::Boolean, &["false"]), Ok(one("false")));
        assert_eq!(read(AttributeType::Choice, &["large"]), Ok(one("large")));
        let both = Ok(vec!["small".to_owned(), "large".to_owned()]);
        assert_eq!(read(AttributeType::MultipleChoice, &["large", "small", "large"]), both);
    }

    /// Rule P6.b: and no others.
    #[test]
    fn values_of_another_type_are_refused() {
        assert_eq!(read(AttributeType::Text, &["a\u{202E}b"]), Err(ValueFlaw::Line(InvalidLine::TurnsText)));
        for wrong in ["", "-", "1e3", "1.", ".5", "+1", "1,5", "NaN", "٣", "1234567890123456", "0.1234567"] {
            let wanted = if wrong.is_empty() { Ok(Vec::new()) } else { Err(ValueFlaw::Number) };
            assert_eq!(read(AttributeType::Number, &[wrong]), wanted, "{wrong}");
        }
        for wrong in ["2026-02-29", "22.11.2026", "20261122", "2026-11-22T00:00", "+002026-11-22"] {
            assert_eq!(read(AttributeType::Date, &[wrong]), Err(ValueFlaw::Date), "{wrong}");
        }
        assert_eq!(read(AttributeType::Boolean, &["yes"]), Err(ValueFlaw::Boolean));
        assert_eq!(read(AttributeType::Choice, &["medium"]), Err(ValueFlaw::Option));
        assert_eq!(read(AttributeType::Choice, &["small", "large"]), Err(ValueFlaw::Several));
        assert_eq!(read(AttributeType::MultipleChoice, &["small", "medium"]), Err(ValueFlaw::Option));
    }

    /// Rule P6.b: what must have a value is not emptied.
    #[test]
    fn a_required_value_is_not_taken_away() {
        for kind in [AttributeType::Text, AttributeType::MultipleChoice] {
            for nothing in [&[][..], &[" ".to_owned()]] {
                assert_eq!(AttributeChange::read(&attribute(kind, true), nothing), Err(ValueFlaw::Missing));
            }
        }
        assert_eq!(
            AttributeChange::read(&attribute(AttributeType::Text, true), &["\u{200B}".to_owned()]),
            Err(ValueFlaw::Missing)
        );
        assert_eq!(read(AttributeType::Text, &["\u{200B}"]), Ok(Vec::new()));
    }

    /// Rule P6.b: what is offered no longer is not shown.
    #[test]
    fn an_option_that_is_gone_is_no_value() {
        let stored = AttributeValues::from_stored(vec!["small".to_owned(), "medium".to_owned()]);
        let shown = stored.still_offered(&attribute(AttributeType::MultipleChoice, false));
        assert_eq!(shown.as_slice(), ["small"]);
    }

    /// Rule F10.a: what people say of themselves prints nothing of itself.
    #[test]
    fn values_are_not_printed() {
        assert_eq!(format!("{:?}", AttributeValues(vec!["38".to_owned()])), "AttributeValues");
    }
}
