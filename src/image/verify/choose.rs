//! The choice of the manifests in a layout that are checked: all, unless a name or a platform selects
//! some.

use std::collections::{HashMap, HashSet};

use super::layout::{Layout, LinkEntry, LinkRole};
use crate::image::{ImageError, Platform, Reference};
use crate::store::short;

impl Layout {
    /// Selects only the entries that the name of a reference means, by the same rules as for a mount.
    pub(super) fn choose_name(
        &mut self,
        reference: &Reference,
        wanted: &str,
    ) -> Result<(), ImageError> {
        let is_meant = |entry: &LinkEntry| {
            let mut names = entry.link.names.iter();
            names.any(|name| short(name) == short(wanted)) || entry.link.name() == wanted
        };
        let entries = self.entries.iter().enumerate();
        let meant = entries.filter(|(_, e)| is_meant(e)).map(|(n, _)| n);
        let meant: Vec<usize> = meant.collect();
        if meant.is_empty() {
            let names = self.entries.iter();
            let mut names: Vec<String> = names
                .filter_map(|e| e.link.names.first().cloned())
                .collect();
            names.dedup();
            return Err(ImageError::NoSuchName {
                image: reference.to_string(),
                wanted: wanted.to_owned(),
                names,
            });
        }
        self.select(meant);
        Ok(())
    }

    /// Selects only the manifests that match a platform best, and the attestations about them. A
    /// manifest that cannot be read stays selected, because its platform is unknown.
    pub(super) fn choose_platform(
        &mut self,
        reference: &Reference,
        wanted: &Platform,
    ) -> Result<(), ImageError> {
        let mut chosen: Vec<usize> = Vec::new();
        let mut unknown: Vec<usize> = Vec::new();
        let mut offered: Vec<String> = Vec::new();
        let mut best = None;
        for (number, entry) in self.entries.iter().enumerate() {
            if !entry.selected || entry.role != LinkRole::Manifest {
                continue;
            }
            let Some(platform) = self.platform(entry) else {
                if !self.is_artifact(entry) {
                    unknown.push(number);
                }
                continue;
            };
            offered.push(platform.to_string());
            let rank = wanted.accepts(&platform);
            if rank > best {
                best = rank;
                chosen.clear();
            }
            if rank.is_some() && rank == best {
                chosen.push(number);
            }
        }
        chosen.append(&mut unknown);
        if chosen.is_empty() {
            offered.dedup();
            return Err(ImageError::NoSuchPlatform {
                image: reference.to_string(),
                wanted: wanted.clone(),
                platforms: offered,
            });
        }
        let about: HashSet<String> = chosen
            .iter()
            .filter_map(|&n| Some(self.entries.get(n)?.link.name()))
            .collect();
        for (number, entry) in self.entries.iter().enumerate() {
            let subject = entry.link.attests.as_ref().and_then(Option::as_ref);
            if subject.is_some_and(|digest| about.contains(digest)) {
                chosen.push(number);
            }
        }
        self.select(chosen);
        Ok(())
    }

    /// Returns the platform of a manifest, from its descriptor or else from its config.
    pub(super) fn platform(&self, entry: &LinkEntry) -> Option<Platform> {
        if let Some(platform) = &entry.link.platform {
            return Some(platform.clone());
        }
        let image = self.manifest_of(entry)?.image.as_ref()?;
        Some(image.summary.as_ref().ok()?.platform.clone())
    }

    fn is_artifact(&self, entry: &LinkEntry) -> bool {
        self.manifest_of(entry).is_some_and(|m| m.image.is_none())
    }

    /// Returns the manifest that an entry refers to, if it could be read.
    pub(super) fn manifest_of(&self, entry: &LinkEntry) -> Option<&super::layout::Manifest> {
        self.documents.get(entry.to?)?.manifest.as_ref()
    }

    /// Restricts the selection to these entries, all entries that they lead to, and the entries on the
    /// paths from the root to them.
    fn select(&mut self, chosen: Vec<usize>) {
        let mut wanted: HashSet<usize> = chosen.iter().copied().collect();
        let mut pending = chosen.clone();
        while let Some(number) = pending.pop() {
            let to = self.entries.get(number).and_then(|e| e.to);
            let document = to.and_then(|to| self.documents.get(to));
            for &next in document.iter().flat_map(|d| &d.entries) {
                if wanted.insert(next) {
                    pending.push(next);
                }
            }
        }
        let mut referrers: HashMap<usize, Vec<usize>> = HashMap::new();
        for (number, entry) in self.entries.iter().enumerate() {
            if let Some(to) = entry.to {
                referrers.entry(to).or_default().push(number);
            }
        }
        let mut way: HashSet<usize> = HashSet::new();
        let mut pending = chosen;
        while let Some(number) = pending.pop() {
            let Some(from) = self.entries.get(number).map(|e| e.from) else {
                continue;
            };
            // All entries that refer to a document are handled together.
            if way.insert(from) {
                let referrers = referrers.get(&from).into_iter().flatten();
                for &referrer in referrers {
                    wanted.insert(referrer);
                    pending.push(referrer);
                }
            }
        }
        for (number, entry) in self.entries.iter_mut().enumerate() {
            entry.selected &= wanted.contains(&number);
        }
    }
}
