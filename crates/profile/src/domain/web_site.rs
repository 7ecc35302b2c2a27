//! Where an organisation is to be found on the Web.

use std::fmt;
use std::str::FromStr;

use url::Url;

const LONGEST: usize = 200;

/// An absolute http or https URL, as browsers write it (WHATWG URL Standard).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct WebSite(String);

/// The text is no such address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an http or https URL of at most {LONGEST} characters, without a password in it")]
pub(crate) struct InvalidWebSite;

impl FromStr for WebSite {
    type Err = InvalidWebSite;

    fn from_str(text: &str) -> Result<Self, InvalidWebSite> {
        let url = Url::parse(text.trim()).map_err(|_| InvalidWebSite)?;
        let is_web = ["http", "https"].contains(&url.scheme()) && url.has_host();
        let is_open = url.username().is_empty() && url.password().is_none();
        let site = String::from(url);
        if is_web && is_open && site.len() <= LONGEST { Ok(Self(site)) } else { Err(InvalidWebSite) }
    }
}

impl WebSite {
    /// An address that was parsed before it was stored.
    pub(crate) const fn from_stored(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What people say of themselves is not printed.
impl fmt::Debug for WebSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebSite")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_web_site_is_what_a_browser_opens() {
        let site = |text: &str| text.parse::<WebSite>().map(|site| site.as_str().to_owned());
        assert_eq!(site(" HTTPS://Example.COM/о-нас "), Ok("https://example.com/%D0%BE-%D0%BD%D0%B0%D1%81".to_owned()));
        assert_eq!(site("http://приклад.укр"), Ok("http://xn--80aikifvh.xn--j1amh/".to_owned()));
        for bad in
            ["example.com", "javascript:alert(1)", "ftp://example.com", "https://", "https://a:b@example.com", "https://a@b.c"]
        {
            assert_eq!(site(bad), Err(InvalidWebSite), "{bad}");
        }
        assert_eq!(site(&format!("https://example.com/{}", "a".repeat(200))), Err(InvalidWebSite));
    }
}
