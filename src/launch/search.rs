//! Finds a program by its name, as the runtime, a shell or execvp(3) does.

use super::access::{self, Blocked};
use super::errno::Errno;
use super::image::Image;
use super::user::Credentials;
use crate::tree::NodeKind;

/// The search path of a container that sets none (the default of Docker and Podman).
pub(crate) const DEFAULT_PATH: &str =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The result of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProgramSearch {
    /// The path to execute.
    At(String),
    /// There is no executable file. Holds the error that execvp(3) returns.
    Nothing(Errno),
    /// There is a file, but it may not be executed.
    Closed,
    /// A directory that the runtime mounts comes first, so the result is unknown.
    Unknown,
}

/// Searches the directories of a search path for a name without a slash. The first regular file that
/// may be executed counts. A file that may not be executed changes the error from `ENOENT` to `EACCES`
/// (execvp(3)).
pub(crate) fn in_path(
    image: &Image<'_>,
    credentials: &Credentials,
    cwd: &str,
    search_path: &str,
    name: &str,
) -> ProgramSearch {
    let mut errno = Errno::NoEntry;
    let mut closed = false;
    if name.is_empty() {
        return ProgramSearch::Nothing(errno);
    }
    for dir in search_path.split(':') {
        // An empty element is the working directory.
        let path = match dir {
            "" => format!("./{name}"),
            dir => format!("{}/{name}", dir.strip_suffix('/').unwrap_or(dir)),
        };
        match access::follow(image, credentials, cwd.as_bytes(), path.as_bytes()) {
            Ok(reached) => {
                let Some(node) = image.tree.node(reached.node) else {
                    continue;
                };
                if node.kind != NodeKind::Regular {
                    continue;
                }
                if access::may_execute(&node, credentials) {
                    return ProgramSearch::At(path);
                }
                closed = true;
            }
            Err(Blocked::Mounted) => return ProgramSearch::Unknown,
            Err(Blocked::Error(Errno::Access, _)) => errno = Errno::Access,
            Err(Blocked::Error(..)) => {}
        }
    }
    match closed {
        true => ProgramSearch::Closed,
        false => ProgramSearch::Nothing(errno),
    }
}
