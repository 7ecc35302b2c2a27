//! Who calls: the only file of the matrix that knows how the tests' system is set up and how tokens are come by.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::link_service_client::LinkServiceClient;
use api::cabinet::identity::v1::realm_service_client::RealmServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use cabinet_e2e::{Cabinet, Kind, Setup, TestRealm, eventually, user_id};
use kernel::{Caller, CompanyId, Component, Role};
use mail_parser::MessageParser;
use tonic::transport::Channel;

use crate::visit::with_token;

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    Anonymous,
    Himself,
    Acting,
    Letter,
    Customer,
    Agent,
    Admin,
    Owner,
    Neighbour,
    Stranger,
    Service,
    Trusted,
    Foreign,
    Gateway,
    Component,
    Platform,
    Support,
}

impl Who {
    pub(crate) const ALL: [Self; 17] = [
        Self::Anonymous,
        Self::Himself,
        Self::Acting,
        Self::Letter,
        Self::Customer,
        Self::Agent,
        Self::Admin,
        Self::Owner,
        Self::Neighbour,
        Self::Stranger,
        Self::Service,
        Self::Trusted,
        Self::Foreign,
        Self::Gateway,
        Self::Component,
        Self::Platform,
        Self::Support,
    ];

    pub(crate) const fn heading(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Himself => "himself",
            Self::Acting => "acting",
            Self::Letter => "letter",
            Self::Customer => "customer",
            Self::Agent => "agent",
            Self::Admin => "admin",
            Self::Owner => "owner",
            Self::Neighbour => "neighbour",
            Self::Stranger => "stranger",
            Self::Service => "service",
            Self::Trusted => "trusted",
            Self::Foreign => "foreign",
            Self::Gateway => "gateway",
            Self::Component => "component",
            Self::Platform => "platform",
            Self::Support => "support",
        }
    }
}

/// A system with everybody of the table in it.
pub(crate) struct Stage {
    cabinet: Cabinet,
    tokens: HashMap<Who, String>,
    pub(crate) identity: Channel,
    pub(crate) profile: Channel,
    pub(crate) case_monitoring: Channel,
    pub(crate) notification: Channel,
    pub(crate) realm_id: String,
    pub(crate) company_id: String,
    made: AtomicU32,
}

impl Stage {
    pub(crate) async fn start() -> Self {
        // More people than come from one address otherwise.
        let cabinet = Setup::default().with_identity("CABINET__GUESSING__RESETS_FROM_ADDRESS", "1000").start().await;
        let mut stage = Self {
            identity: cabinet.identity.channel(),
            profile: cabinet.profile.channel(),
            case_monitoring: cabinet.case_monitoring.channel(),
            notification: cabinet.notification.channel(),
            realm_id: cabinet.realm.id.to_string(),
            company_id: cabinet.realm.company_id.to_string(),
            tokens: HashMap::new(),
            made: AtomicU32::new(0),
            cabinet,
        };
        for who in Who::ALL {
            let token = stage.make_token(who).await;
            stage.tokens.insert(who, token);
        }
        stage.let_owners_set_passwords().await;
        stage
    }

    /// Else the policy refuses all of them.
    async fn let_owners_set_passwords(&self) {
        let rule =
            pb::PasswordChangeRule { by_owner: pb::OwnerSetsPasswords::Allowed.into(), ..pb::PasswordChangeRule::default() };
        let request = pb::UpdatePolicyRequest {
            realm_id: self.realm_id.clone(),
            policy: Some(pb::Policy { password_change: Some(rule), ..pb::Policy::default() }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["password_change".to_owned()] }),
            etag: String::new(),
        };
        let request = with_token(&self.platform_token(), request);
        RealmServiceClient::new(self.identity.clone()).update_policy(request).await.expect("an operator may");
    }

    /// The token of a caller; of `himself`, if he is who calls or who is called for.
    pub(crate) async fn token(&self, who: Who, himself: &pb::User) -> String {
        match who {
            Who::Himself => self.user_token(&self.cabinet.realm, self.cabinet.realm.company_id, Role::Customer, himself),
            Who::Letter => self.cabinet.letter_token(user_id(himself), 1),
            Who::Acting => {
                let token = self.cabinet.user_token_by(&self.tokens[&Who::Trusted], &himself.user_id).await;
                token.expect("an acting service may")
            }
            _ => self.tokens[&who].clone(),
        }
    }

    /// Of `himself`, who has followed a letter after he had set a password.
    pub(crate) fn letter_token_beside_password(&self, himself: &pb::User) -> String {
        self.cabinet.letter_token(user_id(himself), 2)
    }

    pub(crate) fn owner_token(&self) -> String {
        self.tokens[&Who::Owner].clone()
    }

    pub(crate) fn service_token(&self) -> String {
        self.cabinet.service_token()
    }

    pub(crate) fn platform_token(&self) -> String {
        self.cabinet.operator_token("operator")
    }

    /// A number that nothing on this stage was made with.
    pub(crate) fn fresh(&self) -> u32 {
        self.made.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn fresh_email(&self) -> String {
        format!("user{}@example.com", self.fresh())
    }

    /// A CUSTOMER of the company who was never seen before.
    pub(crate) async fn customer(&self) -> pb::User {
        self.user(&self.cabinet.realm, self.cabinet.realm.company_id, Role::Customer).await
    }

    /// Somebody who was one.
    pub(crate) async fn deleted_customer(&self) -> pb::User {
        let customer = self.customer().await;
        let owner = &self.tokens[&Who::Owner];
        let prepared = self.cabinet.prepare_deletion(owner, &customer.user_id).await.expect("an OWNER may");
        self.cabinet.delete_user(owner, &customer.user_id, &prepared.confirmation).await.expect("an OWNER may");
        customer
    }

    /// A session of this user, begun as users begin one: by the link that he was mailed.
    pub(crate) async fn session_of(&self, user: &pb::User) -> pb::SessionTokens {
        let letter = eventually("the invitation", || {
            self.cabinet.mail.letters().into_iter().find(|letter| letter.rcpt_to.contains(&user.email))
        });
        let token = link_token(&letter.await.raw);
        let request =
            pb::RedeemLinkRequest { token, password: "correct horse battery 7 staple".into(), session_name: "Matrix".into() };
        let answer = LinkServiceClient::new(self.identity.clone()).redeem_link(request).await.expect("a good link");
        let tokens = answer.into_inner().tokens.expect("the contract promises tokens");
        self.cabinet.watch.canary(Kind::Token, &tokens.refresh_token);
        tokens
    }

    /// Nobody's token is empty; so are those for `himself`, whom only a visit knows.
    async fn make_token(&self, who: Who) -> String {
        let (realm, elsewhere) = (&self.cabinet.realm, &self.cabinet.other_realm);
        match who {
            Who::Anonymous | Who::Himself | Who::Acting | Who::Letter => String::new(),
            Who::Customer => self.new_user_token(realm, realm.company_id, Role::Customer).await,
            Who::Agent => self.new_user_token(realm, realm.company_id, Role::Agent).await,
            Who::Admin => self.new_user_token(realm, realm.company_id, Role::Admin).await,
            Who::Owner => self.new_user_token(realm, realm.company_id, Role::Owner).await,
            Who::Neighbour => self.new_user_token(realm, realm.other_company_id, Role::Owner).await,
            Who::Stranger => self.new_user_token(elsewhere, elsewhere.company_id, Role::Owner).await,
            Who::Service => self.cabinet.credential(pb::CredentialKind::Service).await,
            Who::Trusted => self.cabinet.credential(pb::CredentialKind::ActingService).await,
            Who::Foreign => self.cabinet.credential_of(elsewhere, pb::CredentialKind::ActingService).await,
            Who::Gateway => self.cabinet.credential(pb::CredentialKind::Gateway).await,
            Who::Component => self.cabinet.token(&Caller::Component(Component::Notification)),
            Who::Platform => self.platform_token(),
            Who::Support => self.support_token().await,
        }
    }

    async fn support_token(&self) -> String {
        let kind = pb::CompanyKind::SupportDesk.into();
        let desk = pb::CreateCompanyRequest { realm_id: self.realm_id.clone(), name: "Desk".into(), kind, ..Default::default() };
        let desk = RealmServiceClient::new(self.identity.clone()).create_company(with_token(&self.platform_token(), desk)).await;
        let desk = desk.expect("an operator may").into_inner().company.expect("the contract promises the company").company_id;
        self.new_user_token(&self.cabinet.realm, desk.parse().expect("an id"), Role::Support).await
    }

    async fn new_user_token(&self, realm: &TestRealm, company_id: CompanyId, role: Role) -> String {
        let user = self.user(realm, company_id, role).await;
        self.user_token(realm, company_id, role, &user)
    }

    fn user_token(&self, realm: &TestRealm, company_id: CompanyId, role: Role, user: &pb::User) -> String {
        self.cabinet.user_token_of(realm, company_id, user_id(user), role)
    }

    async fn user(&self, realm: &TestRealm, company_id: CompanyId, role: Role) -> pb::User {
        let role = match role {
            Role::Support => pb::Role::Support,
            Role::Customer => pb::Role::Customer,
            Role::Agent => pb::Role::Agent,
            Role::Admin => pb::Role::Admin,
            Role::Owner => pb::Role::Owner,
        };
        let request = pb::CreateUserRequest {
            company_id: company_id.to_string(),
            role: role.into(),
            email: self.fresh_email(),
            ..Default::default()
        };
        let request = with_token(&self.cabinet.service_token_of(realm), request);
        let answer = UserServiceClient::new(self.identity.clone()).create_user(request).await.expect("a good user");
        answer.into_inner().user.expect("the contract promises the user")
    }
}

/// The last part of the first link in a letter.
fn link_token(letter: &[u8]) -> String {
    let parsed = MessageParser::default().parse(letter).expect("a good letter");
    let text = parsed.body_text(0).expect("text").into_owned();
    let link = text.split_whitespace().find(|word| word.starts_with("http")).expect("a link");
    link.rsplit(['/', '=', '#']).next().expect("a link has an end").to_owned()
}
