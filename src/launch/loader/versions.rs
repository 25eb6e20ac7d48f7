//! Symbol versions that objects of a closure require from others (glibc, `_dl_check_map_versions` and
//! `match_symbol` in `elf/dl-version.c`). They are checked after everything is loaded and before
//! anything is relocated. musl does not support versions.

use std::collections::HashMap;

use super::{Closure, Name, Resolver};
use crate::layer::printable;

/// The maximum number of lines that are collected.
const LINES_LIMIT: usize = 4096;

/// glibc's messages about the versions of a closure, without the program's name in front.
#[derive(Debug, Default)]
pub(super) struct Versions {
    /// Versions that are not defined. They prevent the start.
    pub missing: Vec<String>,
    /// Libraries without versions, and weak references to missing versions. They only cause warnings.
    pub told: Vec<String>,
}

impl Resolver<'_> {
    /// Compares the required versions with the defined ones. `shown` has the path of each object as
    /// messages show it.
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
