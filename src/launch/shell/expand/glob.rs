//! Pathname expansion (POSIX 2.6.6).

use super::MAX_WORDS;
use super::fields::Field;
use super::pattern::Pattern;
use crate::launch::shell::paths;
use crate::launch::shell::run::Shell;
use crate::launch::shell::state::Switch;
use crate::launch::shell::world::{FileTest, Word};

impl Shell<'_> {
    /// Returns the words for a field: the field itself, or the paths that match it.
    pub(super) fn glob(&mut self, field: Field) -> Vec<Word> {
        if field.many {
            return vec![Word::UnknownMany];
        }
        if field.unknown {
            return vec![Word::Unknown];
        }
        let literal: String = field.parts.iter().map(|(text, _)| text.as_str()).collect();
        let special = |(text, quoted): &(String, bool)| {
            !quoted && (text.contains(['*', '?']) || (text.contains('[') && literal.contains(']')))
        };
        if self.state.options.noglob == Switch::On || !field.parts.iter().any(special) {
            return vec![Word::Known(literal)];
        }
        if self.state.options.noglob == Switch::Unknown {
            return vec![Word::UnknownMany];
        }
        match self.matches(&field) {
            None => vec![Word::UnknownMany],
            Some(paths) if !paths.is_empty() => paths.into_iter().map(Word::Known).collect(),
            // `nullglob` or `failglob` may be set.
            Some(_) if self.state.options.shopt != Switch::Off => vec![Word::UnknownMany],
            Some(_) => vec![Word::Known(literal)],
        }
    }

    /// Returns the paths that match, sorted; `None` if that is unknown.
    fn matches(&mut self, field: &Field) -> Option<Vec<String>> {
        let components = components(field);
        let absolute = components.len() > 1 && components.first().is_some_and(Vec::is_empty);
        let mut found = vec![if absolute {
            "/".to_owned()
        } else {
            String::new()
        }];
        let count = components.len();
        for (place, component) in components.iter().enumerate().skip(usize::from(absolute)) {
            let last = place + 1 == count;
            let mut next = Vec::new();
            for prefix in &found {
                self.match_component(prefix, component, last, &mut next)?;
                if next.len() > MAX_WORDS {
                    return None;
                }
            }
            found = next;
        }
        Some(found)
    }

    fn match_component(
        &mut self,
        prefix: &str,
        component: &[(char, bool)],
        last: bool,
        next: &mut Vec<String>,
    ) -> Option<()> {
        let slash = if last { "" } else { "/" };
        if !component
            .iter()
            .any(|(c, quoted)| !quoted && matches!(c, '*' | '?' | '['))
        {
            let name: String = component.iter().map(|(c, _)| c).collect();
            let path = format!("{prefix}{name}");
            // A last component without a pattern must exist.
            if !last || name.is_empty() || self.file(FileTest::Exists, &path)? {
                next.push(path + slash);
            }
            return Some(());
        }
        let pattern = Pattern::from_characters(component.to_vec())?;
        let directory = paths::absolute(prefix, self.state.cwd.as_deref())?;
        if self.state.is_touched(&directory) {
            return None;
        }
        let Some(names) = self.world.list(&directory) else {
            return match self.world.test(FileTest::Directory, &directory) {
                Some(false) => Some(()),
                _ => None,
            };
        };
        if !self.spend(names.len() / 8) {
            return None;
        }
        let below = format!("{}/", directory.trim_end_matches('/'));
        if self
            .state
            .touched
            .iter()
            .any(|path| path.starts_with(&below))
        {
            return None;
        }
        let dots = component.first().is_some_and(|(c, _)| *c == '.');
        for name in names {
            if name.starts_with('.') && !dots {
                continue;
            }
            if pattern.matches(&name)? {
                let path = format!("{prefix}{name}");
                if last || self.file(FileTest::Directory, &path)? {
                    next.push(path + slash);
                }
            }
        }
        Some(())
    }
}

/// Returns the characters of each component of a pattern, each with whether it was quoted.
fn components(field: &Field) -> Vec<Vec<(char, bool)>> {
    let mut components = vec![Vec::new()];
    for (text, quoted) in &field.parts {
        for c in text.chars() {
            if c == '/' {
                components.push(Vec::new());
            } else if let Some(component) = components.last_mut() {
                component.push((c, *quoted));
            }
        }
    }
    components
}
