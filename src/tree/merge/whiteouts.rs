//! The first step of applying a layer: removing names of lower layers.
//!
//! A marker's directory is resolved in the result of the lower layers, through their symbolic links,
//! with one exception. If the layer itself has an entry for a directory where a lower layer has a
//! symbolic link, that link is about to be replaced. A marker below it then refers to the new directory,
//! which contains nothing of lower layers. umoci and containerd apply entries in stream order, and
//! builders write a directory before its contents, so they have replaced the link by then. overlayfs
//! does not follow links of lower layers at all. Here the order does not matter, as for all markers.

use super::super::TreeError;
use super::super::hidden::RemovalKind;
use super::super::path::clean_into;
use super::Merger;
use crate::layer::{AUFS_LINKS, EntryKind, LayerEntry, Marker, ProblemKind, marker};

impl Merger {
    /// Applies the whiteouts of a layer and returns the numbers of its other entries.
    pub(super) fn whiteouts(&mut self, entries: &[LayerEntry]) -> Result<Vec<u32>, TreeError> {
        let mut plain = Vec::with_capacity(entries.len());
        let mut whiteouts = Vec::new();
        let mut names = Vec::new();
        for (number, entry) in (0..).zip(entries) {
            if clean_into(&entry.path, &mut names) {
                self.problem(entry, ProblemKind::EscapingPath);
            }
            let markers = names.iter().map(|name| marker(name));
            if names.first() == Some(&AUFS_LINKS) {
                // Not shown, but hard links may refer to it.
                plain.push(number);
                continue;
            }
            if markers.clone().any(|m| m == Marker::Aufs) {
                continue;
            }
            let last = markers.clone().next_back();
            let above = markers.rev().skip(1).any(|m| m != Marker::Name);
            match last {
                None | Some(Marker::Name) if !above => plain.push(number),
                Some(Marker::Whiteout(_) | Marker::Opaque) if !above => whiteouts.push(entry),
                _ => self.problem(entry, ProblemKind::BadWhiteout),
            }
            self.check()?;
        }
        if whiteouts.is_empty() {
            return Ok(plain);
        }
        self.cover_links(plain.iter().filter_map(|&n| entries.get(n as usize)))?;
        for entry in whiteouts {
            clean_into(&entry.path, &mut names);
            match names.last().map(|name| marker(name)) {
                Some(Marker::Whiteout(hidden)) => self.whiteout(&names, Some(hidden)),
                _ => self.whiteout(&names, None),
            }
            self.check()?;
        }
        self.covered.clear();
        Ok(plain)
    }

    /// Collects the symbolic links of lower layers that directories of this layer will replace. The set
    /// takes less memory than the entries.
    fn cover_links<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a LayerEntry>,
    ) -> Result<(), TreeError> {
        let mut names = Vec::new();
        for entry in entries.filter(|entry| entry.kind == EntryKind::Directory) {
            clean_into(&entry.path, &mut names);
            if let Some((name, dirs)) = names.split_last()
                && let Ok(dir) = self.walk(dirs, false, false)
                && let Some(node) = self.tree.child(dir, name)
                && self.tree.target(node).is_some()
                && let Some(slot) = self.tree.names.find(dir, name)
            {
                self.covered.insert(slot);
            }
            self.check()?;
        }
        Ok(())
    }

    /// Returns whether whiteouts are being applied and a directory of this layer will replace the
    /// symbolic link with that name.
    pub(super) fn is_covered(&self, dir: u32, name: &[u8]) -> bool {
        let slot = || self.tree.names.find(dir, name);
        !self.covered.is_empty() && slot().is_some_and(|slot| self.covered.contains(&slot))
    }

    /// Removes a name of lower layers, or all names of a directory. A missing name is not an error: the
    /// spec does not require it to exist, and builders write such whiteouts.
    fn whiteout(&mut self, names: &[&[u8]], hidden: Option<&[u8]>) {
        let Some((_, dirs)) = names.split_last() else {
            return;
        };
        // Another whiteout of this layer may already have removed the directory.
        let Ok(dir) = self.walk(dirs, false, false) else {
            return;
        };
        if self.hidden.is_some() {
            match hidden {
                Some(name) => self.hide_child(dir, name, RemovalKind::Whiteout),
                None => {
                    let slots: Vec<u32> = self.tree.slots(dir).collect();
                    for slot in slots {
                        self.hide(slot, RemovalKind::Opaque);
                    }
                }
            }
        }
        match hidden {
            Some(name) => self.tree.remove(dir, name, self.layer),
            None => self.tree.remove_all(dir, self.layer),
        }
    }

    pub(super) fn hide_child(&mut self, dir: u32, name: &[u8], how: RemovalKind) {
        if let Some(slot) = self.tree.names.find(dir, name)
            && self.tree.names.gone(slot).is_none()
        {
            self.hide(slot, how);
        }
    }
}
