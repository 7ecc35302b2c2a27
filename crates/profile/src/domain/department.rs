//! The departments or branches of a company.

use std::fmt;

use kernel::{CompanyId, DepartmentId, InvalidLine, Line, RealmId};

/// How many a company has at the most.
pub(crate) const MOST_DEPARTMENTS: i64 = 1000;

/// What a department is called: a line that has something to see in it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DepartmentName(Line);

/// The text is no such name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidDepartmentName {
    #[error("must have something to see in it")]
    Empty,
    #[error(transparent)]
    Line(#[from] InvalidLine),
}

impl DepartmentName {
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidDepartmentName> {
        let line = Line::parse(text)?;
        if line.is_empty() { Err(InvalidDepartmentName::Empty) } else { Ok(Self(line)) }
    }

    /// A name that was read before it was stored.
    pub(crate) const fn from_stored(text: String) -> Self {
        Self(Line::from_stored(text))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// As names are compared: no two of a company differ by the size of their letters alone.
    pub(crate) fn key(&self) -> String {
        self.as_str().to_lowercase()
    }
}

impl fmt::Debug for DepartmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DepartmentName")
    }
}

/// One of a company's departments.
#[derive(Debug, Clone)]
pub(crate) struct Department {
    pub(crate) realm_id: RealmId,
    pub(crate) id: DepartmentId,
    pub(crate) company_id: CompanyId,
    pub(crate) name: DepartmentName,
    pub(crate) version: i64,
}

impl Department {
    /// Names the state of the department, so that whoever changes it can say which one he saw.
    pub(crate) fn etag(&self) -> String {
        format!("v{}", self.version)
    }

    /// The department with this name; nothing if it has it already.
    pub(crate) fn renamed(&self, name: DepartmentName) -> Option<Self> {
        if self.name == name {
            return None;
        }
        Some(Self { name, version: self.version + 1, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule P1.c: names that people take for the same are the same.
    #[test]
    fn names_are_compared_without_the_size_of_their_letters() {
        let key = |text: &str| DepartmentName::parse(text).expect("a good name").key();
        assert_eq!(key(" Відділ Продажів "), key("ВІДДІЛ ПРОДАЖІВ"));
        assert_ne!(key("Sales"), key("Sale"));
        assert_eq!(DepartmentName::parse(" \u{200B} "), Err(InvalidDepartmentName::Empty));
    }
}
