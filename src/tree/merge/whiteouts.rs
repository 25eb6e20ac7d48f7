//! The first of the two steps in which a layer is applied: what it takes away from lower layers.

use super::super::TreeError;
use super::super::hidden::How;
use super::super::path::clean_into;
use super::Merger;
use crate::layer::{Entry, Marker, ProblemKind, marker};

impl Merger {
    /// Applies the whiteouts of a layer, and returns the numbers of its other entries.
    pub(super) fn whiteouts(&mut self, entries: &[Entry]) -> Result<Vec<u32>, TreeError> {
        let mut plain = Vec::with_capacity(entries.len());
        let mut names = Vec::new();
        for (number, entry) in (0..).zip(entries) {
            if clean_into(&entry.path, &mut names) {
                self.problem(entry, ProblemKind::EscapingPath);
            }
            let markers = names.iter().map(|name| marker(name));
            if markers.clone().any(|m| m == Marker::Aufs) {
                continue;
            }
            let last = markers.clone().next_back();
            let above = markers.rev().skip(1).any(|m| m != Marker::Name);
            match last {
                None | Some(Marker::Name) if !above => plain.push(number),
                Some(Marker::Whiteout(hidden)) if !above => self.whiteout(&names, Some(hidden)),
                Some(Marker::Opaque) if !above => self.whiteout(&names, None),
                _ => self.problem(entry, ProblemKind::BadWhiteout),
            }
            self.check()?;
        }
        Ok(plain)
    }

    /// Takes a name of lower layers away, or all names of a directory. That there is none is no
    /// error: the spec does not ask for it, and builders write such whiteouts.
    fn whiteout(&mut self, names: &[&[u8]], hidden: Option<&[u8]>) {
        let Some((_, dirs)) = names.split_last() else {
            return;
        };
        // Another whiteout of this layer may have taken the directory away already.
        let Ok(dir) = self.walk(dirs, false, false) else {
            return;
        };
        if self.recorder.is_some() {
            match hidden {
                Some(name) => self.hide_child(dir, name, How::Whiteout),
                None => {
                    let slots: Vec<u32> = self.tree.slots(dir).collect();
                    for slot in slots {
                        self.hide(slot, How::Opaque);
                    }
                }
            }
        }
        match hidden {
            Some(name) => self.tree.remove(dir, name, self.layer),
            None => self.tree.remove_all(dir, self.layer),
        }
    }

    pub(super) fn hide_child(&mut self, dir: u32, name: &[u8], how: How) {
        if let Some(slot) = self.tree.names.find(dir, name)
            && self.tree.names.gone(slot).is_none()
        {
            self.hide(slot, how);
        }
    }
}
