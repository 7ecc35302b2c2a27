//! Every call of the contract with something in every field that is nobody's business, made without a client: from the contract
//! alone, so that a call to come is called as well.

use std::time::Duration;

use cabinet_e2e::{Cabinet, Kind, ServiceProcess, Setup, new_id, with_token};
use prost::Message as _;
use prost::bytes::{Buf as _, BufMut as _};
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use tonic::Status;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;

/// A message within a message, and so on; workflows have translated labels in statuses.
const DEEPEST: usize = 5;
/// A stream has no end.
const CALL_LIMIT: Duration = cabinet_e2e::PATIENCE;

/// Messages as they are on the wire; what is answered is of no interest.
#[derive(Default)]
struct Wire;

impl Codec for Wire {
    type Encode = Vec<u8>;
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Wire {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&message);
        Ok(())
    }
}

impl Decoder for Wire {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        buffer.advance(buffer.remaining());
        Ok(Some(()))
    }
}

struct Contract(FileDescriptorSet);

impl Contract {
    fn read() -> Self {
        Self(FileDescriptorSet::decode(api::DESCRIPTOR_SET).expect("the build wrote it"))
    }

    /// The path of every call, and its request's type.
    fn calls(&self) -> Vec<(PathAndQuery, &str)> {
        let services = self.0.file.iter().flat_map(|file| file.service.iter().map(move |service| (file.package(), service)));
        let calls = services.flat_map(|(package, service)| {
            let path = move |method: &str| format!("/{package}.{}/{method}", service.name());
            service.method.iter().map(move |method| (path(method.name()).parse().expect("a path"), method.input_type()))
        });
        calls.collect()
    }

    /// A message by its full name: `.cabinet.identity.v1.User`.
    fn message(&self, name: &str) -> &DescriptorProto {
        let found = self.0.file.iter().find_map(|file| {
            let mut messages = &file.message_type;
            let mut found = None;
            for part in name.strip_prefix(&format!(".{}.", file.package()))?.split('.') {
                found = Some(messages.iter().find(|message| message.name() == part)?);
                messages = &found?.nested_type;
            }
            found
        });
        found.unwrap_or_else(|| panic!("the contract has no {name}"))
    }

    /// A message with this value in every text, however deep. Ids are good ones if they are to be, so that more than the rules
    /// of single fields is asked.
    fn filled(&self, name: &str, value: &str, has_good_ids: bool, depth: usize) -> Vec<u8> {
        let mut wire = Vec::new();
        for field in &self.message(name).field {
            let content = match field.r#type() {
                Type::String | Type::Bytes if has_good_ids && is_id(field) => new_id::<()>().to_string().into_bytes(),
                Type::String | Type::Bytes => value.as_bytes().to_vec(),
                Type::Message if depth < DEEPEST => self.filled(field.type_name(), value, has_good_ids, depth + 1),
                Type::Enum => {
                    encode_key(number(field), WireType::Varint, &mut wire);
                    encode_varint(1, &mut wire);
                    continue;
                }
                _ => continue,
            };
            encode_key(number(field), WireType::LengthDelimited, &mut wire);
            encode_varint(content.len() as u64, &mut wire);
            wire.extend(content);
        }
        wire
    }
}

fn number(field: &FieldDescriptorProto) -> u32 {
    field.number().unsigned_abs()
}

fn is_id(field: &FieldDescriptorProto) -> bool {
    field.name().ends_with("_id") || field.name().ends_with("_ids")
}

/// Dead letters are served by whoever consumes facts.
fn served_by<'a>(cabinet: &'a Cabinet, path: &PathAndQuery) -> &'a ServiceProcess {
    match path.path().split('.').nth(1) {
        Some("identity") => &cabinet.identity,
        Some("profile") => &cabinet.profile,
        Some("case_monitoring") => &cabinet.case_monitoring,
        Some("notification" | "messaging") => &cabinet.notification,
        _ => panic!("nobody serves {path}"),
    }
}

/// How a call ended; nothing if it was a stream.
async fn call(service: &ServiceProcess, token: &str, header: &str, path: &PathAndQuery, message: Vec<u8>) -> Option<Status> {
    let mut client = Grpc::new(service.channel());
    client.ready().await.expect("the service runs");
    let mut request = with_token(token, message);
    for name in ["x-request-id", "accept-language", "x-cabinet-client-agent", "x-cabinet-device", "traceparent"] {
        request.metadata_mut().insert(name, header.parse().expect("visible ASCII"));
    }
    let answer = client.server_streaming(request, path.clone(), Wire);
    match tokio::time::timeout(CALL_LIMIT, answer).await.expect("every call is answered") {
        Ok(mut answers) => tokio::time::timeout(Duration::from_millis(50), answers.get_mut().message()).await.ok()?.err(),
        Err(status) => Some(status),
    }
}

/// Rule F10.b: whatever is written into whatever field, by whomever, and into headers, no service repeats it, nor breaks by it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_repeated_of_what_any_field_can_hold() {
    const ADDRESS: &str = "solomiya.vyshneva@lantern.example";
    let cabinet = Setup::default().with("CABINET__LOG__FORMAT", "json").start().await;
    let values = [
        (Kind::Address, ADDRESS),
        (Kind::Phone, "+380671234567"),
        (Kind::Code, "481516"),
        (Kind::Name, "Соломія \u{1} \"Вишнева\"\r\nBcc: eve@lantern.example"),
        (Kind::Secret, "what \u{0} hides"),
    ];
    let callers = [String::new(), cabinet.service_token(), cabinet.operator_token("olga"), format!("{ADDRESS}.of.a.stranger")];
    let contract = Contract::read();
    let calls = contract.calls();
    assert!(calls.len() >= api::methods().len() && calls.len() > 40, "{}", calls.len());
    let mut refused = 0;
    for (kind, value) in values {
        assert!(cabinet.watch.canary(kind, value), "{value} can be sought");
        for (path, request) in &calls {
            for (caller, has_good_ids) in callers.iter().flat_map(|caller| [(caller, true), (caller, false)]) {
                let message = contract.filled(request, value, has_good_ids, 0);
                let status = call(served_by(&cabinet, path), caller, ADDRESS, path, message).await;
                let code = status.map_or(tonic::Code::Ok, |status| status.code());
                assert!(![tonic::Code::Internal, tonic::Code::Unknown].contains(&code), "{path} with {value:?}: {code:?}");
                refused += u32::from(code == tonic::Code::InvalidArgument);
            }
        }
    }
    assert!(refused > 100, "the calls were understood: {refused}");
    let stranger: PathAndQuery = format!("/cabinet.identity.v1.UserService/{ADDRESS}").parse().expect("a path");
    assert!(call(&cabinet.identity, "", ADDRESS, &stranger, Vec::new()).await.is_some());
}
