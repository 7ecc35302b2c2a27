//! `helpdesk`: customers come by writing, or register themselves; employees are invited by the account's administrator.

use api::cabinet::case_monitoring::v1 as cases;
use api::cabinet::identity::v1 as pb;
use api::cabinet::profile::v1 as profiles;
use cabinet_e2e::{Setup, TestRealm, is, link_in, refused, user_request, violations};
use tonic::Code;

use super::{NEW_PASSWORD, PASSWORD, Person, Product, company_of, denied, full};
use crate::contact_changes;
use crate::groups::Desk;

const ANNA: &str = "anna@customer.example";
const CARL: &str = "carl@customer.example";
const BELA: &str = "bela@desk.example";

/// Rules I1.b, I1.d, I2.a, I2.e, I6.c, I11, I13.a, I14.b, I16, I21.b, I22.e: a support centre: whoever writes has an account before he
/// knows of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_helpdesk_administers_its_users() {
    let cabinet = Setup::default().smsc().start().await;
    let desk = Product::open(&cabinet, "helpdesk", "en", company_of("owner@desk.example")).await;
    let owner = desk.comes_in("owner@desk.example", PASSWORD).await;
    let bela = an_employee_is_invited(&desk, &owner).await;
    let anna = somebody_writes_and_has_an_account(&desk, &owner, &bela).await;
    let carl = somebody_registers(&desk).await;
    employees_are_in_groups(&desk, &owner, &bela, &carl).await;
    she_keeps_her_own_contacts(&desk, &owner, &anna).await;
    she_changes_her_password(&desk, &owner, &anna).await;
    registration_is_closed(&desk).await;
    an_owner_blocks_and_deletes(&desk, &owner, &bela, &anna).await;
}

async fn an_employee_is_invited<'a>(desk: &Product<'a>, owner: &Person<'a>) -> Person<'a> {
    let polish = pb::Introduction { full_name: "Bela Nowak-Lis".to_owned(), language: "pl".to_owned(), ..Default::default() };
    let bela = pb::CreateUserRequest { introduction: Some(polish), ..owner.invites(pb::Role::Agent, BELA) };
    owner.add(bela).await.expect("an OWNER may");
    desk.letter(BELA, "zaproszenie").await;
    let bela = desk.comes_in(BELA, PASSWORD).await;
    let profile = bela.profile_of(bela.id()).await;
    assert_eq!(
        (profile.display_label.as_str(), profile.initials.as_str(), profile.language.as_str()),
        ("Bela Nowak-Lis", "BN", "pl")
    );
    assert_eq!(refused(bela.add(bela.invites(pb::Role::Customer, ANNA)).await), denied());
    bela
}

/// The realm's own service adds whoever writes, with his case; nobody is invited. He asks for a password when he wants to look.
async fn somebody_writes_and_has_an_account<'a>(desk: &Product<'a>, owner: &Person<'a>, bela: &Person<'a>) -> Person<'a> {
    let (id, company_id) = (desk.realm.realm_id, desk.realm.company_id);
    let realm = TestRealm { id, company_id, other_company_id: company_id, name: String::new() };
    let service = desk.cabinet.credential_of(&realm, pb::CredentialKind::Service).await;
    let request = user_request(company_id, pb::Role::Customer, ANNA);
    let added = desk.cabinet.create_user_with(&service, request.clone()).await.expect("a SERVICE may");
    assert_eq!(refused(desk.cabinet.create_user_with(&service, request).await), is(Code::AlreadyExists, "EMAIL_TAKEN"));
    let case = cases::CreateCaseRequest {
        company_id: company_id.to_string(),
        requester_id: added.user_id.clone(),
        kind: cases::CaseKind::Request.into(),
        subject: "The lamp on the stairs is out".to_owned(),
        ..Default::default()
    };
    let case = desk.cabinet.create_case_with(&service, case).await.expect("a good case");
    assert_eq!(owner.profile_of(&added.user_id).await.display_label, ANNA, "he has a cabinet, and no name yet");
    let of_no_business = desk.cabinet.get_profile(bela.token(), &added.user_id).await;
    assert_eq!(refused(of_no_business), is(Code::NotFound, "PROFILE_NOT_FOUND"), "an AGENT administers nobody");
    assert_eq!(owner.addresses().await, ["owner@desk.example", BELA, ANNA]);

    let anna = desk.resets_password(ANNA, "set another password", PASSWORD).await;
    assert_eq!((anna.id(), desk.letters_to(ANNA)), (added.user_id.as_str(), 1));
    let named = profiles::Profile { full_name: "Anna Kowalska-Lis".to_owned(), ..Default::default() };
    assert_eq!(anna.change_profile(named, &["full_name"]).await.expect("her own").display_label, "Anna Kowalska-Lis");
    desk.cabinet.get_case(anna.token(), &case.case_id).await.expect("her own");
    anna
}

/// Once the operator has said to which company customers come.
async fn somebody_registers<'a>(desk: &Product<'a>) -> Person<'a> {
    desk.is_closed_to_strangers().await;
    desk.registration(pb::SelfRegistration::Open).await;
    desk.register(CARL, "", full("Carl Lis-Nowak")).await.expect("it is open");
    let carl = desk.confirms_registration(&desk.letter(CARL, "confirm your registration").await).await;
    assert_eq!((carl.user.role(), carl.user.email_verified), (pb::Role::Customer, true));
    desk.register(ANNA, "", full("Somebody Else")).await.expect("always the same answer");
    desk.letter(ANNA, "you have an account already").await;
    carl
}

/// Led by one of them; whoever leaves a group is in the other still.
async fn employees_are_in_groups(desk: &Product<'_>, owner: &Person<'_>, bela: &Person<'_>, carl: &Person<'_>) {
    let groups = Desk { cabinet: desk.cabinet, owner: owner.token().to_owned() };
    let group = |name: &str| pb::CreateGroupRequest {
        company_id: owner.user.company_id.clone(),
        name: name.to_owned(),
        leader_id: bela.user.user_id.clone(),
        ..Default::default()
    };
    let first = groups.create(group("First line")).await.expect("a good group");
    let second = groups.create(group("Second line")).await.expect("a good group");
    for line in [&first, &second] {
        assert_eq!(groups.add(line, &[bela.id(), carl.id()]).await, Vec::<String>::new());
    }
    groups.remove(&first, carl.id()).await;
    assert_eq!(groups.users(&first, pb::GroupMembership::Members).await, [BELA]);
    assert_eq!(groups.users(&first, pb::GroupMembership::Others).await, ["owner@desk.example", ANNA, CARL]);
    assert_eq!(groups.users(&second, pb::GroupMembership::Members).await, [BELA, CARL]);
    let by_agent = Desk { cabinet: desk.cabinet, owner: bela.token().to_owned() };
    assert_eq!(refused(by_agent.create(group("Third line")).await), denied());
}

async fn she_keeps_her_own_contacts(desk: &Product<'_>, owner: &Person<'_>, anna: &Person<'_>) {
    assert_eq!(refused(desk.cabinet.change_email(owner.token(), anna.id(), "anna@new.example").await), denied());
    anna.change_email("anna@new.example").await.expect("she may");
    let link = link_in(&desk.letter("anna@new.example", "confirm this address").await);
    contact_changes::confirm_email(desk.cabinet, &link).await.expect("an open link");
    desk.letter(ANNA, "your e-mail address was changed").await;
    anna.request_code("+48221234567").await.expect("she may");
    let confirmed = anna.type_code(0).await.expect("the code that was sent");
    assert_eq!((confirmed.email.as_str(), confirmed.phone_verified), ("anna@new.example", true));
    desk.refuses("+48221234567", PASSWORD).await;
}

async fn she_changes_her_password(desk: &Product<'_>, owner: &Person<'_>, anna: &Person<'_>) {
    assert_eq!(violations(anna.change_password(["", NEW_PASSWORD, ""]).await), ["current_password"]);
    anna.change_password([PASSWORD, NEW_PASSWORD, ""]).await.expect("all that is asked for is right");
    desk.letter("anna@new.example", "your password was changed").await;
    assert_eq!(refused(owner.set_password(anna.id(), PASSWORD, PASSWORD).await), denied());
}

/// Whoever has an account by then signs in as before.
async fn registration_is_closed(desk: &Product<'_>) {
    desk.registration(pb::SelfRegistration::Closed).await;
    desk.is_closed_to_strangers().await;
    desk.sign_in(CARL, PASSWORD).await.expect("his password");
    desk.sign_in("anna@new.example", NEW_PASSWORD).await.expect("her password");
}

async fn an_owner_blocks_and_deletes(desk: &Product<'_>, owner: &Person<'_>, bela: &Person<'_>, anna: &Person<'_>) {
    assert_eq!(refused(desk.cabinet.block_user(bela.token(), anna.id()).await), is(Code::NotFound, "USER_NOT_FOUND"));
    desk.cabinet.block_user(owner.token(), bela.id()).await.expect("an OWNER may");
    bela.is_shut_out().await;
    desk.letter(BELA, "Twoje konto zostało zablokowane").await;
    desk.cabinet.unblock_user(owner.token(), bela.id()).await.expect("an OWNER may");
    desk.sign_in(BELA, PASSWORD).await.expect("the same login and password");
    owner.delete(anna.id()).await;
    assert_eq!(owner.addresses().await, ["owner@desk.example", BELA, CARL]);
    desk.refuses("anna@new.example", NEW_PASSWORD).await;
}
