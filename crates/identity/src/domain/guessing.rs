//! How often a secret may be guessed (I23). Attempts are counted together by what they have in common, in windows of time.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use kernel::{CompanyId, DeviceId, LinkId, SessionId, Timestamp, UserId};

use super::{AskedIn, Contacts, EmailAddress, Login, PhoneNumber, Station, UserName};

/// What is guessed. Each is counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guessed {
    Password,
    /// A code of a device, or a recovery code.
    SecondFactor,
    /// Nothing, by whoever shows passkeys; but each is work.
    Passkey,
    /// Of one who runs the platform.
    AdministratorPassword,
    /// Who has an account, by asking for links to set a password.
    Reset,
    /// Whose a contact is, by saving it.
    Contact,
    /// The same, by wanting it for others.
    Conflict,
    /// Nothing: gathering all that is kept of somebody is work.
    Export,
    /// What somebody comes back with from a provider.
    SocialSignIn,
    /// Nothing: lifting limits lets somebody guess anew.
    Lift,
    /// Nothing: an SMS with a code costs money.
    Text,
}

impl Guessed {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "PASSWORD",
            Self::SecondFactor => "SECOND_FACTOR",
            Self::Passkey => "PASSKEY",
            Self::AdministratorPassword => "ADMINISTRATOR_PASSWORD",
            Self::Reset => "RESET",
            Self::Contact => "CONTACT",
            Self::Conflict => "CONFLICT",
            Self::Export => "EXPORT",
            Self::SocialSignIn => "SOCIAL_SIGN_IN",
            Self::Lift => "LIFT",
            Self::Text => "TEXT",
        }
    }
}

/// Attempts that have something in common, and how many of them there may be within how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub(crate) subject: Subject,
    /// Whose they are, if it is a user's own where he is known.
    pub(crate) of_user: Option<UserId>,
    pub(crate) most: i32,
    pub(crate) window: Duration,
}

/// What attempts have in common. Tells of people, and is printed nowhere.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Subject(String);

impl Subject {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject")
    }
}

/// How many attempts there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GuessingLimits {
    /// From one address, behind which there may be many people.
    pub(crate) passwords_from_address: i32,
    pub(crate) passwords_at_account: i32,
    /// On one device, or in one session.
    pub(crate) passwords_on_device: i32,
    pub(crate) password_window: Duration,
    pub(crate) resets_from_address: i32,
    pub(crate) reset_window: Duration,
    /// Of users, that somebody who administers is told of.
    pub(crate) conflicts_of_user: i32,
    pub(crate) conflict_window: Duration,
    /// That a user tries to save.
    pub(crate) taken_contacts_of_user: i32,
    /// That are made of one user, whoever asks.
    pub(crate) exports_of_user: i32,
    pub(crate) export_window: Duration,
}

/// How many who administer one company are told of the contacts of others at the same time.
const OWNERS_WHO_LEARN: i32 = 4;
/// As many SMS as are sent for an address (I17).
const TEXTS_FROM_ADDRESS_A_DAY: i32 = 20;
/// As many codes as are sent to a number.
const TEXTS_TO_NUMBER_A_DAY: i32 = 8;
/// As many codes as are sent in a realm.
const TEXTS_A_DAY: i32 = 5000;
/// Codes are short: whoever may try as many as there are in a window, again and again, finds one within a year.
const CODE_WINDOWS_A_DAY: i32 = 5;
/// More than anybody needs who is helped once.
const LIFTS_A_DAY: i32 = 5;
const DAY: Duration = Duration::from_hours(24);

impl GuessingLimits {
    /// What attempts at a password are counted by where nothing is known of the device. Whoever tries it from a thousand addresses has
    /// no more attempts than from one. Each login counts by itself, whether or not somebody has it: that two are of one person is
    /// nobody's business.
    pub(crate) fn of_strange_device(&self, address: Option<IpAddr>, login: Option<&Login>, typed: &str) -> Vec<Bucket> {
        vec![self.of_password(from(address), self.passwords_from_address), self.at_login(login, typed)]
    }

    /// What they are counted by where a VPN is entered from a station that its user has not entered from: the same, and the station in
    /// place of the address.
    pub(crate) fn of_strange_station(&self, station: Option<&Station>, login: Option<&Login>, typed: &str) -> Vec<Bucket> {
        let from = station.map_or_else(|| "from no station".to_owned(), |station| from_station(station.as_str()));
        vec![self.of_password(from, self.passwords_from_address), self.at_login(login, typed)]
    }

    fn at_login(&self, login: Option<&Login>, typed: &str) -> Bucket {
        let subject = login.map_or_else(|| format!("login {}", typed.trim().to_lowercase()), at);
        self.of_password(subject, self.passwords_at_account)
    }

    /// What they are counted by on a device that its user has signed in on: nobody else can use them up.
    pub(crate) fn of_known_device(&self, device_id: DeviceId, user_id: UserId) -> Vec<Bucket> {
        vec![self.of_password(format!("device {device_id} of {user_id}"), self.passwords_on_device).of(user_id)]
    }

    /// What they are counted by at a station that its user has entered a VPN from.
    pub(crate) fn of_known_station(&self, station: &Station, user_id: UserId) -> Vec<Bucket> {
        let Subject(subject) = known_station(station, user_id);
        vec![self.of_password(subject, self.passwords_on_device).of(user_id)]
    }

    /// What attempts at the code of a second factor are counted by, which only somebody makes who has shown the password: by themselves on a
    /// device that has shown a code before, and on all others together, in the long run as well. With another password they begin anew:
    /// whoever has stolen the one before has nothing to try them with. Twice as many as of one password are all that a day has: whoever
    /// reads his mail could set one after the other.
    pub(crate) fn of_codes(&self, device_id: Option<DeviceId>, user_id: UserId, known_since: Timestamp) -> Vec<Bucket> {
        if let Some(device_id) = device_id {
            return self.of_known_device(device_id, user_id);
        }
        let many = self.passwords_at_account.saturating_mul(2 * CODE_WINDOWS_A_DAY);
        let whatever_password = bucket(format!("codes of {user_id}, by day, whatever the password"), many, DAY);
        let mut buckets = self.of_codes_by(&format!("codes of {user_id} since {known_since}"), user_id);
        buckets.push(whatever_password);
        buckets
    }

    /// What they are counted by within all sessions of a user: whoever has stolen his password may have many.
    pub(crate) fn of_codes_in_sessions(&self, user_id: UserId) -> Vec<Bucket> {
        self.of_codes_by(&format!("codes in sessions of {user_id}"), user_id)
    }

    fn of_codes_by(&self, subject: &str, user_id: UserId) -> Vec<Bucket> {
        let a_day = self.passwords_at_account.saturating_mul(CODE_WINDOWS_A_DAY);
        let today = bucket(format!("{subject}, by day"), a_day, DAY);
        vec![self.of_password(subject.to_owned(), self.passwords_at_account).of(user_id), today]
    }

    /// What showing and registering passkeys is counted by: nobody guesses a signature, and whoever has stolen the password uses up what
    /// he has of his own sign-in.
    pub(crate) fn of_passkeys(&self, user_id: UserId, asked_in: &AskedIn) -> Vec<Bucket> {
        let subject = format!("passkeys of {user_id} in {}", asked_in.key());
        vec![self.of_password(subject, self.passwords_on_device).of(user_id)]
    }

    /// What redeeming a link is counted by: hashing is work.
    pub(crate) fn of_link(&self, link_id: LinkId) -> Vec<Bucket> {
        vec![self.of_password(format!("link {link_id}"), self.passwords_on_device)]
    }

    /// What setting the passwords of others is counted by while they are hashed: one OWNER gets his share of that work.
    pub(crate) fn of_passwords_set_by(&self, owner_id: UserId) -> Vec<Bucket> {
        vec![self.of_password(format!("passwords set by {owner_id}"), self.passwords_on_device)]
    }

    /// What they are counted by within a session.
    pub(crate) fn of_session(&self, session_id: SessionId) -> Vec<Bucket> {
        vec![self.of_password(format!("session {session_id}"), self.passwords_on_device)]
    }

    /// What attempts at the password of one who runs the platform are counted by. Names are few and known: a limit of the name alone
    /// would let anybody lock him out.
    pub(crate) fn of_administrator(&self, address: Option<IpAddr>, name: &str) -> Vec<Bucket> {
        let from = from(address);
        let at_name = self.of_password(format!("{from} at administrator {name}"), self.passwords_at_account);
        vec![self.of_password(from, self.passwords_from_address), at_name]
    }

    /// What coming back from a provider is counted by: by nothing that belongs to somebody, so that nobody is kept out by others.
    pub(crate) fn of_social_sign_in(&self, address: Option<IpAddr>) -> Vec<Bucket> {
        vec![self.of_password(from(address), self.passwords_from_address)]
    }

    /// What asking for a link to set a password is counted by; how often one person is mailed, his links tell.
    pub(crate) fn of_reset(&self, address: Option<IpAddr>) -> Vec<Bucket> {
        vec![bucket(from(address), self.resets_from_address, self.reset_window)]
    }

    /// What asking for one by SMS is counted by: SMS cost money, so that it is counted by the day as well. Lifting limits leaves that as it
    /// is. How many went to a number, the links tell, and nobody is told: whoever asks for a stranger's number would else keep him out.
    pub(crate) fn of_reset_by_sms(&self, address: Option<IpAddr>) -> Vec<Bucket> {
        let a_day = bucket(format!("SMS {}", from(address)), TEXTS_FROM_ADDRESS_A_DAY, DAY);
        self.of_reset(address).into_iter().chain([a_day]).collect()
    }

    /// What saving a contact is counted by that may be somebody else's.
    pub(crate) fn of_contacts(&self, user_id: UserId) -> Vec<Bucket> {
        vec![bucket(format!("contacts of {user_id}"), self.taken_contacts_of_user, self.conflict_window)]
    }

    /// What is counted of the contacts of others that somebody is told are taken: by himself and by his company, so that whoever makes
    /// OWNERs does not learn more by each of them.
    pub(crate) fn of_conflicts(&self, user_id: UserId, company_id: CompanyId) -> Vec<Bucket> {
        let of_company = self.conflicts_of_user.saturating_mul(OWNERS_WHO_LEARN);
        vec![
            bucket(format!("conflicts of {user_id}"), self.conflicts_of_user, self.conflict_window),
            bucket(format!("conflicts of company {company_id}"), of_company, self.conflict_window),
        ]
    }

    /// What gathering all that is kept of a user is counted by.
    pub(crate) fn of_exports(&self, user_id: UserId) -> Vec<Bucket> {
        vec![bucket(format!("exports of {user_id}"), self.exports_of_user, self.export_window)]
    }

    fn of_password(&self, subject: String, most: i32) -> Bucket {
        bucket(subject, most, self.password_window)
    }
}

impl Bucket {
    fn of(self, user_id: UserId) -> Self {
        Self { of_user: Some(user_id), ..self }
    }
}

/// By what everything is found that is counted of a user where he is known.
pub(crate) fn all_of(user_id: UserId) -> Subject {
    Subject(format!("user {user_id}"))
}

/// What attempts are counted by at whatever somebody signs in by, who has these, where nothing is known of the device.
pub(crate) fn at_logins_of(contacts: &Contacts) -> Vec<Subject> {
    let Contacts { email, phone, user_name } = contacts.clone();
    let logins = [email.map(Login::Email), phone.map(Login::Phone), user_name.map(Login::UserName)];
    logins.iter().flatten().map(|login| Subject(at(login))).collect()
}

/// What lifting limits is counted by: whoever could do so without end would guess without end.
pub(crate) fn of_lifts(lifted: &str) -> Vec<Bucket> {
    vec![bucket(format!("lifts of {lifted}"), LIFTS_A_DAY, DAY)]
}

/// What attempts are counted by that come from an address, or from a VPN's station there.
pub(crate) fn at_address(address: IpAddr) -> [Subject; 2] {
    [Subject(from(Some(address))), Subject(from_station(&network(address).to_string()))]
}

fn at(login: &Login) -> String {
    let login = match login {
        Login::Email(email) => EmailAddress::key(email),
        Login::Phone(phone) => PhoneNumber::as_str(phone),
        Login::UserName(name) => UserName::as_str(name),
    };
    format!("login {login}")
}

fn from_station(station: &str) -> String {
    format!("from station {station}")
}

/// A station of a user, which he is known by there.
pub(crate) fn known_station(station: &Station, user_id: UserId) -> Subject {
    Subject(format!("station {} of {user_id}", station.as_str()))
}

const fn bucket(subject: String, most: i32, window: Duration) -> Bucket {
    Bucket { subject: Subject(subject), of_user: None, most, window }
}

/// Who cannot be placed is in one place with all others of his kind.
fn from(address: Option<IpAddr>) -> String {
    address.map_or_else(|| "from nowhere".to_owned(), |address| format!("from {}", network(address)))
}

/// An IPv6 client has a network of 2^64 addresses (RFC 6177 §2): it counts as one.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        address @ IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

/// What a code by SMS is counted by, apart from the codes that are kept: whoever is deleted takes his along.
pub(crate) fn of_texts(phone: &PhoneNumber, address: Option<IpAddr>) -> Vec<Bucket> {
    let address = address.map(|address| (format!("texts {}", from(Some(address))), TEXTS_FROM_ADDRESS_A_DAY));
    let counted = [(format!("texts to {}", phone.as_str()), TEXTS_TO_NUMBER_A_DAY), ("texts".to_owned(), TEXTS_A_DAY)];
    counted.into_iter().chain(address).map(|(subject, most)| bucket(subject, most, DAY)).collect()
}

#[cfg(test)]
mod tests {
    use kernel::Id;
    use uuid::Uuid;

    use super::*;
    use crate::domain::{FirstFactor, HalfSignedIn, PhoneRule};

    const LIMITS: GuessingLimits = GuessingLimits {
        passwords_from_address: 100,
        passwords_at_account: 10,
        passwords_on_device: 10,
        password_window: Duration::from_mins(15),
        resets_from_address: 30,
        reset_window: Duration::from_hours(1),
        conflicts_of_user: 50,
        conflict_window: Duration::from_hours(1),
        taken_contacts_of_user: 10,
        exports_of_user: 10,
        export_window: Duration::from_hours(24),
    };

    fn subjects(buckets: &[Bucket]) -> Vec<&str> {
        buckets.iter().map(|bucket| bucket.subject.as_str()).collect()
    }

    /// Rule I23.a: attempts at one account count together whoever makes them, and those from one address whomever they are at.
    #[test]
    fn attempts_are_counted_by_address_and_by_login() {
        let (here, there) = (Some([10, 0, 0, 1].into()), Some([10, 0, 0, 2].into()));
        let (at_home, abroad) = (LIMITS.of_strange_device(here, None, "anna"), LIMITS.of_strange_device(there, None, " Anna "));
        assert_eq!(at_home[1], abroad[1]);
        assert_ne!(at_home[0], abroad[0]);
        assert_eq!(subjects(&LIMITS.of_strange_device(here, None, "Nobody")), ["from 10.0.0.1", "login nobody"]);
        assert_eq!(subjects(&LIMITS.of_reset(None)), ["from nowhere"], "who cannot be placed is counted as well");
    }

    /// Rule I17.c: links by SMS count at their address by the day as well, and lifting limits leaves that as it is.
    #[test]
    fn links_by_sms_are_counted_by_the_day() {
        let here = Some([10, 0, 0, 1].into());
        let counted = LIMITS.of_reset_by_sms(here);
        assert_eq!(subjects(&counted), ["from 10.0.0.1", "SMS from 10.0.0.1"]);
        assert_eq!(counted.iter().map(|bucket| bucket.most).collect::<Vec<_>>(), [30, 20]);
        assert_eq!(counted[0], LIMITS.of_reset(here)[0], "together with those by mail");
        let lifted = at_address([10, 0, 0, 1].into());
        assert!(!lifted.contains(&counted[1].subject), "what costs money stays counted");
    }

    /// Rule I17.a: codes are counted by number, in total, and by address where it is known.
    #[test]
    fn codes_by_sms_are_counted_by_the_day() {
        let phone = PhoneNumber::parse("+380671234567", PhoneRule::International).expect("a good number");
        let here = of_texts(&phone, Some([10, 0, 0, 1].into()));
        assert_eq!(here.iter().map(|bucket| bucket.most).collect::<Vec<_>>(), [8, 5000, 20]);
        assert!(here.iter().all(|bucket| bucket.window == DAY && bucket.of_user.is_none()));
        assert_eq!(of_texts(&phone, None), here[..2]);
        assert!(!at_address([10, 0, 0, 1].into()).contains(&here[2].subject), "what costs money stays counted");
    }

    /// Rule I23.b: each known device has its attempts.
    #[test]
    fn known_devices_have_their_own_attempts() {
        let user_id = Id::from_uuid(Uuid::nil());
        let on = |device| LIMITS.of_known_device(Id::from_uuid(Uuid::from_u128(device)), user_id);
        assert_ne!(on(1), on(2));
        assert_eq!(on(1).len(), 1);
    }

    /// Rule I23.d: codes count by themselves on a device that has shown one; on all others together, by the day as well, and anew with another
    /// password, but for twice as many a day.
    #[test]
    fn codes_count_by_device_and_by_day() {
        let user_id = Id::from_uuid(Uuid::nil());
        let of = |device: Option<u128>, set_at| {
            LIMITS.of_codes(device.map(|device| Id::from_uuid(Uuid::from_u128(device))), user_id, set_at)
        };
        let (now, later) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
        assert_ne!(of(Some(1), now), of(Some(2), now));
        assert_eq!(of(None, now).iter().map(|bucket| bucket.most).collect::<Vec<_>>(), [10, 50, 100]);
        let (before, after) = (of(None, now), of(None, later));
        assert_ne!(before[..2], after[..2]);
        assert_eq!(before[2], after[2], "whoever sets one password after the other does not try without end");
        assert_ne!(of(None, now), LIMITS.of_codes_in_sessions(user_id));
    }

    /// Rule I23.d: passkeys count by the sign-in, or the session, that they are shown in.
    #[test]
    fn passkeys_count_by_where_they_are_asked_for() {
        let (realm_id, user_id) = (Id::from_uuid(Uuid::from_u128(1)), Id::from_uuid(Uuid::nil()));
        let half = |shown_at| {
            let (first, known_since) = (FirstFactor::Password, Timestamp::UNIX_EPOCH);
            AskedIn::SignIn(HalfSignedIn { realm_id, user_id, access_generation: 1, shown_at, first, known_since })
        };
        let (his, a_thiefs) = (half(Timestamp::UNIX_EPOCH), half(Timestamp::MAX));
        assert_ne!(LIMITS.of_passkeys(user_id, &his), LIMITS.of_passkeys(user_id, &a_thiefs));
        let session = AskedIn::Session(Id::from_uuid(Uuid::nil()));
        assert_ne!(LIMITS.of_passkeys(user_id, &his), LIMITS.of_passkeys(user_id, &session));
    }

    /// Rule I23.a: whoever has a network of addresses has one of them.
    #[test]
    fn a_network_of_addresses_is_one() {
        let from = |address: &str| LIMITS.of_strange_device(Some(address.parse().expect("an address")), None, "anna")[0].clone();
        assert_eq!(from("2001:db8:1:2::1"), from("2001:db8:1:2:ffff::9"));
        assert_ne!(from("2001:db8:1:2::1"), from("2001:db8:1:3::1"));
        assert_eq!(from("::ffff:10.0.0.1"), from("10.0.0.1"), "the same client, written in two ways (RFC 4291, 2.5.5.2)");
        assert_ne!(from("::ffff:10.0.0.1"), from("::ffff:10.0.0.2"));
    }

    /// Rule I12.b: attempts at a VPN count at the same login as those to sign in, and from their station; whoever is nowhere is
    /// counted with all others who are.
    #[test]
    fn attempts_at_a_vpn_are_counted_by_station_and_by_login() {
        let station = Station::read("198.51.100.7[4500]");
        let (there, nowhere) =
            (LIMITS.of_strange_station(station.as_ref(), None, "anna"), LIMITS.of_strange_station(None, None, "anna"));
        assert_eq!(subjects(&there), ["from station 198.51.100.7", "login anna"]);
        assert_eq!((subjects(&nowhere)[0], &nowhere[1]), ("from no station", &LIMITS.of_strange_device(None, None, "anna")[1]));
        let known = |user| LIMITS.of_known_station(station.as_ref().expect("an address"), Id::from_uuid(Uuid::from_u128(user)));
        assert_ne!(known(1), known(2));
    }

    /// Rule I23.f: what is lifted is what was counted: at each of a user's logins, and at an address and its network, of a VPN as well.
    #[test]
    fn what_is_lifted_is_what_was_counted() {
        let phone = PhoneNumber::from_stored("+380671234567".to_owned());
        let name = UserName::from_stored("akowalska".to_owned());
        let contacts = Contacts { email: None, phone: Some(phone.clone()), user_name: Some(name.clone()) };
        let counted =
            [Login::Phone(phone), Login::UserName(name)].map(|login| LIMITS.of_strange_device(None, Some(&login), "")[1].clone());
        assert_eq!(at_logins_of(&contacts), counted.map(|bucket| bucket.subject));
        for (address, other) in [("198.51.100.7", "::ffff:198.51.100.7"), ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9")] {
            let counted_at = Some(address.parse().expect("an address"));
            let by_address = LIMITS.of_strange_device(counted_at, None, "")[0].subject.clone();
            let by_station = LIMITS.of_strange_station(Station::read(address).as_ref(), None, "")[0].subject.clone();
            assert_eq!(at_address(other.parse().expect("an address")), [by_address, by_station]);
        }
    }

    /// Rule I8.c: whoever administers learns so much; those of one company together four times as much, however many they are.
    #[test]
    fn owners_of_one_company_learn_together() {
        let [anna, bela, company] = [1, 2, 3].map(Uuid::from_u128);
        let of = |user| LIMITS.of_conflicts(Id::from_uuid(user), Id::from_uuid(company));
        assert_ne!(of(anna)[0], of(bela)[0]);
        assert_eq!(of(anna)[1], of(bela)[1]);
        assert_eq!(of(anna)[1].most, 4 * of(anna)[0].most);
    }

    /// Rule I23.f: whatever is counted of a user where he is known is found by him; what is counted of strangers is nobody's.
    #[test]
    fn what_is_counted_of_a_user_is_found_by_him() {
        let (user_id, device_id) = (Id::from_uuid(Uuid::from_u128(1)), Id::from_uuid(Uuid::from_u128(2)));
        let station = Station::read("198.51.100.7").expect("an address");
        let counted = [
            LIMITS.of_known_device(device_id, user_id),
            LIMITS.of_known_station(&station, user_id),
            LIMITS.of_codes(Some(device_id), user_id, Timestamp::UNIX_EPOCH),
            LIMITS.of_passkeys(user_id, &AskedIn::Session(Id::from_uuid(Uuid::nil()))),
        ];
        assert!(counted.concat().iter().all(|bucket| bucket.of_user == Some(user_id)));
        for codes in [LIMITS.of_codes(None, user_id, Timestamp::UNIX_EPOCH), LIMITS.of_codes_in_sessions(user_id)] {
            let (windows, days): (Vec<Bucket>, Vec<Bucket>) = codes.into_iter().partition(|bucket| bucket.window < DAY);
            assert_eq!((windows.len(), windows[0].of_user), (1, Some(user_id)));
            assert!(days.iter().all(|bucket| bucket.of_user.is_none()), "what a day holds is lifted by nobody: codes are short");
        }
        for learnt in [LIMITS.of_contacts(user_id), LIMITS.of_conflicts(user_id, Id::from_uuid(Uuid::nil()))] {
            assert!(learnt.iter().all(|bucket| bucket.of_user.is_none()), "whom others are is not what keeps him out");
        }
        assert!(LIMITS.of_strange_device(None, None, "anna").iter().all(|bucket| bucket.of_user.is_none()));
    }

    /// Rule F10.a: whom somebody tries to be is printed nowhere.
    #[test]
    fn debug_shows_no_subject() {
        let bucket = &LIMITS.of_strange_device(None, None, "anna@example.com")[1];
        assert_eq!(format!("{:?}", bucket.subject), "Subject");
    }
}
