//! In which language a caller reads, and what a refusal says to people in it (`google.rpc.LocalizedMessage`).
//!
//! The texts are data of each service: files beside it, a line for every reason. They hold no value of any request.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::middleware::Next;
use axum::response::Response;
use tonic::Status;

use super::{Stack, problem};

/// The languages that Cabinet speaks; the first is for whoever asks for none of them.
const LANGUAGES: [&str; 4] = ["en", "pl", "ru", "uk"];
/// No browser sends more; what is longer is not read.
const LONGEST: usize = 1000;
/// "0.123" (RFC 9110 §12.4.2).
const LONGEST_QUALITY: usize = 5;

/// The texts of one service's reasons, as its files are: TOML, a line for each reason.
#[derive(Debug, Clone, Copy)]
pub struct ErrorTextFiles {
    /// The `domain` of its `google.rpc.ErrorInfo`.
    pub domain: &'static str,
    /// The text of the file for each language.
    pub files: [(&'static str, &'static str); LANGUAGES.len()],
}

const COMMON: ErrorTextFiles = ErrorTextFiles {
    domain: problem::COMMON_DOMAIN,
    files: [
        ("en", include_str!("../../texts/errors/en.toml")),
        ("pl", include_str!("../../texts/errors/pl.toml")),
        ("ru", include_str!("../../texts/errors/ru.toml")),
        ("uk", include_str!("../../texts/errors/uk.toml")),
    ],
};

/// What people read of every reason that a process may answer with.
#[derive(Debug, Clone, Default)]
pub struct ErrorTexts {
    /// By domain and language; then by reason.
    by_reason: HashMap<(String, &'static str), HashMap<String, String>>,
}

impl ErrorTexts {
    /// Those of the reasons that every service shares.
    pub(crate) fn common() -> Result<Self, toml::de::Error> {
        let mut texts = Self::default();
        texts.add(&COMMON)?;
        Ok(texts)
    }

    /// Adds a service's own.
    pub fn add(&mut self, texts: &ErrorTextFiles) -> Result<(), toml::de::Error> {
        for (language, file) in texts.files {
            self.by_reason.insert((texts.domain.to_owned(), language), toml::from_str(file)?);
        }
        Ok(())
    }

    pub(super) fn text(&self, domain: &str, reason: &str, language: &'static str) -> Option<&str> {
        self.by_reason.get(&(domain.to_owned(), language))?.get(reason).map(String::as_str)
    }
}

/// Adds to an error what people are to read of it. A stream that breaks later has only its English message.
pub(super) async fn speak(State(stack): State<Arc<Stack>>, request: Request, next: Next) -> Response {
    let language = language_of(request.headers());
    let response = next.run(request).await;
    match Status::from_header_map(response.headers()) {
        Some(status) => problem::with_text(status, &stack.error_texts, language).into_http(),
        None => response,
    }
}

/// The language a caller wants most of those we speak (RFC 9110 §12.5.4, by lookup as in RFC 4647 §3.4).
pub fn language_of(headers: &HeaderMap) -> &'static str {
    let lines = headers.get_all(ACCEPT_LANGUAGE).iter();
    let text = lines.filter_map(|line| line.to_str().ok()).collect::<Vec<_>>().join(",");
    if text.len() > LONGEST { LANGUAGES[0] } else { preferred(&text).unwrap_or(LANGUAGES[0]) }
}

/// Of languages that are wanted equally, the one that stands first.
fn preferred(text: &str) -> Option<&'static str> {
    let mut most: Option<(&'static str, f32)> = None;
    for (language, quality) in text.split(',').filter_map(wanted) {
        if quality > most.map_or(0.0, |(_, quality)| quality) {
            most = Some((language, quality));
        }
    }
    most.map(|(language, _)| language)
}

/// One range and its quality, if it is about a language we speak. Our tags have one part, so what follows it falls away.
fn wanted(element: &str) -> Option<(&'static str, f32)> {
    let (range, quality) = match element.split_once(';') {
        Some((range, parameter)) => (range, quality(parameter.trim())?),
        None => (element, 1.0),
    };
    let mut parts = range.trim().split('-');
    let first = parts.next()?;
    let is_range = parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let language = LANGUAGES.into_iter().find(|language| is_range && language.eq_ignore_ascii_case(first))?;
    Some((language, quality))
}

fn quality(parameter: &str) -> Option<f32> {
    let number = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="))?;
    if number.len() > LONGEST_QUALITY || !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    number.parse().ok().filter(|quality| (0.0..=1.0).contains(quality))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(lines: &[&str]) -> &'static str {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT_LANGUAGE, HeaderValue::from_bytes(line.as_bytes()).expect("no control characters"));
        }
        language_of(&headers)
    }

    #[test]
    fn the_language_wanted_most_is_spoken() {
        for (wanted, spoken) in [
            ("uk", "uk"),
            ("uk, ru;q=0.5", "uk"),
            ("ru;q=0.5, uk", "uk"),
            ("pl;q=0.8,ru;q=0.9", "ru"),
            ("ru, uk", "ru"),
            ("de, fr;q=0.9, pl;q=0.1", "pl"),
            ("RU-ru , en;q=0.8", "ru"),
            ("uk-Cyrl-UA", "uk"),
            ("*, pl;q=0.3", "pl"),
            ("ru;q=0, uk;q=0.001", "uk"),
            ("ru;Q=0.2;, pl ; q=1.000", "pl"),
        ] {
            assert_eq!(of(&[wanted]), spoken, "{wanted}");
        }
        assert_eq!(of(&["de", "uk;q=0.7"]), "uk", "two headers are one list");
    }

    #[test]
    fn who_wants_none_of_ours_or_says_nothing_sensible_reads_english() {
        for wanted in [
            "",
            "de",
            "*",
            "ru;q=0",
            "ru;q=2",
            "ru;q=-1",
            "ru;q=nan",
            "ru;q=1e0",
            "ru;q=",
            "ru;level=1",
            "russian",
            "uk-",
            "uk_UA",
        ] {
            assert_eq!(of(&[wanted]), "en", "{wanted}");
        }
        assert_eq!(of(&["українська"]), "en");
        assert_eq!(of(&[]), "en");
        assert_eq!(of(&[&"uk,".repeat(3_000)]), "en", "too long to be read");
    }
}
