//! A further field of a company's profiles, as its owners define it (P6).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use kernel::{AttributeId, CompanyId, Line, RealmId};

use super::Language;

/// More would be a form of its own.
pub(crate) const MOST_ATTRIBUTES: usize = 50;
const MOST_OPTIONS: usize = 100;
const LONGEST_KEY: usize = 40;

/// What values an attribute has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttributeType {
    Text,
    Number,
    Date,
    Boolean,
    Choice,
    MultipleChoice,
}

impl AttributeType {
    const fn has_options(self) -> bool {
        matches!(self, Self::Choice | Self::MultipleChoice)
    }
}

/// As what somebody deals with a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AttributeAudience {
    /// The person himself.
    User,
    /// Those of the company who may see the profile and are no owners.
    Agent,
    Owner,
}

/// The name of an attribute or an option among machines: 1 to 40 of a–z, 0–9 and _, a letter first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AttributeKey(String);

impl AttributeKey {
    pub(crate) fn parse(text: &str) -> Result<Self, AttributeFlaw> {
        let is_of_key = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let begins_well = text.starts_with(|first: char| first.is_ascii_lowercase());
        let is_key = begins_well && text.len() <= LONGEST_KEY && text.bytes().all(is_of_key);
        if is_key { Ok(Self(text.to_owned())) } else { Err(AttributeFlaw::Key) }
    }

    /// A key that was parsed before it was stored.
    pub(crate) const fn from_stored(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text in several languages.
pub(crate) type Texts = BTreeMap<String, String>;

/// What people read of an attribute or an option: a line in one of our languages or in several.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AttributeLabel(Texts);

impl AttributeLabel {
    fn parse(texts: &Texts) -> Result<Self, AttributeFlaw> {
        let line = |(language, text): (&String, &String)| {
            let language: Language = language.parse().map_err(|_| AttributeFlaw::Label)?;
            let line = Line::parse(text).map_err(|_| AttributeFlaw::Label)?;
            if line.is_empty() { Err(AttributeFlaw::Label) } else { Ok((language.as_str().to_owned(), line.as_str().to_owned())) }
        };
        let texts: Texts = texts.iter().map(line).collect::<Result<_, _>>()?;
        if texts.is_empty() { Err(AttributeFlaw::Label) } else { Ok(Self(texts)) }
    }

    /// A label that was parsed before it was stored.
    pub(crate) const fn from_stored(texts: Texts) -> Self {
        Self(texts)
    }

    pub(crate) const fn texts(&self) -> &Texts {
        &self.0
    }
}

/// What people type is not printed.
impl fmt::Debug for AttributeLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttributeLabel")
    }
}

/// One of the values that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttributeOption {
    pub(crate) key: AttributeKey,
    pub(crate) label: AttributeLabel,
}

/// What can be changed of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttributeRules {
    pub(crate) label: AttributeLabel,
    /// Once it is written, it cannot be taken away.
    pub(crate) required: bool,
    pub(crate) options: Vec<AttributeOption>,
    pub(crate) visible_to: BTreeSet<AttributeAudience>,
    /// Some of those who see it.
    pub(crate) editable_by: BTreeSet<AttributeAudience>,
    /// Whether it is on profiles.
    pub(crate) placed: bool,
}

/// What an attribute is to be, part by part, as somebody typed it; nothing of what is to stay.
#[derive(Default)]
pub(crate) struct ProposedRules {
    pub(crate) label: Option<Texts>,
    pub(crate) required: Option<bool>,
    /// Keys with their labels.
    pub(crate) options: Option<Vec<(String, Texts)>>,
    /// Nothing in it for an audience that the contract does not know.
    pub(crate) visible_to: Option<Vec<Option<AttributeAudience>>>,
    pub(crate) editable_by: Option<Vec<Option<AttributeAudience>>>,
    pub(crate) placed: Option<bool>,
}

/// What is wrong with a part of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AttributeFlaw {
    #[error("must have 1 to {LONGEST_KEY} letters (a-z), digits and underscores, a letter first")]
    Key,
    #[error("must be one of the types the contract defines")]
    Type,
    #[error("must have a line of 1 to 200 characters in one or several of en, pl, ru and uk")]
    Label,
    #[error("must be 1 to {MOST_OPTIONS}, each with a key of its own")]
    Options,
    #[error("only choices have options")]
    OptionsUnwanted,
    #[error("must be audiences the contract defines")]
    Audience,
    #[error("who writes it must see it, too")]
    EditableUnseen,
}

/// Where it stands in the attribute, and what is wrong there.
pub(crate) type InvalidAttribute = (&'static str, AttributeFlaw);

impl AttributeRules {
    /// The rules with these parts, or everything that is wrong with them.
    pub(crate) fn read(
        kind: AttributeType,
        present: Option<&Self>,
        proposed: &ProposedRules,
    ) -> Result<Self, Vec<InvalidAttribute>> {
        let mut wrong = Vec::new();
        let mut told = |field, flaw| wrong.push((field, flaw));
        let label = match (&proposed.label, present) {
            (None, Some(present)) => Some(present.label.clone()),
            (texts, _) => {
                let read = AttributeLabel::parse(texts.as_ref().unwrap_or(&Texts::new()));
                read.map_err(|flaw| told("label", flaw)).ok()
            }
        };
        let options = match (&proposed.options, present) {
            (None, Some(present)) => present.options.clone(),
            (texts, _) => read_options(kind, texts.as_deref().unwrap_or_default()).unwrap_or_else(|flaw| {
                told("options", flaw);
                Vec::new()
            }),
        };
        let mut audiences = |field, proposed: &Option<Vec<_>>, present: Option<&BTreeSet<_>>| match (proposed, present) {
            (None, present) => present.cloned().unwrap_or_default(),
            (Some(named), _) => {
                let known: Option<BTreeSet<AttributeAudience>> = named.iter().copied().collect();
                known.unwrap_or_else(|| {
                    told(field, AttributeFlaw::Audience);
                    BTreeSet::new()
                })
            }
        };
        let visible_to = audiences("visible_to", &proposed.visible_to, present.map(|rules| &rules.visible_to));
        let editable_by = audiences("editable_by", &proposed.editable_by, present.map(|rules| &rules.editable_by));
        if wrong.is_empty() && !editable_by.is_subset(&visible_to) {
            wrong.push(("editable_by", AttributeFlaw::EditableUnseen));
        }
        let required = proposed.required.or(present.map(|rules| rules.required)).unwrap_or_default();
        let placed = proposed.placed.or(present.map(|rules| rules.placed)).unwrap_or_default();
        match label {
            Some(label) if wrong.is_empty() => Ok(Self { label, required, options, visible_to, editable_by, placed }),
            _ => Err(wrong),
        }
    }

    /// The parts that are another than they were, as masks name them.
    pub(crate) fn differing(&self, former: &Self) -> Vec<&'static str> {
        let parts = [
            ("label", self.label != former.label),
            ("required", self.required != former.required),
            ("options", self.options != former.options),
            ("visible_to", self.visible_to != former.visible_to),
            ("editable_by", self.editable_by != former.editable_by),
            ("placed", self.placed != former.placed),
        ];
        parts.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part).collect()
    }
}

fn read_options(kind: AttributeType, typed: &[(String, Texts)]) -> Result<Vec<AttributeOption>, AttributeFlaw> {
    if !kind.has_options() {
        return if typed.is_empty() { Ok(Vec::new()) } else { Err(AttributeFlaw::OptionsUnwanted) };
    }
    let option = |(key, label): &(String, Texts)| {
        Ok(AttributeOption { key: AttributeKey::parse(key)?, label: AttributeLabel::parse(label)? })
    };
    let options: Vec<AttributeOption> =
        typed.iter().map(option).collect::<Result<_, AttributeFlaw>>().map_err(|_| AttributeFlaw::Options)?;
    let keys: BTreeSet<_> = options.iter().map(|option| &option.key).collect();
    let is_good = (1..=MOST_OPTIONS).contains(&options.len()) && keys.len() == options.len();
    if is_good { Ok(options) } else { Err(AttributeFlaw::Options) }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) realm_id: RealmId,
    pub(crate) id: AttributeId,
    pub(crate) company_id: CompanyId,
    pub(crate) key: AttributeKey,
    pub(crate) kind: AttributeType,
    pub(crate) rules: AttributeRules,
    pub(crate) version: i64,
}

impl Attribute {
    /// Names the state of the attribute, so that whoever changes it can say which one he saw.
    pub(crate) fn etag(&self) -> String {
        format!("v{}", self.version)
    }

    /// The attribute with these rules; nothing if it has them already.
    pub(crate) fn changed(&self, rules: AttributeRules) -> Option<Self> {
        if self.rules == rules {
            return None;
        }
        Some(Self { rules, version: self.version + 1, ..self.clone() })
    }
}

/// As what a caller looks at profiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Viewer {
    /// A machine of the realm.
    Everything,
    As(BTreeSet<AttributeAudience>),
}

impl Viewer {
    /// What is not on profiles nobody sees there.
    pub(crate) fn sees(&self, rules: &AttributeRules) -> bool {
        rules.placed && self.is_of(&rules.visible_to)
    }

    pub(crate) fn writes(&self, rules: &AttributeRules) -> bool {
        self.sees(rules) && self.is_of(&rules.editable_by)
    }

    fn is_of(&self, audiences: &BTreeSet<AttributeAudience>) -> bool {
        match self {
            Self::Everything => true,
            Self::As(own) => !own.is_disjoint(audiences),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn texts(text: &str) -> Texts {
        [("en".to_owned(), text.to_owned())].into()
    }

    fn proposed() -> ProposedRules {
        ProposedRules { label: Some(texts("Shoe size")), ..ProposedRules::default() }
    }

    pub(crate) fn rules(kind: AttributeType, options: &[&str]) -> AttributeRules {
        let options = options.iter().map(|key| ((*key).to_owned(), texts(key))).collect();
        AttributeRules::read(kind, None, &ProposedRules { options: Some(options), ..proposed() }).expect("good rules")
    }

    /// Rule P6.a: everything that is wrong is said at once.
    #[test]
    fn all_that_is_wrong_with_an_attribute_is_said() {
        let wrong = ProposedRules {
            label: Some([("tlh".to_owned(), "mI'".to_owned())].into()),
            options: Some(vec![("a".to_owned(), texts("A")), ("a".to_owned(), texts("B"))]),
            visible_to: Some(vec![Some(AttributeAudience::User), None]),
            ..ProposedRules::default()
        };
        let found = AttributeRules::read(AttributeType::Choice, None, &wrong);
        let wanted =
            [("label", AttributeFlaw::Label), ("options", AttributeFlaw::Options), ("visible_to", AttributeFlaw::Audience)];
        assert_eq!(found, Err(wanted.to_vec()));
        let unseen = ProposedRules { editable_by: Some(vec![Some(AttributeAudience::User)]), ..proposed() };
        let found = AttributeRules::read(AttributeType::Text, None, &unseen);
        assert_eq!(found, Err(vec![("editable_by", AttributeFlaw::EditableUnseen)]));
        let unwanted = ProposedRules { options: Some(vec![("a".to_owned(), texts("A"))]), ..proposed() };
        let found = AttributeRules::read(AttributeType::Text, None, &unwanted);
        assert_eq!(found, Err(vec![("options", AttributeFlaw::OptionsUnwanted)]));
        let none = AttributeRules::read(AttributeType::Choice, None, &proposed());
        assert_eq!(none, Err(vec![("options", AttributeFlaw::Options)]), "a choice has something to choose");
    }

    /// Rule P6.a: what is not named stays.
    #[test]
    fn only_the_parts_that_are_named_change() {
        let present = rules(AttributeType::Choice, &["a", "b"]);
        let placed = ProposedRules { placed: Some(true), ..ProposedRules::default() };
        let changed = AttributeRules::read(AttributeType::Choice, Some(&present), &placed);
        assert_eq!(changed, Ok(AttributeRules { placed: true, ..present }));
    }

    /// Rule I26.b: what is another is named, and nothing of what it is.
    #[test]
    fn the_parts_that_differ_are_named() {
        let former = rules(AttributeType::Choice, &["a", "b"]);
        let label = AttributeLabel::from_stored(texts("Size of shoes"));
        let changed = AttributeRules { label, visible_to: [AttributeAudience::User].into(), placed: true, ..former.clone() };
        assert_eq!(changed.differing(&former), ["label", "visible_to", "placed"]);
        assert!(former.differing(&former).is_empty());
    }

    #[test]
    fn a_key_is_one_for_machines() {
        for good in ["a", "shoe_size", "a1_", &"a".repeat(40)] {
            assert_eq!(AttributeKey::parse(good).map(|key| key.as_str().to_owned()), Ok(good.to_owned()));
        }
        for bad in ["", "1a", "_a", "Shoe", "shoe size", "shoe.size", "розмір", &"a".repeat(41)] {
            assert_eq!(AttributeKey::parse(bad), Err(AttributeFlaw::Key), "{bad}");
        }
    }

    /// Rule P6.c: nobody sees what is not on profiles; nobody writes what he does not see.
    #[test]
    fn who_sees_and_who_writes() {
        let (user, owner) = (AttributeAudience::User, AttributeAudience::Owner);
        let unplaced =
            AttributeRules { visible_to: [user, owner].into(), editable_by: [owner].into(), ..rules(AttributeType::Text, &[]) };
        let placed = AttributeRules { placed: true, ..unplaced.clone() };
        let viewer = |audience| Viewer::As([audience].into());
        let does = |viewer: &Viewer, rules: &AttributeRules| (viewer.sees(rules), viewer.writes(rules));
        assert_eq!(does(&viewer(user), &placed), (true, false));
        assert_eq!(does(&viewer(owner), &placed), (true, true));
        assert_eq!(does(&viewer(AttributeAudience::Agent), &placed), (false, false));
        assert_eq!(does(&Viewer::Everything, &placed), (true, true));
        for viewer in [viewer(user), viewer(owner), Viewer::Everything] {
            assert_eq!(does(&viewer, &unplaced), (false, false));
        }
    }
}
