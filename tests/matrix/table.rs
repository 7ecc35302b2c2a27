//! The table, as `access.txt` has it.

use std::fmt;

use crate::callers::Who;

/// What a caller is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    Yes,
    Empty,
    Denied,
    Prove,
    Hidden,
    SignIn,
    Public,
}

impl Cell {
    const ALL: [Self; 7] = [Self::Yes, Self::Empty, Self::Denied, Self::Prove, Self::Hidden, Self::SignIn, Self::Public];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Empty => "empty",
            Self::Denied => "denied",
            Self::Prove => "prove",
            Self::Hidden => "hidden",
            Self::SignIn => "sign in",
            Self::Public => "public",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cell| cell.as_str() == text)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One call, and what each caller is answered.
#[derive(Debug)]
pub(crate) struct Row {
    /// `cabinet.identity.v1.UserService`
    pub(crate) service: String,
    pub(crate) method: String,
    /// Which of the calls of this method: `an ORDER`. Empty if there is one.
    pub(crate) about: String,
    pub(crate) cells: Vec<(Who, Cell)>,
}

impl Row {
    /// As HTTP/2 requests name the method: `/cabinet.identity.v1.UserService/CreateUser`.
    pub(crate) fn path(&self) -> String {
        format!("/{}/{}", self.service, self.method)
    }
}

/// Reads the table, or says which line is none of it.
pub(crate) fn read(text: &str) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    let mut service = "";
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.split("  ").map(str::trim).filter(|word| !word.is_empty());
        let first = words.next().unwrap_or_default();
        let rest: Vec<_> = words.collect();
        if !line.starts_with(' ') && rest.is_empty() {
            service = first;
        } else if line.starts_with(' ') {
            rows.push(row(service, first, &rest).ok_or_else(|| format!("no row: {line}"))?);
        } else if rest != Who::ALL.map(Who::heading) {
            return Err(format!("not the callers that the test knows: {rest:?}"));
        }
    }
    Ok(rows)
}

fn row(service: &str, name: &str, cells: &[&str]) -> Option<Row> {
    let (method, about) = name.split_once(": ").unwrap_or((name, ""));
    let cells: Option<Vec<_>> = cells.iter().map(|cell| Cell::parse(cell)).collect();
    let cells = cells.filter(|cells| cells.len() == Who::ALL.len())?;
    Some(Row {
        service: service.to_owned(),
        method: method.to_owned(),
        about: about.to_owned(),
        cells: Who::ALL.into_iter().zip(cells).collect(),
    })
}

#[test]
fn a_line_that_says_too_little_is_found() {
    let cells = vec!["yes"; Who::ALL.len()].join("  ");
    let good = read(&format!("x.Service\n    Call: a thing  {cells}\n")).expect("a table");
    assert_eq!((good[0].path().as_str(), good[0].about.as_str()), ("/x.Service/Call", "a thing"));
    assert!(read(&format!("x.Service\n    Call  {cells}  yes\n")).is_err());
    assert!(read(&format!("x.Service\n    Call  {}\n", cells.replacen("yes", "maybe", 1))).is_err());
    assert!(read("caller  somebody\n").is_err());
}
