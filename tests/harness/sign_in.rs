//! Signing in as people do: an invitation, a password, a session.

use api::cabinet::identity::v1 as identity;
use api::cabinet::identity::v1::credential_service_client::CredentialServiceClient;
use api::cabinet::identity::v1::link_service_client::LinkServiceClient;
use api::cabinet::identity::v1::session_service_client::SessionServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::RealmId;
use mail_parser::MessageParser;
use testkit::Letter;
use tonic::{Code, Status};

use crate::clients::{reason, with_token};
use crate::{Cabinet, Kind, TestRealm, eventually, eventually_async, user_request};

impl Cabinet {
    /// The password of everybody whom tests sign in.
    pub const PASSWORD: &str = "correct horse battery 7 staple";

    /// The letter to this address that came after `earlier` others to it.
    pub async fn letter_to(&self, address: &str, earlier: usize) -> Letter {
        eventually(&format!("letter {earlier} to {address}"), || {
            let letters = self.mail.letters().into_iter();
            letters.filter(|letter| letter.rcpt_to.iter().any(|to| to == address)).nth(earlier)
        })
        .await
    }

    pub async fn redeem(&self, token: &str, password: &str) -> Result<identity::RedeemLinkResponse, Status> {
        self.watch.canary(Kind::Token, token);
        self.watch.canary(Kind::Password, password);
        let request = identity::RedeemLinkRequest {
            token: token.to_owned(),
            password: password.to_owned(),
            session_name: "a test".to_owned(),
        };
        let redeemed = LinkServiceClient::new(self.identity.channel()).redeem_link(request).await?.into_inner();
        redeemed.tokens.iter().for_each(|tokens| self.hide(tokens));
        Ok(redeemed)
    }

    pub async fn sign_in(&self, login: &str, password: &str) -> Result<identity::SessionTokens, Status> {
        self.sign_in_to(&self.realm, login, password).await
    }

    pub async fn sign_in_to(&self, realm: &TestRealm, login: &str, password: &str) -> Result<identity::SessionTokens, Status> {
        self.watch.canary(Kind::Address, login);
        self.watch.canary(Kind::Password, password);
        let request = identity::SignInRequest {
            realm_id: realm.id.to_string(),
            login: login.to_owned(),
            password: password.to_owned(),
            session_name: "a test".to_owned(),
        };
        let answer = SessionServiceClient::new(self.identity.channel()).sign_in(request).await?;
        let tokens = answer.into_inner().tokens.expect("the contract promises tokens");
        self.hide(&tokens);
        Ok(tokens)
    }

    pub async fn refresh(&self, refresh_token: &str) -> Result<identity::SessionTokens, Status> {
        self.watch.canary(Kind::Token, refresh_token);
        let request = identity::RefreshSessionRequest { refresh_token: refresh_token.to_owned() };
        let answer = SessionServiceClient::new(self.identity.channel()).refresh_session(request).await?;
        let tokens = answer.into_inner().tokens.expect("the contract promises tokens");
        self.hide(&tokens);
        Ok(tokens)
    }

    /// Nobody but their bearer may read them.
    fn hide(&self, tokens: &identity::SessionTokens) {
        self.watch.canary(Kind::Token, &tokens.access_token);
        self.watch.canary(Kind::Token, &tokens.refresh_token);
    }

    /// Signs a user in who has no password yet: by the link of a password reset, which sets [`Cabinet::PASSWORD`].
    pub async fn signed_in(&self, user: &identity::User) -> identity::SessionTokens {
        let earlier = self.mail.letters().iter().filter(|letter| letter.rcpt_to.contains(&user.email)).count();
        let request = identity::RequestPasswordResetRequest {
            realm_id: self.realm.id.to_string(),
            email: user.email.clone(),
            ..Default::default()
        };
        LinkServiceClient::new(self.identity.channel()).request_password_reset(request).await.expect("always the same answer");
        let token = link_in(&self.letter_to(&user.email, earlier).await);
        let redeemed = self.redeem(&token, Self::PASSWORD).await.expect("an open link");
        // Told that his password was changed.
        self.letter_to(&user.email, earlier + 1).await;
        redeemed.tokens.expect("the contract promises tokens")
    }

    /// The token of a new OWNER of the realm's company.
    pub async fn owner_token(&self, email: &str) -> String {
        let request = user_request(self.realm.company_id, identity::Role::Owner, email);
        let request = with_token(&self.service_token(), request);
        let answer = UserServiceClient::new(self.identity.channel()).create_user(request).await.expect("a good user");
        let owner = answer.into_inner().user.expect("the contract promises the user");
        self.user_token(crate::user_id(&owner), kernel::Role::Owner)
    }

    /// A credential of the realm, and its secret.
    pub async fn make_credential(&self, kind: identity::CredentialKind) -> (String, String) {
        self.make_credential_in(self.realm.id, kind).await
    }

    pub async fn make_credential_in(&self, realm_id: RealmId, kind: identity::CredentialKind) -> (String, String) {
        let request =
            identity::CreateCredentialRequest { realm_id: realm_id.to_string(), kind: kind.into(), name: "a machine".to_owned() };
        let mut client = CredentialServiceClient::new(self.identity.channel());
        let made =
            client.create_credential(with_token(&self.operator_token("operator"), request)).await.expect("a good credential");
        let made = made.into_inner();
        self.watch.canary(Kind::Secret, &made.secret);
        (made.credential.expect("the contract promises the credential").credential_id, made.secret)
    }

    pub async fn service_token_by(&self, credential_id: &str, secret: &str) -> Result<String, Status> {
        let request = identity::IssueServiceTokenRequest { credential_id: credential_id.to_owned(), secret: secret.to_owned() };
        self.watch.canary(Kind::Secret, secret);
        let answer = CredentialServiceClient::new(self.identity.channel()).issue_service_token(request).await?;
        let token = answer.into_inner().access_token;
        self.watch.canary(Kind::Token, &token);
        Ok(token)
    }

    /// The token of a new machine.
    pub async fn credential(&self, kind: identity::CredentialKind) -> String {
        self.credential_of(&self.realm, kind).await
    }

    pub async fn credential_of(&self, realm: &TestRealm, kind: identity::CredentialKind) -> String {
        let (credential_id, secret) = self.make_credential_in(realm.id, kind).await;
        self.service_token_by(&credential_id, &secret).await.expect("a good secret")
    }

    /// The token with which a machine calls in a user's name.
    pub async fn user_token_by(&self, machine: &str, user_id: &str) -> Result<String, Status> {
        let request = with_token(machine, identity::IssueUserTokenRequest { user_id: user_id.to_owned() });
        let answer = CredentialServiceClient::new(self.identity.channel()).issue_user_token(request).await?;
        let token = answer.into_inner().access_token;
        self.watch.canary(Kind::Token, &token);
        Ok(token)
    }

    pub async fn delete_credential(&self, credential_id: &str) -> Result<(), Status> {
        let request = identity::DeleteCredentialRequest { credential_id: credential_id.to_owned() };
        let request = with_token(&self.operator_token("operator"), request);
        CredentialServiceClient::new(self.identity.channel()).delete_credential(request).await.map(|_| ())
    }

    /// Lets so much time pass since people signed in: `6 minutes`, or back again.
    pub fn age_sessions(&self, by: &str) {
        self.databases.identity.execute(&format!("UPDATE sessions SET created_at = created_at - interval '{by}'"));
    }

    /// Lets so much time pass since links were asked for: nobody is mailed two within a minute.
    pub fn age_links(&self, by: &str) {
        self.databases.identity.execute(&format!("UPDATE links SET created_at = created_at - interval '{by}'"));
    }

    /// How every service answers this token: with a reading call and a changing one about its user.
    async fn answers(&self, token: &str, user_id: &str) -> Vec<(&'static str, Result<(), Status>)> {
        let unknown_case = crate::new_id::<kernel::of::Case>().to_string();
        let known = |result: Result<(), Status>| match result {
            Err(status) if status.code() == Code::NotFound => Ok(()),
            other => other,
        };
        let paths = ["status_change.email"];
        vec![
            ("identity", self.batch_get_users(token, "", &[user_id]).await.map(|_| ())),
            ("case-monitoring", known(self.get_case(token, &unknown_case).await.map(|_| ()))),
            ("profile", self.get_profile(token, user_id).await.map(|_| ())),
            ("notification", known(self.update_preferences(token, user_id, true, &paths).await.map(|_| ()))),
        ]
    }

    /// Every service takes this token.
    pub async fn accepted_everywhere(&self, token: &str, user_id: &str) {
        for (service, answer) in self.answers(token, user_id).await {
            answer.unwrap_or_else(|status| panic!("{service}: {status:?}"));
        }
    }

    /// Every service refuses this token at this moment.
    pub async fn refused_everywhere_now(&self, token: &str, user_id: &str) {
        for (service, answer) in self.answers(token, user_id).await {
            let status = answer.expect_err(service);
            assert_eq!(reason(&status), (Code::Unauthenticated, "TOKEN_INVALID".to_owned()), "{service}");
        }
    }

    /// Every service comes to refuse this token.
    pub async fn refused_everywhere(&self, token: &str, user_id: &str) {
        eventually_async("a token to be refused everywhere", async || {
            let answers = self.answers(token, user_id).await;
            let refused =
                |answer: &Result<(), Status>| answer.as_ref().is_err_and(|status| status.code() == Code::Unauthenticated);
            answers.iter().all(|(_, answer)| refused(answer)).then_some(())
        })
        .await;
    }
}

/// The token of the link in a letter.
pub fn link_in(letter: &Letter) -> String {
    let message = MessageParser::default().parse(&letter.raw).expect("a good letter");
    let text = message.body_text(0).expect("text");
    let (_, rest) = text.split_once("token=").unwrap_or_else(|| panic!("no link in: {text}"));
    rest.split_whitespace().next().expect("a token").to_owned()
}

/// How an access token says its bearer has shown who he is (RFC 8176).
pub fn methods_shown(access_token: &str) -> Vec<String> {
    let claims = URL_SAFE_NO_PAD.decode(access_token.split('.').nth(1).expect("a JWT")).expect("base64");
    let claims: serde_json::Value = serde_json::from_slice(&claims).expect("JSON");
    claims["amr"].as_array().into_iter().flatten().filter_map(|method| method.as_str().map(str::to_owned)).collect()
}
