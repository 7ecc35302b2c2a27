//! Configuration: embedded defaults < file < `CABINET__SECTION__KEY`, every problem reported together.
//!
//! A service reads its settings once, at the start, each with its type and range. What nobody has read is an unknown key.
//! A secret `x` may be given as `x_file`, the path of a file that holds it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kernel::Secret;

/// Shorter ones could be guessed.
const SHORTEST_SIGNING_SECRET: usize = 32;
const ENVIRONMENT_PREFIX: &str = "CABINET__";

/// Settings on their way to a service's own configuration type.
#[derive(Debug)]
pub struct Settings {
    values: BTreeMap<String, String>,
    read: BTreeSet<String>,
    problems: Vec<String>,
}

/// Everything that is wrong with the configuration; one line a problem.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidSettings(Vec<String>);

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration: {}", self.0.join("; "))
    }
}

impl std::error::Error for InvalidSettings {}

/// The variables of this process that are ours. What others hold is none of our business, whatever bytes it is made of.
pub fn environment() -> Result<Vec<(String, String)>, InvalidSettings> {
    let mut variables = Vec::new();
    let mut problems = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.into_string().ok().filter(|name| name.starts_with(ENVIRONMENT_PREFIX)) else { continue };
        match value.into_string() {
            Ok(value) => variables.push((name, value)),
            Err(_) => problems.push(format!("{name}: not UTF-8")),
        }
    }
    if problems.is_empty() { Ok(variables) } else { Err(InvalidSettings(problems)) }
}

impl Settings {
    /// Lays the environment over the file over the defaults. Problems are kept until [`Settings::finish`].
    pub fn load(defaults: &[&str], file: Option<&str>, environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut settings = Self { values: BTreeMap::new(), read: BTreeSet::new(), problems: Vec::new() };
        for text in defaults.iter().copied().chain(file) {
            settings.overlay(text);
        }
        for (name, value) in environment {
            if let Some(key) = name.strip_prefix(ENVIRONMENT_PREFIX) {
                settings.values.insert(key.to_lowercase().replace("__", "."), value);
            }
        }
        settings
    }

    fn overlay(&mut self, text: &str) {
        match text.parse::<toml::Table>() {
            Ok(table) => flatten("", &table, &mut self.values),
            Err(error) => self.problems.push(format!("not TOML: {}", error.message())),
        }
    }

    /// A required value that can be read from text.
    pub fn value<T: FromStr>(&mut self, key: &str) -> Option<T>
    where
        T::Err: fmt::Display,
    {
        let text = self.text(key)?;
        text.parse().map_err(|error| self.problems.push(format!("{key}: {error}"))).ok()
    }

    /// A required whole number within a range.
    pub fn number<T>(&mut self, key: &str, range: RangeInclusive<T>) -> Option<T>
    where
        T: FromStr + PartialOrd + fmt::Display,
        T::Err: fmt::Display,
    {
        let number = self.value(key)?;
        if range.contains(&number) {
            return Some(number);
        }
        self.problems.push(format!("{key}: must be between {} and {}", range.start(), range.end()));
        None
    }

    /// A required duration: a whole number with `ms`, `s`, `min` or `h`, within a range.
    pub fn duration(&mut self, key: &str, range: RangeInclusive<Duration>) -> Option<Duration> {
        let text = self.text(key)?;
        match parse_duration(&text) {
            Some(duration) if range.contains(&duration) => Some(duration),
            Some(_) => {
                self.problems.push(format!("{key}: must be between {:?} and {:?}", range.start(), range.end()));
                None
            }
            None => {
                self.problems.push(format!("{key}: must be a whole number with ms, s, min or h"));
                None
            }
        }
    }

    /// A required secret, given as `key` or, by the path of a file, as `key_file`.
    pub fn secret(&mut self, key: &str) -> Option<Secret<String>> {
        let file_key = format!("{key}_file");
        let Some(path) = self.optional(&file_key) else {
            return self.text(key).map(Secret::new);
        };
        if self.optional(key).is_some() {
            self.problems.push(format!("{key}: given twice, also as {file_key}"));
            return None;
        }
        match std::fs::read_to_string(PathBuf::from(&path)) {
            Ok(text) => Some(Secret::new(text.trim_end().to_owned())),
            Err(error) => {
                self.problems.push(format!("{file_key}: {}", error.kind()));
                None
            }
        }
    }

    /// A secret of at least 32 bytes, written in base64 (RFC 4648 §4), to sign with.
    pub fn signing_secret(&mut self, key: &str) -> Option<Secret<Vec<u8>>> {
        let text = self.secret(key)?;
        match BASE64.decode(text.expose()) {
            Ok(bytes) if bytes.len() >= SHORTEST_SIGNING_SECRET => Some(Secret::new(bytes)),
            _ => {
                self.problem(key, "must be at least 32 bytes in base64");
                None
            }
        }
    }

    /// The same, where there may be none.
    pub fn optional_signing_secret(&mut self, key: &str) -> Option<Option<Secret<Vec<u8>>>> {
        let is_given = self.optional(key).is_some() || self.optional(&format!("{key}_file")).is_some();
        if is_given { self.signing_secret(key).map(Some) } else { Some(None) }
    }

    /// A value that may be missing or empty.
    pub fn optional(&mut self, key: &str) -> Option<String> {
        self.read.insert(key.to_owned());
        self.values.get(key).filter(|text| !text.is_empty()).cloned()
    }

    /// The names of the sections that are given within one, in their order.
    pub fn sections(&self, within: &str) -> Vec<String> {
        let prefix = format!("{within}.");
        let inside = self.values.keys().filter_map(|key| key.strip_prefix(&prefix));
        let names: BTreeSet<&str> = inside.filter_map(|key| key.split_once('.')).map(|(name, _)| name).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    /// Says that a key, or a section of keys, is known but not wanted as things stand.
    pub fn leave_out(&mut self, key: &str) {
        let section = format!("{key}.");
        let left_out = self.values.keys().filter(|given| *given == key || given.starts_with(&section)).cloned();
        self.read.extend(left_out);
    }

    /// Reports a problem that only the reader of several values can see.
    pub fn problem(&mut self, key: &str, problem: impl fmt::Display) {
        self.problems.push(format!("{key}: {problem}"));
    }

    /// The configuration, if every value could be read and every key given was wanted.
    pub fn finish<T>(mut self, config: Option<T>) -> Result<T, InvalidSettings> {
        let unknown = self.values.keys().filter(|key| !self.read.contains(*key)).map(|key| format!("{key}: unknown key"));
        self.problems.extend(unknown);
        // What several services of one process read is wrong once.
        let mut told = BTreeSet::new();
        self.problems.retain(|problem| told.insert(problem.clone()));
        match config {
            Some(config) if self.problems.is_empty() => Ok(config),
            _ => Err(InvalidSettings(self.problems)),
        }
    }

    fn text(&mut self, key: &str) -> Option<String> {
        let text = self.optional(key);
        if text.is_none() {
            self.problems.push(format!("{key}: must be set"));
        }
        text
    }
}

fn flatten(prefix: &str, table: &toml::Table, values: &mut BTreeMap<String, String>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(nested) => flatten(&key, nested, values),
            toml::Value::String(text) => {
                values.insert(key, text.clone());
            }
            other => {
                values.insert(key, other.to_string());
            }
        }
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "min" => Some(Duration::from_secs(number.checked_mul(60)?)),
        "h" => Some(Duration::from_secs(number.checked_mul(3600)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: &str = "[relay]\nbatch = 1000\npoll = \"500ms\"\n[database]\nurl = \"\"\n";

    fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
        let file = "[relay]\nbatch = 10\npoll = \"1s\"";
        let mut settings =
            Settings::load(&[DEFAULTS], Some(file), environment(&[("CABINET__RELAY__BATCH", "20"), ("HOME", "/")]));
        assert_eq!(settings.number("relay.batch", 1..=1000), Some(20));
        assert_eq!(settings.duration("relay.poll", Duration::ZERO..=Duration::from_secs(5)), Some(Duration::from_secs(1)));
    }

    #[test]
    fn every_problem_is_reported_together() {
        let file = "[relay]\nbatch = 0\npoll = \"soon\"\ncolour = \"red\"";
        let mut settings = Settings::load(&[DEFAULTS], Some(file), []);
        let batch = settings.number("relay.batch", 1..=1000);
        let poll = settings.duration("relay.poll", Duration::ZERO..=Duration::from_secs(5));
        let url = settings.secret("database.url");
        let config = (|| Some((batch?, poll?, url?)))();
        let error = settings.finish(config).expect_err("four problems");
        assert_eq!(
            error.to_string(),
            "configuration: relay.batch: must be between 1 and 1000; relay.poll: must be a whole number with ms, s, min or h; \
             database.url: must be set; relay.colour: unknown key"
        );
    }

    #[test]
    fn sections_are_found_wherever_they_are_given() {
        let file = "[lamps.hall]\ncolour = \"red\"\n[lamps.attic]\ncolour = \"blue\"";
        let in_environment =
            environment(&[("CABINET__LAMPS__CELLAR__COLOUR", "green"), ("CABINET__LAMPS__HALL__COLOUR", "grey")]);
        let settings = Settings::load(&[DEFAULTS], Some(file), in_environment);
        assert_eq!(settings.sections("lamps"), ["attic", "cellar", "hall"]);
        assert_eq!(settings.sections("lamp"), Vec::<String>::new());
    }

    #[test]
    fn a_secret_is_read_from_its_file_and_refused_when_given_twice() {
        let path = std::env::temp_dir().join(format!("cabinet-settings-{}", std::process::id()));
        std::fs::write(&path, "hunter2\n").expect("the temporary folder is writable");
        let path_text = path.display().to_string();
        let mut settings = Settings::load(&[DEFAULTS], None, environment(&[("CABINET__DATABASE__URL_FILE", &path_text)]));
        assert_eq!(settings.secret("database.url"), Some(Secret::new("hunter2".to_owned())));
        let twice = environment(&[("CABINET__DATABASE__URL_FILE", &path_text), ("CABINET__DATABASE__URL", "x")]);
        let mut settings = Settings::load(&[DEFAULTS], None, twice);
        assert_eq!(settings.secret("database.url"), None);
        std::fs::remove_file(path).expect("it was written above");
    }
}
