//! Hashes of passwords: argon2id (RFC 9106), with as much work as is set, and with a pepper where there is one.
//!
//! A hash says itself how it was made (PHC string format), the pepper's name included (`keyid`): those that were made in another way are
//! still looked at, and made anew when their users sign in.

use std::path::PathBuf;
use std::sync::Arc;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, KeyId, Params, ParamsBuilder, Version};
use kernel::{Clock, Fault, Secret};

use super::peppers::{Pepper, PepperName, Peppers};

/// OWASP's least for argon2id: 19 MiB, two passes, one lane.
pub(crate) const LEAST_MEMORY_KIB: u32 = 19 * 1024;
pub(crate) const LEAST_PASSES: u32 = 2;
/// What a hash may ask for at the most: whoever has written it does not decide how much memory a sign-in takes.
pub(crate) const MOST_MEMORY_KIB: u32 = 64 * 1024;
pub(crate) const MOST_PASSES: u32 = 8;
pub(crate) const MOST_LANES: u32 = 4;

/// How passwords are hashed from now on.
#[derive(Debug, Clone)]
pub(crate) struct HashingConfig {
    pub(crate) memory_kib: u32,
    pub(crate) passes: u32,
    pub(crate) lanes: u32,
    /// None for a system without peppers.
    pub(crate) peppers_folder: Option<PathBuf>,
}

pub(crate) struct Hashing {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    peppers: Peppers,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, thiserror::Error)]
#[error("a stored hash asks for more than passwords are hashed with")]
struct TooCostly;

#[derive(Debug, thiserror::Error)]
#[error("a stored hash was made with a pepper that is not there")]
struct PepperMissing;

#[derive(Debug, thiserror::Error)]
#[error("a stored hash is none of argon2id's, or not all of one")]
struct AnotherHash;

/// What a hash is worked out in. It is kept from one to the next: asking for nineteen MiB each time takes a good part of the time that the
/// hash does, and an allocator that is asked by many threads keeps many times as much.
#[derive(Default)]
pub(crate) struct Memory(Vec<Block>);

impl Memory {
    fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.0.len() < count {
            self.free();
            self.0.resize(count, Block::new());
        }
        &mut self.0[..count]
    }

    pub(crate) fn free(&mut self) {
        self.0 = Vec::new();
    }
}

impl Hashing {
    pub(crate) fn read(config: &HashingConfig, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        let peppers = config.peppers_folder.as_deref().map(Peppers::read).transpose()?.unwrap_or_default();
        let HashingConfig { memory_kib, passes, lanes, .. } = *config;
        Ok(Self { memory_kib, passes, lanes, peppers, clock })
    }

    fn params(&self, pepper: Option<&Pepper>) -> Result<Params, Fault> {
        let mut params = ParamsBuilder::new();
        params.m_cost(self.memory_kib).t_cost(self.passes).p_cost(self.lanes);
        if let Some(pepper) = pepper {
            params.keyid(KeyId::new(&pepper.name.to_bytes()).map_err(fault)?);
        }
        params.build().map_err(fault)
    }

    pub(crate) fn hash(&self, password: &str, memory: &mut Memory) -> Result<String, Fault> {
        let pepper = self.peppers.newest(self.clock.now());
        let argon2 = argon2(pepper.as_ref().map(|pepper| &pepper.secret), self.params(pepper.as_ref())?)?;
        let salt = Salt::generate();
        let made = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(argon2.params()).map_err(fault)?,
            hash: Some(output(&argon2, password, &salt, memory)?),
            salt: Some(salt),
        };
        Ok(made.to_string())
    }

    pub(crate) fn verify(&self, password: &str, stored: &str, memory: &mut Memory) -> Result<bool, Fault> {
        let parsed = PasswordHash::new(stored).map_err(fault)?;
        if parsed.algorithm != Algorithm::Argon2id.ident() || parsed.version != Some(Version::V0x13.into()) {
            return Err(Fault::internal(AnotherHash));
        }
        let asked = Params::try_from(&parsed).map_err(fault)?;
        if asked.m_cost() > MOST_MEMORY_KIB || asked.t_cost() > MOST_PASSES || asked.p_cost() > MOST_LANES {
            return Err(Fault::internal(TooCostly));
        }
        let pepper = match asked.keyid() {
            [] => None,
            name => {
                let known = PepperName::from_bytes(name).and_then(|name| self.peppers.get(name));
                Some(known.ok_or_else(|| Fault::unavailable(PepperMissing))?)
            }
        };
        let missing = self.missing_passes(&asked);
        let argon2 = argon2(pepper.as_ref().map(|pepper| &pepper.secret), asked)?;
        let (Some(salt), Some(expected)) = (&parsed.salt, &parsed.hash) else { return Err(Fault::internal(AnotherHash)) };
        let found = output(&argon2, password, salt, memory)?;
        if missing > 0 {
            self.spend(password, missing, memory)?;
        }
        // Compared in constant time.
        Ok(found == *expected)
    }

    /// How many passes over today's memory a stored hash takes less than one made today: they are made up for, so that nobody's password
    /// is known to be looked at by how soon the answer comes (I22).
    fn missing_passes(&self, made: &Params) -> u32 {
        let work = |memory_kib: u32, passes: u32| u64::from(memory_kib) * u64::from(passes);
        let missing = work(self.memory_kib, self.passes).saturating_sub(work(made.m_cost(), made.t_cost()));
        u32::try_from(missing.div_ceil(u64::from(self.memory_kib))).unwrap_or(0)
    }

    fn spend(&self, password: &str, passes: u32, memory: &mut Memory) -> Result<(), Fault> {
        let params = ParamsBuilder::new().m_cost(self.memory_kib).t_cost(passes).p_cost(self.lanes).build().map_err(fault)?;
        output(&argon2(None, params)?, password, &Salt::generate(), memory).map(drop)
    }

    /// True for less work than is set, and for an older pepper than the newest, or none. One that cannot be read is not made anew.
    pub(crate) fn is_outdated(&self, stored: &str) -> bool {
        let Some(made) = PasswordHash::new(stored).ok().and_then(|parsed| Params::try_from(&parsed).ok()) else { return false };
        let newest = self.peppers.newest(self.clock.now()).map(|pepper| pepper.name);
        let is_cheap = made.m_cost() < self.memory_kib || made.t_cost() < self.passes || made.p_cost() < self.lanes;
        is_cheap || PepperName::from_bytes(made.keyid()) < newest
    }
}

fn argon2(pepper: Option<&Secret<Vec<u8>>>, params: Params) -> Result<Argon2<'_>, Fault> {
    match pepper {
        None => Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params)),
        Some(secret) => Argon2::new_with_secret(secret.expose(), Algorithm::Argon2id, Version::V0x13, params).map_err(fault),
    }
}

/// As long as the parameters say, where a stored hash has given them its own length.
fn output(argon2: &Argon2<'_>, password: &str, salt: &[u8], memory: &mut Memory) -> Result<Output, Fault> {
    let params = argon2.params();
    let mut bytes = [0; Output::MAX_LENGTH];
    let output = &mut bytes[..params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN)];
    let blocks = memory.blocks(params.block_count());
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, blocks).map_err(fault)?;
    Output::new(output).map_err(fault)
}

fn fault(error: impl std::fmt::Display) -> Fault {
    Fault::internal(error.to_string())
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;

    use super::*;

    struct Now;

    impl Clock for Now {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(1)
        }
    }

    impl Hashing {
        /// For tests that are about something else.
        pub(crate) fn any() -> Self {
            with(Peppers::default())
        }
    }

    fn with(peppers: Peppers) -> Hashing {
        Hashing { memory_kib: LEAST_MEMORY_KIB, passes: LEAST_PASSES, lanes: 1, peppers, clock: Arc::new(Now) }
    }

    fn peppers(seconds: &[i64]) -> Peppers {
        Peppers::of(seconds.iter().map(|second| (*second, vec![u8::try_from(*second % 251).expect("small"); 32])))
    }

    const PASSWORD: &str = "correct horse battery staple";

    #[test]
    fn a_stored_hash_does_not_say_how_much_memory_is_taken() {
        let hashing = Hashing::any();
        let stored = hashing.hash(PASSWORD, &mut Memory::default()).expect("a hash");
        assert_eq!(hashing.verify(PASSWORD, &stored, &mut Memory::default()).ok(), Some(true));
        for costly in [stored.replace("m=19456", "m=4194304"), stored.replace("t=2", "t=900"), stored.replace("p=1", "p=64")] {
            assert!(hashing.verify(PASSWORD, &costly, &mut Memory::default()).is_err(), "{costly}");
        }
    }

    /// A hash that another program made of the same password, with these very parameters (RFC 9106's reference implementation).
    #[test]
    fn a_hash_is_what_everybody_makes_of_a_password() {
        let stored = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$QKHrg5tayLGcN+Y0HVPNaBqykOVLUxlMkZycXE1uWRM";
        let (hashing, mut memory) = (Hashing::any(), Memory::default());
        assert_eq!(hashing.verify(PASSWORD, stored, &mut memory).ok(), Some(true));
        assert_eq!(hashing.verify("another password", stored, &mut memory).ok(), Some(false), "in memory that was used before");
        for another in [stored.replace("argon2id", "argon2i"), stored.replace("v=19", "v=16")] {
            assert!(hashing.verify(PASSWORD, &another, &mut memory).is_err(), "{another}: nothing can be said of it");
        }
    }

    /// Rule I10.c: the newest pepper whose moment has come goes into a hash, which is worth nothing without it.
    #[test]
    fn a_hash_needs_the_pepper_it_was_made_with() {
        let hashing = with(peppers(&[0, 60, 7200]));
        let stored = hashing.hash(PASSWORD, &mut Memory::default()).expect("a hash");
        assert_eq!(hashing.verify(PASSWORD, &stored, &mut Memory::default()).ok(), Some(true));
        assert_eq!(
            with(peppers(&[60])).verify(PASSWORD, &stored, &mut Memory::default()).ok(),
            Some(true),
            "the one of the first minute"
        );
        assert!(with(peppers(&[0])).verify(PASSWORD, &stored, &mut Memory::default()).is_err(), "without it nothing can be said");
        let another = Peppers::of([(60, vec![7; 32])]);
        assert_eq!(with(another).verify(PASSWORD, &stored, &mut Memory::default()).ok(), Some(false), "another of the same name");
    }

    /// Rule I22.c: whoever's hash was made with less work is looked at for as long as anybody.
    #[test]
    fn what_a_cheaper_hash_lacks_is_made_up_for() {
        let cheap = Params::new(LEAST_MEMORY_KIB, 2, 1, None).expect("good parameters");
        assert_eq!(Hashing::any().missing_passes(&cheap), 0);
        assert_eq!(Hashing { passes: 5, ..Hashing::any() }.missing_passes(&cheap), 3);
        assert_eq!(Hashing { memory_kib: 2 * LEAST_MEMORY_KIB, ..Hashing::any() }.missing_passes(&cheap), 1, "half of four");
        let dear = Params::new(2 * LEAST_MEMORY_KIB, 5, 1, None).expect("good parameters");
        assert_eq!(Hashing::any().missing_passes(&dear), 0);
    }

    /// Rule I10.c: what was hashed with less work or another pepper is hashed again.
    #[test]
    fn a_hash_is_outdated_by_work_and_by_pepper() {
        let stored = Hashing::any().hash(PASSWORD, &mut Memory::default()).expect("a hash");
        assert!(!Hashing::any().is_outdated(&stored));
        assert!(Hashing { passes: 3, ..Hashing::any() }.is_outdated(&stored));
        assert!(Hashing { memory_kib: 2 * LEAST_MEMORY_KIB, ..Hashing::any() }.is_outdated(&stored));
        assert!(with(peppers(&[0])).is_outdated(&stored), "it has none");
        assert!(!with(peppers(&[7200])).is_outdated(&stored), "its moment has not come");
        let peppered = with(peppers(&[0])).hash(PASSWORD, &mut Memory::default()).expect("a hash");
        assert!(!with(peppers(&[0, 7200])).is_outdated(&peppered));
        assert!(with(peppers(&[0, 60])).is_outdated(&peppered));
        let newer = with(peppers(&[0, 60])).hash(PASSWORD, &mut Memory::default()).expect("a hash");
        assert!(!with(peppers(&[0])).is_outdated(&newer), "another process knows more");
        assert!(!Hashing { passes: 3, ..Hashing::any() }.is_outdated("no hash"), "nothing can be said of it");
    }
}
