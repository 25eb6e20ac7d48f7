//! Resolves paths as the kernel would with the tree as its root. Paths are resolved both in a growing
//! tree and in one read from a file, so access to the tree is a trait.

use super::path::components;

/// A path leads through at most this many symbolic links (Linux, namei.h, `MAXSYMLINKS`).
const MAX_LINKS: usize = 40;

/// The maximum number of names on one path, including those of its links' targets. Without it, a few
/// chained links could be very expensive.
const MAX_STEPS: usize = 8 << 10;

/// The kernel does not follow longer targets (PATH_MAX).
const MAX_TARGET: usize = 4096;

/// A tree in which paths can be resolved. Nodes and names are numbers.
pub(super) trait TreeAccess {
    fn root(&self) -> u32;
    fn is_directory(&self, node: u32) -> bool;
    /// The parent of a directory.
    fn parent(&self, dir: u32) -> u32;
    /// The name in a directory and the node it leads to.
    fn find(&self, dir: u32, name: &[u8]) -> Option<(u32, u32)>;
    /// The target of a symbolic link.
    fn target(&self, node: u32) -> Option<&[u8]>;
}

/// The end of a path: the name that leads to it, and the node. There is no name after `..`, and for the
/// root or the directory where the path starts.
pub(super) type Resolved = (Option<u32>, u32);

/// Resolves a path. `..` and absolute links stay inside the tree. The last component is followed too
/// if it is a symbolic link.
///
/// Each name costs one unit of `budget`. Returns `None` if the budget is used up, and `Some(None)` if
/// the path leads nowhere.
pub(super) fn resolve(
    tree: &impl TreeAccess,
    from: u32,
    path: &[u8],
    budget: &mut u64,
) -> Option<Option<Resolved>> {
    let start = if path.starts_with(b"/") {
        tree.root()
    } else {
        from
    };
    let mut at = (None, start);
    let mut pending: Vec<&[u8]> = components(path).rev().collect();
    let mut links = 0;
    let mut steps = 0;
    *budget = budget.checked_sub(pending.len() as u64)?;
    while let Some(name) = pending.pop() {
        *budget = budget.checked_sub(1)?;
        steps += 1;
        if steps > MAX_STEPS || !tree.is_directory(at.1) {
            return Some(None);
        }
        match name {
            b"." => {}
            b".." => at = (None, tree.parent(at.1)),
            name => {
                let Some((found, node)) = tree.find(at.1, name) else {
                    return Some(None);
                };
                let Some(target) = tree.target(node) else {
                    at = (Some(found), node);
                    continue;
                };
                links += 1;
                if links > MAX_LINKS || target.len() > MAX_TARGET {
                    return Some(None);
                }
                if target.starts_with(b"/") {
                    at = (None, tree.root());
                }
                let before = pending.len();
                pending.extend(components(target).rev());
                *budget = budget.checked_sub((pending.len() - before) as u64)?;
            }
        }
    }
    Some(Some(at))
}
