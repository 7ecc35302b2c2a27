//! How often a secret may be guessed (I23). Attempts are counted together by what they have in common, in windows of time.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use kernel::{DeviceId, SessionId, UserId};

use super::{EmailAddress, Login, PhoneNumber, UserName};

/// What is guessed. Each is counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guessed {
    Password,
    /// Who has an account, by asking for links to set a password.
    Reset,
}

impl Guessed {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "PASSWORD",
            Self::Reset => "RESET",
        }
    }
}

/// Attempts that have something in common, and how many of them there may be within how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub(crate) subject: Subject,
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
}

/// Whose password is tried: an account's, or that of somebody who does not exist.
pub(crate) enum Target<'a> {
    Known(UserId),
    /// What was typed, read as what it could be, or as it is.
    Unknown(Option<&'a Login>, &'a str),
}

impl GuessingLimits {
    /// What attempts at a password are counted by where nothing is known of the device. Whoever tries it from a thousand addresses
    /// has no more attempts than from one.
    pub(crate) fn of_strange_device(&self, address: Option<IpAddr>, target: &Target<'_>) -> Vec<Bucket> {
        let of_account = match target {
            Target::Known(user_id) => format!("user {user_id}"),
            Target::Unknown(Some(Login::Email(email)), _) => format!("login {}", EmailAddress::key(email)),
            Target::Unknown(Some(Login::Phone(phone)), _) => format!("login {}", PhoneNumber::as_str(phone)),
            Target::Unknown(Some(Login::UserName(name)), _) => format!("login {}", UserName::as_str(name)),
            Target::Unknown(None, typed) => format!("login {}", typed.trim().to_lowercase()),
        };
        let address = address.map(|address| self.of_password(from(address), self.passwords_from_address));
        address.into_iter().chain([self.of_password(of_account, self.passwords_at_account)]).collect()
    }

    /// What they are counted by on a device that its user has signed in on: nobody else can use them up.
    pub(crate) fn of_known_device(&self, device_id: DeviceId, user_id: UserId) -> Vec<Bucket> {
        vec![self.of_password(format!("device {device_id} of {user_id}"), self.passwords_on_device)]
    }

    /// What they are counted by within a session.
    pub(crate) fn of_session(&self, session_id: SessionId) -> Vec<Bucket> {
        vec![self.of_password(format!("session {session_id}"), self.passwords_on_device)]
    }

    /// What attempts at the password of one who runs the platform are counted by. Names are few and known: a limit of the name alone
    /// would let anybody lock him out.
    pub(crate) fn of_administrator(&self, address: Option<IpAddr>, name: &str) -> Vec<Bucket> {
        let from = address.map_or_else(|| "from nowhere".to_owned(), from);
        let at_name = self.of_password(format!("{from} at administrator {name}"), self.passwords_at_account);
        vec![self.of_password(from, self.passwords_from_address), at_name]
    }

    /// What asking for a link to set a password is counted by; how often one person is mailed, his links tell.
    pub(crate) fn of_reset(&self, address: Option<IpAddr>) -> Vec<Bucket> {
        let bucket = |address| bucket(from(address), self.resets_from_address, self.reset_window);
        address.map(bucket).into_iter().collect()
    }

    fn of_password(&self, subject: String, most: i32) -> Bucket {
        bucket(subject, most, self.password_window)
    }
}

const fn bucket(subject: String, most: i32, window: Duration) -> Bucket {
    Bucket { subject: Subject(subject), most, window }
}

fn from(address: IpAddr) -> String {
    format!("from {}", network(address))
}

/// An IPv6 client has a network of 2^64 addresses (RFC 6177 §2): it counts as one.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::Id;
    use uuid::Uuid;

    use super::*;

    const LIMITS: GuessingLimits = GuessingLimits {
        passwords_from_address: 100,
        passwords_at_account: 10,
        passwords_on_device: 10,
        password_window: Duration::from_mins(15),
        resets_from_address: 30,
        reset_window: Duration::from_hours(1),
    };

    fn subjects(buckets: &[Bucket]) -> Vec<&str> {
        buckets.iter().map(|bucket| bucket.subject.as_str()).collect()
    }

    /// Rule I23.a: attempts at one account count together whoever makes them, and those from one address whomever they are at.
    #[test]
    fn attempts_are_counted_by_address_and_by_account() {
        let anna = Target::Known(Id::from_uuid(Uuid::nil()));
        let (here, there) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let (at_home, abroad) = (LIMITS.of_strange_device(Some(here), &anna), LIMITS.of_strange_device(Some(there), &anna));
        assert_eq!(at_home[1], abroad[1]);
        assert_ne!(at_home[0], abroad[0]);
        let nobody = Target::Unknown(None, " Nobody ");
        let at_nobody = LIMITS.of_strange_device(Some(here), &nobody);
        assert_eq!(at_nobody[0], at_home[0]);
        assert_eq!(subjects(&at_nobody), ["from 10.0.0.1", "login nobody"]);
    }

    /// Rule I23.a: whoever has a network of addresses has one of them.
    #[test]
    fn a_network_of_addresses_is_one() {
        let nobody = Target::Unknown(None, "nobody");
        let from = |address: &str| LIMITS.of_strange_device(Some(address.parse().expect("an address")), &nobody)[0].clone();
        assert_eq!(from("2001:db8:1:2::1"), from("2001:db8:1:2:ffff::9"));
        assert_ne!(from("2001:db8:1:2::1"), from("2001:db8:1:3::1"));
    }

    /// Rule F10.a: whom somebody tries to be is printed nowhere.
    #[test]
    fn debug_shows_no_subject() {
        let bucket = &LIMITS.of_strange_device(None, &Target::Unknown(None, "anna@example.com"))[0];
        assert_eq!(format!("{:?}", bucket.subject), "Subject");
    }
}
