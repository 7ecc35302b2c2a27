//! Free ports for private servers.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::ops::Range;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range the kernel takes for outgoing connections (from 32768). A port from that range could be lost while a server
/// is down: a client that keeps reconnecting may be given the very port it calls and then talks to itself.
const CANDIDATES: Range<u16> = 12_000..32_000;

/// Returns a loopback port nobody listens on. It is kept for this process until it ends: whoever else asks here is given another.
#[must_use]
pub fn free_port() -> u16 {
    free_port_where(is_free)
}

/// The same for one to which datagrams are sent.
pub(crate) fn free_udp_port() -> u16 {
    free_port_where(|port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
}

/// Returns a free port that also fits a second wish, such as "the one 20,000 above is free too".
pub(crate) fn free_port_where(fits: impl Fn(u16) -> bool) -> u16 {
    CANDIDATES.map(|_| next_candidate()).find(|port| fits(*port) && is_kept(*port)).expect("20,000 ports are not all taken")
}

/// Keeps a port for this process, by a name that only one can have and that goes with it (unix(7), abstract sockets). Between the moment
/// at which a port was free and the one at which its server binds it another test program would find it free as well.
fn is_kept(port: u16) -> bool {
    let Ok(name) = SocketAddr::from_abstract_name(format!("cabinet test port {port}")) else { return false };
    let Ok(keeper) = UnixListener::bind_addr(&name) else { return false };
    std::mem::forget(keeper);
    true
}

pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Whether somebody listens on a port. (Trying to bind it instead could take it from a server that is just starting.)
pub(crate) fn is_open(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Walks through the candidates from a random place, so that test programs running side by side rarely meet.
fn next_candidate() -> u16 {
    static STEPS: AtomicU16 = AtomicU16::new(0);
    static PLACE: OnceLock<u64> = OnceLock::new();
    let place = PLACE.get_or_init(|| RandomState::new().hash_one(std::process::id()));
    let step = u64::from(STEPS.fetch_add(1, Ordering::Relaxed));
    let offset = (place % 1_000_000 + step) % u64::from(CANDIDATES.end - CANDIDATES.start);
    CANDIDATES.start + u16::try_from(offset).expect("an offset within the candidates fits a port")
}
