//! The role of each file: whether the image starts it, whether it can be started by name, or whether it
//! is data.
//!
//! Images carry executables that are not meant to run in them: cross toolchains, root file systems for
//! other machines, release artefacts for all platforms. Problems of those files say nothing about the
//! image.

use std::collections::{HashMap, HashSet};

use super::start_chain::Start;
use crate::inspect::BinaryKind;
use crate::launch::End;
use crate::launch::image::{File, Image};
use crate::tree::{self, NodeId, Tree, components};

/// The role of a file in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// The file does not run in this image. It is not executable, it belongs to a nested root file
    /// system, or its path names another platform or test data (`testdata`, cmd/go).
    Data,
    /// The file can be started by its path. Whether it is started is unknown.
    Other,
    /// The file is in a directory of the search path, but the image starts another program.
    Idle,
    /// The file is in a directory of the search path, and the image starts no known program, or a shell
    /// without a script. Such an image exists for its tools.
    Tool,
    /// The image may start the file: behind an unknown condition, in the health check, or in a place
    /// where the container survives a failure.
    Possible,
    /// The image starts it.
    Start,
}

/// The directories of the usual search path. They count in addition to the image's own.
const BINS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// If an image does not say what it starts and has at most this many executables, each of them counts as
/// started. Documentation and package scripts do not count.
const FEW: usize = 4;

/// Returns the role of each file of the image, in the order of `image.files`.
pub(super) fn roles(image: &Image<'_>, start: &Start) -> Vec<Role> {
    let foreign = Roots::find(image);
    let mut known = HashMap::new();
    let mut roles: Vec<Role> = image
        .files
        .iter()
        .map(|file| {
            let runs = matches!(
                file.binary.kind,
                BinaryKind::Executable | BinaryKind::Script | BinaryKind::SharedLibrary
            );
            let library = file.binary.kind == BinaryKind::SharedLibrary;
            let data = !runs
                || !(file.may_run || library)
                || is_test_data(&file.path)
                || foreign.holds(image, file.node, &mut known)
                || names_its_platform(image, file);
            if data { Role::Data } else { Role::Other }
        })
        .collect();
    let mut set = |node, role| {
        if let Some(number) = image.number_of(node)
            && let Some(old) = roles.get_mut(number)
        {
            *old = role;
        }
    };
    let tool = match start.chain.end {
        _ if start.chain.interactive => Role::Tool,
        End::Starts | End::Fails(_) | End::Exits(_) => Role::Idle,
        _ => Role::Tool,
    };
    for dir in image.search_path().chain(BINS) {
        let dir = image.resolve(&image.absolute(dir.as_bytes()));
        for entry in dir.into_iter().flat_map(|dir| image.tree.children(dir)) {
            let found = image.tree.executable(entry);
            let node = found.and_then(|found| Some(image.tree.dentry(found)?.node));
            let file = node.and_then(|node| image.file(node));
            if let Some(file) = file.filter(|file| file.may_run) {
                set(file.node, tool);
            }
        }
    }
    for &node in &start.possible {
        set(node, Role::Possible);
    }
    for &node in &start.nodes {
        set(node, Role::Start);
    }
    if start.nodes.is_empty() {
        let is = |role: &Role, file: &File| {
            let runs = *role != Role::Data && file.may_run && !is_support(&file.path);
            runs && file.binary.kind != BinaryKind::SharedLibrary
        };
        let all = roles.iter().zip(&image.files);
        if all.filter(|(role, file)| is(role, file)).count() <= FEW {
            for (role, file) in roles.iter_mut().zip(&image.files) {
                if is(role, file) {
                    *role = Role::Start;
                }
            }
        }
    }
    roles
}

/// Directories whose files are run by a package manager, by init or by cron. Their files are never the
/// purpose of an image.
const SUPPORT: [&[u8]; 10] = [
    b"/etc/",
    b"/lib/apk/",
    b"/usr/lib/apk/",
    b"/usr/lib/apt/",
    b"/usr/lib/dpkg/",
    b"/lib/init/",
    b"/usr/lib/init/",
    b"/var/lib/dpkg/",
    b"/var/lib/pacman/",
    b"/var/lib/rpm/",
];

/// Directories below `/usr` and `/opt` that hold documentation.
const DOCUMENTATION: [&[u8]; 6] = [b"doc", b"docs", b"example", b"examples", b"info", b"man"];

/// Returns true if a file is documentation, an example, or a package script.
fn is_support(path: &[u8]) -> bool {
    if SUPPORT.iter().any(|dir| path.starts_with(dir)) {
        return true;
    }
    let mut names = components(path).rev().skip(1);
    let installed = path.starts_with(b"/usr/") || path.starts_with(b"/opt/");
    installed && names.any(|name| DOCUMENTATION.contains(&name))
}

/// Returns true if a path is in a directory of test data (`testdata`, cmd/go).
pub(super) fn is_test_data(path: &[u8]) -> bool {
    components(path).any(|name| name == b"testdata")
}

/// The root file systems nested in the image: directories other than the root that contain `usr` and at
/// least one other directory typical of a root.
pub(super) struct Roots(HashSet<NodeId>);

impl Roots {
    /// Finds the nested root file systems of the image.
    pub(super) fn find(image: &Image<'_>) -> Self {
        let tree = image.tree;
        let mut roots = HashSet::new();
        for id in tree.dentries() {
            let Some(dentry) = tree.dentry(id) else {
                continue;
            };
            let is_usr = dentry.name == b"usr" && dentry.kind == tree::NodeKind::Directory;
            if !is_usr || dentry.parent == Tree::ROOT {
                continue;
            }
            let beside = [&b"lib"[..], b"bin", b"etc", b"lib64", b"sbin", b"var"];
            let has = |name: &&[u8]| tree.lookup(dentry.parent, name).is_some();
            if beside.iter().any(has) {
                roots.insert(dentry.parent);
            }
        }
        Self(roots)
    }

    /// Returns true if a file is in a nested root file system. `known` caches the answers for
    /// directories between calls.
    pub(super) fn holds(
        &self,
        image: &Image<'_>,
        node: NodeId,
        known: &mut HashMap<NodeId, bool>,
    ) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let tree = image.tree;
        let name = tree.node(node).and_then(|node| node.name);
        let Some(mut dir) = name.and_then(|name| tree.dentry(name)).map(|d| d.parent) else {
            return false;
        };
        let mut passed = Vec::new();
        let mut inside = false;
        while dir != Tree::ROOT {
            if let Some(&answer) = known.get(&dir) {
                inside = answer;
                break;
            }
            passed.push(dir);
            if self.0.contains(&dir) {
                inside = true;
                break;
            }
            let parent = tree.parent(dir);
            // A damaged tree may contain a cycle.
            if passed.len() > 4096 {
                break;
            }
            dir = parent;
        }
        known.extend(passed.into_iter().map(|dir| (dir, inside)));
        inside
    }
}

/// Returns the words that name a machine in paths. `arch` is Go's name of the machine.
fn machine_words(arch: &str) -> &'static [&'static str] {
    match arch {
        "amd64" => &["amd64", "x86_64", "x86-64", "x64"],
        "386" => &["386", "i386", "i486", "i586", "i686", "ia32", "x86"],
        "arm64" => &["arm64", "aarch64", "armv8"],
        "arm" => &[
            "arm", "armhf", "armel", "armv5", "armv6", "armv7", "arm32", "armv6l", "armv7l",
        ],
        "ppc64le" => &["ppc64le", "powerpc64le", "ppc64el"],
        "ppc64" => &["ppc64", "powerpc64"],
        "riscv64" => &["riscv64"],
        "s390x" => &["s390x"],
        "loong64" => &["loong64", "loongarch64"],
        "mips" | "mipsle" | "mips64" | "mips64le" => {
            &["mips", "mipsel", "mipsle", "mips64", "mips64el", "mips64le"]
        }
        "wasm" => &["wasm", "wasm32", "wasi"],
        "bpf" => &["bpf", "bpfel", "bpfeb", "ebpf"],
        _ => &[],
    }
}

/// Returns the words that name an operating system in paths. `os` is Go's name of the system.
fn system_words(os: &str) -> &'static [&'static str] {
    match os {
        "darwin" => &["darwin", "macos", "osx", "mac", "apple"],
        "windows" => &[
            "windows", "win", "win32", "win64", "mingw", "mingw32", "exe", "dll",
        ],
        "freebsd" => &["freebsd"],
        "openbsd" => &["openbsd"],
        "netbsd" => &["netbsd"],
        "solaris" | "illumos" => &["solaris", "illumos", "sunos"],
        "android" => &["android"],
        "plan9" => &["plan9"],
        "aix" => &["aix"],
        "js" | "wasip1" => &["wasm", "wasi", "js", "wasip1"],
        _ => &[],
    }
}

/// Returns true if a file is for another platform than the image's and its path says so, as with the
/// libraries of a cross compiler or with release artefacts.
pub(super) fn names_its_platform(image: &Image<'_>, file: &File) -> bool {
    let declared = &image.declared.platform;
    let mut words: Vec<&str> = Vec::new();
    if file.arch() != declared.arch {
        words.extend(machine_words(file.arch()));
    }
    if file.os() != declared.os {
        words.extend(system_words(file.os()));
    }
    if words.is_empty() {
        return false;
    }
    let path = String::from_utf8_lossy(&file.path).to_ascii_lowercase();
    let mut parts = path.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    parts.any(|part| {
        let inner = part.split('_').any(|part| words.contains(&part));
        inner || words.contains(&part)
    })
}
