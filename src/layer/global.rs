//! Global PAX headers: records that apply to all entries after them (POSIX.1-2017, pax, type `g`).
//!
//! Go's `archive/tar` does not apply them, so no program that runs images does, and neither does imgfs.
//! GNU tar does apply them, so an entry that they would change is reported.

use std::collections::BTreeMap;

use super::ambiguity::Ambiguity;
use super::entry::Mtime;
use super::member::TarMember;
use super::pax::{Pax, decimal};

/// The maximum number of bytes of records that are kept. The limit exists because each record is looked
/// up for each entry; `git archive`, for instance, writes a single comment. If there are more, the next
/// entry is reported without a comparison.
const MAX_KEPT: usize = 4 << 10;

/// The keys that change an entry, besides those that begin with `SCHILY.xattr.`.
const KEYS: [&[u8]; 6] = [b"path", b"linkpath", b"size", b"uid", b"gid", b"mtime"];

/// The records of all global headers read so far that can change an entry.
#[derive(Debug, Default)]
pub(crate) struct Global {
    records: BTreeMap<Box<[u8]>, Pax>,
    bytes: usize,
    /// The key of a record that did not fit within [`MAX_KEPT`].
    beyond: Option<Box<[u8]>>,
    is_reported: bool,
}

impl Global {
    /// Adds the records of another global header.
    pub(crate) fn add(&mut self, pax: &Pax) {
        for (key, value) in pax.records() {
            let matters = KEYS.contains(&key) || key.starts_with(b"SCHILY.xattr.");
            if !matters {
                continue;
            }
            self.bytes = self.bytes.saturating_add(key.len() + value.len());
            if self.bytes <= MAX_KEPT {
                self.records.insert(key.into(), Pax::of(key, value));
            } else {
                self.beyond = Some(key.into());
            }
        }
    }

    /// Returns the first record that would change this entry. `own` are the entry's own PAX records,
    /// which take precedence. Only the first such entry of a layer is reported.
    pub(crate) fn changes(&mut self, member: &TarMember, own: &Pax) -> Option<Ambiguity> {
        if self.is_reported || (self.records.is_empty() && self.beyond.is_none()) {
            return None;
        }
        if let Some(key) = self.beyond.take() {
            self.is_reported = true;
            return Some(Ambiguity::GlobalRecord { key });
        }
        let found = self.records.iter().find_map(|(key, global)| {
            let value = global.get(key)?;
            let changes = own.get(key).is_none() && !is(member, key, value, global);
            changes.then(|| Ambiguity::GlobalRecord { key: key.clone() })
        });
        self.is_reported = found.is_some();
        found
    }
}

/// Returns whether an entry already has the value that a record gives.
fn is(member: &TarMember, key: &[u8], value: &[u8], record: &Pax) -> bool {
    match key {
        b"path" => member.path == value,
        b"linkpath" => !matches!(member.type_flag, b'1' | b'2') || member.link == value,
        b"size" => {
            let is_regular = matches!(member.type_flag, b'0' | b'S');
            !is_regular || decimal(value).and_then(|n| u64::try_from(n).ok()) == Some(member.size)
        }
        b"uid" => decimal(value) == Some(member.uid.into()),
        b"gid" => decimal(value) == Some(member.gid.into()),
        b"mtime" => record.time(key).flatten() == Some::<Mtime>(member.mtime),
        _ => {
            let name = key.strip_prefix(b"SCHILY.xattr.").unwrap_or_default();
            let mut xattrs = member.xattrs.iter();
            xattrs.any(|x| *x.name == *name && *x.value == *value)
        }
    }
}
