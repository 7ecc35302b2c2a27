//! `standard`: an OWNER invites everybody, whoever is there keeps his own contacts and password, and the OWNER deletes.

use api::cabinet::identity::v1 as pb;
use cabinet_e2e::{Setup, is, link_in, refused, violations};
use tonic::Code;

use super::{NEW_PASSWORD, PASSWORD, Person, Product, company_of, denied, first_last, full};
use crate::{audit, contact_changes, invitations, passwords, sessions};

const ANNA: &str = "anna@club.example";
const BELA: &str = "bela@club.example";

/// Rules I1.b, I1.d, I2.a, I2.b, I2.c, I5.a, I6.b, I6.c, I6.e, I7, I11, I13.a, I16, I26.a: the safest and most usual choice on every point,
/// from the first letter to the last.
#[tokio::test(flavor = "multi_thread")]
async fn a_standard_realm_administers_its_users() {
    let cabinet = Setup::default().smsc().start().await;
    let club = Product::open(&cabinet, "", "en", company_of("owner@club.example")).await;
    let owner = first_owner_comes_in(&club).await;
    let (admin, agent) = staff_is_invited(&club, &owner).await;
    nobody_else_administers(&club, &admin, &agent).await;
    let anna = somebody_without_invitation_comes_in(&club, &owner).await;
    let anna = she_keeps_her_own_contacts(&club, &owner, anna).await;
    she_changes_her_password(&club, &owner, &anna).await;
    let successor = the_office_is_handed_over(&club, owner, agent).await;
    she_is_blocked_and_unblocked(&club, &successor, &anna).await;
    she_is_deleted(&club, &successor, anna).await;
}

/// A mail scanner opens his link first.
async fn first_owner_comes_in<'a>(club: &Product<'a>) -> Person<'a> {
    let letter = club.letter("owner@club.example", "you are invited").await;
    let shown = invitations::inspect(club.cabinet, &link_in(&letter)).await.expect("an open link");
    assert_eq!(shown.purpose(), pb::LinkPurpose::Invitation);
    let owner = club.comes_in("owner@club.example", PASSWORD).await;
    assert_eq!((owner.user.role(), owner.user.email_verified), (pb::Role::Owner, true));
    assert_eq!(club.realm.policy().await.0.required_contacts().collect::<Vec<_>>(), [pb::Contact::Email]);
    club.is_closed_to_strangers().await;
    owner
}

async fn staff_is_invited<'a>(club: &Product<'a>, owner: &Person<'a>) -> (Person<'a>, Person<'a>) {
    let wrong = pb::CreateUserRequest {
        status: pb::UserStatus::Blocked.into(),
        introduction: Some(first_last("Bela", "Nowak-Lis")),
        ..owner.invites(pb::Role::Agent, "")
    };
    assert_eq!(violations(owner.add(wrong).await), ["email", "introduction.last_name", "introduction.first_name", "status"]);
    let admin = pb::CreateUserRequest {
        introduction: Some(full("Adam Lis-Nowak")),
        ..owner.invites(pb::Role::Admin, "adam@club.example")
    };
    owner.add(admin).await.expect("an OWNER may");
    let agent = pb::CreateUserRequest { introduction: Some(full("Bela Nowak-Lis")), ..owner.invites(pb::Role::Agent, BELA) };
    owner.add(agent).await.expect("an OWNER may");
    let twin = owner.add(owner.invites(pb::Role::Customer, "BELA@club.example")).await;
    assert_eq!(refused(twin), is(Code::AlreadyExists, "EMAIL_TAKEN"));

    let users = owner.users().await.expect("an OWNER may");
    assert!(users.iter().all(|user| user.status() == pb::UserStatus::Active), "before they have a password");
    assert_eq!(owner.addresses().await, ["owner@club.example", "adam@club.example", BELA]);
    let (admin, agent) = (club.comes_in("adam@club.example", PASSWORD).await, club.comes_in(BELA, PASSWORD).await);
    assert_eq!(agent.profile_of(agent.id()).await.display_label, "Bela Nowak-Lis");
    (admin, agent)
}

/// An ADMIN sees everybody and changes nobody; an AGENT does neither.
async fn nobody_else_administers(club: &Product<'_>, admin: &Person<'_>, agent: &Person<'_>) {
    assert_eq!(admin.users().await.expect("an ADMIN may").len(), 3);
    assert_eq!(refused(agent.users().await), denied());
    assert_eq!(refused(admin.add(admin.invites(pb::Role::Customer, ANNA)).await), denied());
    for result in [
        club.cabinet.block_user(admin.token(), agent.id()).await,
        club.cabinet.change_role(admin.token(), agent.id(), pb::Role::Customer).await,
        club.cabinet.change_email(admin.token(), agent.id(), "other@club.example").await,
    ] {
        assert_eq!(refused(result), denied());
    }
    assert_eq!(refused(club.cabinet.prepare_deletion(admin.token(), agent.id()).await), denied());
}

/// She was imported: her first letter is the one that she asks for.
async fn somebody_without_invitation_comes_in<'a>(club: &Product<'a>, owner: &Person<'a>) -> Person<'a> {
    let phone = "+48 22 123 45 67".to_owned();
    let quiet = pb::CreateUserRequest {
        invitation: pb::Invitation::None.into(),
        introduction: Some(full("Anna Kowalska-Lis")),
        phone,
        ..owner.invites(pb::Role::Customer, ANNA)
    };
    owner.add(quiet).await.expect("an OWNER may");
    club.refuses(ANNA, PASSWORD).await;
    let anna = club.resets_password(ANNA, "set another password", PASSWORD).await;
    assert_eq!((anna.user.role(), anna.user.email_verified, anna.user.phone_verified), (pb::Role::Customer, true, false));
    assert_eq!(club.letters_to(ANNA), 1, "she was not invited");
    club.refuses("+48221234567", PASSWORD).await;
    anna
}

async fn she_keeps_her_own_contacts<'a>(club: &Product<'a>, owner: &Person<'a>, anna: Person<'a>) -> Person<'a> {
    const NEW: &str = "anna@new.example";
    assert_eq!(refused(club.cabinet.change_email(owner.token(), anna.id(), NEW).await), denied());
    assert_eq!(refused(club.cabinet.change_phone(owner.token(), anna.id(), "+380671234567").await), denied());
    anna.change_email(NEW).await.expect("she may");
    let link = link_in(&club.letter(NEW, "confirm this address").await);
    assert_eq!(club.sign_in(ANNA, PASSWORD).await.expect("until then the old one holds").user.email, ANNA);
    assert_eq!(contact_changes::confirm_email(club.cabinet, &link).await.expect("an open link"), NEW);
    club.letter(ANNA, "your e-mail address was changed").await;
    club.refuses(ANNA, PASSWORD).await;

    anna.request_code("+380 67 123-45-67").await.expect("she may");
    let confirmed = anna.type_code(0).await.expect("the code that was sent");
    assert_eq!((confirmed.phone.as_str(), confirmed.phone_verified), ("+380671234567", true));
    club.letter(NEW, "your phone number was changed").await;
    club.sign_in(NEW, PASSWORD).await.expect("the new one holds")
}

/// By showing the present one; nobody else sets it.
async fn she_changes_her_password(club: &Product<'_>, owner: &Person<'_>, anna: &Person<'_>) {
    let elsewhere = club.sign_in(&anna.user.email, PASSWORD).await.expect("her password");
    assert_eq!(violations(anna.change_password(["wrong", "f8Kq", ""]).await), ["current_password", "new_password"]);
    let ending = pb::ChangePasswordRequest { end_other_sessions: true, ..passwords::change([PASSWORD, NEW_PASSWORD, ""]) };
    passwords::send(club.cabinet, anna.token(), ending).await.expect("all that is asked for is right");
    club.letter(&anna.user.email, "your password was changed").await;
    elsewhere.is_shut_out().await;
    let listed = sessions::sessions(club.cabinet, anna.token()).await;
    assert_eq!(listed.iter().map(|session| session.is_current).collect::<Vec<_>>(), [true]);
    assert_eq!(refused(owner.set_password(anna.id(), PASSWORD, PASSWORD).await), denied());
    club.refuses(&anna.user.email, PASSWORD).await;
}

/// An OWNER makes another, with rights equal to his own, who then takes his office.
async fn the_office_is_handed_over<'a>(club: &Product<'a>, owner: Person<'a>, agent: Person<'a>) -> Person<'a> {
    let oneself = is(Code::FailedPrecondition, "ACTING_ON_ONESELF");
    assert_eq!(refused(club.cabinet.change_role(owner.token(), owner.id(), pb::Role::Admin).await), oneself);
    assert_eq!(refused(club.cabinet.prepare_deletion(owner.token(), owner.id()).await), oneself);
    club.cabinet.change_role(owner.token(), agent.id(), pb::Role::Owner).await.expect("an OWNER may");
    club.cabinet.refused_everywhere(agent.token(), agent.id()).await;
    let successor = agent.refreshed().await;
    club.cabinet.change_role(successor.token(), owner.id(), pb::Role::Admin).await.expect("their rights are equal");
    club.cabinet.refused_everywhere(owner.token(), owner.id()).await;
    let former = owner.refreshed().await;
    assert_eq!(former.user.role(), pb::Role::Admin);
    assert_eq!(refused(former.add(former.invites(pb::Role::Agent, "more@club.example")).await), denied());
    successor
}

async fn she_is_blocked_and_unblocked(club: &Product<'_>, owner: &Person<'_>, anna: &Person<'_>) {
    club.cabinet.block_user(owner.token(), anna.id()).await.expect("an OWNER may");
    anna.is_shut_out().await;
    club.refuses(&anna.user.email, NEW_PASSWORD).await;
    club.letter(&anna.user.email, "your account was blocked").await;
    club.cabinet.unblock_user(owner.token(), anna.id()).await.expect("an OWNER may");
    club.sign_in(&anna.user.email, NEW_PASSWORD).await.expect("the same login and password");
}

/// All of which stands in the company's log.
async fn she_is_deleted(club: &Product<'_>, owner: &Person<'_>, anna: Person<'_>) {
    owner.delete(anna.id()).await;
    assert_eq!(owner.addresses().await, ["owner@club.example", "adam@club.example", BELA]);
    club.refuses(&anna.user.email, NEW_PASSWORD).await;
    let again = owner.add(owner.invites(pb::Role::Customer, &anna.user.email)).await.expect("her address is free");
    assert_ne!(again.user_id, anna.user.user_id);
    let (company_id, object_id) = (owner.user.company_id.clone(), anna.user.user_id);
    let of_anna = pb::ListAuditEntriesRequest { company_id, object_id, ..Default::default() };
    let acts: Vec<_> = audit::done(club.cabinet, owner.token(), of_anna).await.into_iter().map(|(act, ..)| act).collect();
    assert_eq!(acts, ["USER_ADDED", "USER_BLOCKED", "USER_UNBLOCKED", "USER_DELETED"]);
}
