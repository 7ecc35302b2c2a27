//! `legal`: lawyers by last, first and middle name, who keep their own contacts and type a new password twice.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::session_service_client::SessionServiceClient;
use api::cabinet::profile::v1 as profiles;
use cabinet_e2e::{Setup, is, link_in, refused, violations, with_token};
use tonic::Code;

use super::{NEW_PASSWORD, PASSWORD, Person, Product, company_of, denied, full};
use crate::{contact_changes, sessions};

const OLENA: &str = "olena@firm.example";

/// A name as this product says it.
fn in_parts(last: &str, first: &str, middle: &str) -> pb::Introduction {
    let [last_name, first_name, middle_name] = [last, first, middle].map(str::to_owned);
    pb::Introduction { last_name, first_name, middle_name, ..Default::default() }
}

/// Rules I1.b, I1.d, I2.a, I2.c, I11, I13.a, I16, I24.d, P1.b, P3.a, P3.b: a law firm, which asks for longer passwords after a while.
#[tokio::test(flavor = "multi_thread")]
async fn a_law_firm_administers_its_users() {
    let cabinet = Setup::default().smsc().start().await;
    let owner_introduction = Some(in_parts("Барвінок", "Ганна", "Іванівна"));
    let head = pb::CreateCompanyRequest { owner_introduction, ..company_of("owner@firm.example") };
    let firm = Product::open(&cabinet, "legal", "uk", head).await;
    let owner = firm.comes_in("owner@firm.example", PASSWORD).await;
    let olena = a_lawyer_is_invited(&firm, &owner).await;
    she_says_who_she_is(&olena).await;
    she_keeps_her_own_contacts(&firm, &owner, &olena).await;
    she_types_her_new_password_twice(&firm, &olena).await;
    the_firm_asks_for_longer_passwords(&firm, &olena).await;
    she_ends_a_session_elsewhere(&firm, &olena).await;
    she_is_blocked_unblocked_and_deleted(&firm, &owner, &olena).await;
}

async fn a_lawyer_is_invited<'a>(firm: &Product<'a>, owner: &Person<'a>) -> Person<'a> {
    firm.is_closed_to_strangers().await;
    assert_eq!(owner.profile_of(owner.id()).await.full_name, "Барвінок Ганна Іванівна", "as the operator introduced her");
    let introduction = Some(full("Пчілка Олена Петрівна"));
    let in_one = pb::CreateUserRequest { introduction, ..owner.invites(pb::Role::Agent, "") };
    assert_eq!(violations(owner.add(in_one).await), ["email", "introduction.full_name"]);
    let introduction = Some(in_parts("Пчілка", "Олена", "Петрівна"));
    let olena = pb::CreateUserRequest { introduction, ..owner.invites(pb::Role::Agent, OLENA) };
    owner.add(olena).await.expect("an OWNER may");
    firm.letter(OLENA, "запрошення").await;
    assert_eq!(
        refused(firm.realm.redeem(OLENA, "олена пчілка1").await),
        is(Code::InvalidArgument, "PASSWORD_REFUSED"),
        "it is made of her name"
    );
    let olena = firm.comes_in(OLENA, PASSWORD).await;
    assert_eq!(refused(olena.add(olena.invites(pb::Role::Customer, "client@firm.example")).await), denied());
    olena
}

/// In parts, each of which can be taken back; what is shown follows.
async fn she_says_who_she_is(olena: &Person<'_>) {
    let met = olena.profile_of(olena.id()).await;
    assert_eq!((met.display_label.as_str(), met.initials.as_str()), ("Пчілка Олена Петрівна", "ОП"));
    let values = profiles::Profile {
        last_name: "Косач-Пчілка".to_owned(),
        initials: "О. П.".to_owned(),
        job_title: "Адвокатка з міста Гадяч".to_owned(),
        time_zone: "Europe/Warsaw".to_owned(),
        ..Default::default()
    };
    let paths = ["last_name", "initials", "job_title", "time_zone"];
    let saved = olena.change_profile(values, &paths).await.expect("good values");
    assert_eq!((saved.full_name.as_str(), saved.initials.as_str()), ("Косач-Пчілка Олена Петрівна", "О. П."));
    let whole = profiles::Profile { full_name: "Олена Пчілка".to_owned(), ..Default::default() };
    assert_eq!(violations(olena.change_profile(whole, &["full_name"]).await), ["profile.full_name"]);
    let nobody = olena.change_profile(profiles::Profile::default(), &["last_name", "first_name", "middle_name"]).await;
    assert_eq!(nobody.expect("a name is optional").display_label, OLENA);
}

async fn she_keeps_her_own_contacts(firm: &Product<'_>, owner: &Person<'_>, olena: &Person<'_>) {
    assert_eq!(refused(firm.cabinet.change_phone(owner.token(), olena.id(), "+380671234567").await), denied());
    olena.request_code("+380671234567").await.expect("she may");
    let confirmed = olena.type_code(0).await.expect("the code that was sent");
    assert_eq!((confirmed.phone.as_str(), confirmed.phone_verified), ("+380671234567", true));
    olena.change_email("olena@new.example").await.expect("she may");
    let link = link_in(&firm.letter("olena@new.example", "підтвердьте цю адресу").await);
    contact_changes::confirm_email(firm.cabinet, &link).await.expect("an open link");
    firm.letter(OLENA, "вашу адресу електронної пошти змінено").await;
    firm.refuses(OLENA, PASSWORD).await;
}

/// All that is wrong is said at once, and then nothing is changed.
async fn she_types_her_new_password_twice(firm: &Product<'_>, olena: &Person<'_>) {
    let all = ["current_password", "confirmation", "new_password"];
    assert_eq!(violations(olena.change_password(["wrong", "f8Kq", "f8Kz"]).await), all);
    let differs = olena.change_password([PASSWORD, NEW_PASSWORD, PASSWORD]).await;
    assert_eq!(refused(differs), is(Code::InvalidArgument, "CONFIRMATION_DIFFERS"));
    firm.sign_in("olena@new.example", PASSWORD).await.expect("nothing has changed");
    olena.change_password([PASSWORD, NEW_PASSWORD, NEW_PASSWORD]).await.expect("all that is asked for is right");
    firm.letter("olena@new.example", "пароль змінено").await;
    firm.refuses("olena@new.example", PASSWORD).await;
}

/// From then on; whoever has a shorter one signs in with it until he changes it.
async fn the_firm_asks_for_longer_passwords(firm: &Product<'_>, olena: &Person<'_>) {
    const SHORT: &str = "gd7-lamp-Wren-4";
    let rule = firm.realm.policy().await.0.password.expect("a rule");
    let longer = pb::Policy { password: Some(pb::PasswordRule { min_length: 40, ..rule }), ..Default::default() };
    firm.realm.update(longer, &["password"], "").await.expect("it is adjustable");
    assert_eq!(violations(olena.change_password([NEW_PASSWORD, SHORT, SHORT]).await), ["new_password"]);
    firm.sign_in("olena@new.example", NEW_PASSWORD).await.expect("it is hers");
    firm.realm.update(pb::Policy { password: Some(rule), ..Default::default() }, &["password"], "").await.expect("and back");
    olena.change_password([NEW_PASSWORD, SHORT, SHORT]).await.expect("it is long enough again");
    olena.change_password([SHORT, NEW_PASSWORD, NEW_PASSWORD]).await.expect("as before");
}

async fn she_ends_a_session_elsewhere(firm: &Product<'_>, olena: &Person<'_>) {
    let phone = firm.sign_in("olena@new.example", NEW_PASSWORD).await.expect("her password");
    let named = pb::RenameSessionRequest { session_id: phone.tokens.session_id.clone(), name: "My old phone 7".to_owned() };
    let mut client = SessionServiceClient::new(firm.cabinet.identity.channel());
    client.rename_session(with_token(olena.token(), named)).await.expect("her own");
    let listed = sessions::sessions(firm.cabinet, olena.token()).await;
    assert!(listed.iter().any(|session| session.name == "My old phone 7" && !session.is_current));
    sessions::end(firm.cabinet, olena.token(), &phone.tokens.session_id).await.expect("her own");
    phone.is_shut_out().await;
    assert_eq!(sessions::sessions(firm.cabinet, olena.token()).await.len(), listed.len() - 1);
}

async fn she_is_blocked_unblocked_and_deleted(firm: &Product<'_>, owner: &Person<'_>, olena: &Person<'_>) {
    firm.cabinet.block_user(owner.token(), olena.id()).await.expect("an OWNER may");
    olena.is_shut_out().await;
    firm.letter("olena@new.example", "обліковий запис заблоковано").await;
    firm.cabinet.unblock_user(owner.token(), olena.id()).await.expect("an OWNER may");
    let olena = firm.sign_in("olena@new.example", NEW_PASSWORD).await.expect("the same login and password");
    assert_eq!(refused(firm.cabinet.prepare_deletion(olena.token(), owner.id()).await), is(Code::NotFound, "USER_NOT_FOUND"));
    owner.delete(olena.id()).await;
    olena.is_shut_out().await;
    assert_eq!(owner.addresses().await, ["owner@firm.example"]);
    let gone = firm.cabinet.get_profile(owner.token(), olena.id()).await;
    assert_eq!(refused(gone), is(Code::NotFound, "PROFILE_NOT_FOUND"));
}
