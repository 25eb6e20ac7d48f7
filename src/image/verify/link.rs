//! References to blobs, as recorded in descriptors (OCI image-spec, descriptor.md).

use oci_spec::image::Descriptor;

use super::report::{CheckProblem, ProblemId};
use crate::blob::Digest;
use crate::image::Platform;
use crate::image::files::blob_path;
use crate::oci::{self, REFERENCE_TYPE, annotation, declared_platform};

/// A reference to a blob.
#[derive(Debug)]
pub(super) struct Link {
    pub media_type: String,
    /// The digest, or its text if it is not a valid digest.
    pub digest: Result<Digest, String>,
    pub size: u64,
    pub platform: Option<Platform>,
    /// The names in its annotations.
    pub names: Vec<String>,
    /// Set if it refers to an attestation, with the digest of the image that it is about if that is
    /// given.
    pub attests: Option<Option<String>>,
    /// A URL from which the blob can be fetched. If there is one, the blob may be missing.
    pub elsewhere: Option<String>,
    /// The problem with the copy of the blob in the descriptor, if there is one.
    data: Option<CheckProblem>,
}

impl Link {
    pub(super) fn new(descriptor: &Descriptor) -> Self {
        let text = descriptor.digest().to_string();
        let digest: Result<Digest, String> = text.parse().map_err(|_| text);
        let data = descriptor.data().as_ref();
        Self {
            media_type: descriptor.media_type().to_string(),
            size: descriptor.size(),
            platform: declared_platform(descriptor),
            names: oci::names(descriptor),
            attests: annotation(descriptor.annotations(), REFERENCE_TYPE)
                .map(|_| oci::about(descriptor).map(str::to_owned)),
            elsewhere: descriptor.urls().iter().flatten().next().cloned(),
            data: data.and_then(|data| check_data(data, digest.as_ref().ok()?)),
            digest,
        }
    }

    /// Returns the digest as written.
    pub(super) fn name(&self) -> String {
        match &self.digest {
            Ok(digest) => digest.to_string(),
            Err(text) => text.clone(),
        }
    }

    /// Returns the path where the blob has to be.
    pub(super) fn path(&self) -> Option<String> {
        Some(blob_path(self.digest.as_ref().ok()?))
    }

    /// Returns the problems with the reference itself.
    pub(super) fn problems(&self) -> Vec<CheckProblem> {
        let mut problems = Vec::new();
        if self.digest.is_err() {
            let detail = "it is not sha256:, sha384: or sha512: followed by the right number of hex \
                          digits";
            problems.push(CheckProblem::because(ProblemId::BadDigest, detail));
        }
        problems.extend(self.data.clone());
        problems
    }
}

/// Checks the copy of the blob in a descriptor, which readers may use instead of the blob.
fn check_data(data: &str, digest: &Digest) -> Option<CheckProblem> {
    let detail = match decode_base64(data) {
        None => "the copy in the descriptor is not base64",
        Some(bytes) if !digest.matches(&bytes) => {
            "the copy in the descriptor does not match its digest"
        }
        Some(_) => return None,
    };
    Some(CheckProblem::because(ProblemId::DataMismatch, detail))
}

/// Decodes base64 with padding (RFC 4648, section 4).
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    // There are at most two bytes of padding, which complete the last group of four.
    if !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 3);
    let (mut held, mut bits) = (0u32, 0u32);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        // At most 14 bits are kept.
        held = (held << 6 | u32::from(value)) & 0x3fff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xff) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648, section 10.
    #[test]
    fn base64_as_in_the_rfc() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(decode_base64(text).as_deref(), Some(bytes.as_bytes()));
        }
        for bad in ["Zg", "Zg=", "Z===", "Zm9\u{e9}", "Zm 9", "===="] {
            assert_eq!(decode_base64(bad), None, "{bad}");
        }
        assert_eq!(decode_base64("+/+/").unwrap(), [0xfb, 0xff, 0xbf]);
    }

    #[test]
    fn a_copy_that_differs_is_told() {
        let digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let digest = digest.parse().unwrap();
        assert_eq!(check_data("YWJj", &digest), None);
        assert!(check_data("YWJk", &digest).is_some());
        assert!(check_data("YWJ", &digest).is_some());
    }
}
