//! What a tool that knows nothing of us finds out by asking.

use cabinet_e2e::Cabinet;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

async fn ask(cabinet: &Cabinet, question: MessageRequest) -> MessageResponse {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let mut client = ServerReflectionClient::new(cabinet.identity.channel());
    let mut answers = client.server_reflection_info(futures::stream::iter([request])).await.expect("a stream").into_inner();
    let answer: ServerReflectionResponse = answers.message().await.expect("an answer").expect("an answer");
    answer.message_response.expect("an answer")
}

/// The contract comes with its services and, by name, with everything a call needs.
#[tokio::test(flavor = "multi_thread")]
async fn a_tool_finds_the_contract() {
    let cabinet = Cabinet::start().await;
    let MessageResponse::ListServicesResponse(list) = ask(&cabinet, MessageRequest::ListServices(String::new())).await else {
        panic!("no list of services");
    };
    assert!(list.service.iter().any(|service| service.name == "cabinet.identity.v1.SessionService"), "{list:?}");
    let symbol = MessageRequest::FileContainingSymbol("cabinet.identity.v1.SessionService.SignIn".to_owned());
    let MessageResponse::FileDescriptorResponse(files) = ask(&cabinet, symbol).await else { panic!("no file") };
    assert!(!files.file_descriptor_proto.is_empty());
}
