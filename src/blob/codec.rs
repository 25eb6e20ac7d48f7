//! The compression of a blob, detected from its first bytes. Media types and file names are only
//! claims.

use std::fmt;

/// The media type of an uncompressed layer (OCI image-spec, layer.md).
pub(crate) const TAR: &str = "application/vnd.oci.image.layer.v1.tar";

/// A compression that imgfs reads. The numbers are stored in the indexes of layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Not compressed.
    Plain = 0,
    /// One or several gzip members (RFC 1952).
    Gzip = 1,
    /// One or several Zstandard frames, including skippable ones (RFC 8878).
    Zstd = 2,
    /// One or several xz streams (The .xz File Format). No image format has xz layers, but Docker and
    /// Podman load archives and layers in this format.
    Xz = 3,
}

/// The number of bytes that [`Codec::sniff`] needs: up to the end of the magic of a tar header.
pub(crate) const MAGIC_LEN: usize = 262;

impl Codec {
    const ALL: [Self; 4] = [Self::Plain, Self::Gzip, Self::Zstd, Self::Xz];

    /// Returns the codec with a number.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|&codec| codec as u8 == number)
    }

    /// Returns the media type of layers with this compression. `None` if the OCI image-spec defines none.
    pub(crate) fn layer_media_type(self) -> Option<&'static str> {
        match self {
            Self::Plain => Some(TAR),
            Self::Gzip => Some("application/vnd.oci.image.layer.v1.tar+gzip"),
            Self::Zstd => Some("application/vnd.oci.image.layer.v1.tar+zstd"),
            Self::Xz => None,
        }
    }

    /// Detects the compression from the first bytes of a blob.
    ///
    /// # Errors
    /// Returns the name of the compression if it is known but imgfs does not read it.
    pub fn sniff(head: &[u8]) -> Result<Self, &'static str> {
        // A tar may begin with a file whose name looks like the magic number of a compression.
        if head.get(257..262) == Some(b"ustar") {
            return Ok(Self::Plain);
        }
        match head {
            [0x1f, 0x8b, ..] => Ok(Self::Gzip),
            // RFC 8878, 3.1.1 and 3.1.2: the magic of a frame, or one of the sixteen of skippable
            // frames.
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok(Self::Zstd),
            [m, 0x2a, 0x4d, 0x18, ..] if m & 0xf0 == 0x50 => Ok(Self::Zstd),
            _ if head.starts_with(&super::xz::MAGIC) => Ok(Self::Xz),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Err("bzip2"),
            // lz4_Frame_format.md: "Magic Number", "Legacy frame".
            [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => Err("lz4"),
            // The lzip format: "ID string", then version 1.
            [b'L', b'Z', b'I', b'P', 1, ..] => Err("lzip"),
            // lzma-file-format.txt, as written by `xz --format=lzma`: lc=3 lp=0 pb=2, a dictionary of
            // less than 4 GiB, an unknown length.
            [
                0x5d,
                0,
                0,
                _,
                _,
                0xff,
                0xff,
                0xff,
                0xff,
                0xff,
                0xff,
                0xff,
                0xff,
                ..,
            ] => Err("lzma"),
            // compress(1).
            [0x1f, 0x9d, ..] => Err("compress"),
            _ => Ok(Self::Plain),
        }
    }

    /// Returns the codec that a layer's media type names, if it names one.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        let is_layer = media_type.contains(".layer.") || media_type.contains(".rootfs.");
        if !is_layer {
            return None;
        }
        if media_type.ends_with("+gzip") || media_type.ends_with(".tar.gzip") {
            Some(Self::Gzip)
        } else if media_type.ends_with("+zstd") || media_type.ends_with(".tar.zstd") {
            Some(Self::Zstd)
        } else if media_type.ends_with("+xz") || media_type.ends_with(".tar.xz") {
            Some(Self::Xz)
        } else if media_type.ends_with(".tar") {
            Some(Self::Plain)
        } else {
            None
        }
    }
}

/// Returns the command that decompresses the format that [`Codec::sniff`] calls `name`. It takes the
/// name of a file as its next argument and writes to standard output.
pub(crate) fn program(name: &str) -> &'static str {
    match name {
        "bzip2" => "bzip2 -dc",
        "lz4" => "lz4 -dc",
        "lzip" => "lzip -dc",
        // gzip(1) also decompresses the format of compress(1).
        "compress" => "gzip -dc",
        _ => "xz -dc",
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
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
        assert_eq!(Codec::sniff(b"\xfd7zXZ\0"), Ok(Codec::Xz));
        assert_eq!(Codec::sniff(b"etc/passwd"), Ok(Codec::Plain));
        assert_eq!(Codec::sniff(b""), Ok(Codec::Plain));
        let mut tar = b"BZh1".to_vec();
        tar.resize(257, 0);
        tar.extend(b"ustar\x0000");
        assert_eq!(Codec::sniff(&tar), Ok(Codec::Plain));
    }

    #[test]
    fn a_number_leads_back() {
        for codec in Codec::ALL {
            assert_eq!(Codec::from_number(codec as u8), Some(codec));
        }
        assert_eq!(Codec::from_number(Codec::ALL.len() as u8), None);
    }

    /// The first bytes of the output of each program, for empty and non-empty input.
    #[test]
    fn what_is_not_read_has_a_name() {
        assert_eq!(Codec::sniff(b"BZh91AY&SY"), Err("bzip2"));
        assert_eq!(Codec::sniff(b"\x04\x22\x4d\x18\x64\x40\xa7"), Err("lz4"));
        assert_eq!(Codec::sniff(b"LZIP\x01\x0c"), Err("lzip"));
        let lzma = b"\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0";
        assert_eq!(Codec::sniff(lzma), Err("lzma"));
        assert_eq!(Codec::sniff(b"\x1f\x9d\x90"), Err("compress"));
        // Tars without the `ustar` magic, whose first file has such a name.
        for name in [&b"BZhaus"[..], b"LZIP", b"]"] {
            let mut tar = name.to_vec();
            tar.resize(512, 0);
            assert_eq!(Codec::sniff(&tar), Ok(Codec::Plain));
        }
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
        assert_eq!(
            of("application/vnd.oci.image.layer.v1.tar+xz"),
            Some(Codec::Xz)
        );
        assert_eq!(of("application/json"), None);
    }
}
