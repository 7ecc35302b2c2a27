//! The user administration of each product, from its first day on: an operator opens a realm of its preset, and whoever acts there has
//! come as that product's people come, and has a session of his own.

mod call_center;
mod helpdesk;
mod legal;
mod marketplace;
mod standard;
mod tender;

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::link_service_client::LinkServiceClient;
use api::cabinet::identity::v1::password_service_client::PasswordServiceClient;
use api::cabinet::identity::v1::realm_service_client::RealmServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use api::cabinet::profile::v1 as profiles;
use api::cabinet::profile::v1::profile_service_client::ProfileServiceClient;
use cabinet_e2e::{Cabinet, Kind, Refused, eventually, is, link_in, realm_request, refused, user_request, with_token};
use kernel::{CompanyId, RealmId};
use mail_parser::MessageParser;
use prost_types::FieldMask;
use testkit::Letter;
use tonic::{Code, Status};

use crate::preset_realm::PresetRealm;
use crate::registration::{closed, rule, with_email};
use crate::{contact_changes, deletions, passwords, registration};

const PASSWORD: &str = Cabinet::PASSWORD;
const NEW_PASSWORD: &str = "another horse, battery and staple";

fn denied() -> Refused {
    is(Code::PermissionDenied, "PERMISSION_DENIED")
}

/// A name that is said in one field.
fn full(name: &str) -> pb::Introduction {
    pb::Introduction { full_name: name.to_owned(), ..Default::default() }
}

/// A name that is said as first and last.
fn first_last(first: &str, last: &str) -> pb::Introduction {
    pb::Introduction { first_name: first.to_owned(), last_name: last.to_owned(), ..Default::default() }
}

/// A company whose first OWNER has this address.
fn company_of(owner_email: &str) -> pb::CreateCompanyRequest {
    pb::CreateCompanyRequest { name: "Company".to_owned(), owner_email: owner_email.to_owned(), ..Default::default() }
}

/// A realm of a product, as those who keep it see it.
struct Product<'a> {
    cabinet: &'a Cabinet,
    realm: PresetRealm<'a>,
}

impl<'a> Product<'a> {
    /// An operator opens the realm, and a company whose first OWNER is invited.
    async fn open(cabinet: &'a Cabinet, preset: &str, language: &str, company: pb::CreateCompanyRequest) -> Self {
        let operator = cabinet.operator_token("operator");
        let (preset, language) = (preset.to_owned(), language.to_owned());
        let request = pb::CreateRealmRequest { preset, language, ..realm_request("Portal") };
        let answer = RealmServiceClient::new(cabinet.identity.channel()).create_realm(with_token(&operator, request)).await;
        let realm = answer.expect("a good realm").into_inner().realm.expect("the contract promises the realm");
        let realm_id = realm.realm_id.parse().expect("an id");
        let company_id = add_company(cabinet, &operator, realm_id, company).await;
        Self { cabinet, realm: PresetRealm { cabinet, realm_id, company_id, operator } }
    }

    /// Another company of the realm, whose first OWNER is invited.
    async fn add_company(&self, company: pb::CreateCompanyRequest) -> CompanyId {
        add_company(self.cabinet, &self.realm.operator, self.realm.realm_id, company).await
    }

    /// A support desk, whose head comes in and invites somebody who helps.
    async fn support(&self, head: pb::CreateCompanyRequest, helper: pb::CreateUserRequest, password: &str) -> Person<'a> {
        let (head_email, helper_email) = (head.owner_email.clone(), helper.email.clone());
        let kind = pb::CompanyKind::SupportDesk.into();
        let company_id = self.add_company(pb::CreateCompanyRequest { kind, ..head }).await.to_string();
        let head = self.comes_in(&head_email, password).await;
        let role = pb::Role::Support.into();
        head.add(pb::CreateUserRequest { company_id, role, ..helper }).await.expect("an OWNER adds to his desk");
        self.comes_in(&helper_email, password).await
    }

    /// Whoever was invited follows the first letter he was sent.
    async fn comes_in(&self, email: &str, password: &str) -> Person<'a> {
        let redeemed = self.realm.redeem(email, password).await.expect("an open link");
        self.person(redeemed.user.expect("the contract promises the user"), redeemed.tokens)
    }

    /// Whoever has no password, or has forgotten it, asks for a link and follows it.
    async fn resets_password(&self, email: &str, subject: &str, password: &str) -> Person<'a> {
        let request = pb::RequestPasswordResetRequest {
            realm_id: self.realm.realm_id.to_string(),
            email: email.to_owned(),
            ..Default::default()
        };
        let mut links = LinkServiceClient::new(self.cabinet.identity.channel());
        links.request_password_reset(request).await.expect("always the same answer");
        let letter = self.letter(email, subject).await;
        let redeemed = self.cabinet.redeem(&link_in(&letter), password).await.expect("an open link");
        self.person(redeemed.user.expect("the contract promises the user"), redeemed.tokens)
    }

    async fn sign_in(&self, login: &str, password: &str) -> Result<Person<'a>, Status> {
        let (user, tokens) = self.realm.session(login, password).await?;
        Ok(self.person(user, Some(tokens)))
    }

    /// Nobody signs in with these.
    async fn refuses(&self, login: &str, password: &str) {
        let refusal = self.realm.sign_in(login, password).await;
        assert_eq!(refused(refusal), is(Code::Unauthenticated, "SIGN_IN_REFUSED"), "{login}");
    }

    fn person(&self, user: pb::User, tokens: Option<pb::SessionTokens>) -> Person<'a> {
        Person { cabinet: self.cabinet, user, tokens: tokens.expect("the contract promises tokens") }
    }

    /// Lets people register themselves, or no longer; they come to the first company.
    async fn registration(&self, self_registration: pb::SelfRegistration) {
        let policy = rule(self_registration, &self.realm.company_id.to_string());
        self.realm.update(policy, &["registration"], "").await.expect("a company of the realm");
    }

    async fn register(&self, email: &str, phone: &str, said: pb::Introduction) -> Result<(), Status> {
        let introduction = Some(said);
        let request = pb::RegisterRequest { phone: phone.to_owned(), introduction, ..with_email(&self.realm, email) };
        registration::register_with(self.cabinet, request).await
    }

    /// Whoever has registered follows his link.
    async fn confirms_registration(&self, letter: &Letter) -> Person<'a> {
        let answer = registration::confirm(self.cabinet, &link_in(letter), PASSWORD).await.expect("an open link");
        self.person(answer.user.expect("the contract promises the user"), answer.tokens)
    }

    /// Nobody registers here, whatever he says of himself.
    async fn is_closed_to_strangers(&self) {
        let refusal = self.register("stranger@example.com", "+380671234590", full("Stranger")).await;
        assert_eq!(refused(refusal), closed());
    }

    /// The letter to this address whose subject says this.
    async fn letter(&self, email: &str, subject: &str) -> Letter {
        eventually(&format!("a letter to {email}: {subject}"), || {
            let letters = self.cabinet.mail.letters().into_iter();
            letters.filter(|letter| letter.rcpt_to == [email]).find(|letter| subject_of(letter).contains(subject))
        })
        .await
    }

    /// How many letters this address was sent.
    fn letters_to(&self, email: &str) -> usize {
        self.cabinet.mail.letters().iter().filter(|letter| letter.rcpt_to == [email]).count()
    }
}

fn subject_of(letter: &Letter) -> String {
    MessageParser::default().parse(&letter.raw).expect("a good letter").subject().unwrap_or_default().to_owned()
}

async fn add_company(cabinet: &Cabinet, operator: &str, realm_id: RealmId, company: pb::CreateCompanyRequest) -> CompanyId {
    cabinet.watch.canary(Kind::Address, &company.owner_email);
    cabinet.watch.canary(Kind::Phone, &company.owner_phone);
    let request = pb::CreateCompanyRequest { realm_id: realm_id.to_string(), ..company };
    let answer = RealmServiceClient::new(cabinet.identity.channel()).create_company(with_token(operator, request)).await;
    let company = answer.expect("a good company").into_inner().company.expect("the contract promises the company");
    company.company_id.parse().expect("an id")
}

/// Somebody who is signed in, and what he does.
struct Person<'a> {
    cabinet: &'a Cabinet,
    user: pb::User,
    tokens: pb::SessionTokens,
}

impl Person<'_> {
    fn token(&self) -> &str {
        &self.tokens.access_token
    }

    fn id(&self) -> &str {
        &self.user.user_id
    }

    /// Somebody who is to be invited to his company.
    fn invites(&self, role: pb::Role, email: &str) -> pb::CreateUserRequest {
        let company_id = self.user.company_id.parse().expect("an id");
        pb::CreateUserRequest { invitation: pb::Invitation::Send.into(), ..user_request(company_id, role, email) }
    }

    async fn add(&self, request: pb::CreateUserRequest) -> Result<pb::User, Status> {
        if let Some(said) = &request.introduction {
            for name in [&said.full_name, &said.last_name, &said.first_name, &said.middle_name] {
                self.cabinet.watch.canary(Kind::Name, name);
            }
        }
        self.cabinet.create_user_with(self.token(), request).await
    }

    /// Everybody in his company.
    async fn users(&self) -> Result<Vec<pb::User>, Status> {
        let request = pb::ListUsersRequest { company_id: self.user.company_id.clone(), ..Default::default() };
        let mut users = UserServiceClient::new(self.cabinet.identity.channel());
        Ok(users.list_users(with_token(self.token(), request)).await?.into_inner().users)
    }

    async fn addresses(&self) -> Vec<String> {
        self.users().await.expect("he administers").into_iter().map(|user| user.email).collect()
    }

    async fn find(&self, request: pb::FindUserRequest) -> Result<pb::User, Status> {
        let mut users = UserServiceClient::new(self.cabinet.identity.channel());
        let found = users.find_user(with_token(self.token(), request)).await?.into_inner();
        Ok(found.user.expect("the contract promises the user"))
    }

    async fn profile_of(&self, user_id: &str) -> profiles::Profile {
        self.cabinet.get_profile(self.token(), user_id).await.expect("he may see it")
    }

    /// Changes the fields of his own profile that the paths name.
    async fn change_profile(&self, values: profiles::Profile, paths: &[&str]) -> Result<profiles::Profile, Status> {
        for text in [&values.full_name, &values.last_name, &values.first_name, &values.middle_name, &values.job_title] {
            self.cabinet.watch.canary(Kind::Name, text);
        }
        let request = profiles::UpdateProfileRequest {
            profile: Some(profiles::Profile { user_id: self.user.user_id.clone(), ..values }),
            update_mask: Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
            ..Default::default()
        };
        let mut client = ProfileServiceClient::new(self.cabinet.profile.channel());
        let answer = client.update_profile(with_token(self.token(), request)).await?;
        Ok(answer.into_inner().profile.expect("the contract promises the profile"))
    }

    /// Changes his own password: the present one, the new one, and that once more.
    async fn change_password(&self, typed: [&str; 3]) -> Result<(), Status> {
        passwords::send(self.cabinet, self.token(), passwords::change(typed)).await
    }

    /// Sets somebody else's password.
    async fn set_password(&self, user_id: &str, new: &str, confirmation: &str) -> Result<(), Status> {
        self.cabinet.watch.canary(Kind::Password, new);
        let (user_id, new_password, confirmation) = (user_id.to_owned(), new.to_owned(), confirmation.to_owned());
        let request = with_token(self.token(), pb::SetUserPasswordRequest { user_id, new_password, confirmation });
        PasswordServiceClient::new(self.cabinet.identity.channel()).set_user_password(request).await.map(|_| ())
    }

    async fn change_email(&self, email: &str) -> Result<pb::ChangeEmailResponse, Status> {
        contact_changes::change_email(self.cabinet, self.token(), email).await
    }

    async fn request_code(&self, phone: &str) -> Result<(), Status> {
        contact_changes::request_code(self.cabinet, self.token(), phone).await
    }

    /// Types the code that came after so many others.
    async fn type_code(&self, earlier: usize) -> Result<pb::User, Status> {
        let sms = contact_changes::sms(self.cabinet, earlier).await;
        contact_changes::confirm_phone(self.cabinet, self.token(), &sms).await
    }

    /// Deletes somebody, and waits until every service has forgotten him.
    async fn delete(&self, user_id: &str) {
        deletions::delete(self.cabinet, self.token(), user_id).await.expect("whom the policy names");
        let completed = deletions::completed(self.cabinet, self.token(), user_id).await;
        let mut services: Vec<_> = completed.erasures.into_iter().map(|erasure| erasure.service).collect();
        services.sort_unstable();
        assert_eq!(services, ["case-monitoring", "identity", "notification", "profile"]);
    }

    /// The same session, with whatever its user has become.
    async fn refreshed(self) -> Self {
        let tokens = self.cabinet.refresh(&self.tokens.refresh_token).await.expect("the session goes on");
        let found = self.cabinet.batch_get_users(&tokens.access_token, "", &[self.id()]).await.expect("himself");
        let user = found.users.into_iter().next().expect("himself");
        Self { user, tokens, ..self }
    }

    /// He has no access any more, anywhere.
    async fn is_shut_out(&self) {
        self.cabinet.refused_everywhere(self.token(), self.id()).await;
        assert_eq!(refused(self.cabinet.refresh(&self.tokens.refresh_token).await), is(Code::Unauthenticated, "SESSION_OVER"));
    }
}
