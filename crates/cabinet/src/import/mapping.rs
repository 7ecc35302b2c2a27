//! What the columns of a file mean: written by whoever knows the source, in TOML.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use runtime::StartError;
use serde::Deserialize;

/// As the file says it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MappingFile {
    source: String,
    company_id: Option<String>,
    kind: Kind,
    subject: String,
    unknown: String,
    columns: ColumnNames,
    time: TimeForm,
    requesters: RequesterForm,
    statuses: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Kind {
    Request,
    Order,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnNames {
    external_id: String,
    status: String,
    time: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeForm {
    format: String,
    zone: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequesterForm {
    email: String,
    ticks: Vec<Tick>,
}

/// What an import can tick for a requester. He has an e-mail address and no other contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Tick {
    #[serde(rename = "status_change.email")]
    StatusChangeEmail,
}

/// A mapping, bound to the columns of one file.
#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) source: String,
    pub(super) kind: Kind,
    pub(super) ticks: Vec<Tick>,
    pub(super) subject: Pattern,
    pub(super) email: Pattern,
    pub(super) external_id: Column,
    pub(super) status: Column,
    pub(super) time: Column,
    unknown: String,
    clock: SourceClock,
    statuses: BTreeMap<String, String>,
}

/// A column by name and place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) index: usize,
}

/// Text with columns in it: `Incident {number}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Column(Column),
}

/// How the source writes moments.
#[derive(Debug)]
struct SourceClock {
    format: String,
    zone: TimeZone,
}

/// A mapping that was read and knows no file yet.
#[derive(Debug)]
pub(super) struct UnboundMapping(MappingFile);

impl UnboundMapping {
    pub(super) fn read(path: &Path) -> Result<Self, StartError> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    fn parse(text: &str) -> Result<Self, StartError> {
        let file: MappingFile = toml::from_str(text)?;
        if file.statuses.is_empty() {
            return Err("the mapping names no status".into());
        }
        Ok(Self(file))
    }

    /// The company that works on the cases, if the mapping says it.
    pub(super) fn company_id(&self) -> Option<&str> {
        self.0.company_id.as_deref()
    }

    /// Finds the columns in the first row of a file.
    pub(super) fn bind(self, header: &[String]) -> Result<Mapping, StartError> {
        let Self(file) = self;
        let column = |name: &str| column(header, name);
        Ok(Mapping {
            source: file.source,
            kind: file.kind,
            ticks: file.requesters.ticks,
            subject: Pattern::parse(&file.subject, header)?,
            email: Pattern::parse(&file.requesters.email, header)?,
            external_id: column(&file.columns.external_id)?,
            status: column(&file.columns.status)?,
            time: column(&file.columns.time)?,
            unknown: file.unknown,
            clock: SourceClock { format: file.time.format, zone: TimeZone::get(&file.time.zone)? },
            statuses: file.statuses,
        })
    }
}

fn column(header: &[String], name: &str) -> Result<Column, StartError> {
    let mut places = header.iter().enumerate().filter(|(_, column)| *column == name).map(|(index, _)| index);
    match (places.next(), places.next()) {
        (Some(index), None) => Ok(Column { name: name.to_owned(), index }),
        (None, _) => Err(format!("the file has no column {name}").into()),
        (Some(_), Some(_)) => Err(format!("the file has two columns {name}").into()),
    }
}

impl Mapping {
    /// The code of a status by the source's word for it.
    pub(super) fn status_code(&self, value: &str) -> Option<&str> {
        self.statuses.get(value).map(String::as_str)
    }

    /// Every status code that the file's cases may get.
    pub(super) fn status_codes(&self) -> impl Iterator<Item = &str> {
        self.statuses.values().map(String::as_str)
    }

    /// True if the source does not know the value.
    pub(super) fn is_unknown(&self, value: &str) -> bool {
        value.is_empty() || value == self.unknown
    }

    /// A moment of the source. One that its clock showed twice is the first of the two; one that it never showed is as much
    /// later as the clock was put forward.
    pub(super) fn moment(&self, value: &str) -> Option<Timestamp> {
        let parsed = strtime::parse(&self.clock.format, value).ok()?;
        if parsed.offset().is_some() {
            return parsed.to_timestamp().ok();
        }
        let local = parsed.to_datetime().ok()?;
        Some(local.to_zoned(self.clock.zone.clone()).ok()?.timestamp())
    }
}

impl Pattern {
    fn parse(text: &str, header: &[String]) -> Result<Self, StartError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or_else(|| format!("`{text}` has a brace that nothing closes"))?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Column(column(header, name)?));
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.0
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const TEXT: &str = r#"
        source = "desk"
        kind = "REQUEST"
        subject = "Incident {number}"
        unknown = "?"
        columns = { external_id = "number", status = "state", time = "at" }
        time = { format = "%d-%m-%Y %H:%M", zone = "Europe/Kyiv" }
        requesters = { email = "{caller}@example.com", ticks = ["status_change.email"] }
        statuses = { New = "NEW", Active = "OPEN" }
    "#;

    fn header(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    pub(in super::super) fn mapping() -> Mapping {
        let unbound = UnboundMapping::parse(TEXT).expect("a good mapping");
        unbound.bind(&header(&["number", "state", "caller", "at"])).expect("all columns")
    }

    #[test]
    fn moments_are_read_in_the_zone_of_the_source() {
        let mapping = mapping();
        let read = |text| mapping.moment(text).map(|moment| moment.to_string());
        assert_eq!(read("02-03-2016 08:52").as_deref(), Some("2016-03-02T06:52:00Z"), "winter");
        assert_eq!(read("02-07-2016 08:52").as_deref(), Some("2016-07-02T05:52:00Z"), "summer");
        assert_eq!(read("30-10-2016 03:30").as_deref(), Some("2016-10-30T00:30:00Z"), "the first of two");
        assert_eq!(read("27-03-2016 03:30").as_deref(), Some("2016-03-27T01:30:00Z"), "the clock never showed it");
        for wrong in ["", "?", "2016-03-02", "31-02-2016 08:00", "02-03-2016 24:10", "02-03-2016 08:52 or so"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_mapping_that_does_not_fit_the_file_is_refused() {
        let bound = |names: &[&str]| UnboundMapping::parse(TEXT).expect("a good mapping").bind(&header(names));
        let refused = |names: &[&str]| bound(names).err().map(|error| error.to_string());
        assert_eq!(refused(&["number", "state", "at"]).as_deref(), Some("the file has no column caller"));
        let twice = ["number", "state", "caller", "at", "state"];
        assert_eq!(refused(&twice).as_deref(), Some("the file has two columns state"));
    }

    #[test]
    fn a_mapping_says_nothing_that_has_no_meaning() {
        for (wrong, instead) in [
            ("unknown", "unknwon"),
            ("REQUEST", "LEGAL"),
            ("status_change.email", "status_change.pigeon"),
            ("{ New = \"NEW\", Active = \"OPEN\" }", "{}"),
        ] {
            assert!(UnboundMapping::parse(&TEXT.replace(wrong, instead)).is_err(), "{instead}");
        }
        let open = UnboundMapping::parse(&TEXT.replace("{number}", "{number")).expect("text");
        assert!(open.bind(&header(&["number", "state", "caller", "at"])).is_err());
        let nowhere = UnboundMapping::parse(&TEXT.replace("Europe/Kyiv", "Europe/Nowhere")).expect("text");
        assert!(nowhere.bind(&header(&["number", "state", "caller", "at"])).is_err());
    }
}
