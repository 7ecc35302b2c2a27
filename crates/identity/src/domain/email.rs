//! E-mail addresses as this product accepts them.

use std::fmt;

/// RFC 5321 §4.5.3.1: the longest path is 256 octets with its brackets, the longest local part 64.
const LONGEST_ADDRESS: usize = 254;
const LONGEST_LOCAL_PART: usize = 64;

/// An address that mail can be sent to: an ASCII dot-string before the `@` (RFC 5321 §4.1.2), a domain name behind it.
///
/// Quoted local parts, address literals, comments and non-ASCII local parts are refused: they are legal, rare, and
/// treated differently from one mail server to the next, which an identifier must not be.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct EmailAddress {
    text: String,
    key: String,
}

/// Why a text is no address; says nothing of the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidEmail {
    #[error("an e-mail address has one @ between two parts")]
    Parts,
    #[error("the part before the @ may have letters, digits and !#$%&'*+-/=?^_`{{|}}~, and single dots inside")]
    LocalPart,
    #[error("the part behind the @ is not a domain name")]
    Domain,
    #[error("the address is too long")]
    TooLong,
}

impl EmailAddress {
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let (local, domain) = text.split_once('@').ok_or(InvalidEmail::Parts)?;
        if domain.contains('@') {
            return Err(InvalidEmail::Parts);
        }
        if local.len() > LONGEST_LOCAL_PART {
            return Err(InvalidEmail::TooLong);
        }
        if local.is_empty() || !local.split('.').all(is_atom) {
            return Err(InvalidEmail::LocalPart);
        }
        let ascii = idna::domain_to_ascii_strict(domain).map_err(|_| InvalidEmail::Domain)?;
        if !ascii.contains('.') || ascii.ends_with('.') {
            return Err(InvalidEmail::Domain);
        }
        let address = Self { text: format!("{local}@{ascii}"), key: format!("{}@{ascii}", local.to_ascii_lowercase()) };
        if address.text.len() > LONGEST_ADDRESS { Err(InvalidEmail::TooLong) } else { Ok(address) }
    }

    /// An address that was parsed before it was stored.
    pub(crate) const fn from_stored(text: String, key: String) -> Self {
        Self { text, key }
    }

    /// The address as mail is sent to it: the local part as it was typed, the domain in ASCII.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// What two addresses have in common that count as one (I8).
    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress")
    }
}

fn is_atom(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> String {
        EmailAddress::parse(text).expect("a good address").key().to_owned()
    }

    /// Rule I8.a: addresses are compared without case, and international domains by their ASCII form.
    #[test]
    fn addresses_that_reach_the_same_mailbox_have_the_same_key() {
        assert_eq!(key("Anna.Kowalska@Example.COM"), key("anna.kowalska@example.com"));
        assert_eq!(key("anna@ПОШТА.укр"), key("anna@пошта.укр"));
        assert_eq!(key("anna@bücher.example"), key("anna@xn--bcher-kva.example"));
        assert_ne!(key("anna@example.com"), key("ana@example.com"));
    }

    #[test]
    fn the_local_part_is_kept_as_it_was_typed() {
        assert_eq!(
            EmailAddress::parse("Anna+Tender@Example.com").map(|email| email.as_str().to_owned()),
            Ok("Anna+Tender@example.com".into())
        );
    }

    #[test]
    fn what_mail_servers_would_read_differently_is_refused() {
        let cases = [
            ("anna", InvalidEmail::Parts),
            ("anna@b@example.com", InvalidEmail::Parts),
            ("@example.com", InvalidEmail::LocalPart),
            ("\"an na\"@example.com", InvalidEmail::LocalPart),
            ("an..na@example.com", InvalidEmail::LocalPart),
            ("anna@example.com\r\nBcc: eve@example.com", InvalidEmail::Parts),
            ("anna\r\n@example.com", InvalidEmail::LocalPart),
            ("анна@example.com", InvalidEmail::LocalPart),
            ("anna@[127.0.0.1]", InvalidEmail::Domain),
            ("anna@localhost", InvalidEmail::Domain),
            ("anna@example.com.", InvalidEmail::Domain),
            ("anna@exa mple.com", InvalidEmail::Domain),
            ("anna@-example.com", InvalidEmail::Domain),
        ];
        for (text, expected) in cases {
            assert_eq!(EmailAddress::parse(text).err(), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn lengths_are_those_of_rfc_5321() {
        let longest = format!("{}@example.com", "a".repeat(64));
        assert!(EmailAddress::parse(&longest).is_ok());
        assert_eq!(EmailAddress::parse(&format!("a{longest}")).err(), Some(InvalidEmail::TooLong));
        let label = "b".repeat(60);
        let domain = format!("{label}.{label}.{label}.example");
        assert_eq!(EmailAddress::parse(&format!("{}@{domain}", "a".repeat(64))).err(), Some(InvalidEmail::TooLong));
    }

    /// Rule F10.a: an address that is printed by mistake shows nothing.
    #[test]
    fn debug_shows_no_address() {
        let email = EmailAddress::parse("anna@example.com").expect("a good address");
        assert_eq!(format!("{email:?}"), "EmailAddress");
    }
}
