//! The secrets that identity hands out: random, and known again by their hash; refresh tokens are computed instead (HMAC-SHA256).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use kernel::{
    CaseId, DeliveryId, DeviceId, LinkId, PhoneCodeId, RealmId, SecondFactorId, Secret, SessionId, SocialVisitId, Timestamp,
    UserId,
};
use runtime::sealing::SealingKey;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::application::{DeviceToken, LinkToken, NewSecret, RefreshToken, Secrets, VisitSecrets};
use crate::domain::{
    Autologin, AutologinReader, EmailAddress, FirstFactor, HalfSignedIn, IntendedDeletion, PhoneNumber, SocialVisit,
};

const SECRET_LENGTH: usize = 32;
const ID_LENGTH: usize = 16;
const GENERATION_LENGTH: usize = 8;
const SECOND_LENGTH: usize = 8;
const MICROSECOND_LENGTH: usize = 8;
const MAC_LENGTH: usize = 32;
const HALF_LENGTH: usize = 1 + 2 * ID_LENGTH + GENERATION_LENGTH + 2 * MICROSECOND_LENGTH;
const DEVICE_LENGTH: usize = 4 * ID_LENGTH;
const VISIT_LENGTH: usize = 2 * ID_LENGTH + MICROSECOND_LENGTH;
const AUTOLOGIN_LENGTH: usize = 4 * ID_LENGTH + MICROSECOND_LENGTH;
/// As much of a MAC as will do to know what was made up.
const SEAL_LENGTH: usize = 16;
const VISIT_STATE: &[u8] = b"visit state";
/// How refresh tokens are made; another way, or another key, is another version.
const REFRESH_VERSION: u8 = 1;
/// The same, of sessions that letters have opened: whoever knows of no such sessions reads no such token, and makes no access token of it
/// that does more.
const AUTOLOGIN_REFRESH_VERSION: u8 = 2;

type Mac = Hmac<Sha256>;

pub(crate) struct KeyedSecrets {
    refresh_key: Secret<Vec<u8>>,
    component_secret: Secret<String>,
    sealing_key: SealingKey,
}

impl KeyedSecrets {
    pub(crate) const fn new(refresh_key: Secret<Vec<u8>>, component_secret: Secret<String>, sealing_key: SealingKey) -> Self {
        Self { refresh_key, component_secret, sealing_key }
    }

    fn mac(&self, token: RefreshToken) -> Mac {
        let mut mac = Mac::new_from_slice(self.refresh_key.expose()).expect("HMAC takes keys of any length");
        mac.update(b"refresh token");
        mac.update(&named(token));
        mac
    }

    fn device_mac(&self, named: &[u8], known_since: Timestamp) -> Mac {
        let mut mac = Mac::new_from_slice(self.refresh_key.expose()).expect("HMAC takes keys of any length");
        mac.update(b"device token");
        mac.update(named);
        mac.update(&known_since.as_microsecond().to_be_bytes());
        mac
    }

    fn half_mac(&self, named: &[u8]) -> Mac {
        let mut mac = Mac::new_from_slice(self.refresh_key.expose()).expect("HMAC takes keys of any length");
        mac.update(b"half signed in");
        mac.update(named);
        mac
    }

    /// Of what a letter's link names, so that nobody is looked for in the name of a token that was made up.
    fn autologin_seal(&self, named: &[u8]) -> Mac {
        let mut mac = Mac::new_from_slice(self.refresh_key.expose()).expect("HMAC takes keys of any length");
        mac.update(b"autologin seal");
        mac.update(named);
        mac
    }

    /// Of the reader, too, that it was made for: another password, address or standing makes it void.
    fn autologin_mac(&self, autologin: &Autologin, reader: &AutologinReader) -> Mac {
        let mut mac = Mac::new_from_slice(self.refresh_key.expose()).expect("HMAC takes keys of any length");
        mac.update(b"autologin");
        mac.update(&named_autologin(autologin));
        mac.update(&reader.access_generation.to_be_bytes());
        // No password was set in the last microsecond of time.
        mac.update(&reader.password_set_at.unwrap_or(Timestamp::MAX).as_microsecond().to_be_bytes());
        mac.update(reader.email.as_str().as_bytes());
        mac
    }

    /// Of a visit, what it names and the browser that began it, for one purpose.
    fn visit_mac(&self, purpose: &[u8], visit: &SocialVisit, binding: &Secret<String>) -> Mac {
        let mut mac = Mac::new_from_slice(self.refresh_key.expose()).expect("HMAC takes keys of any length");
        mac.update(purpose);
        mac.update(visit.realm_id.as_uuid().as_bytes());
        mac.update(&named_visit(visit));
        // Neither holds a byte that could pass for the end of the other.
        mac.update(visit.provider.as_bytes());
        mac.update(&[0]);
        mac.update(binding.expose().as_bytes());
        mac
    }

    fn phone_code_mac(&self, id: PhoneCodeId, code: &str) -> Mac {
        let mut mac = Mac::new_from_slice(self.refresh_key.expose()).expect("HMAC takes keys of any length");
        mac.update(b"phone code");
        mac.update(id.as_uuid().as_bytes());
        mac.update(code.as_bytes());
        mac
    }
}

impl KeyedSecrets {
    fn deletion_mac(&self, intended: IntendedDeletion, end: [u8; SECOND_LENGTH]) -> Mac {
        let IntendedDeletion { realm_id, user_id, version, deleted_by } = intended;
        let mut mac = Mac::new_from_slice(self.refresh_key.expose()).expect("HMAC takes keys of any length");
        mac.update(b"deletion");
        mac.update(realm_id.as_uuid().as_bytes());
        mac.update(user_id.as_uuid().as_bytes());
        mac.update(&version.to_be_bytes());
        mac.update(deleted_by.as_uuid().as_bytes());
        mac.update(&end);
        mac
    }
}

/// Each of the million codes as likely as any other.
fn six_digits() -> String {
    const CODES: u32 = 1_000_000;
    loop {
        let mut bytes = [0; 4];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes once it has booted");
        let number = u32::from_be_bytes(bytes);
        // The last numbers, which do not fill a whole million, would make some codes likelier.
        if number < u32::MAX / CODES * CODES {
            return format!("{:06}", number % CODES);
        }
    }
}

/// What the token of a device names, as it is signed and written.
fn named_device(token: DeviceToken) -> [u8; DEVICE_LENGTH] {
    let factor = token.factor.map_or(Uuid::nil(), |factor| factor.as_uuid());
    let ids = [token.realm.as_uuid(), token.user.as_uuid(), token.device.as_uuid(), factor];
    let mut bytes = [0; DEVICE_LENGTH];
    for (place, id) in bytes.chunks_exact_mut(ID_LENGTH).zip(ids) {
        place.copy_from_slice(id.as_bytes());
    }
    bytes
}

/// What the token of somebody names who is half signed in, as it is signed and written.
fn named_half(half: &HalfSignedIn) -> Vec<u8> {
    let (realm_id, user_id) = (half.realm_id.as_uuid().into_bytes(), half.user_id.as_uuid().into_bytes());
    let moment = |at: Timestamp| at.as_microsecond().to_be_bytes();
    let (shown_at, known_since) = (moment(half.shown_at), moment(half.known_since));
    let first = first_factor_byte(half.first);
    [&[first], realm_id.as_slice(), &user_id, &half.access_generation.to_be_bytes(), &shown_at, &known_since].concat()
}

/// Nobody is half signed in by the link of a letter.
const FIRST_FACTORS: [FirstFactor; 3] = [FirstFactor::Password, FirstFactor::Provider, FirstFactor::SignOn];

const fn first_factor_byte(first: FirstFactor) -> u8 {
    match first {
        FirstFactor::Password => 1,
        FirstFactor::Provider => 2,
        FirstFactor::SignOn => 3,
        FirstFactor::Autologin => 4,
    }
}

/// What the state of a visit names, as it is signed and written. Its realm and its provider whoever comes back says.
fn named_visit(visit: &SocialVisit) -> [u8; VISIT_LENGTH] {
    let session_id = visit.session_id.map_or(Uuid::nil(), |session_id| session_id.as_uuid());
    let mut bytes = [0; VISIT_LENGTH];
    let (ids, end) = bytes.split_at_mut(2 * ID_LENGTH);
    ids[..ID_LENGTH].copy_from_slice(visit.id.as_uuid().as_bytes());
    ids[ID_LENGTH..].copy_from_slice(session_id.as_bytes());
    end.copy_from_slice(&visit.expires_at.as_microsecond().to_be_bytes());
    bytes
}

/// What the link of a letter names, as it is signed and written.
fn named_autologin(autologin: &Autologin) -> [u8; AUTOLOGIN_LENGTH] {
    let Autologin { realm_id, delivery_id, user_id, case_id, made_at } = autologin;
    let mut bytes = [0; AUTOLOGIN_LENGTH];
    let (ids, moment) = bytes.split_at_mut(4 * ID_LENGTH);
    for (place, id) in
        ids.chunks_mut(ID_LENGTH).zip([realm_id.as_uuid(), delivery_id.as_uuid(), user_id.as_uuid(), case_id.as_uuid()])
    {
        place.copy_from_slice(id.as_bytes());
    }
    moment.copy_from_slice(&made_at.as_microsecond().to_be_bytes());
    bytes
}

/// What a refresh token names, as it is signed and written.
fn named(token: RefreshToken) -> Vec<u8> {
    let realm_id = token.realm_id.as_uuid().into_bytes();
    let session_id = token.session_id.as_uuid().into_bytes();
    let version = if token.is_autologin { AUTOLOGIN_REFRESH_VERSION } else { REFRESH_VERSION };
    [&[version], realm_id.as_slice(), &session_id, &token.generation.to_be_bytes()].concat()
}

/// So that an address opens for nothing but an address.
fn address_context(object: Uuid) -> Vec<u8> {
    [b"address".as_slice(), object.as_bytes()].concat()
}

fn random() -> [u8; SECRET_LENGTH] {
    let mut bytes = [0; SECRET_LENGTH];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes once it has booted");
    bytes
}

fn hash(secret: &[u8]) -> Vec<u8> {
    Sha256::digest(secret).to_vec()
}

fn moment(microseconds: &[u8]) -> Option<Timestamp> {
    Timestamp::from_microsecond(i64::from_be_bytes(microseconds.try_into().ok()?)).ok()
}

fn id(bytes: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(bytes).ok()
}

impl Secrets for KeyedSecrets {
    fn link_token(&self, realm_id: RealmId, link_id: LinkId) -> (Vec<u8>, Vec<u8>) {
        let secret = random();
        let (realm, link) = (realm_id.as_uuid().into_bytes(), link_id.as_uuid().into_bytes());
        let token = URL_SAFE_NO_PAD.encode([realm.as_slice(), &link, &secret].concat());
        (hash(&secret), self.sealing_key.seal(&link, &Secret::new(token)))
    }

    fn sealed_address(&self, object: Uuid, address: &EmailAddress) -> Vec<u8> {
        self.sealing_key.seal(&address_context(object), &Secret::new(address.as_str().to_owned()))
    }

    fn read_link_token(&self, token: &str) -> Option<LinkToken> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (realm_id, rest) = bytes.split_at_checked(ID_LENGTH)?;
        let (link_id, secret) = rest.split_at_checked(ID_LENGTH)?;
        (secret.len() == SECRET_LENGTH).then_some(())?;
        Some(LinkToken {
            realm_id: RealmId::from_uuid(id(realm_id)?),
            link_id: LinkId::from_uuid(id(link_id)?),
            hash: hash(secret),
        })
    }

    fn refresh_token(&self, token: RefreshToken) -> Secret<String> {
        let mac = self.mac(token).finalize().into_bytes();
        Secret::new(URL_SAFE_NO_PAD.encode([named(token).as_slice(), &mac].concat()))
    }

    fn read_refresh_token(&self, token: &str) -> Option<RefreshToken> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        (bytes.len() == 1 + 2 * ID_LENGTH + GENERATION_LENGTH + MAC_LENGTH).then_some(())?;
        let (named, mac) = bytes.split_at(1 + 2 * ID_LENGTH + GENERATION_LENGTH);
        let (version, rest) = named.split_first()?;
        [REFRESH_VERSION, AUTOLOGIN_REFRESH_VERSION].contains(version).then_some(())?;
        let (ids, generation) = rest.split_at(2 * ID_LENGTH);
        let (realm_id, session_id) = ids.split_at(ID_LENGTH);
        let read = RefreshToken {
            realm_id: RealmId::from_uuid(id(realm_id)?),
            session_id: SessionId::from_uuid(id(session_id)?),
            generation: i64::from_be_bytes(generation.try_into().ok()?),
            is_autologin: *version == AUTOLOGIN_REFRESH_VERSION,
        };
        // Compared in constant time.
        self.mac(read).verify_slice(mac).ok()?;
        Some(read)
    }

    fn device_token(&self, token: DeviceToken, known_since: Timestamp) -> Secret<String> {
        let named = named_device(token);
        let mac = self.device_mac(&named, known_since).finalize().into_bytes();
        Secret::new(URL_SAFE_NO_PAD.encode([named.as_slice(), &mac].concat()))
    }

    fn read_device_token(&self, token: &str, known_since: Timestamp) -> Option<DeviceToken> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        (bytes.len() == DEVICE_LENGTH + MAC_LENGTH).then_some(())?;
        let (named, mac) = bytes.split_at(DEVICE_LENGTH);
        self.device_mac(named, known_since).verify_slice(mac).ok()?;
        let (realm, rest) = named.split_at(ID_LENGTH);
        let (user, rest) = rest.split_at(ID_LENGTH);
        let (device, factor) = rest.split_at(ID_LENGTH);
        let factor = id(factor)?;
        Some(DeviceToken {
            realm: RealmId::from_uuid(id(realm)?),
            user: UserId::from_uuid(id(user)?),
            device: DeviceId::from_uuid(id(device)?),
            factor: (!factor.is_nil()).then(|| SecondFactorId::from_uuid(factor)),
        })
    }

    fn half_token(&self, half: &HalfSignedIn) -> Secret<String> {
        let named = named_half(half);
        let mac = self.half_mac(&named).finalize().into_bytes();
        Secret::new(URL_SAFE_NO_PAD.encode([named.as_slice(), &mac].concat()))
    }

    fn read_half_token(&self, token: &str) -> Option<HalfSignedIn> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        (bytes.len() == HALF_LENGTH + MAC_LENGTH).then_some(())?;
        let (named, mac) = bytes.split_at(HALF_LENGTH);
        self.half_mac(named).verify_slice(mac).ok()?;
        let (first, rest) = named.split_first()?;
        let (ids, rest) = rest.split_at(2 * ID_LENGTH);
        let (realm_id, user_id) = ids.split_at(ID_LENGTH);
        let (generation, moments) = rest.split_at(GENERATION_LENGTH);
        let (shown_at, known_since) = moments.split_at(MICROSECOND_LENGTH);
        Some(HalfSignedIn {
            realm_id: RealmId::from_uuid(id(realm_id)?),
            user_id: UserId::from_uuid(id(user_id)?),
            access_generation: i64::from_be_bytes(generation.try_into().ok()?),
            shown_at: moment(shown_at)?,
            first: FIRST_FACTORS.into_iter().find(|factor| first_factor_byte(*factor) == *first)?,
            known_since: moment(known_since)?,
        })
    }

    fn autologin_token(&self, autologin: &Autologin, reader: &AutologinReader) -> Secret<String> {
        let named = named_autologin(autologin);
        let seal = self.autologin_seal(&named).finalize().into_bytes();
        let mac = self.autologin_mac(autologin, reader).finalize().into_bytes();
        Secret::new(URL_SAFE_NO_PAD.encode([named.as_slice(), &seal[..SEAL_LENGTH], &mac].concat()))
    }

    fn autologin_named(&self, token: &str) -> Option<Autologin> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        (bytes.len() == AUTOLOGIN_LENGTH + SEAL_LENGTH + MAC_LENGTH).then_some(())?;
        let (named, seal) = bytes[..AUTOLOGIN_LENGTH + SEAL_LENGTH].split_at(AUTOLOGIN_LENGTH);
        self.autologin_seal(named).verify_truncated_left(seal).ok()?;
        let (ids, moment_of) = named.split_at(4 * ID_LENGTH);
        let id_at = |place: usize| id(&ids[place * ID_LENGTH..(place + 1) * ID_LENGTH]);
        Some(Autologin {
            realm_id: RealmId::from_uuid(id_at(0)?),
            delivery_id: DeliveryId::from_uuid(id_at(1)?),
            user_id: UserId::from_uuid(id_at(2)?),
            case_id: CaseId::from_uuid(id_at(3)?),
            made_at: moment(moment_of)?,
        })
    }

    fn is_autologin_token(&self, token: &str, autologin: &Autologin, reader: &AutologinReader) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(token) else { return false };
        let Some((_, mac)) = bytes.split_at_checked(AUTOLOGIN_LENGTH + SEAL_LENGTH) else { return false };
        self.autologin_mac(autologin, reader).verify_slice(mac).is_ok()
    }

    fn visit_binding(&self) -> Secret<String> {
        Secret::new(URL_SAFE_NO_PAD.encode(random()))
    }

    fn visit_secrets(&self, visit: &SocialVisit, binding: &Secret<String>) -> VisitSecrets {
        let computed = |purpose: &[u8]| self.visit_mac(purpose, visit, binding).finalize().into_bytes();
        VisitSecrets {
            state: Secret::new(URL_SAFE_NO_PAD.encode([named_visit(visit).as_slice(), &computed(VISIT_STATE)].concat())),
            nonce: Secret::new(URL_SAFE_NO_PAD.encode(computed(b"visit nonce"))),
            code_verifier: Secret::new(URL_SAFE_NO_PAD.encode(computed(b"visit code verifier"))),
        }
    }

    fn read_visit(&self, realm_id: RealmId, provider: &str, state: &str, binding: &Secret<String>) -> Option<SocialVisit> {
        let bytes = URL_SAFE_NO_PAD.decode(state).ok()?;
        (bytes.len() == VISIT_LENGTH + MAC_LENGTH).then_some(())?;
        let (named, mac) = bytes.split_at(VISIT_LENGTH);
        let (ids, end) = named.split_at(2 * ID_LENGTH);
        let (visit_id, session_id) = ids.split_at(ID_LENGTH);
        let session_id = id(session_id)?;
        let visit = SocialVisit {
            realm_id,
            provider: provider.to_owned(),
            id: SocialVisitId::from_uuid(id(visit_id)?),
            session_id: (!session_id.is_nil()).then(|| SessionId::from_uuid(session_id)),
            expires_at: moment(end)?,
        };
        self.visit_mac(VISIT_STATE, &visit, binding).verify_slice(mac).ok()?;
        Some(visit)
    }

    fn guess_subject(&self, subject: &str) -> Vec<u8> {
        let mut mac = Mac::new_from_slice(self.refresh_key.expose()).expect("HMAC takes keys of any length");
        mac.update(b"guess subject");
        mac.update(subject.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }

    fn phone_code(&self, id: PhoneCodeId) -> (Vec<u8>, Vec<u8>) {
        let code = six_digits();
        let mac = self.phone_code_mac(id, &code).finalize().into_bytes().to_vec();
        (mac, self.sealing_key.seal(id.as_uuid().as_bytes(), &Secret::new(code)))
    }

    fn sealed_phone(&self, id: PhoneCodeId, phone: &PhoneNumber) -> Vec<u8> {
        self.sealing_key.seal(&address_context(id.as_uuid()), &Secret::new(phone.as_str().to_owned()))
    }

    fn is_phone_code(&self, id: PhoneCodeId, code: &str, mac: &[u8]) -> bool {
        self.phone_code_mac(id, code).verify_slice(mac).is_ok()
    }

    fn deletion_confirmation(&self, intended: IntendedDeletion, expires_at: Timestamp) -> Secret<String> {
        let end = expires_at.as_second().to_be_bytes();
        let mac = self.deletion_mac(intended, end).finalize().into_bytes();
        Secret::new(URL_SAFE_NO_PAD.encode([end.as_slice(), &mac].concat()))
    }

    fn deletion_confirmed_until(&self, intended: IntendedDeletion, confirmation: &str) -> Option<Timestamp> {
        let bytes = URL_SAFE_NO_PAD.decode(confirmation).ok()?;
        let (end, mac) = bytes.split_at_checked(SECOND_LENGTH)?;
        let end = end.try_into().ok()?;
        self.deletion_mac(intended, end).verify_slice(mac).ok()?;
        Timestamp::from_second(i64::from_be_bytes(end)).ok()
    }

    fn credential_secret(&self) -> NewSecret {
        let secret = URL_SAFE_NO_PAD.encode(random());
        let hash = self.credential_hash(&secret);
        NewSecret { secret: Secret::new(secret), hash }
    }

    fn credential_hash(&self, secret: &str) -> Vec<u8> {
        hash(secret.as_bytes())
    }

    fn is_component_secret(&self, secret: &str) -> bool {
        // Hashes are compared, so that the time it takes tells nothing of the secret.
        hash(secret.as_bytes()) == hash(self.component_secret.expose().as_bytes())
    }
}

/// At most 32 of them, each of five random bits, that are read aloud without mistakes.
pub(super) fn random_letters(count: usize) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    random()[..count].iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}

/// A password for one use: 80 random bits in four groups.
pub(crate) fn one_time_password() -> Secret<String> {
    let letters: Vec<char> = random_letters(16).chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    Secret::new(groups.join("-"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kernel::Id;
    use runtime::sealing::{OpeningKey, SealingPair};

    use super::*;

    fn secrets() -> (KeyedSecrets, OpeningKey) {
        let pair = SealingPair::generate();
        let sealing_key = SealingKey::from_base64(&pair.sealing_key).expect("a good key");
        let opening_key = OpeningKey::from_base64(&pair.opening_key).expect("a good key");
        (KeyedSecrets::new(Secret::new(vec![7; 32]), Secret::new("shared".to_owned()), sealing_key), opening_key)
    }

    const SET_AT: Timestamp = Timestamp::UNIX_EPOCH;

    fn token(generation: i64) -> RefreshToken {
        let (realm_id, session_id) = (Id::from_uuid(Uuid::from_u128(1)), Id::from_uuid(Uuid::from_u128(2)));
        RefreshToken { realm_id, session_id, generation, is_autologin: false }
    }

    #[test]
    fn a_refresh_token_is_read_as_it_was_made_and_no_other() {
        let (secrets, _) = secrets();
        let text = secrets.refresh_token(token(3)).expose().clone();
        assert_eq!(secrets.read_refresh_token(&text), Some(token(3)));
        let by_letter = RefreshToken { is_autologin: true, ..token(3) };
        let other = secrets.refresh_token(by_letter);
        assert_eq!(secrets.read_refresh_token(other.expose()), Some(by_letter));
        assert_ne!(other.expose().as_bytes()[..2], text.as_bytes()[..2], "another version");
        let forged = secrets.refresh_token(token(4)).expose().clone();
        let mixed = format!("{}{}", &forged[..56], &text[56..]);
        for wrong in ["", "x", &text[1..], &mixed, &format!("{text}A")] {
            assert_eq!(secrets.read_refresh_token(wrong), None, "{wrong}");
        }
    }

    /// Rule I18.a: a state is read by the browser, the realm and the provider that it was made for, and by no other.
    #[test]
    fn a_state_is_read_where_it_belongs() {
        let (secrets, _) = secrets();
        let id = Uuid::from_u128;
        let (realm_id, browser) = (Id::from_uuid(id(1)), secrets.visit_binding());
        let session_id = Some(Id::from_uuid(id(3)));
        let visit = SocialVisit { realm_id, provider: "a".to_owned(), id: Id::from_uuid(id(2)), session_id, expires_at: SET_AT };
        let state = secrets.visit_secrets(&visit, &browser).state.expose().clone();
        assert_eq!(secrets.read_visit(realm_id, "a", &state, &browser), Some(visit.clone()));
        assert_eq!(secrets.read_visit(Id::from_uuid(id(9)), "a", &state, &browser), None, "another realm");
        assert_eq!(secrets.read_visit(realm_id, "b", &state, &browser), None, "another provider");
        assert_eq!(secrets.read_visit(realm_id, "a", &state, &secrets.visit_binding()), None, "another browser");
        let to_sign_in = secrets.visit_secrets(&SocialVisit { session_id: None, ..visit.clone() }, &browser).state;
        for wrong in ["", "x", &state[1..], &format!("{}{}", &to_sign_in.expose()[..53], &state[53..])] {
            assert_eq!(secrets.read_visit(realm_id, "a", wrong, &browser), None, "{wrong}");
        }
        let VisitSecrets { state, nonce, code_verifier } = secrets.visit_secrets(&visit, &browser);
        assert!(nonce != code_verifier && !state.expose().contains(nonce.expose()));
    }

    /// Rule I23.b: the token of a device is read as it was made, and no other.
    #[test]
    fn a_device_token_proves_itself() {
        let (secrets, _) = secrets();
        let id = Uuid::from_u128;
        let (realm, user, device) = (Id::from_uuid(id(1)), Id::from_uuid(id(2)), Id::from_uuid(id(3)));
        let token = DeviceToken { realm, user, device, factor: Some(Id::from_uuid(id(4))) };
        let text = secrets.device_token(token, SET_AT).expose().clone();
        assert_eq!(secrets.read_device_token(&text, SET_AT), Some(token));
        let without = DeviceToken { factor: None, ..token };
        assert_eq!(secrets.read_device_token(secrets.device_token(without, SET_AT).expose(), SET_AT), Some(without));
        assert_eq!(secrets.read_device_token(&text, Timestamp::MAX), None, "with another password he is not known by it");
        let of_another = secrets.device_token(DeviceToken { user: Id::from_uuid(id(9)), ..token }, SET_AT).expose().clone();
        let mixed = format!("{}{}", &of_another[..64], &text[64..]);
        let refresh =
            RefreshToken { realm_id: token.realm, session_id: Id::from_uuid(id(2)), generation: 3, is_autologin: false };
        let refresh = secrets.refresh_token(refresh);
        for wrong in ["", "x", &text[1..], &mixed, &format!("{text}A"), refresh.expose()] {
            assert_eq!(secrets.read_device_token(wrong, SET_AT), None, "{wrong}");
        }
    }

    /// Rule I13.a: what confirms a deletion stands for one user as he was shown, for one caller, and until its end.
    #[test]
    fn what_confirms_one_deletion_confirms_no_other() {
        let (secrets, _) = secrets();
        let id = Uuid::from_u128;
        let (realm_id, user_id) = (Id::from_uuid(id(1)), Id::from_uuid(id(2)));
        let intended = IntendedDeletion { realm_id, user_id, version: 3, deleted_by: Id::from_uuid(id(4)) };
        let end = Timestamp::constant(1_800_000_000, 0);
        let text = secrets.deletion_confirmation(intended, end).expose().clone();
        assert_eq!(secrets.deletion_confirmed_until(intended, &text), Some(end));
        let others = [
            IntendedDeletion { realm_id: Id::from_uuid(id(9)), ..intended },
            IntendedDeletion { user_id: Id::from_uuid(id(9)), ..intended },
            IntendedDeletion { version: 4, ..intended },
            IntendedDeletion { deleted_by: Id::from_uuid(id(9)), ..intended },
        ];
        for other in others {
            assert_eq!(secrets.deletion_confirmed_until(other, &text), None, "{other:?}");
        }
        let later = secrets.deletion_confirmation(intended, end + Duration::from_mins(1)).expose().clone();
        let prolonged = format!("{}{}", &later[..11], &text[11..]);
        for wrong in ["", "x", &text[1..], &prolonged, &format!("{text}A")] {
            assert_eq!(secrets.deletion_confirmed_until(intended, wrong), None, "{wrong}");
        }
    }

    /// Rule I25.a: what proves that somebody has shown his password proves nothing else, and is read as it was made.
    #[test]
    fn half_a_sign_in_is_no_whole_one() {
        let (secrets, _) = secrets();
        let id = Uuid::from_u128;
        let shown_at = Timestamp::constant(1_800_000_000, 123_456_000);
        let (realm_id, user_id) = (Id::from_uuid(id(1)), Id::from_uuid(id(2)));
        let first = FirstFactor::SignOn;
        let half = HalfSignedIn { realm_id, user_id, access_generation: 3, shown_at, first, known_since: SET_AT };
        let text = secrets.half_token(&half).expose().clone();
        assert_eq!(secrets.read_half_token(&text), Some(half));
        assert_eq!(secrets.read_refresh_token(&text), None);
        assert_eq!(secrets.read_device_token(&text, SET_AT), None);
        let of_another = secrets.half_token(&HalfSignedIn { user_id: Id::from_uuid(id(9)), ..half }).expose().clone();
        let mixed = format!("{}{}", &of_another[..64], &text[64..]);
        for wrong in ["", "x", &text[1..], &mixed, &format!("{text}A"), secrets.refresh_token(token(3)).expose()] {
            assert_eq!(secrets.read_half_token(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_link_token_is_opened_by_its_letter_and_known_by_its_hash() {
        let (secrets, opening_key) = secrets();
        let (realm_id, link_id) = (Id::from_uuid(Uuid::from_u128(1)), Id::from_uuid(Uuid::from_u128(2)));
        let (hash, sealed) = secrets.link_token(realm_id, link_id);
        let text = opening_key.open(link_id.as_uuid().as_bytes(), &sealed).expect("sealed to this key");
        assert_eq!(secrets.read_link_token(text.expose()), Some(LinkToken { realm_id, link_id, hash }));
        assert_eq!(secrets.read_link_token("short"), None);
    }

    #[test]
    fn one_time_passwords_differ() {
        assert_ne!(one_time_password(), one_time_password());
        assert_eq!(one_time_password().expose().len(), 19);
    }
}
