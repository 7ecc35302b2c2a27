//! The rows of `SignOnService`.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::sign_on_service_client::SignOnServiceClient;
use tonic::Status;

use crate::visit::{Answer, Visit, no_call, refused_as, with_token};

/// An Ed25519 public key: that of RFC 8410 §10.1.
const PUBLIC_KEY: &str =
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

pub(crate) async fn call(visit: &Visit<'_>, method: &str) -> Result<Answer, Status> {
    let mut client = SignOnServiceClient::new(visit.stage.identity.clone());
    let realm_id = visit.realm_id();
    match method {
        "SignOn" => {
            let request = pb::SignOnRequest { realm_id, token: "wrong".into(), ..Default::default() };
            refused_as("SIGN_ON_REFUSED", client.sign_on(visit.request(request)).await)
        }
        "CreateSignOnKey" => client.create_sign_on_key(visit.request(new_key(realm_id))).await.map(|_| Answer::Done),
        "ListSignOnKeys" => {
            client.list_sign_on_keys(visit.request(pb::ListSignOnKeysRequest { realm_id })).await.map(|_| Answer::Done)
        }
        "DeleteSignOnKey" => {
            let request = with_token(&visit.stage.platform_token(), new_key(realm_id.clone()));
            let key = client.create_sign_on_key(request).await.expect("a good key").into_inner().key;
            let key_id = key.expect("the contract promises the key").key_id;
            let request = pb::DeleteSignOnKeyRequest { realm_id, key_id };
            client.delete_sign_on_key(visit.request(request)).await.map(|_| Answer::Done)
        }
        "LinkUser" => {
            let request = pb::LinkUserRequest { user_id: visit.user_id(), external_id: visit.user_id() };
            client.link_user(visit.request(request)).await.map(|_| Answer::Done)
        }
        "UnlinkUser" => {
            let request = pb::UnlinkUserRequest { user_id: visit.user_id() };
            client.unlink_user(visit.request(request)).await.map(|_| Answer::Done)
        }
        "GetLinkedUser" => {
            let external_id = visit.user_id();
            let request = pb::LinkUserRequest { user_id: visit.user_id(), external_id: external_id.clone() };
            client.link_user(with_token(&visit.stage.service_token(), request)).await.expect("a SERVICE may");
            let request = pb::GetLinkedUserRequest { external_id };
            client.get_linked_user(visit.request(request)).await.map(|_| Answer::Done)
        }
        _ => no_call(method),
    }
}

fn new_key(realm_id: String) -> pb::CreateSignOnKeyRequest {
    pb::CreateSignOnKeyRequest { realm_id, name: "portal".into(), public_key: PUBLIC_KEY.into() }
}
