//! Generates the archives for the readers. Each has one or two features, chosen with a seeded generator.

use super::make::Archive;
use super::{bodies, names, numbers};

/// A feature: its name, and a function that appends it to an archive.
pub type Feature = (&'static str, fn(&mut Rng, &mut Archive));

/// A random number generator (SplitMix64).
pub struct Rng(pub u64);

impl Rng {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    pub fn choose<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    pub fn word(&mut self, from: &[&'static str]) -> &'static str {
        from[self.below(from.len() as u64) as usize]
    }

    pub fn bytes(&mut self, len: usize, limit: u64) -> Vec<u8> {
        (0..len).map(|_| self.below(limit) as u8).collect()
    }

    /// Returns a random path.
    pub fn name(&mut self) -> String {
        (0..1 + self.below(3))
            .map(|_| *self.choose(&["dir", "sub", "file", "name", "ä"]))
            .collect::<Vec<_>>()
            .join("/")
    }

    /// Returns fewer than `limit` random bytes.
    pub fn data(&mut self, limit: u64) -> Vec<u8> {
        let len = self.below(limit) as usize;
        self.bytes(len, 256)
    }
}

/// An archive and its features.
pub struct Case {
    pub features: Vec<&'static str>,
    pub archive: Archive,
}

/// Returns `rounds` archives for each feature alone, and as many archives with two features.
pub fn cases(seed: u64, rounds: usize) -> Vec<Case> {
    let inner = [numbers::FEATURES, names::FEATURES, bodies::FEATURES].concat();
    let mut rng = Rng(seed);
    let mut cases = Vec::new();
    for round in 0..rounds {
        for feature in &inner {
            cases.push(case(&mut rng, &[*feature], None));
        }
        for end in bodies::ENDS {
            let before = *rng.choose(&inner);
            // In the first round alone, later after another feature.
            let before = if round == 0 { vec![] } else { vec![before] };
            cases.push(case(&mut rng, &before, Some(*end)));
        }
        for _ in 0..inner.len() {
            let two = [*rng.choose(&inner), *rng.choose(&inner)];
            cases.push(case(&mut rng, &two, None));
        }
    }
    cases
}

fn case(rng: &mut Rng, inner: &[Feature], end: Option<Feature>) -> Case {
    let mut archive = Archive::default();
    archive.file("first", "first content");
    for (_, append) in inner {
        append(rng, &mut archive);
    }
    match end {
        Some((_, append)) => append(rng, &mut archive),
        None => {
            archive.file("last", "last content").end();
        }
    }
    let features = inner.iter().chain(&end).map(|feature| feature.0).collect();
    Case { features, archive }
}
