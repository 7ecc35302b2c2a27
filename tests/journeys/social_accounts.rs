//! Accounts of other providers: coming in by one, linking and unlinking it, and what an address that a provider knows is not good for.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::social_account_service_client::SocialAccountServiceClient;
use cabinet_e2e::{Cabinet, Kind, Refused, Setup, is, methods_shown, new_id, refused, with_token};
use mail_parser::MessageParser;
use serde_json::json;
use testkit::OpenIdProvider;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::deletions::{self, databases, dump, lines_with};
use crate::preset_realm::PresetRealm;
use crate::registration::rule;

const EMAIL: &str = "anna@example.com";
/// Where the provider of every test sends people back to.
const RETURN: &str = "https://shop.example/social/lantern";

pub(crate) fn over() -> Refused {
    is(Code::Unauthenticated, "SOCIAL_SIGN_IN_OVER")
}

fn unknown() -> Refused {
    is(Code::FailedPrecondition, "SOCIAL_ACCOUNT_UNKNOWN")
}

/// A provider that knows Anna, whose address it has verified.
pub(crate) fn lantern() -> OpenIdProvider {
    let mut provider = OpenIdProvider::start(&[RETURN]);
    let claims = json!({ "email": EMAIL, "email_verified": true, "name": "Anna Kowalska", "locale": "pl-PL" });
    provider.add_account("anna", &claims);
    provider
}

/// With it as an operator sets it up, and one that serves somebody else.
pub(crate) fn with(provider: &OpenIdProvider) -> Setup {
    Setup::default()
        .with_identity("CABINET__PROVIDERS__LANTERN__ISSUER", &provider.issuer())
        .with_identity("CABINET__PROVIDERS__LANTERN__CLIENT_ID", OpenIdProvider::CLIENT_ID)
        .with_identity("CABINET__PROVIDERS__LANTERN__CLIENT_SECRET", OpenIdProvider::CLIENT_SECRET)
        .with_identity("CABINET__PROVIDERS__LANTERN__LABEL", "Lantern & Co")
        .with_identity("CABINET__PROVIDERS__LANTERN__VERIFIED_EMAILS", "trusted")
        .with_identity("CABINET__PROVIDERS__ELSEWHERE__ISSUER", "https://elsewhere.example")
        .with_identity("CABINET__PROVIDERS__ELSEWHERE__CLIENT_ID", "cabinet")
        .with_identity("CABINET__PROVIDERS__ELSEWHERE__CLIENT_SECRET", "none of our business")
        .with_identity("CABINET__PROVIDERS__ELSEWHERE__REALMS", &new_id::<()>().to_string())
}

/// What a gateway does for people who have accounts elsewhere.
pub(crate) struct Gateway<'a> {
    pub(crate) realm: PresetRealm<'a>,
}

impl<'a> Gateway<'a> {
    /// Of a help desk whose people register themselves.
    pub(crate) async fn of(cabinet: &'a Cabinet) -> Self {
        let realm = PresetRealm::open(cabinet, "helpdesk").await;
        let policy = rule(pb::SelfRegistration::Open, &realm.company_id.to_string());
        realm.update(policy, &["registration"], "").await.expect("a company of the realm");
        Self { realm }
    }

    fn client(&self) -> SocialAccountServiceClient<Channel> {
        SocialAccountServiceClient::new(self.realm.cabinet.identity.channel())
    }

    fn hide(&self, secrets: &[&str]) {
        for secret in secrets {
            self.realm.cabinet.watch.canary(Kind::Token, secret);
        }
    }

    pub(crate) async fn providers(&self) -> Vec<String> {
        let request = pb::ListSocialProvidersRequest { realm_id: self.realm.realm_id.to_string() };
        let listed = self.client().list_social_providers(request).await.expect("anybody may").into_inner().providers;
        listed.into_iter().map(|provider| format!("{}: {}", provider.name, provider.label)).collect()
    }

    fn sent(&self, visit: Option<pb::SocialVisit>) -> pb::SocialVisit {
        let visit = visit.expect("the contract promises the visit");
        self.hide(&[&visit.binding]);
        visit
    }

    pub(crate) async fn begin_at(&self, provider: &str) -> Result<pb::SocialVisit, Status> {
        let (realm_id, provider) = (self.realm.realm_id.to_string(), provider.to_owned());
        let request = pb::BeginSocialSignInRequest { realm_id, provider };
        Ok(self.sent(self.client().begin_social_sign_in(request).await?.into_inner().visit))
    }

    pub(crate) async fn begin(&self) -> Result<pb::SocialVisit, Status> {
        self.begin_at("lantern").await
    }

    async fn begin_link(&self, token: &str) -> Result<pb::SocialVisit, Status> {
        let request = with_token(token, pb::BeginSocialAccountLinkRequest { provider: "lantern".to_owned() });
        Ok(self.sent(self.client().begin_social_account_link(request).await?.into_inner().visit))
    }

    /// With what somebody comes back who has gone to the provider and signed in there.
    pub(crate) fn go(&self, visit: &pb::SocialVisit, provider: &OpenIdProvider, login: &str) -> pb::SocialReturn {
        let url = tokio::task::block_in_place(|| provider.visit(&visit.authorization_url, login));
        let (path, query) = url.split_once('?').expect("he brings something");
        let parameter = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        let (code, state, binding) = (parameter("code"), parameter("state"), visit.binding.clone());
        self.hide(&[&code, &state]);
        let provider = path.rsplit('/').next().expect("a path").to_owned();
        pb::SocialReturn { provider, code, state, binding }
    }

    pub(crate) async fn complete_in(
        &self,
        realm_id: &str,
        social_return: pb::SocialReturn,
    ) -> Result<pb::CompleteSocialSignInResponse, Status> {
        let (realm_id, social_return, session_name) = (realm_id.to_owned(), Some(social_return), "a test".to_owned());
        let request = pb::CompleteSocialSignInRequest { realm_id, social_return, session_name };
        let answer = self.client().complete_social_sign_in(request).await?.into_inner();
        if let Some(tokens) = &answer.tokens {
            self.hide(&[&tokens.access_token, &tokens.refresh_token]);
        }
        Ok(answer)
    }

    pub(crate) async fn complete(&self, social_return: pb::SocialReturn) -> Result<pb::CompleteSocialSignInResponse, Status> {
        self.complete_in(&self.realm.realm_id.to_string(), social_return).await
    }

    /// All of it: there and back.
    pub(crate) async fn sign_in(
        &self,
        provider: &OpenIdProvider,
        login: &str,
    ) -> Result<pb::CompleteSocialSignInResponse, Status> {
        let visit = self.begin().await?;
        self.complete(self.go(&visit, provider, login)).await
    }

    /// Somebody who has come in: who he is, and his access token.
    pub(crate) async fn comes_in(&self, provider: &OpenIdProvider, login: &str) -> (pb::User, String) {
        let answer = self.sign_in(provider, login).await.expect("nobody keeps him out");
        let tokens = answer.tokens.expect("the contract promises tokens");
        (answer.user.expect("the contract promises the user"), tokens.access_token)
    }

    async fn complete_link(&self, token: &str, social_return: pb::SocialReturn) -> Result<pb::SocialAccount, Status> {
        let request = with_token(token, pb::LinkSocialAccountRequest { social_return: Some(social_return) });
        let answer = self.client().link_social_account(request).await?.into_inner();
        Ok(answer.social_account.expect("the contract promises the account"))
    }

    async fn link(&self, token: &str, provider: &OpenIdProvider, login: &str) -> Result<pb::SocialAccount, Status> {
        let visit = self.begin_link(token).await?;
        self.complete_link(token, self.go(&visit, provider, login)).await
    }

    async fn unlink(&self, token: &str, social_account_id: &str) -> Result<(), Status> {
        let request = pb::UnlinkSocialAccountRequest { social_account_id: social_account_id.to_owned() };
        self.client().unlink_social_account(with_token(token, request)).await.map(|_| ())
    }

    pub(crate) async fn accounts(&self, token: &str) -> Vec<pb::SocialAccount> {
        let request = with_token(token, pb::ListSocialAccountsRequest {});
        self.client().list_social_accounts(request).await.expect("they are his own").into_inner().social_accounts
    }

    /// What the newest letter to an address says that came after `earlier` others.
    async fn letter(&self, email: &str, earlier: usize) -> String {
        let letter = self.realm.cabinet.letter_to(email, earlier).await;
        let message = MessageParser::default().parse(&letter.raw).expect("MIME");
        message.body_text(0).expect("a text").into_owned()
    }

    /// All sessions there are began a while ago.
    fn age_sessions(&self) {
        self.realm.cabinet.age_sessions("6 minutes");
    }
}

/// Rule I18.a: somebody comes in by an account of a provider, and is a CUSTOMER, with the name and the verified address that it gives; the
/// next time he is the same. Rule I18.c: he cannot give it up. Rule I18.d: he is told.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_comes_in_by_an_account_of_a_provider() {
    let provider = lantern();
    let cabinet = with(&provider).start().await;
    let gateway = Gateway::of(&cabinet).await;
    cabinet.watch.canary(Kind::Address, EMAIL);
    cabinet.watch.canary(Kind::Name, "Anna Kowalska");
    assert_eq!(gateway.providers().await, ["lantern: Lantern & Co"]);

    let visit = gateway.begin().await.expect("anybody may");
    let back = gateway.go(&visit, &provider, "anna");
    let answer = gateway.complete(back.clone()).await.expect("registration is open");
    let user = answer.user.expect("the contract promises the user");
    assert_eq!((user.role(), user.status(), user.email_verified), (pb::Role::Customer, pb::UserStatus::Active, true));
    assert_eq!((user.company_id, user.email.as_str()), (gateway.realm.company_id.to_string(), EMAIL));
    let token = answer.tokens.expect("the contract promises tokens").access_token;
    assert_eq!(methods_shown(&token), ["fed"]);
    cabinet.accepted_everywhere(&token, &user.user_id).await;
    let profile = cabinet.get_profile(&token, &user.user_id).await.expect("her own");
    assert_eq!((profile.full_name.as_str(), profile.language.as_str()), ("Anna Kowalska", "pl"));
    let told = gateway.letter(EMAIL, 0).await;
    assert!(told.contains("połączono") && told.contains("Lantern & Co"), "{told}");
    assert_eq!(refused(gateway.complete(back).await), over(), "nobody comes back twice");

    let (again, token) = gateway.comes_in(&provider, "anna").await;
    assert_eq!(again.user_id, user.user_id);
    let [account] = &gateway.accounts(&token).await[..] else { panic!("one account") };
    assert_eq!((account.email.as_str(), account.is_last_way_in), (EMAIL, true));
    let last = gateway.unlink(&token, &account.social_account_id).await;
    assert_eq!(refused(last), is(Code::FailedPrecondition, "LAST_WAY_IN"));
    let kept = cabinet.databases.identity.value("SELECT count(*) FROM passwords");
    assert_eq!(kept, "0", "she has no other");
}

/// Rule I18.b: an address that a provider knows signs nobody in, and tells nobody who exists unless it is verified; where nobody registers
/// himself nobody comes in, and where the policy says so there is no such sign-in at all.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_signs_nobody_in() {
    let mut provider = lantern();
    provider.add_account("mallory", &json!({ "email": EMAIL, "email_verified": false, "name": "Anna" }));
    provider.add_account("nobody", &json!({ "email": "nobody@example.com", "email_verified": false }));
    provider.add_account("faceless", &json!({}));
    provider.add_account("boris", &json!({ "email": "boris@example.com", "email_verified": true }));
    let cabinet = with(&provider).start().await;
    let gateway = Gateway::of(&cabinet).await;
    let anna = gateway.realm.add(gateway.realm.invited(EMAIL)).await.expect("a good user");

    let taken = gateway.sign_in(&provider, "anna").await;
    assert_eq!(refused(taken), is(Code::FailedPrecondition, "SOCIAL_EMAIL_TAKEN"));
    for unverified in ["mallory", "nobody", "faceless"] {
        assert_eq!(refused(gateway.sign_in(&provider, unverified).await), unknown(), "{unverified}");
    }
    let company_id = gateway.realm.company_id.to_string();
    let closed = rule(pb::SelfRegistration::Closed, &company_id);
    gateway.realm.update(closed, &["registration"], "").await.expect("an operator may");
    assert_eq!(refused(gateway.sign_in(&provider, "boris").await), unknown());
    let count = |of: &str| cabinet.databases.identity.value(&format!("SELECT count(*) FROM {of}"));
    assert_eq!((count("social_accounts").as_str(), count("sessions").as_str()), ("0", "0"));

    let redeemed = gateway.realm.redeem(EMAIL, Cabinet::PASSWORD).await.expect("an open link");
    let token = redeemed.tokens.expect("the contract promises tokens").access_token;
    gateway.link(&token, &provider, "anna").await.expect("she has signed in as she does");
    assert_eq!(gateway.comes_in(&provider, "anna").await.0.user_id, anna.user_id);

    let back = gateway.go(&gateway.begin().await.expect("anybody may"), &provider, "anna");
    let shut = pb::Policy { social_sign_in: pb::SocialSignIn::Closed.into(), ..Default::default() };
    gateway.realm.update(shut, &["social_sign_in"], "").await.expect("an operator may");
    assert_eq!(gateway.providers().await, Vec::<String>::new());
    let no_provider = is(Code::NotFound, "SOCIAL_PROVIDER_NOT_FOUND");
    assert_eq!(refused(gateway.begin().await), no_provider);
    assert_eq!(refused(gateway.complete(back).await), no_provider);
    let [account] = &gateway.accounts(&token).await[..] else { panic!("she keeps it") };
    assert_eq!((account.is_last_way_in, account.provider.clone().expect("who it is").label), (false, provider.issuer()));
}

/// Rules P7, I18.c, I18.d: beside his profile a user sees the accounts he has linked, links others and unlinks them, after a recent
/// sign-in, and is told each time. An account is one user's, and each has one of a provider.
#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_linked_and_unlinked_beside_the_profile() {
    let mut provider = lantern();
    provider.add_account("work", &json!({ "email": "anna@work.example", "email_verified": true }));
    let cabinet = with(&provider).start().await;
    let gateway = Gateway::of(&cabinet).await;
    let (anna, token) = gateway.realm.newcomer(gateway.realm.invited(EMAIL)).await;
    let (_, boris) = gateway.realm.newcomer(gateway.realm.invited("boris@example.com")).await;
    let letters = cabinet.mail.letters().iter().filter(|letter| letter.rcpt_to.iter().any(|to| to == EMAIL)).count();

    assert!(cabinet.get_profile(&token, &anna.user_id).await.is_ok() && gateway.accounts(&token).await.is_empty());
    let linked = gateway.link(&token, &provider, "work").await.expect("hers");
    assert_eq!((linked.email.as_str(), linked.is_last_way_in), ("anna@work.example", false));
    assert!(gateway.letter(EMAIL, letters).await.contains("An account of Lantern & Co was linked"));
    let version = cabinet.databases.identity.value(&format!("SELECT version FROM users WHERE user_id = '{}'", anna.user_id));
    let again = gateway.link(&token, &provider, "work").await.expect("nothing changes");
    assert_eq!((&again, &gateway.accounts(&token).await[..]), (&linked, &[linked.clone()][..]));
    let unchanged = cabinet.databases.identity.value(&format!("SELECT version FROM users WHERE user_id = '{}'", anna.user_id));
    assert_eq!(unchanged, version);
    let taken = gateway.link(&boris, &provider, "work").await;
    assert_eq!(refused(taken), is(Code::AlreadyExists, "SOCIAL_ACCOUNT_TAKEN"));
    let second = gateway.link(&token, &provider, "anna").await;
    assert_eq!(refused(second), is(Code::FailedPrecondition, "SOCIAL_PROVIDER_LINKED"));
    assert_eq!(gateway.comes_in(&provider, "work").await.0.user_id, anna.user_id);

    let missing = is(Code::NotFound, "SOCIAL_ACCOUNT_NOT_FOUND");
    assert_eq!(refused(gateway.unlink(&boris, &linked.social_account_id).await), missing);
    gateway.age_sessions();
    let too_old = is(Code::FailedPrecondition, "REAUTHENTICATION_REQUIRED");
    assert_eq!(refused(gateway.begin_link(&token).await), too_old);
    assert_eq!(refused(gateway.unlink(&token, &linked.social_account_id).await), too_old);
    let (_, token) = gateway.comes_in(&provider, "work").await;
    gateway.unlink(&token, &linked.social_account_id).await.expect("she has a password");
    assert!(gateway.letter(EMAIL, letters + 1).await.contains("was unlinked from your account"));
    assert_eq!(refused(gateway.unlink(&token, &linked.social_account_id).await), missing);
    assert_eq!(gateway.accounts(&token).await, []);
    assert_eq!(refused(gateway.link(&boris, &provider, "work").await), too_old, "so is his sign-in");
    let stranger = gateway.comes_in(&provider, "work").await.0;
    assert_ne!(stranger.user_id, anna.user_id, "whose address she has not");
}

/// Rule I18.b: who has begun to link an account ends it in the same session and nowhere else; what began as a sign-in links nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_visit_ends_where_it_began() {
    let mut provider = lantern();
    provider.add_account("mallory", &json!({ "email": "mallory@example.com", "email_verified": true }));
    let cabinet = with(&provider).start().await;
    let gateway = Gateway::of(&cabinet).await;
    let (_, anna) = gateway.realm.newcomer(gateway.realm.invited("anna@home.example")).await;
    let (_, mallory) = gateway.realm.newcomer(gateway.realm.invited("mallory@example.com")).await;

    let by_mallory = gateway.go(&gateway.begin_link(&mallory).await.expect("in a session"), &provider, "mallory");
    assert_eq!(refused(gateway.complete_link(&anna, by_mallory.clone()).await), over(), "she would have let him in");
    assert_eq!(refused(gateway.complete(by_mallory.clone()).await), over(), "it is no sign-in");
    let to_sign_in = gateway.go(&gateway.begin().await.expect("anybody may"), &provider, "mallory");
    assert_eq!(refused(gateway.complete_link(&anna, to_sign_in).await), over(), "nor the other way round");

    let visit = gateway.begin().await.expect("anybody may");
    let back = gateway.go(&visit, &provider, "anna");
    let elsewhere = gateway.begin().await.expect("anybody may").binding;
    let in_another_browser = pb::SocialReturn { binding: elsewhere, ..back.clone() };
    assert_eq!(refused(gateway.complete(in_another_browser).await), over());
    let other = Gateway::of(&cabinet).await;
    assert_eq!(refused(other.complete(back.clone()).await), over(), "in another realm of the same provider");
    let of_another_provider = pb::SocialReturn { provider: "elsewhere".to_owned(), ..back.clone() };
    assert_eq!(refused(gateway.complete(of_another_provider).await), is(Code::NotFound, "SOCIAL_PROVIDER_NOT_FOUND"));
    gateway.complete(back).await.expect("where it belongs it is good still");
    gateway.complete_link(&mallory, by_mallory).await.expect("and so is his");
}

/// Rule I18.c: of two who unlink the last two accounts of somebody at the same moment, one succeeds.
#[tokio::test(flavor = "multi_thread")]
async fn one_way_in_stays_whoever_is_faster() {
    let (provider, torch) = (lantern(), OpenIdProvider::start(&["https://shop.example/social/torch"]));
    let setup = with(&provider)
        .with_identity("CABINET__PROVIDERS__TORCH__ISSUER", &torch.issuer())
        .with_identity("CABINET__PROVIDERS__TORCH__CLIENT_ID", OpenIdProvider::CLIENT_ID)
        .with_identity("CABINET__PROVIDERS__TORCH__CLIENT_SECRET", OpenIdProvider::CLIENT_SECRET);
    let cabinet = setup.start().await;
    let gateway = Gateway::of(&cabinet).await;
    let (_, token) = gateway.comes_in(&provider, "anna").await;
    for _ in 0..3 {
        let request = with_token(&token, pb::BeginSocialAccountLinkRequest { provider: "torch".to_owned() });
        let visit = gateway.client().begin_social_account_link(request).await.expect("in a session").into_inner().visit;
        let back = gateway.go(&gateway.sent(visit), &torch, "anna");
        gateway.complete_link(&token, back).await.expect("hers");
        let accounts = gateway.accounts(&token).await;
        assert!(accounts.len() == 2 && accounts.iter().all(|account| !account.is_last_way_in), "{accounts:?}");
        let both = accounts.iter().map(|account| gateway.unlink(&token, &account.social_account_id));
        let (done, kept): (Vec<_>, Vec<_>) = futures::future::join_all(both).await.into_iter().partition(Result::is_ok);
        assert_eq!((done.len(), kept.len()), (1, 1));
        let last = is(Code::FailedPrecondition, "LAST_WAY_IN");
        assert!(kept.into_iter().all(|kept| refused(kept) == last));
        let left = gateway.accounts(&token).await;
        assert!(left.len() == 1 && left[0].is_last_way_in);
        if left[0].provider.as_ref().is_some_and(|provider| provider.name == "torch") {
            gateway.link(&token, &provider, "anna").await.expect("hers");
            let torch =
                gateway.accounts(&token).await.into_iter().find(|account| account.social_account_id == left[0].social_account_id);
            gateway.unlink(&token, &torch.expect("the one that stayed").social_account_id).await.expect("there is another");
        }
    }
}

/// Rules I18.a, I27.a: a deleted user takes his accounts with him, and whoever has one of them comes in as somebody new.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_user_leaves_no_account() {
    let mut provider = lantern();
    let subject = "lantern-subject-4711";
    provider.add_account(subject, &json!({ "email": "anna@work.example", "email_verified": true }));
    let cabinet = with(&provider).start().await;
    let gateway = Gateway::of(&cabinet).await;
    let (_, owner) = gateway
        .realm
        .member(pb::CreateUserRequest { role: pb::Role::Owner.into(), ..gateway.realm.invited("owner@example.com") })
        .await;
    let (user, _) = gateway.comes_in(&provider, subject).await;
    let kept = |value: &str| -> usize { databases(&cabinet).map(dump).iter().map(|dump| lines_with(dump, value).len()).sum() };
    assert!(kept(subject) > 0 && kept("anna@work.example") > 0);
    deletions::delete(&cabinet, &owner, &user.user_id).await.expect("an OWNER may");
    deletions::completed(&cabinet, &owner, &user.user_id).await;
    assert_eq!((kept(subject), kept("anna@work.example")), (0, 0));
    let (newcomer, _) = gateway.comes_in(&provider, subject).await;
    assert_ne!(newcomer.user_id, user.user_id);
}
