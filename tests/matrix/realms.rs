//! Calls about realms, their companies, and the credentials of their machines.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::credential_service_client::CredentialServiceClient;
use api::cabinet::identity::v1::realm_service_client::RealmServiceClient;
use tonic::Status;

use crate::visit::{Answer, Visit, no_call, refused_as, with_token};

pub(crate) async fn call(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = RealmServiceClient::new(visit.stage.identity.clone());
    let realm_id = visit.realm_id();
    match method {
        "CreateRealm" => client.create_realm(visit.request(new_realm(visit.stage.fresh()))).await.map(|_| Answer::Done),
        "GetRealm" => client.get_realm(visit.request(pb::GetRealmRequest { realm_id })).await.map(|_| Answer::Done),
        "ListRealms" => client.list_realms(visit.request(pb::ListRealmsRequest::default())).await.map(|_| Answer::Done),
        "GetPolicy" => client.get_policy(visit.request(pb::GetPolicyRequest { realm_id })).await.map(|_| Answer::Done),
        "UpdatePolicy" => {
            let policy = pb::Policy { sign_in_by: vec![pb::Contact::Email.into()], ..Default::default() };
            let update_mask = Some(prost_types::FieldMask { paths: vec!["sign_in_by".into()] });
            let request = pb::UpdatePolicyRequest { realm_id, policy: Some(policy), update_mask, etag: String::new() };
            client.update_policy(visit.request(request)).await.map(|_| Answer::Done)
        }
        "UpdateRealm" => {
            let settings = Some(pb::RealmSettings { time_zone: "Europe/Warsaw".into(), ..Default::default() });
            let update_mask = Some(prost_types::FieldMask { paths: vec!["time_zone".into()] });
            let request = pb::UpdateRealmRequest { realm_id, settings, update_mask, etag: String::new() };
            client.update_realm(visit.request(request)).await.map(|_| Answer::Done)
        }
        "GetCompanySettings" => {
            let request = pb::GetCompanySettingsRequest { company_id: visit.company_id() };
            client.get_company_settings(visit.request(request)).await.map(|_| Answer::Done)
        }
        "UpdateCompanySettings" => {
            let settings = Some(pb::CompanySettings { cash_desk: "4000123456".into() });
            let update_mask = Some(prost_types::FieldMask { paths: vec!["cash_desk".into()] });
            let (company_id, etag) = (visit.company_id(), String::new());
            let request = pb::UpdateCompanySettingsRequest { company_id, settings, update_mask, etag };
            client.update_company_settings(visit.request(request)).await.map(|_| Answer::Done)
        }
        "CreateCompany" => {
            let request =
                pb::CreateCompanyRequest { realm_id, name: "Branch".into(), owner_email: String::new(), ..Default::default() };
            client.create_company(visit.request(request)).await.map(|_| Answer::Done)
        }
        "GetCompany" => {
            let request = pb::GetCompanyRequest { company_id: visit.company_id(), realm_id };
            client.get_company(visit.request(request)).await.map(|_| Answer::Done)
        }
        "ListCompanies" => {
            let request = pb::ListCompaniesRequest { realm_id, ..Default::default() };
            client.list_companies(visit.request(request)).await.map(|_| Answer::Done)
        }
        _ => no_call(method),
    }
}

fn new_realm(number: u32) -> pb::CreateRealmRequest {
    pb::CreateRealmRequest {
        name: format!("Realm {number}"),
        public_url: format!("https://realm{number}.example"),
        sender: format!("Realm {number} <noreply@realm{number}.example>"),
        language: "en".into(),
        time_zone: "Europe/Kyiv".into(),
        ..Default::default()
    }
}

pub(crate) async fn call_credentials(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = CredentialServiceClient::new(visit.stage.identity.clone());
    let realm_id = visit.realm_id();
    match method {
        "CreateCredential" => client.create_credential(visit.request(new_credential(realm_id))).await.map(|_| Answer::Done),
        "ListCredentials" => {
            client.list_credentials(visit.request(pb::ListCredentialsRequest { realm_id })).await.map(|_| Answer::Done)
        }
        "DeleteCredential" => {
            let request = pb::DeleteCredentialRequest { credential_id: credential_id(visit).await };
            client.delete_credential(visit.request(request)).await.map(|_| Answer::Done)
        }
        "IssueServiceToken" => {
            let request = pb::IssueServiceTokenRequest { credential_id: credential_id(visit).await, secret: "wrong".into() };
            refused_as("CREDENTIAL_REFUSED", client.issue_service_token(visit.request(request)).await)
        }
        "IssueUserToken" => {
            let request = pb::IssueUserTokenRequest { user_id: visit.user_id() };
            client.issue_user_token(visit.request(request)).await.map(|_| Answer::Done)
        }
        _ => no_call(method),
    }
}

fn new_credential(realm_id: String) -> pb::CreateCredentialRequest {
    pb::CreateCredentialRequest { realm_id, kind: pb::CredentialKind::Service.into(), name: "importer".into() }
}

/// A new credential of the realm.
async fn credential_id(visit: &Visit<'_>) -> String {
    let request = with_token(&visit.stage.platform_token(), new_credential(visit.realm_id()));
    let answer = CredentialServiceClient::new(visit.stage.identity.clone()).create_credential(request).await;
    let credential = answer.expect("a good credential").into_inner().credential;
    credential.expect("the contract promises the credential").credential_id
}
