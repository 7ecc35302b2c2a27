//! Compiles the contract in `proto/`: messages, clients, servers, and the field rules as code.

mod field_rules;
mod request_ids;

use std::error::Error;
use std::path::{Path, PathBuf};

use protox::prost_reflect::MessageDescriptor;

fn main() -> Result<(), Box<dyn Error>> {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    #[allow(clippy::print_stdout, reason = "how a build script speaks to cargo")]
    {
        println!("cargo::rerun-if-changed={}", proto.display());
    }
    let mut compiler = protox::Compiler::new([&proto, &proto.join("third_party")])?;
    compiler.include_imports(true).include_source_info(true).open_files(proto_files(&proto.join("cabinet"))?)?;

    let out_dir = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out_dir.join("contract.binpb"), compiler.encode_file_descriptor_set())?;
    std::fs::write(out_dir.join("field_rules.rs"), field_rules::generate(&compiler.descriptor_pool())?)?;
    std::fs::write(out_dir.join("request_ids.rs"), request_ids::generate(&compiler.descriptor_pool())?)?;
    tonic_prost_build::configure()
        // Ordered maps, so that the same fact is the same bytes.
        .btree_map(".")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

fn proto_files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(proto_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// How a message of the contract is called in Rust.
fn rust_type(message: &MessageDescriptor) -> String {
    let package: Vec<String> = message
        .package_name()
        .split('.')
        .map(|part| if part == "type" { "r#type".to_owned() } else { part.to_owned() })
        .collect();
    format!("crate::{}::{}", package.join("::"), message.name())
}
