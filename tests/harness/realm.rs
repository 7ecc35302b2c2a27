//! Realms for tests: opened as an operator opens them, by calls.

use api::cabinet::case_monitoring::v1 as cases;
use api::cabinet::case_monitoring::v1::workflow_service_client::WorkflowServiceClient;
use api::cabinet::identity::v1 as identity;
use api::cabinet::identity::v1::realm_service_client::RealmServiceClient;
use api::cabinet::r#type::v1::LocalizedText;
use kernel::{CompanyId, RealmId};

use crate::Cabinet;
use crate::clients::with_token;

/// A realm with two companies and a small workflow: NEW → OPEN → RESOLVED → CLOSED, back to OPEN, and CANCELLED from NEW and
/// OPEN.
#[derive(Debug, Clone)]
pub struct TestRealm {
    pub id: RealmId,
    pub company_id: CompanyId,
    /// A second company of the same realm.
    pub other_company_id: CompanyId,
    pub name: String,
}

/// What a realm of this name is opened with.
pub fn realm_request(name: &str) -> identity::CreateRealmRequest {
    let domain = format!("{}.example", name.to_lowercase());
    identity::CreateRealmRequest {
        name: name.to_owned(),
        preset: String::new(),
        public_url: format!("https://{domain}"),
        sender: format!("{name} <noreply@{domain}>"),
        language: "en".to_owned(),
        time_zone: "Europe/Kyiv".to_owned(),
        ..Default::default()
    }
}

impl Cabinet {
    /// Opens a realm, as an operator.
    pub(crate) async fn open_realm(&self, name: &str) -> TestRealm {
        let mut realms = RealmServiceClient::new(self.identity.channel());
        let token = self.operator_token("operator");
        let realm = realms.create_realm(with_token(&token, realm_request(name))).await.expect("a good realm");
        let realm_id = realm.into_inner().realm.expect("the contract promises the realm").realm_id;
        let company_id = self.add_company(&realm_id).await;
        let other_company_id = self.add_company(&realm_id).await;
        let workflow = cases::ReplaceWorkflowRequest { realm_id: realm_id.clone(), statuses: workflow(), etag: String::new() };
        let mut workflows = WorkflowServiceClient::new(self.case_monitoring.channel());
        workflows.replace_workflow(with_token(&token, workflow)).await.expect("a good workflow");
        let id = realm_id.parse().expect("an id the system gave");
        TestRealm { id, company_id, other_company_id, name: name.to_owned() }
    }

    async fn add_company(&self, realm_id: &str) -> CompanyId {
        let message = identity::CreateCompanyRequest {
            realm_id: realm_id.to_owned(),
            name: "Company".to_owned(),
            owner_email: String::new(),
            ..Default::default()
        };
        let mut realms = RealmServiceClient::new(self.identity.channel());
        let answer = realms.create_company(with_token(&self.operator_token("operator"), message)).await.expect("a good company");
        answer.into_inner().company.expect("the contract promises the company").company_id.parse().expect("an id the system gave")
    }
}

fn workflow() -> Vec<cases::WorkflowStatus> {
    use cases::StatusCategory::{Cancelled, Closed, New, Open, Resolved};
    let status = |code: &str, category: cases::StatusCategory, label: &str, moves_to: &[&str]| cases::WorkflowStatus {
        code: code.to_owned(),
        category: category.into(),
        staff_label: Some(english(label)),
        requester_label: None,
        moves_to: moves_to.iter().map(|code| (*code).to_owned()).collect(),
    };
    vec![
        status("NEW", New, "New", &["OPEN", "CANCELLED"]),
        cases::WorkflowStatus {
            requester_label: Some(english("In progress")),
            ..status("OPEN", Open, "Assigned", &["RESOLVED", "CANCELLED"])
        },
        status("RESOLVED", Resolved, "Resolved", &["CLOSED", "OPEN"]),
        status("CLOSED", Closed, "Closed", &["OPEN"]),
        status("CANCELLED", Cancelled, "Cancelled", &[]),
    ]
}

fn english(text: &str) -> LocalizedText {
    LocalizedText { by_language: [("en".to_owned(), text.to_owned())].into() }
}
