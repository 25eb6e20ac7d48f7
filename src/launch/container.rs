//! The container as a shell script sees it: the effect of starting a program, and the contents of the
//! file system.

use super::access::{self, Blocked};
use super::chain::StepId;
use super::environment::Environment;
use super::errno::Errno;
use super::follow::Follower;
use super::image::Image;
use super::messages::Caller;
use super::request::Request;
use super::search::{self, DEFAULT_PATH, ProgramSearch};
use super::shell::{Command, Ended, FileTest, RunMode, World};
use super::user::Credentials;
use crate::tree::{NodeId, NodeKind};

/// Directories whose contents belong to a running container.
const VOLATILE: [&str; 5] = ["/tmp", "/run", "/var/run", "/var/tmp", "/var/lock"];

/// The container in which a script runs.
pub(super) struct Container<'w, 'f, 'a> {
    pub follower: &'w mut Follower<'f, 'a>,
    /// The step whose program is the shell.
    pub step: StepId,
    pub credentials: Credentials,
    /// The shell, as the caller of the programs that it starts.
    pub shell: Caller,
    pub depth: usize,
}

impl Container<'_, '_, '_> {
    /// Returns true if the contents of a path may have changed since the image was built.
    fn is_volatile(&self, path: &str) -> bool {
        let declared = &self.follower.image.declared.start.volumes;
        let volumes = declared.iter().map(String::as_str);
        let inside = |dir: &str| {
            let rest = path.strip_prefix(dir.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        VOLATILE.into_iter().chain(volumes).any(inside)
    }

    fn node(&self, path: &str) -> Result<NodeId, Blocked> {
        let image = self.follower.image;
        let reached = access::follow(image, &self.credentials, b"/", path.as_bytes())?;
        Ok(reached.node)
    }
}

impl World for Container<'_, '_, '_> {
    fn run(&mut self, command: Command) -> Ended {
        let mut caller = self.shell.clone();
        if let Caller::Shell { line, exec, .. } = &mut caller {
            *line = command.line;
            *exec = command.place == RunMode::Exec;
        }
        self.follower.start(Request {
            caller,
            parent: Some(self.step),
            argv: command.argv,
            environment: command.environment,
            cwd: command.cwd,
            path: None,
            credentials: self.credentials.clone(),
            looked_up_as: self.credentials.clone(),
            executed_as: self.credentials.clone(),
            certain: command.certain,
            tested: command.tested,
            place: command.place,
            depth: self.depth,
        })
    }

    fn find(
        &self,
        name: &str,
        environment: &Environment,
        cwd: Option<&str>,
    ) -> Option<Option<String>> {
        let image = self.follower.image;
        if name.contains('/') {
            let found = access::follow(image, &self.credentials, cwd?.as_bytes(), name.as_bytes());
            return match found {
                Ok(reached) => {
                    let node = image.tree.node(reached.node)?;
                    let runs = node.kind == NodeKind::Regular
                        && access::may_execute(&node, &self.credentials);
                    Some(runs.then(|| name.to_owned()))
                }
                Err(Blocked::Mounted) => None,
                Err(Blocked::Error(..)) => Some(None),
            };
        }
        if environment.is_unknown("PATH") {
            return None;
        }
        let path = environment.known("PATH").unwrap_or(DEFAULT_PATH);
        match search::in_path(image, &self.credentials, cwd?, path, name) {
            ProgramSearch::At(path) => Some(Some(path)),
            ProgramSearch::Nothing(_) | ProgramSearch::Closed => Some(None),
            ProgramSearch::Unknown => None,
        }
    }

    fn test(&self, test: FileTest, path: &str) -> Option<bool> {
        let image = self.follower.image;
        if path.is_empty() {
            return Some(false);
        }
        if access::is_mounted(path.as_bytes()) || self.is_volatile(path) {
            return None;
        }
        if test == FileTest::Link {
            let found = image.tree.resolve(
                crate::tree::Tree::ROOT,
                super::image::parent(path.as_bytes()),
            );
            let (_, dir) = match found {
                Some(found) => found,
                None => return Some(false),
            };
            let name = super::image::base(path.as_bytes());
            let entry = image.tree.lookup(dir, name);
            return Some(entry.is_some_and(|(_, entry)| entry.kind == NodeKind::Symlink));
        }
        let id = match self.node(path) {
            Ok(id) => id,
            Err(Blocked::Mounted) => return None,
            Err(Blocked::Error(..)) => return Some(false),
        };
        let node = image.tree.node(id)?;
        Some(match test {
            FileTest::Exists | FileTest::Link => true,
            FileTest::Regular => node.kind == NodeKind::Regular,
            FileTest::Directory => node.kind == NodeKind::Directory,
            FileTest::NotEmpty => node.kind == NodeKind::Directory || node.size > 0,
            FileTest::Readable => access::may_read(&node, &self.credentials),
            // A container may be read-only.
            FileTest::Writable if self.credentials.is_root() => return None,
            FileTest::Writable => match access::may_write(&node, &self.credentials) {
                true => return None,
                false => false,
            },
            FileTest::Executable => access::may_execute(&node, &self.credentials),
            FileTest::Special => !matches!(node.kind, NodeKind::Regular | NodeKind::Directory),
        })
    }

    fn read(&self, path: &str) -> Option<String> {
        if access::is_mounted(path.as_bytes()) || self.is_volatile(path) {
            return None;
        }
        let image = self.follower.image;
        let node = open_to_read(image, &self.credentials, b"/", path.as_bytes()).ok()??;
        let size = image.tree.node(node)?.size;
        const LIMIT: u64 = 256 << 10;
        if size > LIMIT {
            return None;
        }
        let bytes = image.evidence.read(node, LIMIT).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn list(&self, path: &str) -> Option<Vec<String>> {
        if access::is_mounted(path.as_bytes()) || self.is_volatile(path) {
            return None;
        }
        let image = self.follower.image;
        let id = self.node(path).ok()?;
        let node = image.tree.node(id)?;
        if node.kind != NodeKind::Directory || !access::may_read(&node, &self.credentials) {
            return None;
        }
        const LIMIT: usize = 4096;
        let children = image.tree.children(id);
        if children.len() > LIMIT {
            return None;
        }
        let names = children.filter_map(|child| {
            let entry = image.tree.dentry(child)?;
            Some(String::from_utf8_lossy(entry.name).into_owned())
        });
        let mut names: Vec<String> = names.collect();
        names.sort();
        Some(names)
    }

    fn real_path(&self, path: &str) -> Option<String> {
        let image = self.follower.image;
        let reached = access::follow(image, &self.credentials, b"/", path.as_bytes());
        let reached = reached.ok()?;
        String::from_utf8(reached.path).ok()
    }

    fn ids(&self) -> Option<(u32, u32)> {
        Some((self.credentials.uid, self.credentials.gid))
    }

    fn user_name(&self) -> Option<String> {
        let accounts = &self.follower.accounts;
        accounts.name_of(self.credentials.uid)
    }

    fn machine(&self) -> Option<&'static str> {
        Some(match self.follower.image.declared.platform.arch.as_str() {
            "amd64" => "x86_64",
            "arm64" => "aarch64",
            "386" => "i686",
            "ppc64le" => "ppc64le",
            "s390x" => "s390x",
            "riscv64" => "riscv64",
            "arm" => "armv7l",
            _ => return None,
        })
    }

    fn not_understood(&mut self) {
        self.follower.not_understood = true;
    }

    fn spend(&mut self, steps: u32) -> bool {
        self.follower.spend(steps)
    }
}

/// Returns the regular file at a path that a process opens for reading. `None` if the contents of the
/// path are unknown. The error holds the path that it is about.
pub(super) fn open_to_read(
    image: &Image<'_>,
    credentials: &Credentials,
    cwd: &[u8],
    path: &[u8],
) -> Result<Option<NodeId>, (Errno, Vec<u8>)> {
    let reached = match access::follow(image, credentials, cwd, path) {
        Ok(reached) => reached,
        Err(Blocked::Mounted) => return Ok(None),
        Err(Blocked::Error(errno, at)) => return Err((errno, at)),
    };
    let Some(node) = image.tree.node(reached.node) else {
        return Ok(None);
    };
    match node.kind {
        NodeKind::Regular if access::may_read(&node, credentials) => Ok(Some(reached.node)),
        NodeKind::Regular => Err((Errno::Access, reached.path)),
        NodeKind::Directory => Err((Errno::IsDirectory, reached.path)),
        _ => Ok(None),
    }
}
