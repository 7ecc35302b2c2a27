//! Writes keys and secrets for operators: a system's first set, and each signing key that follows.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use identity::SigningKeyRotation;
use kernel::Timestamp;
use runtime::StartError;
use runtime::sealing::SealingPair;
use runtime::token::generate_signing_key;

/// Writes what Cabinet's settings name, unless it is there already: `signing/<moment>.pem`, `peppers/<moment>.key`, `refresh.key`,
/// `second-factor.key`, `unsubscribe.key`, `sealing.key`, `opening.key`, `components.secret`.
pub(crate) fn write(folder: &Path) -> Result<(), StartError> {
    std::fs::create_dir_all(folder)?;
    // Newer than the others: a folder may be without them.
    let unsubscribe = folder.join("unsubscribe.key");
    if !unsubscribe.exists() {
        write_secret(&unsubscribe, &random()?)?;
    }
    let second_factor = folder.join("second-factor.key");
    if !second_factor.exists() {
        write_secret(&second_factor, &random()?)?;
    }
    let peppers = folder.join("peppers");
    if !peppers.exists() {
        // A folder without its first pepper is as good as none: passwords were hashed without until now.
        let unfinished = folder.join("peppers.part");
        std::fs::create_dir_all(&unfinished)?;
        // A system that runs already has a day to learn of it: whoever does not know it could verify no hash made with it.
        let notice = if folder.join("components.secret").exists() {
            jiff::SignedDuration::from_hours(24)
        } else {
            jiff::SignedDuration::ZERO
        };
        write_secret(&unfinished.join(identity::pepper_file_name(Timestamp::now() + notice)), &random()?)?;
        std::fs::rename(unfinished, peppers)?;
    }
    // Written last: where it is, everything is.
    let last = folder.join("components.secret");
    if last.exists() {
        return Ok(());
    }
    let signing = folder.join("signing");
    std::fs::create_dir_all(&signing)?;
    let name = identity::signing_key_file_name(Timestamp::now());
    write_secret(&signing.join(name), generate_signing_key().expose())?;
    write_secret(&folder.join("refresh.key"), &random()?)?;
    let sealing = SealingPair::generate();
    write_secret(&folder.join("sealing.key"), &sealing.sealing_key)?;
    write_secret(&folder.join("opening.key"), sealing.opening_key.expose())?;
    write_secret(&last, &random()?)
}

/// Adds the next signing key, unless one is waiting, and removes what is over.
#[allow(clippy::print_stdout, reason = "the answer to an operator's command")]
pub(crate) fn rotate(folder: &Path) -> Result<(), StartError> {
    let SigningKeyRotation { new_key_signs_from, over } = identity::signing_key_rotation(folder, Timestamp::now())?;
    if let Some(signs_from) = new_key_signs_from {
        let name = identity::signing_key_file_name(signs_from);
        write_secret(&folder.join(&name), generate_signing_key().expose())?;
        println!("{name} is added, and signs from then on");
    }
    for name in over {
        std::fs::remove_file(folder.join(&name))?;
        println!("{name} is removed");
    }
    Ok(())
}

fn random() -> Result<String, StartError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(BASE64.encode(bytes))
}

/// Nobody but its owner reads a secret, and nobody finds half of one.
fn write_secret(path: &Path, text: &str) -> Result<(), StartError> {
    let unfinished = path.with_extension("part");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    Ok(std::fs::rename(unfinished, path)?)
}
