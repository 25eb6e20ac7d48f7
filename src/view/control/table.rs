//! `/.imgfs/binaries.tsv`: a line for each executable, a column for each key.
//!
//! The length of the file must be known before it is read, and the text may be large. So all lines are
//! generated once to learn where each block of lines ends, and generated again when their block is
//! read. The blocks read last are kept. Readers of a block that is being generated wait for it, so a
//! thousand readers cost as much as one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use super::super::ino::TreeId;
use super::super::keys::KEYS;
use super::super::{Fact, ImageFs, ViewError};
use crate::tree::{DentryId, NodeKind, Tree};

/// The number of lines in a block.
const BLOCK: usize = 64;
/// The number of blocks that are kept.
const KEPT: usize = 32;

/// The rows of the table, and where each block of lines ends.
pub(in super::super) struct Table {
    /// The entries of all executables, in the byte order of their paths.
    rows: Vec<DentryId>,
    /// The end offset of each block. The first block begins with the header line.
    ends: Vec<u64>,
    blocks: Mutex<LruCache<usize, Arc<[u8]>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The entries of all executables, without symbolic links to them.
fn executables(tree: &Tree) -> Vec<DentryId> {
    let is_file = |id: &DentryId| {
        let kind = tree.dentry(*id).map(|dentry| dentry.kind);
        kind == Some(NodeKind::Regular) && tree.executable(*id).is_some()
    };
    let mut rows: Vec<(Vec<u8>, DentryId)> = tree
        .dentries()
        .filter(is_file)
        .map(|id| (tree.path(id), id))
        .collect();
    rows.sort_unstable();
    rows.into_iter().map(|(_, id)| id).collect()
}

/// The first line: the names of the columns.
pub(in super::super) fn header() -> Vec<u8> {
    let mut line = KEYS.join("\t").into_bytes();
    line.push(b'\n');
    line
}

/// Writes a line: the value of each key, empty where the key does not apply.
pub(in super::super) fn line(facts: &[Fact], text: &mut Vec<u8>) {
    for (i, key) in KEYS.into_iter().enumerate() {
        if i > 0 {
            text.push(b'\t');
        }
        if let Some(fact) = facts.iter().find(|fact| fact.key == key) {
            text.extend_from_slice(&fact.value.escaped());
        }
    }
    text.push(b'\n');
}

impl Table {
    pub(super) fn size(&self) -> u64 {
        self.ends.last().copied().unwrap_or_default()
    }
}

impl ImageFs {
    /// The table. The first call generates all lines to determine where the blocks end.
    pub(super) fn binaries(&self) -> Result<Arc<Table>, ViewError> {
        let mut known = lock(&self.binaries);
        if let Some(table) = &*known {
            return Ok(table.clone());
        }
        let capacity = std::num::NonZeroUsize::new(KEPT).unwrap_or(std::num::NonZeroUsize::MIN);
        let mut table = Table {
            rows: executables(self.tree()),
            ends: Vec::new(),
            blocks: Mutex::new(LruCache::new(capacity)),
        };
        let mut end = 0;
        let blocks = table.rows.len().div_ceil(BLOCK).max(1);
        for block in 0..blocks {
            end += self.block(&table, block)?.len() as u64;
            table.ends.push(end);
        }
        let table = Arc::new(table);
        *known = Some(table.clone());
        Ok(table)
    }

    /// Generates the lines of a block.
    fn block(&self, table: &Table, number: usize) -> Result<Vec<u8>, ViewError> {
        let mut text = match number {
            0 => header(),
            _ => Vec::new(),
        };
        for &row in table
            .rows
            .iter()
            .skip(number.saturating_mul(BLOCK))
            .take(BLOCK)
        {
            let dentry = self.tree().dentry(row).ok_or(ViewError::NotFound)?;
            let path = self.tree().path(row);
            line(
                &self.facts_at(TreeId::Merged, dentry.node, (&path, Some(row)), &|_| true)?,
                &mut text,
            );
        }
        Ok(text)
    }

    pub(super) fn read_binaries(&self, offset: u64, len: usize) -> Result<Vec<u8>, ViewError> {
        let table = self.binaries()?;
        let mut text = Vec::new();
        let mut number = table.ends.partition_point(|end| *end <= offset);
        while text.len() < len && number < table.ends.len() {
            let block = {
                let mut blocks = lock(&table.blocks);
                match blocks.get(&number) {
                    Some(block) => block.clone(),
                    None => {
                        let block: Arc<[u8]> = self.block(&table, number)?.into();
                        blocks.put(number, block.clone());
                        block
                    }
                }
            };
            let begins = match number {
                0 => 0,
                _ => table.ends.get(number - 1).copied().unwrap_or_default(),
            };
            let at = offset.saturating_add(text.len() as u64) - begins;
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            let rest = block.get(at..).unwrap_or_default();
            text.extend_from_slice(rest.get(..len - text.len()).unwrap_or(rest));
            number += 1;
        }
        Ok(text)
    }
}
