//! What is said of a user when he is added: his profile begins with it, and it is his own from then on.

use kernel::{Line, PersonName};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Introduction {
    pub(crate) name: PersonName,
    /// As ISO 639-1 has it; nothing for the realm's own.
    pub(crate) language: Option<String>,
}

impl Introduction {
    /// What a password must not be made of (I10).
    pub(crate) fn own_data(&self) -> Vec<&str> {
        let PersonName { full, last, first, middle } = &self.name;
        [full, last, first, middle].into_iter().map(Line::as_str).filter(|part| !part.is_empty()).collect()
    }
}
