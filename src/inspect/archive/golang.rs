//! Packages written by Go's compiler. They begin with a line of text
//! (`cmd/compile/internal/gc/obj.go`).
//!
//! The line is `go object GOOS GOARCH VERSION`, followed by experiments and architecture variants.

use crate::inspect::binary::{Binary, BinaryKind, FactSource, Format, GoBuild, Sourced};
use crate::inspect::go;
use crate::inspect::read;
use crate::inspect::source::Source;

/// The beginning of the line.
pub(in crate::inspect) const MAGIC: &[u8] = b"go object ";

/// The maximum length of the line in bytes. Real ones have some hundred.
const LINE_LIMIT: u64 = 4096;

/// Decodes a package from its first line.
pub(super) fn inspect(source: &dyn Source) -> Option<Binary> {
    let bytes = read::prefix(source, 0, LINE_LIMIT, LINE_LIMIT)?;
    let line = bytes
        .strip_prefix(MAGIC)?
        .split(|&byte| byte == b'\n')
        .next()?;
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split(' ');
    let (os, arch) = (words.next()?, words.next()?);
    let mut version = words.next()?.to_owned();
    let mut variants = Vec::new();
    let variable = go::variable(arch);
    for word in words {
        if let Some((key, value)) = word.split_once('=') {
            variants.extend(
                variable
                    .filter(|&name| name == key)
                    .map(|name| (name, value.to_owned())),
            );
        } else if version.starts_with("devel") && !word.starts_with("X:") {
            // `devel go1.28-abcdef Tue Nov 24 07:00:00 2026 +0000`
            version.push(' ');
            version.push_str(word);
        }
    }
    let fact = |value: &str| {
        Some(Sourced {
            value: value.to_owned(),
            source: FactSource::Header,
        })
    };
    Some(Binary {
        format: Format::GoArchive,
        kind: BinaryKind::Archive,
        os: fact(os),
        arch: fact(arch),
        variants,
        go: Some(GoBuild {
            version,
            ..GoBuild::default()
        }),
        ..Binary::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_it_all() {
        let of = |line: &str| inspect(&line.as_bytes().to_vec());
        let found = of("go object linux arm go1.27.3 GOARM=7 X:a,b\nbuild id \"x\"\n").unwrap();
        assert_eq!(found.os.unwrap().value, "linux");
        assert_eq!(found.arch.unwrap().value, "arm");
        assert_eq!(found.variants, [("GOARM", "7".to_owned())]);
        assert_eq!(found.go.unwrap().version, "go1.27.3");
        let devel = of("go object js wasm devel go1.28-abc Tue Nov 24 X:x\n").unwrap();
        assert_eq!(devel.go.unwrap().version, "devel go1.28-abc Tue Nov 24");
        assert!(of("go object linux\n").is_none());
        assert!(of("go objects").is_none());
    }
}
