//! Follows a path as the kernel does for a process (path_resolution(7)): symbolic links, `..`, and
//! search permission on every directory.

use super::errno::Errno;
use super::image::Image;
use super::user::Credentials;
use crate::tree::{DentryId, Node, NodeId, NodeKind, Tree};

/// The maximum number of symbolic links that one path may go through (Linux, `MAXSYMLINKS` in namei.h).
const MAX_LINKS: usize = 40;
/// PATH_MAX and NAME_MAX (limits.h), in bytes, without the terminating NUL.
const MAX_PATH: usize = 4095;
const MAX_NAME: usize = 255;
/// The maximum number of components of one path, including those of its links. The kernel has no such
/// limit: 40 links of 4,095 bytes each could have 80,000 components.
const MAX_STEPS: usize = 16 << 10;

/// Directories and files that a container runtime mounts over the image (runtime-spec, config-linux.md,
/// "Default Filesystems", and what Docker and Podman add).
const MOUNTED: [&[u8]; 6] = [
    b"/proc",
    b"/sys",
    b"/dev",
    b"/etc/hosts",
    b"/etc/hostname",
    b"/etc/resolv.conf",
];

/// The result of following a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    /// The node.
    pub node: NodeId,
    /// The node's path without symbolic links.
    pub path: Vec<u8>,
}

/// The reason why a path leads to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Blocked {
    /// The kernel returns an error because of the file or directory at this path.
    Error(Errno, Vec<u8>),
    /// The path leads below a directory that the runtime mounts, so its contents do not come from the
    /// image.
    Mounted,
}

/// Returns true if a container runtime mounts over a path or over one of its ancestors.
pub(crate) fn is_mounted(path: &[u8]) -> bool {
    MOUNTED.iter().any(|mounted| {
        let rest = path.strip_prefix(*mounted);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    })
}

/// Returns true if a process may search a directory, or execute a file. Root may search every directory,
/// and execute every file with at least one execute bit (capabilities(7), CAP_DAC_OVERRIDE).
pub(crate) fn may_execute(node: &Node, credentials: &Credentials) -> bool {
    if credentials.is_root() {
        return node.kind == NodeKind::Directory || node.mode & 0o111 != 0;
    }
    permits(node, credentials, 0o1)
}

/// Returns true if a process may read a file or a directory.
pub(crate) fn may_read(node: &Node, credentials: &Credentials) -> bool {
    credentials.is_root() || permits(node, credentials, 0o4)
}

/// Returns true if a process may write to a file or a directory.
pub(crate) fn may_write(node: &Node, credentials: &Credentials) -> bool {
    credentials.is_root() || permits(node, credentials, 0o2)
}

/// Returns true if the permission bits allow an access. Exactly one class of bits applies: the owner's,
/// the group's, or that of all others.
fn permits(node: &Node, credentials: &Credentials, bit: u16) -> bool {
    let shift = if node.uid == credentials.uid {
        6
    } else if credentials.in_group(node.gid) {
        3
    } else {
        0
    };
    node.mode >> shift & bit != 0
}

/// Follows a path for a process. Relative paths start at `cwd`, and the directories above it need no
/// permission. A link at the end is followed.
pub(crate) fn follow(
    image: &Image<'_>,
    credentials: &Credentials,
    cwd: &[u8],
    path: &[u8],
) -> Result<Reached, Blocked> {
    let tree = image.tree;
    let mut walk = Walk {
        tree,
        credentials,
        node: Tree::ROOT,
        name: None,
        links: 0,
        steps: 0,
    };
    if path.is_empty() {
        return Err(Blocked::Error(Errno::NoEntry, Vec::new()));
    }
    if path.len() > MAX_PATH {
        return Err(Blocked::Error(Errno::NameTooLong, path.to_vec()));
    }
    if !path.starts_with(b"/") {
        // The runtime creates a missing working directory.
        let Some((name, node)) = tree.resolve(Tree::ROOT, cwd) else {
            return match is_mounted(cwd) {
                true => Err(Blocked::Mounted),
                false => Err(Blocked::Error(Errno::NoEntry, join(cwd, path))),
            };
        };
        (walk.node, walk.name) = (node, name);
    }
    walk.along(path)?;
    Ok(Reached {
        node: walk.node,
        path: walk.path(),
    })
}

/// Joins a directory and a path below it.
fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let dir = dir.strip_suffix(b"/").unwrap_or(dir);
    [dir, b"/", name].concat()
}

struct Walk<'a> {
    tree: &'a Tree,
    credentials: &'a Credentials,
    node: NodeId,
    /// The name by which `node` was reached; `None` after `..` and for the root.
    name: Option<DentryId>,
    links: usize,
    steps: usize,
}

impl Walk<'_> {
    /// Returns the current path of the walk.
    fn path(&self) -> Vec<u8> {
        let name = self.name.or_else(|| self.tree.node(self.node)?.name);
        let path = name.map(|name| self.tree.path(name)).unwrap_or_default();
        match path.is_empty() {
            true => b"/".to_vec(),
            false => path,
        }
    }

    fn along(&mut self, path: &[u8]) -> Result<(), Blocked> {
        let absolute = path.starts_with(b"/");
        if absolute {
            (self.node, self.name) = (Tree::ROOT, None);
        }
        let mut pending: Vec<Vec<u8>> = Vec::new();
        push(&mut pending, path);
        while let Some(name) = pending.pop() {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return Err(Blocked::Error(Errno::Loop, self.path()));
            }
            let Some(dir) = self.tree.node(self.node) else {
                return Err(Blocked::Error(Errno::NoEntry, self.path()));
            };
            if dir.kind != NodeKind::Directory {
                return Err(Blocked::Error(Errno::NotDirectory, self.path()));
            }
            // A slash at the end only requires a directory.
            if !name.is_empty() && !may_execute(&dir, self.credentials) {
                return Err(Blocked::Error(Errno::Access, self.path()));
            }
            match name.as_slice() {
                b"" | b"." => {}
                b".." => (self.node, self.name) = (self.tree.parent(self.node), None),
                name => self.enter(name, &mut pending)?,
            }
        }
        Ok(())
    }

    fn enter(&mut self, name: &[u8], pending: &mut Vec<Vec<u8>>) -> Result<(), Blocked> {
        let full = join(&self.path(), name);
        if name.len() > MAX_NAME {
            return Err(Blocked::Error(Errno::NameTooLong, full));
        }
        if is_mounted(&full) {
            return Err(Blocked::Mounted);
        }
        let Some((id, found)) = self.tree.lookup(self.node, name) else {
            return Err(Blocked::Error(Errno::NoEntry, full));
        };
        let Some(target) = self.tree.target(found.node) else {
            (self.node, self.name) = (found.node, Some(id));
            return Ok(());
        };
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Blocked::Error(Errno::Loop, full));
        }
        if target.is_empty() {
            return Err(Blocked::Error(Errno::NoEntry, full));
        }
        if target.len() > MAX_PATH {
            return Err(Blocked::Error(Errno::NameTooLong, full));
        }
        if target.starts_with(b"/") {
            (self.node, self.name) = (Tree::ROOT, None);
        }
        push(pending, target);
        Ok(())
    }
}

/// Pushes the components of a path, so that the first is on top. Repeated slashes count as one. A slash
/// at the end is an empty component.
fn push(pending: &mut Vec<Vec<u8>>, path: &[u8]) {
    let ends_in_slash = path.ends_with(b"/");
    let names = path.split(|&b| b == b'/').filter(|name| !name.is_empty());
    let mut names: Vec<Vec<u8>> = names.map(<[u8]>::to_vec).collect();
    if ends_in_slash {
        names.push(Vec::new());
    }
    pending.extend(names.into_iter().rev());
}
