//! Names of people: what they are made of, and what a realm takes for one (I9, P1). Identity asks for them when a user is added,
//! profile whenever he changes them: one rule, so one file.

use unicode_script::{Script, UnicodeScript as _};

use crate::line::{InvalidLine, Line};

/// Where a name, or a part of it, is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameField {
    /// All of it, as one text.
    Full,
    Last,
    First,
    /// A second name or a patronymic.
    Middle,
}

impl NameField {
    pub const ALL: [Self; 4] = [Self::Full, Self::Last, Self::First, Self::Middle];

    /// As contracts call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full_name",
            Self::Last => "last_name",
            Self::First => "first_name",
            Self::Middle => "middle_name",
        }
    }
}

/// How a realm cuts names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameForm {
    /// One field.
    Full,
    /// One field, in the order of surname, first name, patronymic: the parts are read from it, and can be corrected.
    FullWithParts,
    /// First and last name.
    FirstLast,
    /// Last, first and middle name.
    LastFirstMiddle,
}

impl NameForm {
    /// The fields in which somebody says his name.
    pub const fn fields(self) -> &'static [NameField] {
        match self {
            Self::Full => &[NameField::Full],
            Self::FullWithParts => &NameField::ALL,
            Self::FirstLast => &[NameField::First, NameField::Last],
            Self::LastFirstMiddle => &[NameField::Last, NameField::First, NameField::Middle],
        }
    }
}

/// Of which letters names are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameLetters {
    Any,
    /// Of Unicode's Cyrillic script and of no other, two or more of them.
    Cyrillic,
    /// As well, with apostrophes (', ’, ʼ) and hyphens between them.
    CyrillicWithMarks,
}

/// Whether somebody may be without a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameNeed {
    Optional,
    /// Every field but the middle name is filled.
    Required,
}

/// What a realm takes for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameRule {
    pub form: NameForm,
    pub letters: NameLetters,
    pub need: NameNeed,
}

/// What is wrong with a field of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    #[error(transparent)]
    Line(#[from] InvalidLine),
    #[error("names are not kept in this field here")]
    NotKept,
    #[error("must be given")]
    Missing,
    #[error(
        "must have two or more Cyrillic letters, and none of another script; an apostrophe or a hyphen stands between letters"
    )]
    NotCyrillic,
}

/// A person's name. What is empty was not said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonName {
    pub full: Line,
    pub last: Line,
    pub first: Line,
    pub middle: Line,
}

const LEAST_CYRILLIC: usize = 2;

impl NameRule {
    /// What was typed into a field, if the rule takes it.
    pub fn read(&self, field: NameField, text: &str) -> Result<Line, InvalidName> {
        let line = Line::parse(text)?;
        if !self.form.fields().contains(&field) {
            // What is left of another rule can be taken away.
            return if line.is_empty() { Ok(line) } else { Err(InvalidName::NotKept) };
        }
        if line.is_empty() {
            return if self.needs(field) { Err(InvalidName::Missing) } else { Ok(line) };
        }
        match self.letters {
            NameLetters::Cyrillic if !is_cyrillic(line.as_str(), "") => Err(InvalidName::NotCyrillic),
            NameLetters::CyrillicWithMarks if !is_cyrillic(line.as_str(), MARKS) => Err(InvalidName::NotCyrillic),
            NameLetters::Any | NameLetters::Cyrillic | NameLetters::CyrillicWithMarks => Ok(line),
        }
    }

    /// Whether this field may not be empty.
    fn needs(self, field: NameField) -> bool {
        let is_main = match self.form {
            NameForm::Full | NameForm::FullWithParts => field == NameField::Full,
            NameForm::FirstLast | NameForm::LastFirstMiddle => matches!(field, NameField::First | NameField::Last),
        };
        self.need == NameNeed::Required && is_main
    }

    /// Without a rule of its own a realm keeps names in one field, and as they are.
    pub const FREE: Self = Self { form: NameForm::Full, letters: NameLetters::Any, need: NameNeed::Optional };

    /// The fields that are needed and empty.
    pub fn missing(self, name: &PersonName) -> Vec<NameField> {
        let is_empty = |field: &NameField| match field {
            NameField::Full => name.full.is_empty(),
            NameField::Last => name.last.is_empty(),
            NameField::First => name.first.is_empty(),
            NameField::Middle => name.middle.is_empty(),
        };
        NameField::ALL.into_iter().filter(|field| self.needs(*field) && is_empty(field)).collect()
    }

    /// The name of somebody new, or everything that is wrong with it.
    pub fn read_all(&self, said: &[(NameField, &str)]) -> Result<PersonName, Vec<(NameField, InvalidName)>> {
        let mut changes = Vec::new();
        let mut invalid = Vec::new();
        for field in NameField::ALL {
            let text = said.iter().find(|(named, _)| *named == field).map_or("", |(_, text)| *text);
            if text.is_empty() && !self.needs(field) {
                continue;
            }
            match self.read(field, text) {
                Ok(line) => changes.push((field, line)),
                Err(problem) => invalid.push((field, problem)),
            }
        }
        if invalid.is_empty() { Ok(PersonName::default().changed(self.form, &changes)) } else { Err(invalid) }
    }
}

impl PersonName {
    /// The name with these fields as they are to be; what follows from them is made anew.
    #[must_use]
    pub fn changed(&self, form: NameForm, changes: &[(NameField, Line)]) -> Self {
        let full_changes = changes.iter().find(|(field, full)| *field == NameField::Full && *full != self.full);
        let mut name = match (form, full_changes) {
            // A corrected part stays with the name it was corrected in.
            (NameForm::FullWithParts, Some((_, full))) => Self::read_parts(full),
            // Parts of another name, said under another rule.
            (NameForm::Full, Some(_)) => Self::default(),
            (NameForm::FirstLast, _) if self.has_no_parts() => self.read_first_last(),
            (NameForm::LastFirstMiddle, _) if self.has_no_parts() => Self::read_parts(&self.full),
            _ => self.clone(),
        };
        for (field, line) in changes {
            let place = match field {
                NameField::Full => &mut name.full,
                NameField::Last => &mut name.last,
                NameField::First => &mut name.first,
                NameField::Middle => &mut name.middle,
            };
            *place = line.clone();
        }
        match form {
            NameForm::Full | NameForm::FullWithParts => {}
            NameForm::FirstLast => name.full = joined(&[&name.first, &name.last]),
            NameForm::LastFirstMiddle => name.full = joined(&[&name.last, &name.first, &name.middle]),
        }
        name
    }

    fn has_no_parts(&self) -> bool {
        self.last.is_empty() && self.first.is_empty() && self.middle.is_empty()
    }

    /// Of a name that was said in one field, before the rule was another.
    fn read_first_last(&self) -> Self {
        let (first, last) = self.full.as_str().split_once(char::is_whitespace).unwrap_or((self.full.as_str(), ""));
        let [first, last] = [first, last.trim()].map(|part| Line::from_stored(part.to_owned()));
        Self { full: self.full.clone(), first, last, middle: Line::default() }
    }

    /// Surname, first name, patronymic, as documents there have them.
    fn read_parts(full: &Line) -> Self {
        let mut words = full.as_str().split_whitespace();
        let mut next = || words.next().unwrap_or_default().to_owned();
        let (last, first) = (next(), next());
        let middle = words.collect::<Vec<_>>().join(" ");
        let [last, first, middle] = [last, first, middle].map(Line::from_stored);
        Self { full: full.clone(), last, first, middle }
    }
}

fn joined(parts: &[&Line]) -> Line {
    let said: Vec<&str> = parts.iter().map(|part| part.as_str()).filter(|part| !part.is_empty()).collect();
    Line::from_stored(said.join(" "))
}

/// Apostrophes as they are typed (U+0027, U+2019, U+02BC), and the hyphen.
const MARKS: &str = "'\u{2019}\u{2BC}-";

fn is_cyrillic(text: &str, marks: &str) -> bool {
    let is_letter = |character: char| character.is_alphabetic() && character.script() == Script::Cyrillic;
    let letters: Vec<bool> = text.chars().map(is_letter).collect();
    let all_belong = text.chars().zip(&letters).all(|(character, is_letter)| *is_letter || marks.contains(character));
    let stands_alone = |pair: &[bool]| !pair[0] && !pair[1];
    let is_between = letters.first() == Some(&true) && letters.last() == Some(&true) && !letters.windows(2).any(stands_alone);
    all_belong && is_between && letters.iter().filter(|is_letter| **is_letter).count() >= LEAST_CYRILLIC
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: NameRule = NameRule::FREE;
    const MARKET: NameRule =
        NameRule { form: NameForm::FirstLast, letters: NameLetters::CyrillicWithMarks, need: NameNeed::Required };

    fn line(text: &str) -> Line {
        Line::parse(text).expect("a good line")
    }

    fn said(name: &PersonName) -> [&str; 4] {
        [&name.full, &name.last, &name.first, &name.middle].map(Line::as_str)
    }

    /// Rule I9.a: Cyrillic letters, two or more, with an apostrophe or a hyphen between them; nothing that only looks like it.
    #[test]
    fn a_market_takes_cyrillic_names() {
        let read = |text: &str| MARKET.read(NameField::First, text).map(|line| line.as_str().to_owned());
        for good in ["Ян", "В'ячеслав", "В’ячеслав", "Вʼячеслав", "Нечуй-Левицький", "Ґалаґан", "Їжакевич", "Әсел", "Ўктам"]
        {
            assert_eq!(read(good), Ok(good.to_owned()));
        }
        for bad in [
            "Я",
            "Anna",
            "Aнна",  // a Latin A
            "Олeна", // a Latin e
            "Анна Марія",
            "'Анна",
            "Анна-",
            "Нечуй--Левицький",
            "Д'",
            "Анна1",
            "Анна.",
            "Ἄννα",
            "--",
            "Ѐ\u{301}",
        ] {
            assert_eq!(read(bad), Err(InvalidName::NotCyrillic), "{bad}");
        }
        assert_eq!(read("  "), Err(InvalidName::Missing));
        assert_eq!(read("Анна\u{202E}"), Err(InvalidName::Line(InvalidLine::TurnsText)));
        let strict = NameRule { letters: NameLetters::Cyrillic, ..MARKET };
        assert_eq!(
            strict.read(NameField::Last, "Нечуй-Левицький"),
            Err(InvalidName::NotCyrillic),
            "where marks are switched off"
        );
        assert!(strict.read(NameField::Last, "Левицький").is_ok());
    }

    /// Rule I9.a: everything is required, and everything that is wrong is said at once.
    #[test]
    fn everything_that_is_wrong_with_a_name_is_said_at_once() {
        let wrong = MARKET.read_all(&[(NameField::Full, "Олена Пчілка"), (NameField::First, "Olena")]);
        let all = [
            (NameField::Full, InvalidName::NotKept),
            (NameField::Last, InvalidName::Missing),
            (NameField::First, InvalidName::NotCyrillic),
        ];
        assert_eq!(wrong, Err(all.to_vec()));
        let olena = MARKET.read_all(&[(NameField::Last, "Пчілка"), (NameField::First, " Олена ")]).expect("a good name");
        assert_eq!(said(&olena), ["Олена Пчілка", "Пчілка", "Олена", ""]);
        assert_eq!(FREE.read_all(&[]), Ok(PersonName::default()));
    }

    /// Rule P1.b: where a name is one field its parts are read from it; a corrected part stays until the name is another.
    #[test]
    fn parts_are_read_from_one_field_and_can_be_corrected() {
        let form = NameForm::FullWithParts;
        let anna = PersonName::default().changed(form, &[(NameField::Full, line("Ковальська Анна Іванівна"))]);
        assert_eq!(said(&anna), ["Ковальська Анна Іванівна", "Ковальська", "Анна", "Іванівна"]);
        let corrected = anna.changed(form, &[(NameField::Last, line("Ковальська-Нова"))]);
        assert_eq!(corrected.full.as_str(), "Ковальська Анна Іванівна");
        assert_eq!(corrected.changed(form, &[(NameField::Full, corrected.full.clone())]), corrected, "the same name again");
        let another = corrected.changed(form, &[(NameField::Full, line("Нова Анна"))]);
        assert_eq!(said(&another), ["Нова Анна", "Нова", "Анна", ""]);
        let both = anna.changed(form, &[(NameField::First, line("Ганна")), (NameField::Full, line("Нова Анна Марія Іванівна"))]);
        assert_eq!(said(&both), ["Нова Анна Марія Іванівна", "Нова", "Ганна", "Марія Іванівна"]);
    }

    /// Rule P1.b: a rule that is another by now loses nothing that was said, and keeps nothing that was taken back.
    #[test]
    fn a_name_outlives_its_rule() {
        let anna = PersonName { full: line("Anna Kowalska"), ..PersonName::default() };
        let married = anna.changed(NameForm::FirstLast, &[(NameField::Last, line("Nowak"))]);
        assert_eq!(said(&married), ["Anna Nowak", "Nowak", "Anna", ""]);
        let renamed = married.changed(NameForm::Full, &[(NameField::Full, line("Maria Nowak"))]);
        assert_eq!(said(&renamed), ["Maria Nowak", "", "", ""]);
        let erased = married.changed(NameForm::Full, &[(NameField::Full, Line::default())]);
        assert_eq!(said(&erased), ["", "", "", ""]);
        assert_eq!(FREE.read(NameField::First, " "), Ok(Line::default()), "what is left of another rule can be taken away");
        assert_eq!(MARKET.missing(&PersonName { first: line("Анна"), ..PersonName::default() }), [NameField::Last]);
    }

    /// Rule P1.b: where a name is said in parts, the whole follows from them.
    #[test]
    fn the_whole_follows_from_the_parts() {
        let form = NameForm::LastFirstMiddle;
        let changes = [(NameField::First, line("Anna")), (NameField::Last, line("Kowalska"))];
        let anna = PersonName::default().changed(form, &changes);
        assert_eq!(anna.full.as_str(), "Kowalska Anna");
        assert_eq!(anna.changed(form, &[(NameField::Middle, line("Maria"))]).full.as_str(), "Kowalska Anna Maria");
        assert_eq!(anna.changed(form, &[(NameField::Last, Line::default())]).full.as_str(), "Anna");
        let rule = NameRule { form, ..FREE };
        assert_eq!(rule.read(NameField::Full, "Anna Kowalska"), Err(InvalidName::NotKept));
        assert_eq!(FREE.read(NameField::First, "Anna"), Err(InvalidName::NotKept));
    }
}
