//! Key pairs for a system that somebody tries out.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use runtime::StartError;
use runtime::token::KeyPair;

pub(crate) fn write(folder: &Path) -> Result<(), StartError> {
    let signing_key = folder.join("signing.pem");
    if signing_key.exists() {
        return Ok(());
    }
    let keys = KeyPair::generate();
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("public.pem"), &keys.public_key)?;
    // Nobody but its owner reads a private key, and nobody finds half of one.
    let unfinished = folder.join("signing.pem.part");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(keys.signing_key.expose().as_bytes())?;
    Ok(std::fs::rename(unfinished, signing_key)?)
}
