//! `tender`: suppliers register themselves, what they have saved once is fixed, and SUPPORT changes and deletes.

use api::cabinet::identity::v1 as pb;
use api::cabinet::profile::v1 as profiles;
use cabinet_e2e::{Setup, is, link_in, refused, violations};
use tonic::Code;

use super::{NEW_PASSWORD, PASSWORD, Person, Product, company_of, denied, full};
use crate::{audit, registration};

const ANNA: &str = "anna@supplier.example";
const NAME: &str = "Сидорова Анна Петровна";

/// Rules I1.b, I1.c, I1.d, I11, I13.a, I16, I17.a, I22.e, I26.a, P1.b: a procurement portal: nobody but SUPPORT decides about a supplier's
/// contacts, nor about his end.
#[tokio::test(flavor = "multi_thread")]
async fn a_tender_portal_administers_its_users() {
    let cabinet = Setup::default().smsc().start().await;
    let portal = Product::open(&cabinet, "tender", "ru", company_of("owner@tender.example")).await;
    let owner = portal.comes_in("owner@tender.example", PASSWORD).await;
    let helper = owner.invites(pb::Role::Support, "helper@tender.example");
    let support = portal.support(company_of("head@tender.example"), helper, PASSWORD).await;
    let anna = a_supplier_registers(&portal).await;
    she_confirms_her_phone_once(&portal, &anna).await;
    what_she_has_saved_is_fixed(&portal, &owner, &anna).await;
    she_is_asked_for_her_new_password_alone(&portal, &anna).await;
    support_changes_her_contacts(&portal, &support, &anna).await;
    an_owner_blocks_and_support_does_not(&portal, &owner, &support, &anna).await;
    support_deletes_her(&portal, &owner, &support, &anna).await;
}

/// Once the operator has said to which company suppliers come.
async fn a_supplier_registers<'a>(portal: &Product<'a>) -> Person<'a> {
    portal.is_closed_to_strangers().await;
    portal.registration(pb::SelfRegistration::Open).await;
    assert_eq!(violations(portal.register("", "112", full(NAME)).await), ["phone", "email"]);
    portal.register(ANNA, "+7 912 345-67-89", full(NAME)).await.expect("it is open");
    let letter = portal.letter(ANNA, "подтвердите регистрацию").await;
    let shown = registration::inspect(portal.cabinet, &link_in(&letter)).await.expect("an open link");
    assert_eq!((shown.email.as_str(), shown.phone.as_str()), (ANNA, "+79123456789"));
    assert_eq!(shown.introduction.expect("what she said").full_name, NAME);

    let anna = portal.confirms_registration(&letter).await;
    assert_eq!((anna.user.role(), anna.user.email_verified, anna.user.phone_verified), (pb::Role::Customer, true, false));
    let profile = anna.profile_of(anna.id()).await;
    let parts = [&profile.last_name, &profile.first_name, &profile.middle_name];
    assert_eq!(parts, ["Сидорова", "Анна", "Петровна"], "read from the one field");
    let corrected = profiles::Profile { first_name: "Жанна".to_owned(), ..Default::default() };
    assert_eq!(anna.change_profile(corrected, &["first_name"]).await.expect("it can be corrected").full_name, NAME);
    anna
}

/// Until then it can be retyped.
async fn she_confirms_her_phone_once(portal: &Product<'_>, anna: &Person<'_>) {
    let by_phone = portal.sign_in("+7 912 345 67 89", PASSWORD).await.expect("by phone as well");
    assert_eq!(by_phone.user.user_id, anna.user.user_id);
    anna.request_code("+79123456780").await.expect("it is not confirmed yet");
    let again = anna.request_code("+79123456789").await;
    assert_eq!(refused(again), is(Code::ResourceExhausted, "CODE_LIMITED"), "a minute has not passed");
    let confirmed = anna.type_code(0).await.expect("the code that was sent");
    assert_eq!((confirmed.phone.as_str(), confirmed.phone_verified), ("+79123456780", true));
    portal.letter(ANNA, "ваш номер телефона изменён").await;
    portal.sign_in("+79123456780", PASSWORD).await.expect("the confirmed one");
    portal.refuses("+79123456789", PASSWORD).await;
}

/// For herself, and for the OWNER of the company she is in.
async fn what_she_has_saved_is_fixed(portal: &Product<'_>, owner: &Person<'_>, anna: &Person<'_>) {
    let fixed = is(Code::FailedPrecondition, "CONTACT_FIXED");
    assert_eq!(refused(anna.change_email("anna@elsewhere.example").await), fixed);
    assert_eq!(refused(anna.request_code("+79123456781").await), fixed);
    assert_eq!(refused(portal.cabinet.change_email(owner.token(), anna.id(), "anna@elsewhere.example").await), denied());
    assert_eq!(refused(portal.cabinet.change_phone(owner.token(), anna.id(), "+79123456781").await), denied());
    assert_eq!(refused(portal.cabinet.prepare_deletion(owner.token(), anna.id()).await), denied());
    assert_eq!(refused(owner.set_password(anna.id(), NEW_PASSWORD, NEW_PASSWORD).await), denied());
}

async fn she_is_asked_for_her_new_password_alone(portal: &Product<'_>, anna: &Person<'_>) {
    assert_eq!(violations(anna.change_password(["", "f8Kq", ""]).await), ["new_password"]);
    anna.change_password(["", NEW_PASSWORD, ""]).await.expect("nothing else is asked for");
    portal.letter(ANNA, "пароль изменён").await;
    portal.sign_in(ANNA, NEW_PASSWORD).await.expect("her new password");
    portal.refuses(ANNA, PASSWORD).await;
}

/// It finds her by what she is called up with, and what it changes is written down.
async fn support_changes_her_contacts(portal: &Product<'_>, support: &Person<'_>, anna: &Person<'_>) {
    let by_phone = pb::FindUserRequest { phone: "+7 (912) 345-67-80".to_owned(), ..Default::default() };
    assert_eq!(support.find(by_phone).await.expect("she is there").user_id, anna.id());
    assert_eq!(support.profile_of(anna.id()).await.display_label, NAME);
    let changed = portal.cabinet.change_phone(support.token(), anna.id(), "+79123456782").await.expect("SUPPORT may");
    assert_eq!((changed.phone.as_str(), changed.phone_verified), ("+79123456782", false));
    let changed = portal.cabinet.change_email(support.token(), anna.id(), "anna@new.example").await.expect("SUPPORT may");
    assert_eq!((changed.email.as_str(), changed.email_verified), ("anna@new.example", false));
    portal.letter(ANNA, "ваш адрес электронной почты изменён").await;
    portal.sign_in("anna@new.example", NEW_PASSWORD).await.expect("the new one holds at once");

    let realm_id = portal.realm.realm_id.to_string();
    let by_support = pb::ListAuditEntriesRequest { realm_id, actor_id: support.user.user_id.clone(), ..Default::default() };
    let done = audit::done(portal.cabinet, &portal.realm.operator, by_support).await;
    let done: Vec<_> = done.iter().map(|(act, object, _)| (act.as_str(), object.as_str())).collect();
    assert_eq!(done, [("PHONE_CHANGED", anna.id()), ("EMAIL_CHANGED", anna.id())]);
}

async fn an_owner_blocks_and_support_does_not(portal: &Product<'_>, owner: &Person<'_>, support: &Person<'_>, anna: &Person<'_>) {
    assert_eq!(refused(portal.cabinet.block_user(support.token(), anna.id()).await), denied());
    assert_eq!(refused(support.add(support.invites(pb::Role::Support, "more@tender.example")).await), denied());
    portal.cabinet.block_user(owner.token(), anna.id()).await.expect("an OWNER may");
    anna.is_shut_out().await;
    portal.letter("anna@new.example", "учётная запись заблокирована").await;
    for login in ["anna@new.example", "+79123456782"] {
        portal.refuses(login, NEW_PASSWORD).await;
    }
    portal.cabinet.unblock_user(owner.token(), anna.id()).await.expect("an OWNER may");
    portal.sign_in("+79123456782", NEW_PASSWORD).await.expect("the same login and password");
}

/// Neither an OWNER nor its own desk is SUPPORT's to delete but a supplier is; he may come again, as another.
async fn support_deletes_her(portal: &Product<'_>, owner: &Person<'_>, support: &Person<'_>, anna: &Person<'_>) {
    let last = portal.cabinet.prepare_deletion(support.token(), owner.id()).await.expect("SUPPORT may").confirmation;
    let last = portal.cabinet.delete_user(support.token(), owner.id(), &last).await;
    assert_eq!(refused(last), is(Code::FailedPrecondition, "LAST_OWNER"));
    support.delete(anna.id()).await;
    assert_eq!(owner.addresses().await, ["owner@tender.example"]);
    let nobody = support.find(pb::FindUserRequest { phone: "+79123456782".to_owned(), ..Default::default() }).await;
    assert_eq!(refused(nobody), is(Code::NotFound, "USER_NOT_FOUND"));

    portal.register("anna@new.example", "", full(NAME)).await.expect("it is open");
    let letter = portal.letter("anna@new.example", "подтвердите регистрацию").await;
    assert_ne!(portal.confirms_registration(&letter).await.id(), anna.id());
    portal.registration(pb::SelfRegistration::Closed).await;
    portal.is_closed_to_strangers().await;
    portal.sign_in("anna@new.example", PASSWORD).await.expect("it stops new accounts alone");
}
