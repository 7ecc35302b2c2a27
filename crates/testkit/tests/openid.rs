//! A provider of OpenID Connect lets a person in at its own pages, and sends him back where its client has said.

use cabinet_testkit::{OpenIdProvider, ProviderFailure};
use serde_json::json;

const RETURN: &str = "https://client.example/back";

fn authorization_url(provider: &OpenIdProvider) -> String {
    // The challenge is that of RFC 7636, appendix B.
    let challenge = "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
    let client = format!("client_id={}&redirect_uri={RETURN}", OpenIdProvider::CLIENT_ID);
    format!("{}/auth?response_type=code&scope=openid&state=here&nonce=now&{client}&{challenge}", provider.issuer())
}

#[test]
fn a_person_is_sent_back_with_a_code() {
    let mut provider = OpenIdProvider::start(&[RETURN]);
    provider.add_account("anna", &json!({ "email": "anna@example.com" }));
    let back = provider.visit(&authorization_url(&provider), "anna");
    assert!(back.starts_with(&format!("{RETURN}?code=")) && back.contains("&state=here&"), "{back}");
}

#[test]
fn it_fails_as_told_and_comes_up_again() {
    let mut provider = OpenIdProvider::start(&[RETURN]);
    let issuer = provider.issuer();
    let ask = || ureq::get(format!("{issuer}{}", OpenIdProvider::DISCOVERY)).call().map(|answer| answer.status().as_u16());
    assert_eq!(ask().ok(), Some(200));
    provider.fail(OpenIdProvider::DISCOVERY, Some(ProviderFailure::Error));
    assert!(matches!(ask(), Err(ureq::Error::StatusCode(500))));
    provider.fail(OpenIdProvider::DISCOVERY, None);
    assert_eq!(ask().ok(), Some(200));
    provider.stop();
    assert!(ask().is_err());
    provider.start_again();
    assert_eq!(ask().ok(), Some(200));
}
