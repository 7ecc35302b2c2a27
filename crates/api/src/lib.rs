//! The contract of Cabinet as Rust types: messages, clients and servers made from `proto/` at build time.
//!
//! Nothing here is written by hand but the way field rules are checked; nothing generated is in git.

mod named;
mod validation;

use std::collections::HashMap;

use prost::Message as _;
use prost_types::method_options::IdempotencyLevel;

pub use named::NamedByClient;
pub use validation::{Check, EnumRules, IntegerRules, Pattern, StringRules, Validate, Violation};

/// The compiled contract (`google.protobuf.FileDescriptorSet`), with comments: for reflection and for other teams' tools.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/contract.binpb"));

/// Whether a method changes anything (`idempotency_level`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MethodEffect {
    Reads,
    Changes,
}

/// All methods of the contract, by the path that HTTP/2 requests name: `/cabinet.identity.v1.UserService/CreateUser`.
pub fn methods() -> HashMap<String, MethodEffect> {
    let contract = prost_types::FileDescriptorSet::decode(DESCRIPTOR_SET).expect("the build wrote it");
    let mut methods = HashMap::new();
    for file in &contract.file {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                let level = method.options.as_ref().map(prost_types::MethodOptions::idempotency_level);
                let reads = level == Some(IdempotencyLevel::NoSideEffects);
                methods.insert(path, if reads { MethodEffect::Reads } else { MethodEffect::Changes });
            }
        }
    }
    methods
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
    pub mod profile {
        pub mod v1 {
            tonic::include_proto!("cabinet.profile.v1");
        }
        pub mod events {
            pub mod v1 {
                tonic::include_proto!("cabinet.profile.events.v1");
            }
        }
    }
    pub mod messaging {
        pub mod v1 {
            tonic::include_proto!("cabinet.messaging.v1");
        }
        pub mod events {
            pub mod v1 {
                tonic::include_proto!("cabinet.messaging.events.v1");
            }
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

#[allow(clippy::all, clippy::pedantic, unused_qualifications, reason = "generated code")]
mod request_ids {
    include!(concat!(env!("OUT_DIR"), "/request_ids.rs"));
}
