//! What a blob is compressed with, told by its first bytes. Media types and file names are
//! claims; the bytes decide.

use std::fmt;

/// A compression that imgfs reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Not compressed.
    Plain,
    /// One or several gzip members (RFC 1952).
    Gzip,
    /// One or several Zstandard frames, skippable ones too (RFC 8878).
    Zstd,
}

/// How many bytes [`Codec::sniff`] wants to see: up to the magic of a tar header.
pub(crate) const MAGIC_LEN: usize = 262;

impl Codec {
    /// Tells the compression from the first bytes of a blob.
    ///
    /// # Errors
    /// The name of a compression that was recognised but that no image format allows.
    pub fn sniff(head: &[u8]) -> Result<Self, &'static str> {
        // A tar may begin with a file whose name looks like a magic number.
        if head.get(257..262) == Some(b"ustar") {
            return Ok(Self::Plain);
        }
        match head {
            [0x1f, 0x8b, ..] => Ok(Self::Gzip),
            // RFC 8878, 3.1.1 and 3.1.2: a frame, or one of the sixteen skippable frame magics.
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok(Self::Zstd),
            [m, 0x2a, 0x4d, 0x18, ..] if m & 0xf0 == 0x50 => Ok(Self::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Err("xz"),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Err("bzip2"),
            _ => Ok(Self::Plain),
        }
    }

    /// The codec that a layer's media type claims, if it claims one.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        let is_layer = media_type.contains(".layer.") || media_type.contains(".rootfs.");
        if !is_layer {
            return None;
        }
        if media_type.ends_with("+gzip") || media_type.ends_with(".tar.gzip") {
            Some(Self::Gzip)
        } else if media_type.ends_with("+zstd") || media_type.ends_with(".tar.zstd") {
            Some(Self::Zstd)
        } else if media_type.ends_with(".tar") {
            Some(Self::Plain)
        } else {
            None
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_decide() {
        assert_eq!(Codec::sniff(b"\x1f\x8b\x08"), Ok(Codec::Gzip));
        assert_eq!(Codec::sniff(b"\x28\xb5\x2f\xfd\0"), Ok(Codec::Zstd));
        assert_eq!(Codec::sniff(b"\x5a\x2a\x4d\x18"), Ok(Codec::Zstd));
        assert_eq!(Codec::sniff(b"\xfd7zXZ\0"), Err("xz"));
        assert_eq!(Codec::sniff(b"etc/passwd"), Ok(Codec::Plain));
        assert_eq!(Codec::sniff(b""), Ok(Codec::Plain));
        let mut tar = b"BZh1".to_vec();
        tar.resize(257, 0);
        tar.extend(b"ustar\x0000");
        assert_eq!(Codec::sniff(&tar), Ok(Codec::Plain));
    }

    #[test]
    fn media_types_of_both_families() {
        let of = Codec::of_media_type;
        assert_eq!(
            of("application/vnd.oci.image.layer.v1.tar"),
            Some(Codec::Plain)
        );
        assert_eq!(
            of("application/vnd.oci.image.layer.v1.tar+zstd"),
            Some(Codec::Zstd)
        );
        assert_eq!(
            of("application/vnd.docker.image.rootfs.diff.tar.gzip"),
            Some(Codec::Gzip)
        );
        assert_eq!(of("application/json"), None);
    }
}
