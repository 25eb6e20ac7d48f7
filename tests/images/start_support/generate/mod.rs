//! Random images: the same ones for the same seed.

use super::case::Case;

mod environment;
mod permissions;
mod scripts;
mod shebangs;

/// A generator of random numbers: SplitMix64.
pub struct Random(u64);

impl Random {
    /// Returns the generator of one case.
    pub fn new(seed: u64, class: &str, number: usize) -> Self {
        let mut state = seed ^ (number as u64) << 20;
        for byte in class.bytes() {
            state = state.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte);
        }
        Self(state)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// Returns true in `percent` of a hundred draws on average.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// Returns one of several.
    pub fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    /// Returns one of several values.
    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// A class of generated images: its name, the number of images, and the function that generates one.
type Class = (&'static str, usize, fn(&mut Random, String) -> Case);

const CLASSES: &[Class] = &[
    ("random permissions", 260, permissions::draw),
    ("random shebangs", 220, shebangs::draw),
    ("random scripts", 300, scripts::draw),
    ("random environments", 180, environment::draw),
    ("random runpaths", 160, environment::draw_runpath),
    ("random symbols", 120, environment::draw_symbol),
];

/// Returns the seed of this run: PROPTEST_RNG_SEED, which tests/run.sh sets, or 1.
pub fn seed() -> u64 {
    let set = std::env::var("PROPTEST_RNG_SEED").ok();
    set.and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

/// Returns all images of a seed.
pub fn all(seed: u64) -> Vec<Case> {
    let mut cases = Vec::new();
    for &(class, count, draw) in CLASSES {
        for number in 0..count {
            let name = format!("{}-{number}", class.replace(' ', "-"));
            let mut random = Random::new(seed, class, number);
            cases.push(Case {
                class,
                ..draw(&mut random, name)
            });
        }
    }
    cases
}
