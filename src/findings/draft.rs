//! Findings while they are collected. Findings that many files share are merged into one, because ten
//! thousand lines say less than one.

use std::collections::{BTreeMap, HashMap};
use std::io;

use super::finding::{Finding, Id, Level};
use super::report::{self, Findings};
use super::role::Role;
use crate::launch::image::{File, Image};
use crate::tree::NodeId;

/// The maximum number of files with the same finding that are listed one by one, and the lower limit
/// for [`Level::Info`].
const ALONE: usize = 8;
const ALONE_INFO: usize = 3;

/// A finding about one file, or about the image.
struct Draft {
    finding: Finding,
    /// The text that the finding shares with others; `None` if it is never merged.
    group: Option<String>,
    /// Whether [`Drafts::cover`] may suppress it.
    may_be_covered: bool,
}

/// For each file and id, the level up to which findings are suppressed.
type Covered = HashMap<(NodeId, Id), Level>;

impl Draft {
    /// Returns true if the draft becomes a finding, that is, no rule covers it.
    fn stands(&self, covered: &Covered) -> bool {
        let finding = &self.finding;
        let key = finding.node.map(|node| (node, finding.id));
        let level = key.and_then(|key| covered.get(&key));
        !(self.may_be_covered && level.is_some_and(|&level| finding.level <= level))
    }
}

/// Collects findings.
pub(super) struct Drafts {
    list: Vec<Draft>,
    /// The number of bytes left for findings; `None` once the limit was exceeded.
    remaining: Option<usize>,
    /// Findings that cover more files than they name, and those files.
    many: Vec<(Finding, Vec<NodeId>)>,
    /// The facts learned about files.
    files: HashMap<NodeId, report::File>,
    /// Findings that a more specific finding of another rule replaces: for each file and id, a level up
    /// to which they are suppressed.
    covered: Covered,
}

/// The text of a finding about a file.
pub(super) struct Text {
    /// Why the finding was made.
    pub detail: String,
    /// How to fix the problem.
    pub hint: String,
    /// The text that the finding shares with others of its id. Many findings with the same text are
    /// merged into one, which shows it.
    pub group: String,
}

/// The maximum number of bytes that the findings of an image take.
const LIMIT: usize = 64 << 20;

impl Default for Drafts {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            remaining: Some(LIMIT),
            many: Vec::new(),
            files: HashMap::new(),
            covered: HashMap::new(),
        }
    }
}

impl Drafts {
    /// Reserves `bytes` of the limit. Returns false if too little is left.
    fn take(&mut self, bytes: usize) -> bool {
        self.remaining = self
            .remaining
            .and_then(|remaining| remaining.checked_sub(bytes));
        self.remaining.is_some()
    }

    /// Stores the facts learned about a file.
    pub(super) fn learned(&mut self, node: NodeId, file: report::File) {
        let names = file
            .missing
            .iter()
            .map(|name| name.len() + size_of::<Box<[u8]>>());
        if self.take(size_of::<report::File>() + names.sum::<usize>()) {
            self.files.insert(node, file);
        }
    }

    /// Suppresses the findings of [`Drafts::file`] about a file with these ids, up to a level, whether
    /// they were added before or are added later. The caller reports the same cause in other words.
    pub(super) fn cover(&mut self, node: NodeId, ids: &[Id], level: Level) {
        for &id in ids {
            let covered = self.covered.entry((node, id)).or_insert(level);
            *covered = level.max(*covered);
        }
    }

    fn push(&mut self, finding: Finding, group: Option<String>, may_be_covered: bool) {
        let texts = finding.detail.len() + finding.hint.len() + finding.path.len();
        let group_len = group.as_ref().map_or(0, String::len);
        if self.take(size_of::<Draft>() + texts + group_len) {
            self.list.push(Draft {
                finding,
                group,
                may_be_covered,
            });
        }
    }

    /// Returns true if a finding says that the image cannot run.
    pub(super) fn has_fail(&self) -> bool {
        let many = self.many.iter().map(|(finding, _)| finding);
        let list = self.list.iter().filter(|draft| draft.stands(&self.covered));
        let mut all = list.map(|draft| &draft.finding).chain(many);
        all.any(|finding| finding.level == Level::Fail)
    }

    /// Adds a finding about a file.
    pub(super) fn file(&mut self, id: Id, level: Level, file: &File, text: Text) {
        let finding = Finding {
            id,
            level,
            path: file.path.clone(),
            node: Some(file.node),
            layer: Some(file.layer),
            detail: text.detail,
            hint: text.hint,
        };
        let group = (level != Level::Fail).then_some(text.group);
        self.push(finding, group, true);
    }

    /// Adds one finding that also covers other files.
    pub(super) fn many(&mut self, finding: Finding, nodes: Vec<NodeId>) {
        let texts = finding.detail.len() + finding.hint.len() + finding.path.len();
        if self.take(size_of::<Draft>() + texts + size_of_val(&*nodes)) {
            self.many.push((finding, nodes));
        }
    }

    /// Adds a finding about the image as a whole, or about a path.
    pub(super) fn image(
        &mut self,
        id: Id,
        level: Level,
        path: &[u8],
        layer: Option<u32>,
        text: (String, String),
    ) {
        let finding = Finding {
            id,
            level,
            path: path.into(),
            node: None,
            layer,
            detail: text.0,
            hint: text.1,
        };
        self.push(finding, None, false);
    }

    /// Adds a finding about a node that is not an executable.
    pub(super) fn node(
        &mut self,
        id: Id,
        level: Level,
        image: &Image<'_>,
        node: NodeId,
        text: (String, String),
    ) {
        let found = image.tree.node(node);
        let name = found.and_then(|node| node.name);
        let path = name.map(|name| image.tree.path(name)).unwrap_or_default();
        self.image(id, level, &path, found.map(|node| node.layer), text);
        if let Some(last) = self.list.last_mut() {
            last.finding.node = Some(node);
        }
    }

    /// Merges related findings and returns all of them.
    ///
    /// # Errors
    /// Returns an error if the findings exceeded the limit.
    pub(super) fn finish(self) -> io::Result<Findings> {
        if self.remaining.is_none() {
            return Err(crate::launch::limit_exceeded());
        }
        let mut list = self.many;
        let mut groups: BTreeMap<(Id, Level, Option<u32>, String), Vec<Finding>> = BTreeMap::new();
        let standing = self
            .list
            .into_iter()
            .filter(|draft| draft.stands(&self.covered));
        for Draft { finding, group, .. } in standing {
            match group {
                Some(group) => {
                    let key = (finding.id, finding.level, finding.layer, group);
                    groups.entry(key).or_default().push(finding);
                }
                None => list.push((finding, Vec::new())),
            }
        }
        for ((id, level, layer, what), mut group) in groups {
            let alone = match level {
                Level::Info => ALONE_INFO,
                _ => ALONE,
            };
            if group.len() <= alone {
                list.extend(group.into_iter().map(|finding| (finding, Vec::new())));
                continue;
            }
            group.sort_by(|a, b| a.path.cmp(&b.path));
            let nodes = group.iter().filter_map(|finding| finding.node).collect();
            let count = group.len();
            let path = common_dir(group.iter().map(|finding| &*finding.path));
            let Some(first) = group.into_iter().next() else {
                continue;
            };
            let example = crate::layer::printable(&first.path);
            let finding = Finding {
                id,
                level,
                path,
                node: None,
                layer,
                detail: format!("{count} files: {what}, such as {example}: {}", first.detail),
                hint: first.hint,
            };
            list.push((finding, nodes));
        }
        Ok(Findings::new(list, self.files))
    }
}

/// Returns the deepest directory that contains all paths.
fn common_dir<'a>(mut paths: impl Iterator<Item = &'a [u8]>) -> Box<[u8]> {
    let first = paths.next().unwrap_or_default();
    let mut len = first.iter().rposition(|&b| b == b'/').unwrap_or(0);
    for path in paths {
        let same = first
            .iter()
            .zip(path)
            .take(len)
            .take_while(|(a, b)| a == b)
            .count();
        let whole = same == len && path.get(len) == Some(&b'/');
        if !whole {
            let head = first.get(..same.min(len)).unwrap_or_default();
            // The names share a prefix only, so go back to the last slash.
            len = head.iter().rposition(|&b| b == b'/').unwrap_or(0);
        }
    }
    match first.get(..len) {
        Some(b"") | None => Box::from(&b"/"[..]),
        Some(dir) => dir.into(),
    }
}

/// Returns the level of a finding on a file. `on_start` is the level on files that the image starts, and
/// `elsewhere` the level on its tools. Other roles lower these to at most [`Level::Warn`]. `None` for data,
/// which is not worth a finding.
pub(super) fn weigh(role: Role, on_start: Level, elsewhere: Level) -> Option<Level> {
    match role {
        Role::Start => Some(on_start),
        Role::Possible => Some(on_start.min(Level::Warn)),
        Role::Tool => Some(elsewhere),
        Role::Idle | Role::Other => Some(elsewhere.min(Level::Warn)),
        Role::Data => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_of_many() {
        let of = |paths: &[&str]| {
            let dir = common_dir(paths.iter().map(|path| path.as_bytes()));
            String::from_utf8(dir.into()).unwrap()
        };
        assert_eq!(of(&["/a/b/c", "/a/b/d"]), "/a/b");
        assert_eq!(of(&["/a/bc/c", "/a/bd/c"]), "/a");
        assert_eq!(of(&["/a/b/c", "/a/b"]), "/a");
        assert_eq!(of(&["/a/b", "/c/d"]), "/");
        assert_eq!(of(&["/usr/lib/x", "/usr/lib64/x"]), "/usr");
    }
}
