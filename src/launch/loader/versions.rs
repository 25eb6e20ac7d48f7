//! Symbol versions that objects of a closure ask of others (glibc, `_dl_check_map_versions` and
//! `match_symbol` in `elf/dl-version.c`). Checked after everything is loaded and before anything is
//! relocated. musl has no versions.

use std::collections::HashMap;

use super::{Closure, Name, Resolver};
use crate::layer::printable;

/// No more lines than this are written.
const LINES_LIMIT: usize = 4096;

/// What glibc says about the versions of a closure, without the program's name before it.
#[derive(Debug, Default)]
pub(super) struct Versions {
    /// Versions that are not defined: the program is not started.
    pub missing: Vec<String>,
    /// Libraries without versions, and weak references to missing ones: only told.
    pub told: Vec<String>,
}

impl Resolver<'_> {
    /// Compares what is asked with what is defined. `shown` has the path of each object as it is
    /// written in messages.
    pub(super) fn check_versions(&self, closure: &Closure, shown: &[String]) -> Versions {
        let known: HashMap<Name, usize> = closure.known.iter().rev().copied().collect();
        let mut found = Versions::default();
        let text = |index: usize| shown.get(index).map_or("", String::as_str);
        for (index, (object, _)) in closure.objects.iter().enumerate() {
            let Some(file) = self.file(*object) else {
                continue;
            };
            for wanted in &file.binary.versions_needed {
                let name = self.known_name(&wanted.library);
                let Some(&provider) = name.and_then(|name| known.get(&name)) else {
                    continue;
                };
                let defined = closure.objects.get(provider);
                let Some(defined) = defined.and_then(|(object, _)| self.file(*object)) else {
                    continue;
                };
                let defined = &defined.binary.versions_defined;
                let (at, by) = (text(provider), text(index));
                let strong = wanted.strong.iter().map(|version| (version, false));
                let weak = wanted.weak.iter().map(|version| (version, true));
                for (version, weak) in strong.chain(weak) {
                    if found.missing.len() + found.told.len() >= LINES_LIMIT {
                        return found;
                    }
                    if defined.contains(version) {
                        continue;
                    }
                    let version = printable(version);
                    if defined.is_empty() {
                        let line = "no version information available";
                        found.told.push(format!("{at}: {line} (required by {by})"));
                    } else if weak {
                        let line = format!("weak version `{version}' not found");
                        found.told.push(format!("{at}: {line} (required by {by})"));
                    } else {
                        let line = format!("version `{version}' not found");
                        found
                            .missing
                            .push(format!("{at}: {line} (required by {by})"));
                    }
                }
            }
        }
        found
    }
}
