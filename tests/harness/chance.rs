//! Chance that can be had again: the same choices from the same seed (SplitMix64; Steele, Lea, Flood, 2014).

use std::ops::RangeInclusive;
use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Less than `end`, which is small.
    pub const fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub const fn happens(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }

    /// A time of whole milliseconds.
    pub fn within(&mut self, range: &RangeInclusive<Duration>) -> Duration {
        let millis = |time: &Duration| u64::try_from(time.as_millis()).expect("a few minutes");
        let (start, end) = (millis(range.start()), millis(range.end()));
        Duration::from_millis(start + self.below(end - start + 1))
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("less than a length")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_chooses_the_same() {
        let choices = |seed| {
            let mut chance = Chance::new(seed);
            let mut order: Vec<usize> = (0..20).collect();
            chance.shuffle(&mut order);
            (order, chance.within(&(Duration::from_secs(1)..=Duration::from_secs(10))), chance.pick(&[1, 2, 3]))
        };
        assert_eq!(choices(7), choices(7));
        assert_ne!(choices(7).0, choices(8).0);
        let (mut order, pause, _) = choices(7);
        order.sort_unstable();
        assert_eq!(order, (0..20).collect::<Vec<_>>());
        assert!((Duration::from_secs(1)..=Duration::from_secs(10)).contains(&pause));
    }
}
