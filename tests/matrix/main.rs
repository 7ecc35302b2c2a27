//! The access matrix: who may call what, in `access.txt`, and one real call for each of its cells.
//!
//! What a caller is answered beyond that is the business of the journeys.

mod access;
mod callers;
mod cases;
mod groups;
mod notifications;
mod profiles;
mod realms;
mod sign_on;
mod table;
mod users;
mod visit;

use std::collections::BTreeSet;

use tonic::{Code, Status};

use crate::callers::Stage;
use crate::table::{Cell, Row, read};
use crate::visit::{Answer, Visit, no_call, reason};

fn rows() -> Vec<Row> {
    read(include_str!("access.txt")).expect("access.txt is a table")
}

/// Makes the call of a row.
async fn call(visit: &Visit<'_>, row: &Row) -> Result<Answer, Status> {
    let Row { service, method, about, .. } = row;
    match service.as_str() {
        "cabinet.identity.v1.RealmService" => realms::call(visit, method).await,
        "cabinet.identity.v1.UserService" => users::call(visit, method).await,
        "cabinet.identity.v1.DeletionService" => users::call_deletions(visit, method).await,
        "cabinet.identity.v1.ExportService" => access::call_exports(visit, method).await,
        "cabinet.identity.v1.AuditService" => groups::call_audit(visit, method).await,
        "cabinet.identity.v1.GroupService" => groups::call(visit, method).await,
        "cabinet.identity.v1.SessionService" => access::call_sessions(visit, method).await,
        "cabinet.identity.v1.LimitService" => access::call_limits(visit, method).await,
        "cabinet.identity.v1.PasswordService" => access::call_passwords(visit, method).await,
        "cabinet.identity.v1.ContactService" => access::call_contacts(visit, method).await,
        "cabinet.identity.v1.LinkService" => access::call_links(visit, method).await,
        "cabinet.identity.v1.AutologinService" => access::call_autologins(visit, method).await,
        "cabinet.identity.v1.RegistrationService" => access::call_registrations(visit, method).await,
        "cabinet.identity.v1.SecondFactorService" => access::call_second_factors(visit, method).await,
        "cabinet.identity.v1.SignOnService" => sign_on::call(visit, method).await,
        "cabinet.identity.v1.SocialAccountService" => access::call_social_accounts(visit, method).await,
        "cabinet.identity.v1.PasskeyService" => access::call_passkeys(visit, method).await,
        "cabinet.identity.v1.CredentialService" => realms::call_credentials(visit, method).await,
        "cabinet.identity.v1.AdministratorService" => access::call_administrators(visit, method).await,
        "cabinet.identity.v1.AccessService" => access::call_access(visit, method).await,
        "cabinet.profile.v1.ProfileService" => profiles::call(visit, method).await,
        "cabinet.profile.v1.AvatarService" => profiles::call_avatars(visit, method).await,
        "cabinet.profile.v1.AttributeService" => profiles::call_attributes(visit, method).await,
        "cabinet.profile.v1.DepartmentService" => profiles::call_departments(visit, method).await,
        "cabinet.case_monitoring.v1.CaseService" => cases::call(visit, method, about).await,
        "cabinet.case_monitoring.v1.WorkflowService" => cases::call_workflows(visit, method).await,
        "cabinet.notification.v1.PreferenceService" => notifications::call_preferences(visit, method).await,
        "cabinet.notification.v1.DeliveryService" => notifications::call_deliveries(visit, method).await,
        "cabinet.messaging.v1.DeadLetterService" => notifications::call_dead_letters(visit, method).await,
        "cabinet.messaging.v1.PersonalDataService" => profiles::call_personal_data(visit, method).await,
        _ => no_call(method),
    }
}

/// The cell an answer stands for; an answer that no cell has is said as it is.
fn cell(answer: &Result<Answer, Status>) -> Result<Cell, String> {
    match answer {
        Ok(Answer::Done) => Ok(Cell::Yes),
        Ok(Answer::Empty) => Ok(Cell::Empty),
        Ok(Answer::Public) => Ok(Cell::Public),
        Err(status) => match (status.code(), reason(status).as_str()) {
            (Code::PermissionDenied, "PERMISSION_DENIED") => Ok(Cell::Denied),
            (Code::FailedPrecondition, "REAUTHENTICATION_REQUIRED") => Ok(Cell::Prove),
            (Code::NotFound, "") => Err("NOT_FOUND without a reason".to_owned()),
            (Code::NotFound, _) => Ok(Cell::Hidden),
            (Code::Unauthenticated, "UNAUTHENTICATED") => Ok(Cell::SignIn),
            (code, reason) => Err(format!("{code:?} {reason}: {}", status.message())),
        },
    }
}

/// The cells of a row that the system does not keep to.
async fn wrong_cells(stage: &Stage, row: &Row) -> Vec<String> {
    let mut wrong = Vec::new();
    for (who, wanted) in &row.cells {
        let visit = Visit::of(stage, *who).await;
        let found = cell(&Box::pin(call(&visit, row)).await);
        if found.as_ref() != Ok(wanted) {
            let found = found.map_or_else(|other| other, |cell| cell.to_string());
            wrong.push(format!("    {}: `{wanted}` in the table, but `{found}`\n", who.heading()));
        }
    }
    wrong
}

/// The table in parts, each a test with a system of its own: they take minutes.
const REALMS: &[&str] = &[
    "cabinet.identity.v1.RealmService",
    "cabinet.identity.v1.CredentialService",
    "cabinet.identity.v1.AdministratorService",
    "cabinet.identity.v1.AccessService",
    "cabinet.identity.v1.SignOnService",
];
const USERS: &[&str] = &[
    "cabinet.identity.v1.UserService",
    "cabinet.identity.v1.DeletionService",
    "cabinet.identity.v1.ExportService",
    "cabinet.identity.v1.AuditService",
    "cabinet.identity.v1.GroupService",
];
const SESSIONS: &[&str] =
    &["cabinet.identity.v1.SessionService", "cabinet.identity.v1.LimitService", "cabinet.identity.v1.PasswordService"];
const CONTACTS: &[&str] = &[
    "cabinet.identity.v1.ContactService",
    "cabinet.identity.v1.LinkService",
    "cabinet.identity.v1.AutologinService",
    "cabinet.identity.v1.RegistrationService",
];
const FACTORS: &[&str] = &[
    "cabinet.identity.v1.SecondFactorService",
    "cabinet.identity.v1.SocialAccountService",
    "cabinet.identity.v1.PasskeyService",
];
const PROFILES: &[&str] = &[
    "cabinet.profile.v1.ProfileService",
    "cabinet.profile.v1.AvatarService",
    "cabinet.profile.v1.AttributeService",
    "cabinet.profile.v1.DepartmentService",
    "cabinet.messaging.v1.PersonalDataService",
];
const CASES: &[&str] = &["cabinet.case_monitoring.v1.CaseService", "cabinet.case_monitoring.v1.WorkflowService"];
const NOTIFICATIONS: &[&str] = &[
    "cabinet.notification.v1.PreferenceService",
    "cabinet.notification.v1.DeliveryService",
    "cabinet.messaging.v1.DeadLetterService",
];
const PARTS: [&[&str]; 8] = [REALMS, USERS, SESSIONS, CONTACTS, FACTORS, PROFILES, CASES, NOTIFICATIONS];

/// Calls these services as everybody, and wants the table's answers.
async fn answer_as_the_table_says(services: &[&str]) {
    let stage = Stage::start().await;
    let mut findings = Vec::new();
    for row in rows().iter().filter(|row| services.contains(&row.service.as_str())) {
        let wrong = wrong_cells(&stage, row).await;
        if !wrong.is_empty() {
            findings.push(format!("{} {}\n{}", row.path(), row.about, wrong.concat()));
        }
    }
    assert!(findings.is_empty(), "not as the table says:\n{}", findings.concat());
}

/// Rules I1.a, I2.a, I2.c, C2.a: every caller is answered as the table says.
#[tokio::test(flavor = "multi_thread")]
async fn realms_answer_as_the_table_says() {
    Box::pin(answer_as_the_table_says(REALMS)).await;
}

/// Rules I1.a, I2.a, I2.c, C2.a: every caller is answered as the table says.
#[tokio::test(flavor = "multi_thread")]
async fn users_answer_as_the_table_says() {
    Box::pin(answer_as_the_table_says(USERS)).await;
}

/// Rules I1.a, I2.a, I2.c, C2.a: every caller is answered as the table says.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_answer_as_the_table_says() {
    Box::pin(answer_as_the_table_says(SESSIONS)).await;
}

/// Rules I1.a, I2.a, I2.c, C2.a: every caller is answered as the table says.
#[tokio::test(flavor = "multi_thread")]
async fn contacts_answer_as_the_table_says() {
    Box::pin(answer_as_the_table_says(CONTACTS)).await;
}

/// Rules I1.a, I2.a, I2.c, C2.a: every caller is answered as the table says.
#[tokio::test(flavor = "multi_thread")]
async fn factors_answer_as_the_table_says() {
    Box::pin(answer_as_the_table_says(FACTORS)).await;
}

/// Rules I1.a, I2.a, I2.c, C2.a: every caller is answered as the table says.
#[tokio::test(flavor = "multi_thread")]
async fn profiles_answer_as_the_table_says() {
    Box::pin(answer_as_the_table_says(PROFILES)).await;
}

/// Rules I1.a, I2.a, I2.c, C2.a: every caller is answered as the table says.
#[tokio::test(flavor = "multi_thread")]
async fn cases_answer_as_the_table_says() {
    Box::pin(answer_as_the_table_says(CASES)).await;
}

/// Rules I1.a, I2.a, I2.c, C2.a: every caller is answered as the table says.
#[tokio::test(flavor = "multi_thread")]
async fn notifications_answer_as_the_table_says() {
    Box::pin(answer_as_the_table_says(NOTIFICATIONS)).await;
}

#[test]
fn every_service_of_the_table_is_in_one_part() {
    let services: BTreeSet<_> = rows().into_iter().map(|row| row.service).collect();
    let parts: Vec<_> = PARTS.concat();
    assert_eq!(parts.len(), services.len(), "a service stands in two parts");
    assert_eq!(parts.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), services);
}

#[test]
fn every_call_of_the_contract_has_a_row_and_every_row_is_a_call() {
    let contract: BTreeSet<_> = api::methods().into_keys().collect();
    let table: BTreeSet<_> = rows().iter().map(Row::path).collect();
    let missing: Vec<_> = contract.difference(&table).collect();
    let unknown: Vec<_> = table.difference(&contract).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "without a row: {missing:?}; no call of the contract: {unknown:?}");
}

#[test]
fn no_row_stands_twice() {
    let rows = rows();
    let names: BTreeSet<_> = rows.iter().map(|row| (row.path(), &row.about)).collect();
    assert_eq!(names.len(), rows.len());
}

/// A call is public for everybody or for nobody, and who shows no token never gets further than that.
#[test]
fn strangers_sign_in_unless_the_call_is_public() {
    for row in rows() {
        let publics = row.cells.iter().filter(|(_, cell)| *cell == Cell::Public).count();
        assert!([0, row.cells.len()].contains(&publics), "{}: public for some", row.path());
        assert!([Cell::SignIn, Cell::Public].contains(&row.cells[0].1), "{}: {}", row.path(), row.cells[0].1);
    }
}
