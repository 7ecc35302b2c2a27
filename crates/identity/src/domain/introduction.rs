//! What is said of a user when he is added: his profile begins with it, and it is his own from then on.

use kernel::{Line, PersonName};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Introduction {
    pub(crate) name: PersonName,
    /// As ISO 639-1 has it; nothing for the realm's own.
    pub(crate) language: Option<String>,
}

impl Introduction {
    /// What a password must not be made of (I10): each name, all of it, and all of it without blanks.
    pub(crate) fn own_data(&self) -> Vec<String> {
        let PersonName { full, last, first, middle } = &self.name;
        let said = [full, last, first, middle].into_iter().map(Line::as_str).filter(|part| !part.is_empty());
        let words = said.clone().flat_map(str::split_whitespace).map(str::to_owned);
        let without_blanks = said.clone().map(|part| part.split_whitespace().collect::<String>());
        said.map(str::to_owned).chain(words).chain(without_blanks).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PasswordRefused, Policy};
    use super::*;
    use crate::domain::Password;

    /// Rule I10.a: one's own name is no password, however it is cut and written.
    #[test]
    fn a_name_is_no_password() {
        let full = Line::parse("Анна Ковальська").expect("a good line");
        let introduction = Introduction { name: PersonName { full, ..PersonName::default() }, language: None };
        let rule = Policy::any().password;
        for made_of_it in ["Анна Ковальська", "ковальська1", "АннаКовальська7", "2Ковальська!"]
        {
            let refused = rule.check(&Password::new(made_of_it), &introduction.own_data());
            assert_eq!(refused, Err(vec![PasswordRefused::OwnData]), "{made_of_it}");
        }
        let [last, first] = ["Ковальська", "Анна"].map(|name| Line::parse(name).expect("a good line"));
        let in_parts = Introduction { name: PersonName { last, first, ..PersonName::default() }, language: None };
        for made_of_them in ["Анна Ковальська", "ковальська-анна7", "АннаКовальська"] {
            let refused = rule.check(&Password::new(made_of_them), &in_parts.own_data());
            assert_eq!(refused, Err(vec![PasswordRefused::OwnData]), "{made_of_them}");
        }
        assert_eq!(rule.check(&Password::new("ковальська любить каву"), &introduction.own_data()), Ok(()));
    }
}
