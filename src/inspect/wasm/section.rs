//! The sections of a module or component: an id, a length, the contents.

use super::parse::{byte, import, limits, name, number};
use crate::inspect::read;
use crate::inspect::source::Source;

/// The maximum number of sections. A module has a dozen and some custom ones. A component has one
/// for each group of definitions.
const COUNT_LIMIT: usize = 1 << 14;

/// The maximum number of bytes read from a section of imports, exports and similar lists.
const CONTENT_LIMIT: u64 = 4 << 20;

/// The maximum number of names that are kept.
const NAMES_LIMIT: usize = 4096;

/// The facts from the sections.
#[derive(Debug, Default)]
pub(super) struct WasmSections {
    /// The modules that are imported from, without adjacent duplicates. For a component, its
    /// imports.
    pub imports: Vec<Vec<u8>>,
    pub exports: Vec<Vec<u8>>,
    /// Whether the memory is 64-bit.
    pub wide: bool,
    /// `build_id`, in hex.
    pub build_id: Option<String>,
    /// The version of Go, if the producers section lists it.
    pub producer_go: Option<String>,
    /// The file ranges `(offset, end)` of the data sections.
    pub data: Vec<(u64, u64)>,
    custom: Vec<Vec<u8>>,
}

impl WasmSections {
    /// Reads sections up to the first invalid one.
    pub(super) fn read(source: &dyn Source, component: bool) -> Self {
        let mut sections = Self::default();
        let mut at = 8u64;
        for _ in 0..COUNT_LIMIT {
            // An id and a length.
            let header = read::prefix(source, at, 11, 11).unwrap_or_default();
            let mut rest = &header[..];
            let (Some(id), Some(len)) = (byte(&mut rest), number(&mut rest)) else {
                break;
            };
            let start = at + (header.len() - rest.len()) as u64;
            let Some(end) = start.checked_add(len).filter(|&end| end <= source.len()) else {
                break;
            };
            sections.add(source, component, id, start, end);
            at = end;
        }
        sections
    }

    fn add(&mut self, source: &dyn Source, component: bool, id: u8, start: u64, end: u64) {
        let content = || read::prefix(source, start, end - start, CONTENT_LIMIT);
        match (component, id) {
            (_, 0) => {
                let head = read::prefix(source, start, end - start, 4096).unwrap_or_default();
                let mut rest = &head[..];
                if let Some(name) = name(&mut rest)
                    && self.custom.len() < NAMES_LIMIT
                {
                    self.custom(name, rest);
                }
            }
            (false, 2) => drop(content().map(|bytes| self.imports(&bytes))),
            (false, 5) => drop(content().map(|bytes| self.memories(&bytes))),
            (false, 7) => drop(content().map(|bytes| self.exports(&bytes))),
            (false, 11) => self.data.push((start, end)),
            (true, 10) => drop(content().map(|bytes| names(&bytes, &mut self.imports))),
            (true, 11) => drop(content().map(|bytes| names(&bytes, &mut self.exports))),
            _ => {}
        }
    }

    fn custom(&mut self, name: &[u8], mut content: &[u8]) {
        match name {
            b"build_id" => self.build_id = super::parse::name(&mut content).map(read::hex),
            b"producers" => self.producer_go = producer_go(content),
            _ => {}
        }
        self.custom.push(name.to_vec());
    }

    fn imports(&mut self, mut bytes: &[u8]) {
        let count = number(&mut bytes).unwrap_or_default();
        for _ in 0..count {
            let Some((module, wide)) = import(&mut bytes) else {
                break;
            };
            self.wide |= wide;
            if self.imports.last().is_none_or(|last| last != module)
                && self.imports.len() < NAMES_LIMIT
            {
                self.imports.push(module.to_vec());
            }
        }
    }

    fn memories(&mut self, mut bytes: &[u8]) {
        let count = number(&mut bytes).unwrap_or_default();
        if count > 0 {
            self.wide |= limits(&mut bytes).unwrap_or_default();
        }
    }

    fn exports(&mut self, mut bytes: &[u8]) {
        let count = number(&mut bytes).unwrap_or_default();
        for _ in 0..count {
            let export = name(&mut bytes);
            let (Some(export), Some(_), Some(_)) = (export, byte(&mut bytes), number(&mut bytes))
            else {
                break;
            };
            if self.exports.len() < NAMES_LIMIT {
                self.exports.push(export.to_vec());
            }
        }
    }

    /// Whether there is a custom section with this name.
    pub(super) fn has_custom(&self, name: &[u8]) -> bool {
        self.custom.iter().any(|found| found == name)
    }
}

/// Reads the names that a component imports or exports. Each follows a byte for its encoding. What
/// follows a name has a complicated format, so this searches for names that begin as those of WASI
/// do.
fn names(bytes: &[u8], names: &mut Vec<Vec<u8>>) {
    for at in memchr::memmem::find_iter(bytes, b"wasi:").take(NAMES_LIMIT) {
        let len = at.checked_sub(1).and_then(|at| bytes.get(at));
        let name = len.and_then(|&len| bytes.get(at..at.checked_add(len.into())?));
        if names.len() < NAMES_LIMIT {
            names.extend(name.map(<[u8]>::to_vec));
        }
    }
}

/// Returns the version of the language Go (tool-conventions, `ProducersSection.md`). Each field has
/// a name and a list of values, which are names and versions.
fn producer_go(mut bytes: &[u8]) -> Option<String> {
    for _ in 0..number(&mut bytes)? {
        let field = name(&mut bytes)?;
        for _ in 0..number(&mut bytes)? {
            let (value, version) = (name(&mut bytes)?, name(&mut bytes)?);
            if field == b"language" && value == b"Go" {
                return Some(String::from_utf8_lossy(version).into_owned());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn producers_name_the_language() {
        let of = |bytes: &[u8]| producer_go(bytes);
        let go = b"\x02\x08language\x01\x02Go\x08go1.22.1\x0cprocessed-by\0";
        assert_eq!(of(go).as_deref(), Some("go1.22.1"));
        assert_eq!(of(b"\x01\x08language\x01\x04Rust\0"), None);
        assert_eq!(of(b"\xff\xff\xff\xff\x0f"), None);
    }

    #[test]
    fn components_name_interfaces() {
        let mut found = Vec::new();
        names(
            b"\x02\0\x14wasi:cli/stdin@0.2.0\x05\0\0\xffwasi:",
            &mut found,
        );
        assert_eq!(found, [b"wasi:cli/stdin@0.2.0"]);
    }
}
