//! A profile: what a person has said of himself. Who has said nothing has an empty one (I21).

use std::str::FromStr;

use kernel::{
    AvatarId, CompanyId, DepartmentId, InvalidLine, InvalidName, Line, NameField, NameForm, NameRule, PersonName, RealmId,
    Timestamp, UserId,
};

use super::locale::{UnknownLanguage, UnknownTimeZone};
use super::web_site::InvalidWebSite;
use super::{Language, TimeZoneName, WebSite};

/// More would be a name.
const LONGEST_INITIALS: usize = 8;

/// A field that can be changed by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Name(NameField),
    Initials,
    JobTitle,
    Organisation,
    WebSite,
    TimeZone,
    Language,
    Department,
}

impl Field {
    pub(crate) const ALL: [Self; 11] = [
        Self::Name(NameField::Full),
        Self::Name(NameField::Last),
        Self::Name(NameField::First),
        Self::Name(NameField::Middle),
        Self::Initials,
        Self::JobTitle,
        Self::Organisation,
        Self::WebSite,
        Self::TimeZone,
        Self::Language,
        Self::Department,
    ];

    /// As masks name it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Name(field) => field.as_str(),
            Self::Initials => "initials",
            Self::JobTitle => "job_title",
            Self::Organisation => "organisation",
            Self::WebSite => "web_site",
            Self::TimeZone => "time_zone",
            Self::Language => "language",
            Self::Department => "department_id",
        }
    }
}

impl FromStr for Field {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|field| field.as_str() == text).ok_or(())
    }
}

/// What a field is to be, as somebody typed it: nobody has looked at it yet.
#[derive(Clone)]
pub(crate) struct ProposedValue {
    pub(crate) field: Field,
    pub(crate) text: String,
}

/// What a field is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Name(NameField, Line),
    /// Empty: they follow from the name.
    Initials(Line),
    JobTitle(Line),
    Organisation(Line),
    WebSite(Option<WebSite>),
    TimeZone(Option<TimeZoneName>),
    Language(Option<Language>),
    /// Whether it is one of the person's company is still to be looked at.
    Department(Option<DepartmentId>),
}

/// A value that a field cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidField {
    pub(crate) field: Field,
    pub(crate) flaw: Flaw,
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Flaw {
    #[error(transparent)]
    Line(#[from] InvalidLine),
    #[error(transparent)]
    Name(#[from] InvalidName),
    #[error("must have at most {LONGEST_INITIALS} characters")]
    Initials,
    #[error(transparent)]
    WebSite(#[from] InvalidWebSite),
    #[error(transparent)]
    TimeZone(#[from] UnknownTimeZone),
    #[error(transparent)]
    Language(#[from] UnknownLanguage),
    #[error("is no department of the company")]
    Department,
}

impl Change {
    /// All of the changes, or everything that is wrong with them.
    pub(crate) fn parse_all(proposed: &[ProposedValue], names: NameRule) -> Result<Vec<Self>, Vec<InvalidField>> {
        let mut changes = Vec::with_capacity(proposed.len());
        let mut invalid = Vec::new();
        for ProposedValue { field, text } in proposed {
            match Self::parse(*field, text, names) {
                Ok(change) => changes.push(change),
                Err(flaw) => invalid.push(InvalidField { field: *field, flaw }),
            }
        }
        if invalid.is_empty() { Ok(changes) } else { Err(invalid) }
    }

    fn parse(field: Field, text: &str, names: NameRule) -> Result<Self, Flaw> {
        Ok(match field {
            Field::Name(name_field) => Self::Name(name_field, names.read(name_field, text)?),
            Field::Initials => Self::Initials(initials(text)?),
            Field::JobTitle => Self::JobTitle(Line::parse(text)?),
            Field::Organisation => Self::Organisation(Line::parse(text)?),
            Field::WebSite if text.trim().is_empty() => Self::WebSite(None),
            Field::WebSite => Self::WebSite(Some(text.parse()?)),
            Field::TimeZone if text.is_empty() => Self::TimeZone(None),
            Field::TimeZone => Self::TimeZone(Some(text.parse()?)),
            Field::Language if text.is_empty() => Self::Language(None),
            Field::Language => Self::Language(Some(text.parse()?)),
            Field::Department if text.is_empty() => Self::Department(None),
            Field::Department => Self::Department(Some(text.parse().map_err(|_| Flaw::Department)?)),
        })
    }
}

fn initials(text: &str) -> Result<Line, Flaw> {
    let line = Line::parse(text)?;
    if line.as_str().chars().count() > LONGEST_INITIALS { Err(Flaw::Initials) } else { Ok(line) }
}

/// What a person has said of himself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Values {
    pub(crate) name: PersonName,
    /// As he has corrected them; empty if they follow from the name.
    pub(crate) initials: Line,
    pub(crate) job_title: Line,
    pub(crate) organisation: Line,
    pub(crate) web_site: Option<WebSite>,
    /// The realm's, if there is none.
    pub(crate) time_zone: Option<TimeZoneName>,
    /// The realm's, if there is none.
    pub(crate) language: Option<Language>,
    /// One of his company's.
    pub(crate) department_id: Option<DepartmentId>,
}

impl Values {
    fn changed(&self, changes: &[Change], form: NameForm) -> Self {
        let mut values = self.clone();
        let mut names = Vec::new();
        for change in changes.iter().cloned() {
            match change {
                Change::Name(field, line) => names.push((field, line)),
                Change::Initials(initials) => values.initials = initials,
                Change::JobTitle(title) => values.job_title = title,
                Change::Organisation(organisation) => values.organisation = organisation,
                Change::WebSite(site) => values.web_site = site,
                Change::TimeZone(zone) => values.time_zone = zone,
                Change::Language(language) => values.language = language,
                Change::Department(department_id) => values.department_id = department_id,
            }
        }
        if !names.is_empty() {
            values.name = self.name.changed(form, &names);
        }
        values
    }

    /// The fields that are another than they were: of a name also those that follow from others.
    pub(crate) fn differing(&self, former: &Self) -> Vec<Field> {
        let differs = |field: &Field| match field {
            Field::Name(NameField::Full) => self.name.full != former.name.full,
            Field::Name(NameField::Last) => self.name.last != former.name.last,
            Field::Name(NameField::First) => self.name.first != former.name.first,
            Field::Name(NameField::Middle) => self.name.middle != former.name.middle,
            Field::Initials => self.initials != former.initials,
            Field::JobTitle => self.job_title != former.job_title,
            Field::Organisation => self.organisation != former.organisation,
            Field::WebSite => self.web_site != former.web_site,
            Field::TimeZone => self.time_zone != former.time_zone,
            Field::Language => self.language != former.language,
            Field::Department => self.department_id != former.department_id,
        };
        Field::ALL.into_iter().filter(differs).collect()
    }
}

/// Names one state of a profile, so that whoever changes it can say which one he saw (P2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Etag(String);

impl Etag {
    /// What a client says it was given; any text, since a wrong one is no state of any profile.
    pub(crate) const fn shown(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Profile {
    realm_id: RealmId,
    user_id: UserId,
    company_id: CompanyId,
    values: Values,
    /// The picture of him, if he has one.
    avatar_id: Option<AvatarId>,
    version: i64,
    updated_at: Option<Timestamp>,
}

/// Fact: a person says something else of himself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProfileChanged {
    pub(crate) version: i64,
    pub(crate) at: Timestamp,
}

impl Profile {
    /// The profile of somebody who has saved nothing: what was said of him when he was added.
    pub(crate) const fn unsaved((realm_id, user_id, company_id): (RealmId, UserId, CompanyId), values: Values) -> Self {
        Self { realm_id, user_id, company_id, values, avatar_id: None, version: 0, updated_at: None }
    }

    /// A profile as it was stored.
    pub(crate) fn from_stored(
        (realm_id, user_id, company_id): (RealmId, UserId, CompanyId),
        (values, avatar_id): (Values, Option<AvatarId>),
        version: i64,
        updated_at: Timestamp,
    ) -> Self {
        Self { realm_id, user_id, company_id, values, avatar_id, version, updated_at: Some(updated_at) }
    }

    /// Makes all of the changes; no fact if everything is so already.
    pub(crate) fn change(&mut self, changes: &[Change], form: NameForm, now: Timestamp) -> Option<ProfileChanged> {
        let values = self.values.changed(changes, form);
        if self.values == values {
            return None;
        }
        self.values = values;
        Some(self.changed(now))
    }

    /// Gives the person another avatar, or takes his away; no fact if he has none already.
    pub(crate) fn change_avatar(&mut self, avatar_id: Option<AvatarId>, now: Timestamp) -> Option<ProfileChanged> {
        if self.avatar_id == avatar_id {
            return None;
        }
        self.avatar_id = avatar_id;
        Some(self.changed(now))
    }

    /// Something else is in the company's further fields.
    pub(crate) fn attributes_changed(&mut self, now: Timestamp) -> ProfileChanged {
        self.changed(now)
    }

    fn changed(&mut self, now: Timestamp) -> ProfileChanged {
        self.version += 1;
        self.updated_at = Some(now);
        ProfileChanged { version: self.version, at: now }
    }

    pub(crate) fn etag(&self) -> Etag {
        Etag(format!("v{}", self.version))
    }

    pub(crate) const fn realm_id(&self) -> RealmId {
        self.realm_id
    }

    pub(crate) const fn user_id(&self) -> UserId {
        self.user_id
    }

    pub(crate) const fn company_id(&self) -> CompanyId {
        self.company_id
    }

    pub(crate) const fn values(&self) -> &Values {
        &self.values
    }

    pub(crate) const fn avatar_id(&self) -> Option<AvatarId> {
        self.avatar_id
    }

    pub(crate) const fn version(&self) -> i64 {
        self.version
    }

    pub(crate) const fn updated_at(&self) -> Option<Timestamp> {
        self.updated_at
    }

    /// True if there is no name to show the person by.
    pub(crate) fn is_nameless(&self) -> bool {
        self.values.name.full.is_empty()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use kernel::{Id, NameLetters, NameNeed};
    use uuid::Uuid;

    use super::*;

    const FULL_NAME: Field = Field::Name(NameField::Full);
    const RULE: NameRule = NameRule { form: NameForm::Full, letters: NameLetters::Any, need: NameNeed::Optional };

    pub(crate) fn empty() -> Profile {
        let id = Uuid::from_u128;
        Profile::unsaved((Id::from_uuid(id(1)), Id::from_uuid(id(2)), Id::from_uuid(id(3))), Values::default())
    }

    fn proposed(values: &[(Field, &str)]) -> Vec<ProposedValue> {
        values.iter().map(|(field, text)| ProposedValue { field: *field, text: (*text).to_owned() }).collect()
    }

    fn changes(values: &[(Field, &str)]) -> Vec<Change> {
        Change::parse_all(&proposed(values), RULE).expect("good values")
    }

    /// Rule P2: what is not named stays.
    #[test]
    fn only_what_is_named_changes() {
        let mut profile = empty();
        let all = [
            (FULL_NAME, "Anna"),
            (Field::Initials, "A."),
            (Field::JobTitle, "Lawyer"),
            (Field::Organisation, "Kowalska & Co."),
            (Field::WebSite, "https://kowalska.example"),
            (Field::TimeZone, "Europe/Kyiv"),
            (Field::Language, "uk"),
            (Field::Department, "01982d5c-0000-7000-8000-000000000001"),
        ];
        profile.change(&changes(&all), RULE.form, Timestamp::UNIX_EPOCH);
        let before = profile.values().clone();
        let changed = profile.change(&changes(&[(Field::JobTitle, "")]), RULE.form, Timestamp::UNIX_EPOCH);
        assert_eq!(changed, Some(ProfileChanged { version: 2, at: Timestamp::UNIX_EPOCH }));
        assert_eq!(profile.values(), &Values { job_title: Line::default(), ..before });
    }

    /// Rule I26.b: the fields that are another are named, each of them, and nothing of what they are.
    #[test]
    fn the_fields_that_differ_are_named() {
        let nothing = Values::default();
        let all = [
            (FULL_NAME, "Anna"),
            (Field::Initials, "A."),
            (Field::JobTitle, "Lawyer"),
            (Field::Organisation, "Kowalska & Co."),
            (Field::WebSite, "https://kowalska.example"),
            (Field::TimeZone, "Europe/Kyiv"),
            (Field::Language, "uk"),
            (Field::Department, "01982d5c-0000-7000-8000-000000000001"),
        ];
        let said = nothing.changed(&changes(&all), RULE.form);
        assert_eq!(said.differing(&nothing), all.map(|(field, _)| field));
        assert!(said.differing(&said).is_empty());
        let retitled = said.changed(&changes(&[(Field::JobTitle, "Judge"), (Field::Language, "uk")]), RULE.form);
        assert_eq!(retitled.differing(&said), [Field::JobTitle]);
    }

    /// Rule P1.a: an empty value takes away what was there.
    #[test]
    fn whatever_was_said_can_be_taken_back() {
        let mut profile = empty();
        profile.change(&changes(&[(Field::TimeZone, "Europe/Kyiv"), (Field::Language, "uk")]), RULE.form, Timestamp::UNIX_EPOCH);
        profile.change(&changes(&[(Field::TimeZone, ""), (Field::Language, "")]), RULE.form, Timestamp::UNIX_EPOCH);
        assert_eq!((profile.values(), profile.version()), (&Values::default(), 2));
    }

    /// Rule P2: each state has an etag of its own, the empty one too; what is so already is no change.
    #[test]
    fn an_etag_names_a_state() {
        let mut profile = empty();
        let nothing_saved = profile.etag();
        assert_eq!(profile.change(&changes(&[(FULL_NAME, "  ")]), RULE.form, Timestamp::UNIX_EPOCH), None);
        assert_eq!((profile.etag(), profile.updated_at()), (nothing_saved.clone(), None));
        profile.change(&changes(&[(FULL_NAME, "Anna")]), RULE.form, Timestamp::UNIX_EPOCH);
        assert_ne!(profile.etag(), nothing_saved);
        let named = profile.etag();
        assert_eq!(profile.change(&changes(&[(FULL_NAME, " Anna ")]), RULE.form, Timestamp::UNIX_EPOCH), None);
        assert_eq!(profile.etag(), Etag::shown(named.as_str().to_owned()));
    }

    /// Rules P2, P5.b: another avatar is another state of the profile; taking away what is not there is none.
    #[test]
    fn an_avatar_is_a_part_of_the_profile() {
        let mut profile = empty();
        let (none, one) = (profile.etag(), Some(AvatarId::from_uuid(Uuid::from_u128(7))));
        assert_eq!(profile.change_avatar(None, Timestamp::UNIX_EPOCH), None);
        assert_eq!(profile.etag(), none);
        let changed = profile.change_avatar(one, Timestamp::UNIX_EPOCH);
        assert_eq!(changed, Some(ProfileChanged { version: 1, at: Timestamp::UNIX_EPOCH }));
        assert_ne!(profile.etag(), none);
        profile.change(&changes(&[(FULL_NAME, "Anna")]), RULE.form, Timestamp::UNIX_EPOCH);
        assert_eq!(profile.avatar_id(), one, "a change of something else leaves it");
        profile.change_avatar(None, Timestamp::UNIX_EPOCH);
        assert_eq!((profile.avatar_id(), profile.version()), (None, 3));
    }

    /// Rule P2: nothing or everything: all that is wrong is said at once.
    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let wrong = proposed(&[
            (FULL_NAME, "Anna\u{202E}"),
            (Field::JobTitle, "Lawyer"),
            (Field::TimeZone, "Mars/Olympus"),
            (Field::Language, "tlh"),
        ]);
        let invalid = Change::parse_all(&wrong, RULE).expect_err("three are wrong");
        assert_eq!(
            invalid,
            [
                InvalidField { field: FULL_NAME, flaw: Flaw::Name(InvalidName::Line(InvalidLine::TurnsText)) },
                InvalidField { field: Field::TimeZone, flaw: Flaw::TimeZone(UnknownTimeZone) },
                InvalidField { field: Field::Language, flaw: Flaw::Language(UnknownLanguage) },
            ]
        );
    }

    #[test]
    fn a_mask_names_fields_as_the_contract_does() {
        for field in Field::ALL {
            assert_eq!(field.as_str().parse(), Ok(field));
        }
        for other in ["", "*", "etag", "Full_Name", "full_name.first"] {
            assert_eq!(other.parse::<Field>(), Err(()), "{other}");
        }
    }
}
