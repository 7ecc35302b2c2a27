//! `marketplace`: many companies, whose super-administrators are OWNERs; nobody is deleted, and contacts are SUPPORT's.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::realm_service_client::RealmServiceClient;
use api::cabinet::profile::v1 as profiles;
use cabinet_e2e::{Cabinet, is, refused, violations, with_token};
use prost_types::FieldMask;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{Person, Product, company_of, denied, first_last};
use crate::registration::closed;

const OLHA: &str = "olha@shop.example";
const OLENA: &str = "olena@shop.example";
/// Plain, and all that is asked for.
const PLAIN: &str = "qwerty7";

/// A company whose super-administrator has this address, number and name.
fn shop_of(email: &str, phone: &str, first: &str, last: &str) -> pb::CreateCompanyRequest {
    let owner_introduction = Some(first_last(first, last));
    pb::CreateCompanyRequest { owner_phone: phone.to_owned(), owner_introduction, ..company_of(email) }
}

/// Somebody of a company, with what everybody has here.
fn member(owner: &Person<'_>, role: pb::Role, email: &str, phone: &str, said: Option<pb::Introduction>) -> pb::CreateUserRequest {
    pb::CreateUserRequest { phone: phone.to_owned(), introduction: said, ..owner.invites(role, email) }
}

/// Rules I1.a, I1.b, I1.c, I1.d, I2.a, I2.b, I2.d, I3.a, I8.b, I9.a, I9.b, I10.b, I13.a, I16: a marketplace and two of its companies.
#[tokio::test(flavor = "multi_thread")]
async fn a_marketplace_administers_its_users() {
    let cabinet = Cabinet::start().await;
    let shop = shop_of("owner@shop.example", "067 123-45-01", "Ганна", "Барвінок");
    let market = Product::open(&cabinet, "marketplace", "uk", shop).await;
    market.add_company(shop_of("owner@other.example", "+380 (50) 123-45-02", "Марко", "Вовчок")).await;
    let owner = market.comes_in("owner@shop.example", PLAIN).await;
    let neighbour = market.comes_in("owner@other.example", PLAIN).await;
    let admin = an_administrator_is_added(&market, &owner).await;
    contacts_are_unique_in_all_companies(&owner, &neighbour).await;
    an_administrator_is_no_super_administrator(&market, &owner, &admin).await;
    let second = super_administrators_have_equal_rights(&market, &owner, &neighbour).await;
    she_changes_her_name_and_password(&market, &admin).await;
    contacts_are_changed_by_support(&market, &owner, &admin).await;
    she_is_blocked_and_nobody_deletes_her(&market, &second, &admin).await;
}

/// All fields are required, and all that is wrong with them is said at once.
async fn an_administrator_is_added<'a>(market: &Product<'a>, owner: &Person<'a>) -> Person<'a> {
    assert_eq!(owner.user.phone, "+380671234501");
    let refusal = market.register("stranger@example.com", "0671234590", first_last("Олена", "Пчілка")).await;
    assert_eq!(refused(refusal), closed());
    let nothing = owner.add(member(owner, pb::Role::Admin, "", "", None)).await;
    assert_eq!(violations(nothing), ["email", "phone", "introduction.last_name", "introduction.first_name"]);
    let wrong = member(owner, pb::Role::Admin, "olena@", "044 123 45 67", Some(first_last("Olena", "П")));
    assert_eq!(violations(owner.add(wrong).await), ["email", "phone", "introduction.last_name", "introduction.first_name"]);
    let olena = member(owner, pb::Role::Admin, OLENA, "38 (093) 123-45-03", Some(first_last("Олена", "Нечуй-Левицька")));
    let olena = owner.add(olena).await.expect("an OWNER may");
    assert_eq!((olena.phone.as_str(), olena.status()), ("+380931234503", pb::UserStatus::Active));

    market.letter(OLENA, "запрошення").await;
    for wrong in ["12345", "correct horse", "пароль7"] {
        assert_eq!(refused(market.realm.redeem(OLENA, wrong).await), is(Code::InvalidArgument, "PASSWORD_REFUSED"), "{wrong}");
    }
    let olena = market.comes_in(OLENA, PLAIN).await;
    assert_eq!(olena.profile_of(olena.id()).await.display_label, "Олена Нечуй-Левицька");
    market.refuses("+380931234503", PLAIN).await;
    market.sign_in("Olena@Shop.example", PLAIN).await.expect("by e-mail")
}

/// An OWNER learns that somebody has them, and not who: the other company's users do not exist for him.
async fn contacts_are_unique_in_all_companies(owner: &Person<'_>, neighbour: &Person<'_>) {
    let twin = member(neighbour, pb::Role::Admin, "OLENA@shop.example", "0931234503", Some(first_last("Олена", "Пчілка")));
    let status = neighbour.add(twin).await.expect_err("both are taken");
    let info = status.get_details_error_info().expect("every error has one");
    assert_eq!((status.code(), info.metadata["reasons"].as_str()), (Code::AlreadyExists, "EMAIL_TAKEN,PHONE_TAKEN"));
    assert_eq!(neighbour.addresses().await, ["owner@other.example"]);
    let hidden = is(Code::NotFound, "USER_NOT_FOUND");
    assert_eq!(refused(owner.cabinet.block_user(neighbour.token(), owner.id()).await), hidden);
    let in_their_company = pb::CreateUserRequest {
        company_id: owner.user.company_id.clone(),
        ..member(neighbour, pb::Role::Owner, "spy@other.example", "0671234504", Some(first_last("Марко", "Вовчок")))
    };
    assert_eq!(refused(neighbour.add(in_their_company).await), is(Code::NotFound, "COMPANY_NOT_FOUND"));
}

async fn cash_desk(person: &Person<'_>, cash_desk: &str) -> Result<String, Status> {
    let request = pb::UpdateCompanySettingsRequest {
        company_id: person.user.company_id.clone(),
        settings: Some(pb::CompanySettings { cash_desk: cash_desk.to_owned() }),
        update_mask: Some(FieldMask { paths: vec!["cash_desk".to_owned()] }),
        etag: String::new(),
    };
    let mut realms = RealmServiceClient::new(person.cabinet.identity.channel());
    let answer = realms.update_company_settings(with_token(person.token(), request)).await?.into_inner();
    Ok(answer.settings.expect("the contract promises the settings").cash_desk)
}

/// He sees everybody, adds nobody, decides about nobody, and prints no receipts.
async fn an_administrator_is_no_super_administrator(market: &Product<'_>, owner: &Person<'_>, admin: &Person<'_>) {
    assert_eq!(admin.addresses().await, ["owner@shop.example", OLENA]);
    let more = member(admin, pb::Role::Admin, "more@shop.example", "0671234505", Some(first_last("Марко", "Вовчок")));
    assert_eq!(refused(admin.add(more).await), denied());
    assert_eq!(refused(market.cabinet.block_user(admin.token(), owner.id()).await), denied());
    assert_eq!(refused(market.cabinet.change_role(admin.token(), owner.id(), pb::Role::Admin).await), denied());
    assert_eq!(refused(cash_desk(admin, "Checkbox 7").await), denied());
    assert_eq!(cash_desk(owner, "Checkbox 7").await.expect("an OWNER may"), "Checkbox 7");
}

/// Another of the company has them all, and none in the company next door.
async fn super_administrators_have_equal_rights<'a>(
    market: &Product<'a>,
    owner: &Person<'a>,
    neighbour: &Person<'a>,
) -> Person<'a> {
    let olha = member(owner, pb::Role::Owner, OLHA, "0661234506", Some(first_last("В'ячеслава", "Кобилянська")));
    owner.add(olha).await.expect("an OWNER may make another");
    let olha = market.comes_in(OLHA, PLAIN).await;
    assert_eq!(cash_desk(&olha, "Checkbox 8").await.expect("an OWNER may"), "Checkbox 8");
    assert_eq!(refused(market.cabinet.block_user(olha.token(), neighbour.id()).await), is(Code::NotFound, "USER_NOT_FOUND"));
    market.cabinet.block_user(olha.token(), owner.id()).await.expect("even the first one");
    owner.is_shut_out().await;
    let oneself = is(Code::FailedPrecondition, "ACTING_ON_ONESELF");
    assert_eq!(refused(market.cabinet.block_user(olha.token(), olha.id()).await), oneself, "and is the last one");
    market.cabinet.unblock_user(olha.token(), owner.id()).await.expect("an OWNER may");
    olha
}

/// What bound the first name and password binds every later one.
async fn she_changes_her_name_and_password(market: &Product<'_>, admin: &Person<'_>) {
    let named = |last: &str| profiles::Profile { last_name: last.to_owned(), ..Default::default() };
    let latin = admin.change_profile(named("Pchilka"), &["last_name"]).await;
    assert_eq!(refused(latin), is(Code::InvalidArgument, "PROFILE_INVALID"));
    assert_eq!(violations(admin.change_profile(named(""), &["last_name"]).await), ["profile.last_name"]);
    let changed = admin.change_profile(named("Пчілка-Косач"), &["last_name"]).await.expect("a good name");
    assert_eq!(changed.full_name, "Олена Пчілка-Косач");
    assert_eq!(violations(admin.change_password(["wrong", "with space", ""]).await), ["current_password", "new_password"]);
    admin.change_password([PLAIN, "1234567", ""]).await.expect("nothing else is asked");
    market.letter(OLENA, "пароль змінено").await;
    market.sign_in(OLENA, "1234567").await.expect("her new password");
}

/// By nobody else; and a number is of a Ukrainian mobile network as before.
async fn contacts_are_changed_by_support(market: &Product<'_>, owner: &Person<'_>, admin: &Person<'_>) {
    assert_eq!(refused(admin.change_email("olena@new.example").await), denied());
    assert_eq!(refused(admin.request_code("0671234507").await), denied());
    let owner = market.sign_in(&owner.user.email, PLAIN).await.expect("she is unblocked");
    assert_eq!(refused(market.cabinet.change_phone(owner.token(), admin.id(), "0671234507").await), denied());
    let head = shop_of("head@market.example", "0681234508", "Іван", "Франко");
    let helper = member(&owner, pb::Role::Support, "helper@market.example", "0681234509", Some(first_last("Леся", "Українка")));
    let support = market.support(head, helper, PLAIN).await;
    let landline = market.cabinet.change_phone(support.token(), admin.id(), "0441234567").await;
    assert_eq!(refused(landline), is(Code::InvalidArgument, "PHONE_INVALID"));
    let none = market.cabinet.change_phone(support.token(), admin.id(), "").await;
    assert_eq!(refused(none), is(Code::InvalidArgument, "CONTACT_MISSING"));
    let changed = market.cabinet.change_phone(support.token(), admin.id(), "067 123 45 07").await.expect("SUPPORT may");
    assert_eq!(changed.phone, "+380671234507");
    market.cabinet.change_email(support.token(), admin.id(), "olena@new.example").await.expect("SUPPORT may");
    market.letter(OLENA, "вашу адресу електронної пошти змінено").await;
    market.sign_in("olena@new.example", "1234567").await.expect("it holds at once");
    assert_eq!(refused(market.cabinet.prepare_deletion(support.token(), admin.id()).await), denied(), "nor SUPPORT deletes");
    assert_eq!(refused(market.cabinet.block_user(support.token(), admin.id()).await), denied());
}

async fn she_is_blocked_and_nobody_deletes_her(market: &Product<'_>, owner: &Person<'_>, admin: &Person<'_>) {
    assert_eq!(refused(market.cabinet.prepare_deletion(owner.token(), admin.id()).await), denied());
    assert_eq!(refused(market.cabinet.delete_user(owner.token(), admin.id(), "confirmed").await), denied());
    market.cabinet.block_user(owner.token(), admin.id()).await.expect("an OWNER may");
    admin.is_shut_out().await;
    market.letter("olena@new.example", "обліковий запис заблоковано").await;
    market.refuses("olena@new.example", "1234567").await;
    market.cabinet.unblock_user(owner.token(), admin.id()).await.expect("an OWNER may");
    market.sign_in("olena@new.example", "1234567").await.expect("the same login and password");
    assert_eq!(owner.addresses().await, ["owner@shop.example", "olena@new.example", OLHA], "she is there for good");
}
