//! The contract of Cabinet as Rust types: messages, clients and servers made from `proto/` at build time.
//!
//! Nothing here is written by hand but the way field rules are checked; nothing generated is in git.

mod validation;

use std::collections::HashSet;

use prost::Message as _;

pub use validation::{Check, EnumRules, IntegerRules, Pattern, StringRules, Validate, Violation};

/// The compiled contract (`google.protobuf.FileDescriptorSet`), with comments: for reflection and for other teams' tools.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/contract.binpb"));

/// The paths of all methods of the contract, as HTTP/2 requests name them: `/cabinet.identity.v1.UserService/CreateUser`.
pub fn method_paths() -> HashSet<String> {
    let contract = prost_types::FileDescriptorSet::decode(DESCRIPTOR_SET).expect("the build wrote it");
    let mut paths = HashSet::new();
    for file in &contract.file {
        for service in &file.service {
            let methods = service.method.iter().map(|method| format!("/{}.{}/{}", file.package(), service.name(), method.name()));
            paths.extend(methods);
        }
    }
    paths
}

/// The module tree follows the packages, so that `cabinet.identity.v1.User` is `cabinet::identity::v1::User`.
#[allow(clippy::all, clippy::pedantic, unreachable_pub, unused_qualifications, reason = "generated code")]
pub mod cabinet {
    pub mod r#type {
        pub mod v1 {
            tonic::include_proto!("cabinet.r#type.v1");
        }
    }
    pub mod identity {
        pub mod v1 {
            tonic::include_proto!("cabinet.identity.v1");
        }
        pub mod events {
            pub mod v1 {
                tonic::include_proto!("cabinet.identity.events.v1");
            }
        }
    }
    pub mod case_monitoring {
        pub mod v1 {
            tonic::include_proto!("cabinet.case_monitoring.v1");
        }
        pub mod events {
            pub mod v1 {
                tonic::include_proto!("cabinet.case_monitoring.events.v1");
            }
        }
    }
    pub mod messaging {
        pub mod v1 {
            tonic::include_proto!("cabinet.messaging.v1");
        }
    }
    pub mod notification {
        pub mod v1 {
            tonic::include_proto!("cabinet.notification.v1");
        }
    }
}

#[allow(clippy::all, clippy::pedantic, unused_qualifications, reason = "generated code")]
mod field_rules {
    include!(concat!(env!("OUT_DIR"), "/field_rules.rs"));
}
