//! The contract, as another team reads it: everything has a comment, and the same things have the same shape everywhere.

use std::collections::BTreeMap;

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};
use regex::Regex;

use crate::workspace::{assert_none, files};

/// Numbers of fields in `descriptor.proto`, of which the paths of source locations are made.
mod path {
    pub(super) const FILE_MESSAGE: i32 = 4;
    pub(super) const FILE_ENUM: i32 = 5;
    pub(super) const FILE_SERVICE: i32 = 6;
    pub(super) const SERVICE_METHOD: i32 = 2;
    pub(super) const MESSAGE_FIELD: i32 = 2;
    pub(super) const MESSAGE_NESTED: i32 = 3;
    pub(super) const MESSAGE_ENUM: i32 = 4;
    pub(super) const ENUM_VALUE: i32 = 2;
}

/// Something the contract names, with the comment above it.
pub(crate) struct Named<T> {
    pub(crate) name: String,
    comment: String,
    what: T,
}

/// Everything of one kind or another in Cabinet's own packages.
#[derive(Default)]
pub(crate) struct Contract {
    pub(crate) services: Vec<Named<()>>,
    pub(crate) methods: Vec<Named<prost_types::MethodDescriptorProto>>,
    messages: Vec<Named<()>>,
    fields: Vec<Named<FieldDescriptorProto>>,
    enums: Vec<Named<EnumDescriptorProto>>,
    values: Vec<Named<i32>>,
}

/// The comments of one file, by the path of what they stand above.
struct Comments<'a>(BTreeMap<&'a [i32], &'a str>);

impl Comments<'_> {
    fn above<T>(&self, name: String, path: &[i32], what: T) -> Named<T> {
        let comment = self.0.get(path).copied().unwrap_or_default().trim().to_owned();
        Named { name, comment, what }
    }
}

impl Contract {
    pub(crate) fn read() -> Self {
        let set = FileDescriptorSet::decode(api::DESCRIPTOR_SET).expect("the build writes a descriptor set");
        let mut contract = Self::default();
        for file in set.file.iter().filter(|file| file.package().starts_with("cabinet.")) {
            contract.add_file(file);
        }
        contract
    }

    /// Everything by its full name, with its comment.
    pub(crate) fn comments(self) -> Vec<(String, String)> {
        let things = commented(self.services).chain(commented(self.methods)).chain(commented(self.messages));
        let details = commented(self.fields).chain(commented(self.enums)).chain(commented(self.values));
        things.chain(details).collect()
    }

    fn add_file(&mut self, file: &FileDescriptorProto) {
        let locations = file.source_code_info.iter().flat_map(|info| &info.location);
        let comments = Comments(locations.map(|location| (location.path.as_slice(), location.leading_comments())).collect());
        let scope = file.package();
        for (service, number) in file.service.iter().zip(0..) {
            let at = [path::FILE_SERVICE, number];
            let name = format!("{scope}.{}", service.name());
            for (method, number) in service.method.iter().zip(0..) {
                let at = [&at[..], &[path::SERVICE_METHOD, number]].concat();
                self.methods.push(comments.above(format!("{name}.{}", method.name()), &at, method.clone()));
            }
            self.services.push(comments.above(name, &at, ()));
        }
        for (message, number) in file.message_type.iter().zip(0..) {
            self.add_message(message, scope, &[path::FILE_MESSAGE, number], &comments);
        }
        for (each, number) in file.enum_type.iter().zip(0..) {
            self.add_enum(each, scope, &[path::FILE_ENUM, number], &comments);
        }
    }

    fn add_message(&mut self, message: &DescriptorProto, scope: &str, at: &[i32], comments: &Comments<'_>) {
        if message.options.as_ref().is_some_and(prost_types::MessageOptions::map_entry) {
            return;
        }
        let name = format!("{scope}.{}", message.name());
        for (field, number) in message.field.iter().zip(0..) {
            let at = [at, &[path::MESSAGE_FIELD, number]].concat();
            self.fields.push(comments.above(format!("{name}.{}", field.name()), &at, field.clone()));
        }
        for (nested, number) in message.nested_type.iter().zip(0..) {
            self.add_message(nested, &name, &[at, &[path::MESSAGE_NESTED, number]].concat(), comments);
        }
        for (each, number) in message.enum_type.iter().zip(0..) {
            self.add_enum(each, &name, &[at, &[path::MESSAGE_ENUM, number]].concat(), comments);
        }
        self.messages.push(comments.above(name, at, ()));
    }

    fn add_enum(&mut self, each: &EnumDescriptorProto, scope: &str, at: &[i32], comments: &Comments<'_>) {
        let name = format!("{scope}.{}", each.name());
        for (value, number) in each.value.iter().zip(0..) {
            let at = [at, &[path::ENUM_VALUE, number]].concat();
            self.values.push(comments.above(format!("{name}.{}", value.name()), &at, value.number()));
        }
        self.enums.push(comments.above(name, at, each.clone()));
    }
}

fn commented<T>(named: Vec<Named<T>>) -> impl Iterator<Item = (String, String)> {
    named.into_iter().map(|named| (named.name, named.comment))
}

/// `CaseKind` as the names of its values begin: `CASE_KIND_`.
fn prefix(enum_name: &str) -> String {
    let mut prefix = String::new();
    for (place, character) in enum_name.char_indices() {
        if character.is_uppercase() && place > 0 {
            prefix.push('_');
        }
        prefix.extend(character.to_uppercase());
    }
    prefix + "_"
}

/// What a field's name says of its type, and is not so.
fn misshapen(field: &FieldDescriptorProto) -> Option<&'static str> {
    let name = field.name();
    let is_list = field.label() == Label::Repeated;
    if name.ends_with("_id") && (field.r#type() != Type::String || is_list) {
        Some("an id is a string")
    } else if name.ends_with("_ids") && (field.r#type() != Type::String || !is_list) {
        Some("ids are strings")
    } else if name.ends_with("_time") && field.type_name() != ".google.protobuf.Timestamp" {
        Some("a time is a google.protobuf.Timestamp")
    } else {
        None
    }
}

#[test]
fn everything_in_the_contract_has_a_comment() {
    let contract = Contract::read();
    assert!(contract.methods.len() >= 6 && contract.values.len() >= 20, "the contract was not found");
    let silent = contract.comments().into_iter().filter(|(_, comment)| comment.is_empty());
    assert_none(&silent.map(|(name, _)| format!("{name}: no comment")).collect::<Vec<_>>());
}

#[test]
fn requests_and_responses_are_named_after_their_call() {
    let mut wrong = Vec::new();
    for Named { name, what, .. } in Contract::read().methods {
        let package = name.rsplitn(3, '.').last().unwrap_or_default();
        let expected = [format!(".{package}.{}Request", what.name()), format!(".{package}.{}Response", what.name())];
        if [what.input_type(), what.output_type()] != [&expected[0], &expected[1]] {
            wrong.push(format!("{name}: takes {} and gives {}", what.input_type(), what.output_type()));
        }
    }
    assert_none(&wrong);
}

#[test]
fn enum_values_begin_with_the_enum_and_zero_says_nothing() {
    let mut wrong = Vec::new();
    for Named { name, what, .. } in Contract::read().enums {
        let prefix = prefix(what.name());
        let strangers = what.value.iter().filter(|value| !value.name().starts_with(&prefix));
        wrong.extend(strangers.map(|value| format!("{name}: {} does not begin with {prefix}", value.name())));
        let zero = what.value.iter().find(|value| value.number() == 0).map(prost_types::EnumValueDescriptorProto::name);
        if zero != Some(&format!("{prefix}UNSPECIFIED")) {
            wrong.push(format!("{name}: zero is {zero:?}"));
        }
    }
    assert_none(&wrong);
}

/// Rule P4.b: no answer says a date in some zone: moments are moments, and whoever shows them knows by which clocks.
#[test]
fn ids_are_strings_and_times_are_timestamps() {
    let fields = Contract::read().fields;
    let wrong = fields.iter().filter_map(|field| Some(format!("{}: {}", field.name, misshapen(&field.what)?)));
    assert_none(&wrong.collect::<Vec<_>>());
}

#[test]
fn every_error_reason_of_a_service_has_an_example() {
    let values = Contract::read().values.into_iter().filter(|value| value.name.contains(".ErrorReason.") && value.what != 0);
    let values: Vec<_> = values.collect();
    assert!(!values.is_empty(), "the error reasons were not found");
    let silent = values.iter().filter(|value| !value.comment.contains("Example:"));
    assert_none(&silent.map(|value| format!("{}: no example", value.name)).collect::<Vec<_>>());
}

/// The server compiles them at its first use, which is too late to find out.
#[test]
fn every_pattern_in_the_field_rules_is_one_the_server_can_use() {
    let mut wrong = Vec::new();
    let mut patterns = 0;
    for file in files("proto/cabinet", "proto") {
        for pattern in patterns_in(&file.text) {
            patterns += 1;
            if let Err(error) = Regex::new(&pattern) {
                wrong.push(format!("{}: {pattern}: {error}", file.path));
            }
        }
    }
    assert!(patterns > 0, "the patterns were not found");
    assert_none(&wrong);
}

/// What stands behind `pattern =` or `pattern:`, its escapes undone.
fn patterns_in(proto: &str) -> Vec<String> {
    let rule = Regex::new(r#"\bpattern\s*[=:]\s*"((?:[^"\\]|\\.)*)""#).expect("a good pattern");
    rule.captures_iter(proto).map(|found| found[1].replace("\\\\", "\\").replace("\\\"", "\"")).collect()
}

#[test]
fn the_names_of_values_follow_the_enum() {
    assert_eq!(prefix("CaseKind"), "CASE_KIND_");
    assert_eq!(prefix("Role"), "ROLE_");
}

#[test]
fn misshapen_fields_are_found() {
    let field = |name: &str, kind: Type| FieldDescriptorProto {
        name: Some(name.to_owned()),
        r#type: Some(kind.into()),
        ..Default::default()
    };
    assert!(misshapen(&field("case_id", Type::Bytes)).is_some());
    assert!(misshapen(&field("user_ids", Type::String)).is_some());
    assert!(misshapen(&field("create_time", Type::Int64)).is_some());
    assert!(misshapen(&field("case_id", Type::String)).is_none());
}

#[test]
fn patterns_are_found_in_both_spellings() {
    let proto =
        r#"a = 1 [(buf.validate.field).string.pattern = "^\\d$"]; b = 2 [(buf.validate.field).string = { pattern: "\"" }];"#;
    assert_eq!(patterns_in(proto), [r"^\d$", "\""]);
}
