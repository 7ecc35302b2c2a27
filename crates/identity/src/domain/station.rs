//! Where somebody is who wants to enter a VPN, as its server says: RADIUS's `Calling-Station-Id` (RFC 2865 §5.31).

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::guessing::network;

/// The most that RADIUS can carry (RFC 2865 §5).
const LONGEST: usize = 253;

/// A place by which attempts are counted: an address, compared as addresses are, or whatever else the server calls it. Tells of people,
/// and is printed nowhere.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Station(String);

impl Station {
    /// None of what says nothing, or more than RADIUS can carry: then nobody knows where he is.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_said = !text.is_empty() && text.len() <= LONGEST;
        is_said.then(|| Self(address(text).map_or_else(|| text.to_lowercase(), |address| network(address).to_string())))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Station {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Station")
    }
}

/// Without its port, which is another one each time: strongSwan writes `198.51.100.7[4500]`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.split_once('[').map_or(text, |(address, _)| address);
    let with_port = || text.parse::<SocketAddr>().map(|address| address.ip());
    bare.parse().or_else(|_| with_port()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, other: &str) -> bool {
        Station::read(one) == Station::read(other)
    }

    /// Rule I12.b: a station is the same however its server writes it, and from whichever port it calls.
    #[test]
    fn a_station_is_known_again() {
        assert!(same("198.51.100.7[4500]", "198.51.100.7") && same("198.51.100.7:51820", " 198.51.100.7[500] "));
        assert!(same("2001:db8:1:2::1[4500]", "2001:db8:1:2:ffff::9") && same("[2001:db8:1:2::1]:500", "2001:db8:1:2::1"));
        assert!(same("02-00-5E-00-53-01", "02-00-5e-00-53-01"));
        for other in ["198.51.100.8", "2001:db8:1:3::1", "02-00-5E-00-53-02", ""] {
            assert!(!same("198.51.100.7", other), "{other}");
        }
    }

    /// Rule I12.b: whoever says nothing of where he is, or more than can be said, is nowhere.
    #[test]
    fn what_cannot_be_a_station_is_none() {
        for nothing in ["", " \t", &"x".repeat(254)] {
            assert_eq!(Station::read(nothing), None);
        }
        assert!(Station::read(&"x".repeat(253)).is_some());
    }

    /// Rule F10.a: where somebody is is printed nowhere.
    #[test]
    fn debug_shows_no_station() {
        assert_eq!(format!("{:?}", Station::read("198.51.100.7")), "Some(Station)");
    }
}
