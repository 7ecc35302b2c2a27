//! What a person is shown as (P3).

use std::fmt;

use kernel::{Line, PersonName};

use super::{Contacts, Values};

/// A text for a person and a letter or two for a small circle.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Label {
    text: String,
    initials: String,
}

impl Label {
    /// The name, else the e-mail, else the user name, else the phone. Contacts of somebody who has a name do not matter.
    pub(crate) fn of(values: &Values, contacts: &Contacts) -> Self {
        let candidates = [values.name.full.as_str(), &contacts.email, &contacts.user_name, &contacts.phone];
        let text = candidates.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        let corrected = Some(values.initials.as_str().to_owned()).filter(|initials| !initials.is_empty());
        let initials = corrected.or_else(|| initials_of(&values.name)).or_else(|| first_letter(text)).unwrap_or_default();
        Self { text: text.to_owned(), initials }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn initials(&self) -> &str {
        &self.initials
    }
}

/// The first letters of the first and the last name, if they are known apart.
fn initials_of(name: &PersonName) -> Option<String> {
    let letter = |part: &Line| first_letter(part.as_str());
    match (letter(&name.first), letter(&name.last)) {
        (Some(first), Some(last)) => Some(first + &last),
        _ => initials_of_words(&name.full),
    }
}

/// The first letters of the first and of the last word that have any.
fn initials_of_words(name: &Line) -> Option<String> {
    let mut letters = name.as_str().split_whitespace().filter_map(first_letter);
    let first = letters.next()?;
    Some(first + &letters.next_back().unwrap_or_default())
}

/// In upper case, which may be more than one character.
fn first_letter(text: &str) -> Option<String> {
    let letter = text.chars().find(|character| character.is_alphabetic())?;
    Some(letter.to_uppercase().collect())
}

/// What a person is called is not printed.
impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Label")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(name: &str) -> Values {
        let full = Line::parse(name).expect("a good name");
        Values { name: PersonName { full, ..PersonName::default() }, ..Values::default() }
    }

    fn label(name: &str, [email, user_name, phone]: [&str; 3]) -> (String, String) {
        let contacts = Contacts { email: email.into(), user_name: user_name.into(), phone: phone.into() };
        let label = Label::of(&called(name), &contacts);
        (label.text, label.initials)
    }

    fn initials(name: &str) -> String {
        label(name, ["somebody@example.com", "", ""]).1
    }

    /// Rule P3.a: the name, else the e-mail, else the user name, else the phone.
    #[test]
    fn a_person_is_shown_by_the_first_thing_he_has() {
        let (email, user_name, phone) = ("anna@example.com", "anna", "+380671234567");
        let shown = |text: &str, initials: &str| (text.to_owned(), initials.to_owned());
        assert_eq!(label("Анна Ковальська", [email, user_name, phone]), shown("Анна Ковальська", "АК"));
        assert_eq!(label("", [email, user_name, phone]), shown(email, "A"));
        assert_eq!(label("", ["", user_name, phone]), shown(user_name, "A"));
        assert_eq!(label("", ["", "", phone]), shown(phone, ""));
        assert_eq!(label("", ["", "", ""]), shown("", ""));
    }

    /// Rule P3.a: initials follow from the name.
    #[test]
    fn initials_are_of_the_first_and_the_last_word() {
        assert_eq!(initials("Ковальська Анна Іванівна"), "КІ");
        assert_eq!(initials("anna"), "A");
        assert_eq!(initials("ёлка Łukasz"), "ЁŁ");
        assert_eq!(initials("«Anna» 'Maria' O'Neil (3rd)"), "AR", "a word begins with its first letter");
        assert_eq!(initials("Anna 2"), "A", "a word without a letter has none to give");
        assert_eq!(initials("42"), "", "the label is the name, and has no letter");
    }

    /// Rules P3.a, P3.b: of a name in parts they are those of the first and the last; what a person has corrected stays.
    #[test]
    fn initials_can_be_corrected() {
        let line = |text: &str| Line::parse(text).expect("a good line");
        let name = PersonName {
            full: line("Ковальська Анна Іванівна"),
            last: line("Ковальська"),
            first: line("Анна"),
            middle: line("Іванівна"),
        };
        let values = Values { name, ..Values::default() };
        assert_eq!(Label::of(&values, &Contacts::default()).initials(), "АК");
        let corrected = Values { initials: line("А. І. К."), ..values };
        assert_eq!(Label::of(&corrected, &Contacts::default()).initials(), "А. І. К.");
    }

    /// Rule F10.a: what a person is called prints nothing of itself.
    #[test]
    fn a_label_is_not_printed() {
        let contacts = Contacts { email: "anna@example.com".into(), ..Contacts::default() };
        assert_eq!(format!("{:?} {contacts:?}", Label::of(&Values::default(), &contacts)), "Label Contacts");
    }
}
