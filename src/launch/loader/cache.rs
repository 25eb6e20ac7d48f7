//! Parses `/etc/ld.so.cache`, which ldconfig(8) writes (glibc, `sysdeps/generic/dl-cache.h`). It maps
//! the names of libraries to paths.
//!
//! There are two formats. The old one begins with `ld.so-1.7.0`, has 12 bytes per entry, and may be
//! followed by the new one. The new one begins with `glibc-ld.so.cache1.1` and has 24 bytes per entry.
//! Numbers have the byte order of the machine. Strings end with a NUL. In the new format their offsets
//! are relative to the start of its header, in the old format to the end of its entries.

use std::collections::HashMap;

const OLD_MAGIC: &[u8] = b"ld.so-1.7.0";
const NEW_MAGIC: &[u8] = b"glibc-ld.so.cache1.1";

/// The sizes of the header and the entries in both formats, in bytes.
const NEW_HEADER: usize = 48;
const NEW_ENTRY: usize = 24;
const OLD_HEADER: usize = 16;
const OLD_ENTRY: usize = 12;

/// `FLAG_ELF_LIBC6`, the library type in the low byte of an entry's flags.
const ELF_LIBC6: u32 = 3;

/// The maximum number of bytes that are read of a cache.
pub(super) const LIMIT: u64 = 16 << 20;

/// The libraries of a cache. Each name maps to its paths, in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Cache(HashMap<Vec<u8>, Vec<Vec<u8>>>);

impl Cache {
    /// Parses a cache. Returns `None` if the loader would not recognize it.
    pub(crate) fn parse(bytes: &[u8], little: bool) -> Option<Self> {
        let word = |at: usize| {
            let bytes = bytes.get(at..)?.first_chunk::<4>()?;
            Some(match little {
                true => u32::from_le_bytes(*bytes),
                false => u32::from_be_bytes(*bytes),
            })
        };
        let size = |at| usize::try_from(word(at)?).ok();
        let new = if bytes.starts_with(NEW_MAGIC) {
            Some(0)
        } else if bytes.starts_with(OLD_MAGIC) {
            let end = size(12)?.checked_mul(OLD_ENTRY)?.checked_add(OLD_HEADER)?;
            let at = end.checked_next_multiple_of(8)?;
            let there = bytes
                .get(at..)
                .is_some_and(|rest| rest.starts_with(NEW_MAGIC));
            there.then_some(at)
        } else {
            return None;
        };
        let (entries, len, count, strings) = match new {
            Some(at) => (at.checked_add(NEW_HEADER)?, NEW_ENTRY, size(at + 20)?, at),
            None => {
                let end = size(12)?.checked_mul(OLD_ENTRY)?.checked_add(OLD_HEADER)?;
                (OLD_HEADER, OLD_ENTRY, size(12)?, end)
            }
        };
        let string = |at: usize| {
            let from = bytes.get(strings.checked_add(size(at)?)?..)?;
            from.get(..memchr::memchr(0, from)?)
        };
        let mut libraries: HashMap<Vec<u8>, Vec<Vec<u8>>> = HashMap::new();
        // In a real cache, strings do not overlap by much.
        let mut room = 4 * bytes.len();
        for index in 0..count {
            let at = entries.checked_add(index.checked_mul(len)?)?;
            // The count is not trusted: stop at the end of the file.
            let Some(flags) = word(at) else {
                break;
            };
            if flags & 0xff != ELF_LIBC6 {
                continue;
            }
            if let (Some(name), Some(path)) = (string(at + 4), string(at + 8))
                && name.len() <= 255
                && path.len() <= 4096
            {
                let Some(left) = room.checked_sub(name.len() + path.len()) else {
                    break;
                };
                room = left;
                let paths = libraries.entry(name.to_vec()).or_default();
                paths.push(path.to_vec());
            }
        }
        Some(Self(libraries))
    }

    /// Returns the paths of a library.
    pub(crate) fn paths(&self, name: &[u8]) -> &[Vec<u8>] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(big: bool) -> Vec<u8> {
        let word = |v: u32| {
            if big {
                v.to_be_bytes()
            } else {
                v.to_le_bytes()
            }
        };
        let entries = [
            (0x0303, "libc.so.6", "/lib/libc.so.6"),
            (0x0001, "old", "/old"),
        ];
        let mut bytes = NEW_MAGIC.to_vec();
        bytes.extend(word(entries.len() as u32));
        bytes.resize(NEW_HEADER, 0);
        let mut strings = Vec::new();
        for (flags, name, path) in entries {
            let base = NEW_HEADER + NEW_ENTRY * entries.len();
            let mut put = |text: &str| {
                let at = base + strings.len();
                strings.extend(text.bytes().chain([0]));
                at as u32
            };
            for v in [flags, put(name), put(path), 0, 0, 0] {
                bytes.extend(word(v));
            }
        }
        bytes.extend(strings);
        bytes
    }

    #[test]
    fn names_lead_to_paths() {
        for big in [false, true] {
            let bytes = cache(big);
            let cache = Cache::parse(&bytes, !big).unwrap();
            assert_eq!(cache.paths(b"libc.so.6"), [b"/lib/libc.so.6"]);
            assert!(cache.paths(b"old").is_empty() && cache.paths(b"none").is_empty());
        }
    }

    #[test]
    fn the_new_format_may_stand_behind_the_old() {
        let mut both = OLD_MAGIC.to_vec();
        both.resize(12, 0);
        both.extend(1u32.to_le_bytes());
        both.resize(OLD_HEADER + OLD_ENTRY, 7);
        both.resize(both.len().next_multiple_of(8), 0);
        both.extend(cache(false));
        let cache = Cache::parse(&both, true).unwrap();
        assert_eq!(cache.paths(b"libc.so.6"), [b"/lib/libc.so.6"]);
    }

    #[test]
    fn strings_that_all_entries_share_are_not_kept_for_each() {
        let count = 2000;
        let strings = NEW_HEADER + NEW_ENTRY * count;
        let mut bytes = NEW_MAGIC.to_vec();
        bytes.extend((count as u32).to_le_bytes());
        bytes.resize(NEW_HEADER, 0);
        for _ in 0..count {
            for v in [0x0303, strings as u32, strings as u32 + 5, 0, 0, 0] {
                bytes.extend(u32::to_le_bytes(v));
            }
        }
        bytes.extend(b"name\0");
        bytes.resize(bytes.len() + 4000, b'/');
        bytes.push(0);
        let cache = Cache::parse(&bytes, true).unwrap();
        let kept = cache.paths(b"name");
        assert!(kept.len() > 10 && kept.len() * 4004 <= 4 * bytes.len());
    }

    #[test]
    fn claims_of_a_broken_cache_end_where_it_does() {
        assert!(Cache::parse(b"", true).is_none());
        assert!(Cache::parse(b"#!/bin/sh", true).is_none());
        let mut bytes = cache(false);
        for at in 0..bytes.len() {
            let _ = Cache::parse(&bytes[..at], true);
        }
        bytes[20..24].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(
            Cache::parse(&bytes, true)
                .unwrap()
                .paths(b"libc.so.6")
                .len(),
            1
        );
        bytes[NEW_HEADER + 4..NEW_HEADER + 12].fill(0xff);
        assert!(
            Cache::parse(&bytes, true)
                .unwrap()
                .paths(b"libc.so.6")
                .is_empty()
        );
    }
}
