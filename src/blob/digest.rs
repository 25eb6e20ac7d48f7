//! The digest that names a blob: an algorithm and the hash in hex
//! (OCI image-spec, descriptor.md, "Digests").

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// A digest such as `sha256:2c26b46b…`. Its form was checked: a known algorithm, and as many
/// lower-case hex digits as the algorithm gives.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    algorithm: Algorithm,
    /// The whole digest. Algorithm and hash are slices of it.
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Algorithm {
    Sha256,
    Sha384,
    Sha512,
}

/// Why a string is not a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a digest (expected sha256:, sha384: or sha512: and hex digits)")]
pub struct DigestError(String);

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    fn hex_len(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
        }
    }
}

impl Digest {
    /// Returns `sha256`, `sha384` or `sha512`, as in the path `blobs/ALGORITHM/HEX` of an image
    /// layout.
    pub fn algorithm(&self) -> &'static str {
        self.algorithm.name()
    }

    /// Returns the hash in lower-case hex.
    pub fn hex(&self) -> &str {
        // The text was checked to begin with the name and a colon when the digest was created.
        self.text
            .get(self.algorithm.name().len() + 1..)
            .unwrap_or_default()
    }

    /// Returns whether `bytes` have this digest.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        let mut hasher = Hasher::like(self);
        hasher.update(bytes);
        hasher.finish() == *self
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(s: &str) -> Result<Self, DigestError> {
        let error = || DigestError(s.chars().take(160).collect());
        let (name, hex) = s.split_once(':').ok_or_else(error)?;
        let algorithm = [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512]
            .into_iter()
            .find(|a| a.name() == name)
            .ok_or_else(error)?;
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if hex.len() != algorithm.hex_len() || !hex.bytes().all(is_hex) {
            return Err(error());
        }
        Ok(Self {
            algorithm,
            text: s.to_owned(),
        })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Computes a [`Digest`] from bytes that arrive in pieces.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Hasher {
    /// Creates a SHA-256 hasher. Nearly all images use this algorithm.
    pub fn sha256() -> Self {
        Self(State::Sha256(Sha256::new()))
    }

    /// Creates a hasher for the algorithm of `digest`.
    pub fn like(digest: &Digest) -> Self {
        Self(match digest.algorithm {
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha384 => State::Sha384(Sha384::new()),
            Algorithm::Sha512 => State::Sha512(Sha512::new()),
        })
    }

    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(h) => h.update(bytes),
            State::Sha384(h) => h.update(bytes),
            State::Sha512(h) => h.update(bytes),
        }
    }

    /// Returns the digest of all bytes taken in.
    pub fn finish(self) -> Digest {
        let (algorithm, hash) = match self.0 {
            State::Sha256(h) => (Algorithm::Sha256, h.finalize().to_vec()),
            State::Sha384(h) => (Algorithm::Sha384, h.finalize().to_vec()),
            State::Sha512(h) => (Algorithm::Sha512, h.finalize().to_vec()),
        };
        let mut text = String::with_capacity(algorithm.name().len() + 1 + algorithm.hex_len());
        text.push_str(algorithm.name());
        text.push(':');
        for byte in hash {
            use fmt::Write;
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Digest { algorithm, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From FIPS 180-4's example: SHA-256 of "abc".
    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn hashes_the_published_example() {
        let digest: Digest = ABC.parse().unwrap();
        assert!(digest.matches(b"abc"));
        assert!(!digest.matches(b"abd"));
        assert_eq!(digest.algorithm(), "sha256");
        assert_eq!(digest.hex(), &ABC[7..]);
    }

    #[test]
    fn rejects_what_could_lead_out_of_the_blobs_directory() {
        for bad in [
            "sha256:../../../etc/passwd",
            "sha256:",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            &ABC.to_uppercase(),
            &ABC[..ABC.len() - 1],
            "",
        ] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }
}
