//! When a delivery is tried again, and when no more.

use std::time::Duration;

/// How long a claimed delivery belongs to its process: longer than any send can take.
pub(crate) const LEASE: Duration = Duration::from_mins(2);
/// How long a delivery is worth sending.
pub(crate) const LIFETIME: Duration = Duration::from_hours(72);

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(5);

/// How long to wait after a failed attempt: doubles from one second to five minutes. `jitter` (0 to 255) spreads it over
/// three quarters to five quarters, so that a provider that comes back is not met by everybody at once.
pub(crate) fn wait_after(attempt: i32, jitter: u8) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(0).min(16);
    let wait = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    wait.mul_f64(0.75 + f64::from(jitter) / 510.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_minutes_and_are_spread() {
        assert_eq!(wait_after(1, 0), Duration::from_millis(750));
        assert_eq!(wait_after(1, 255), Duration::from_millis(1250));
        assert_eq!(wait_after(4, 0), Duration::from_secs(6));
        assert_eq!(wait_after(30, 255), Duration::from_secs(375));
        assert_eq!(wait_after(i32::MAX, 0), Duration::from_secs(225));
    }
}
