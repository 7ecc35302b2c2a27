//! TLS on the connections that we serve and that we open: who we are, and whom we believe.
//!
//! Certificates and keys are files, which Kubernetes mounts and replaces while a process runs. Whoever opens connections reads
//! them for each; whoever serves looks at them every few seconds. Only the authorities that the settings name are believed.

mod client;
mod files;
mod server;

use rustls::crypto::ring;

pub use client::ClientTls;
pub use files::FileProblem;
pub(crate) use files::PemFile;
pub(crate) use server::{Acceptor, ServerTls};

/// What gRPC is called when the two sides agree on a protocol (RFC 7301, RFC 9113 §3.2).
pub(crate) const HTTP2: &[u8] = b"h2";
/// What HTTP/1.1 is called then.
pub(crate) const HTTP1: &[u8] = b"http/1.1";

/// Says which cryptography TLS uses, everywhere in the process. First thing in `main`: libraries ask for it as they go.
pub(crate) fn install_cryptography() {
    // Fails only if there is one already, which is then this one: the workspace builds no other.
    let _ = ring::default_provider().install_default();
}
