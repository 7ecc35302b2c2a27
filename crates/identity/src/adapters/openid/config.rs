//! The providers that an operator names: a section `[providers.NAME]` each.

use kernel::{RealmId, Secret};
use runtime::settings::Settings;
use url::{Host, Url};

const SECTION: &str = "providers";
/// It stands in addresses.
const LONGEST_NAME: usize = 32;

/// A provider, and who we are to it.
#[derive(Debug, Clone)]
pub(crate) struct ProviderConfig {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) client_secret: Secret<String>,
    /// All of them if none is named.
    pub(super) realms: Vec<RealmId>,
    pub(super) emails: VerifiedEmails,
}

/// What becomes of addresses that a provider says it has verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VerifiedEmails {
    Trusted,
    Ignored,
}

impl ProviderConfig {
    /// None if anything is wrong with one of them.
    pub(crate) fn read_all(settings: &mut Settings) -> Option<Vec<Self>> {
        let names = settings.sections(SECTION);
        let read: Vec<Option<Self>> = names.iter().map(|name| Self::read(settings, name)).collect();
        let all: Vec<Self> = read.into_iter().collect::<Option<_>>()?;
        for (place, one) in all.iter().enumerate() {
            if all[..place].iter().any(|other| other.issuer == one.issuer && other.meets(one)) {
                settings.problem(&format!("{SECTION}.{}.issuer", one.name), "another provider has it, in the same realm");
            }
        }
        Some(all)
    }

    fn read(settings: &mut Settings, name: &str) -> Option<Self> {
        let key = |setting: &str| format!("{SECTION}.{name}.{setting}");
        if !is_name(name) {
            settings.problem(&format!("{SECTION}.{name}"), "a name has up to 32 of a-z, 0-9, - and _");
        }
        let issuer: Option<String> = settings.value(&key("issuer"));
        if issuer.as_deref().is_some_and(|issuer| !is_issuer(issuer)) {
            settings.problem(
                &key("issuer"),
                "must be an https:// address (http:// on this machine alone), as the provider writes it",
            );
        }
        let label = settings.optional(&key("label")).unwrap_or_else(|| name.to_owned());
        let client_id = settings.value(&key("client_id"));
        let client_secret = settings.secret(&key("client_secret"));
        let realms = read_realms(settings, &key("realms"));
        let emails = match settings.optional(&key("verified_emails")).as_deref() {
            None | Some("ignored") => VerifiedEmails::Ignored,
            Some("trusted") => VerifiedEmails::Trusted,
            Some(_) => {
                settings.problem(&key("verified_emails"), "must be trusted or ignored");
                return None;
            }
        };
        let name = name.to_owned();
        Some(Self { name, label, issuer: issuer?, client_id: client_id?, client_secret: client_secret?, realms: realms?, emails })
    }

    pub(super) fn serves(&self, realm_id: RealmId) -> bool {
        self.realms.is_empty() || self.realms.contains(&realm_id)
    }

    /// Whether there is a realm that both serve.
    fn meets(&self, other: &Self) -> bool {
        self.realms.is_empty() || other.realms.is_empty() || self.realms.iter().any(|realm_id| other.serves(*realm_id))
    }
}

fn is_name(name: &str) -> bool {
    let is_fit = |letter: u8| matches!(letter, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    name.len() <= LONGEST_NAME && name.bytes().all(is_fit)
}

/// Whoever sits between us and a provider could be anybody.
fn is_issuer(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(domain)) => domain == "localhost",
        None => return false,
    };
    // A query, a fragment, or a password (OpenID Connect Discovery 1.0 §2).
    let has_more = text.contains(['?', '#', '@']);
    !has_more && (url.scheme() == "https" || url.scheme() == "http" && is_here)
}

/// Ids of realms, separated by blanks.
fn read_realms(settings: &mut Settings, key: &str) -> Option<Vec<RealmId>> {
    let text = settings.optional(key).unwrap_or_default();
    let read: Result<_, _> = text.split_whitespace().map(str::parse).collect();
    read.map_err(|error: kernel::InvalidId| settings.problem(key, error)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 3] = [
        ("CABINET__PROVIDERS__LANTERN__ISSUER", "https://lantern.example"),
        ("CABINET__PROVIDERS__LANTERN__CLIENT_ID", "cabinet"),
        ("CABINET__PROVIDERS__LANTERN__CLIENT_SECRET", "open sesame"),
    ];
    const REALM: &str = "0199d0c8-7b1e-7000-8000-000000000001";

    fn read(given: &[(&str, &str)]) -> Result<Vec<ProviderConfig>, String> {
        let environment = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut settings = Settings::load(&[], None, environment);
        let providers = ProviderConfig::read_all(&mut settings);
        settings.finish(providers).map_err(|invalid| invalid.to_string())
    }

    fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        GOOD.into_iter().chain(more.iter().copied()).collect()
    }

    #[test]
    fn a_provider_needs_few_words() {
        assert!(read(&[]).is_ok_and(|none| none.is_empty()));
        let all = read(&GOOD).expect("all that is needed");
        assert_eq!((all[0].name.as_str(), all[0].label.as_str(), all[0].emails), ("lantern", "lantern", VerifiedEmails::Ignored));
        assert!(all[0].serves(REALM.parse().expect("an id")), "it serves every realm");
        let more = [
            ("CABINET__PROVIDERS__LANTERN__REALMS", REALM),
            ("CABINET__PROVIDERS__LANTERN__LABEL", "Lantern & Co"),
            ("CABINET__PROVIDERS__LANTERN__VERIFIED_EMAILS", "trusted"),
        ];
        let all = read(&with(&more)).expect("known settings");
        assert_eq!((all[0].label.as_str(), all[0].emails), ("Lantern & Co", VerifiedEmails::Trusted));
        assert!(all[0].serves(REALM.parse().expect("an id")) && !all[0].serves(RealmId::from_uuid(uuid::Uuid::nil())));
    }

    #[test]
    fn whatever_is_wrong_with_a_provider_is_said() {
        let lacking = read(&GOOD[..1]).expect_err("two are missing");
        assert!(lacking.contains("providers.lantern.client_id: must be set") && lacking.contains("client_secret: must be set"));
        for issuer in
            ["http://lantern.example", "ftp://lantern.example", "lantern", "https://a:b@lantern.example", "https://l.example?a"]
        {
            let wrong = read(&with(&[("CABINET__PROVIDERS__LANTERN__ISSUER", issuer)])).expect_err("no issuer");
            assert!(wrong.contains("providers.lantern.issuer: must be an https:// address"), "{issuer}: {wrong}");
        }
        assert!(read(&with(&[("CABINET__PROVIDERS__LANTERN__ISSUER", "http://127.0.0.1:9000")])).is_ok());
        let others = [
            ("CABINET__PROVIDERS__LANTERN__REALMS", "here there", "realms: "),
            ("CABINET__PROVIDERS__LANTERN__VERIFIED_EMAILS", "perhaps", "verified_emails: must be trusted or ignored"),
            ("CABINET__PROVIDERS__LANTERN__COLOUR", "red", "colour: unknown key"),
            ("CABINET__PROVIDERS__LAN TERN__ISSUER", "https://l.example", "providers.lan tern: a name has"),
        ];
        for (name, value, said) in others {
            let wrong = read(&with(&[(name, value)])).expect_err(said);
            assert!(wrong.contains(said), "{wrong}");
        }
    }

    /// Rule I18.b: whose an account is follows from its issuer: within a realm it has one provider.
    #[test]
    fn a_realm_has_one_provider_of_an_issuer() {
        let again = [
            ("CABINET__PROVIDERS__TORCH__ISSUER", "https://lantern.example"),
            ("CABINET__PROVIDERS__TORCH__CLIENT_ID", "another"),
            ("CABINET__PROVIDERS__TORCH__CLIENT_SECRET", "open barley"),
        ];
        assert!(read(&with(&again)).expect_err("both serve all").contains("providers.torch.issuer: another provider has it"));
        let apart = [
            ("CABINET__PROVIDERS__TORCH__REALMS", REALM),
            ("CABINET__PROVIDERS__LANTERN__REALMS", "0199d0c8-7b1e-7000-8000-000000000002"),
        ];
        assert!(read(&with(&[again.as_slice(), &apart].concat())).is_ok());
    }
}
