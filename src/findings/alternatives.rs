//! Recognizes builds of one plugin for several platforms by their paths.
//!
//! Packages ship one build of a plugin for each platform and load the one that fits:
//! `@next/swc-linux-x64-gnu` and `@next/swc-linux-x64-musl`, `prebuilds/linux-x64/node.napi.glibc.node`
//! and `prebuilds/linux-arm64/node.napi.node`, or `_x.cpython-310-x86_64-linux-gnu.so` and
//! `_x.cpython-311-x86_64-linux-gnu.so`. Without the words that name a platform, the paths of these
//! builds are equal.

/// Words that name a system, a machine, or a C library, as written by npm, node-gyp-build, napi-rs,
/// Rust and Python.
const WORDS: &[&str] = &[
    // systems
    "linux",
    "linuxmusl",
    "linuxglibc",
    "darwin",
    "macos",
    "macosx",
    "win",
    "win32",
    "windows",
    "freebsd",
    "openbsd",
    "netbsd",
    "sunos",
    "aix",
    "android",
    "ios",
    "openharmony",
    "ohos",
    "manylinux",
    "musllinux",
    "unknown",
    "pc",
    "apple",
    // machines
    "x64",
    "amd64",
    "ia32",
    "i386",
    "i686",
    "x86",
    "arm",
    "arm64",
    "aarch64",
    "armhf",
    "armv6",
    "armv6l",
    "armv7",
    "armv7l",
    "armv8",
    "ppc64",
    "ppc64le",
    "powerpc64le",
    "s390x",
    "riscv64",
    "loong64",
    "loongarch64",
    "mips",
    "mipsel",
    "mips64el",
    "universal",
    "universal2",
    // C libraries and ABIs
    "gnu",
    "glibc",
    "libc",
    "musl",
    "msvc",
    "gnueabihf",
    "musleabihf",
    "gnueabi",
    "musleabi",
    "eabi",
    "eabihf",
    "abi3",
];

/// Returns a key that is equal for the paths of all builds of one plugin: the words of the path without
/// those that name a platform or a Python version.
pub(super) fn key(path: &[u8]) -> String {
    let path = String::from_utf8_lossy(path).to_ascii_lowercase();
    let path = path.replace("x86_64", "x64").replace("x86-64", "x64");
    let mut key = String::with_capacity(path.len());
    for (depth, name) in path.split('/').enumerate() {
        // Keep the separator, so that a directory named only for a platform still counts as a level.
        if depth > 0 {
            key.push('/');
        }
        let mut after_python = false;
        for word in name.split(|c: char| !c.is_alphanumeric()) {
            // Matches `cpython-311`, `pypy310-pp73` and `cp311`.
            let version = after_python && word.bytes().all(|b| b.is_ascii_digit());
            after_python = word == "cpython" || is_python_tag(word);
            if version || after_python || is_node_abi(word) || WORDS.contains(&word) {
                continue;
            }
            key.push_str(word);
            key.push(' ');
        }
    }
    key
}

/// Returns true if a word is the tag of a Python implementation with its version: `cp311`, `pypy310`,
/// `pp73`.
fn is_python_tag(word: &str) -> bool {
    let version = ["cp", "pypy", "pp"]
        .iter()
        .find_map(|tag| word.strip_prefix(tag));
    version.is_some_and(|digits| {
        let digits = digits.trim_end_matches(['m', 't', 'd']);
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

/// Returns true if a word names a version of Node's ABI, or is empty. `node-gyp-build` prefers
/// `node.abi115.node` to `node.napi.node`, and uses the latter if nothing else fits.
fn is_node_abi(word: &str) -> bool {
    let version = word.strip_prefix("abi");
    let numbered = version.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    word.is_empty() || word == "napi" || numbered
}

/// Returns the package directory of a path below its `prebuilds`. `node-gyp-build` prefers a build in
/// the package's `build` directory to the files in `prebuilds`.
pub(super) fn prebuilt_package(path: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::rfind(path, b"/prebuilds/")?;
    path.get(..at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn same(a: &str, b: &str) {
        assert_eq!(key(a.as_bytes()), key(b.as_bytes()));
    }

    #[track_caller]
    fn differ(a: &str, b: &str) {
        assert_ne!(key(a.as_bytes()), key(b.as_bytes()));
    }

    #[test]
    fn builds_for_several_platforms_have_one_key() {
        same(
            "/m/@next/swc-linux-x64-gnu/next-swc.linux-x64-gnu.node",
            "/m/@next/swc-linux-x64-musl/next-swc.linux-x64-musl.node",
        );
        same(
            "/m/@img/sharp-linux-x64/lib/sharp-linux-x64.node",
            "/m/@img/sharp-linuxmusl-arm64/lib/sharp-linuxmusl-arm64.node",
        );
        same(
            "/m/lmdb/prebuilds/linux-x64/node.napi.glibc.node",
            "/m/lmdb/prebuilds/linux-arm64/node.napi.armv8.node",
        );
        same(
            "/p/_x.cpython-310-x86_64-linux-gnu.so",
            "/p/_x.cpython-311-aarch64-linux-musl.so",
        );
        same(
            "/p/_x.cpython-311-x86_64-linux-gnu.so",
            "/p/_x.pypy310-pp73-x86_64-linux-gnu.so",
        );
        same(
            "/m/lmdb/node.abi115.glibc.node",
            "/m/lmdb/node.napi.musl.node",
        );
        same("/p/_x.abi3.so", "/p/_x.cpython-311-darwin.so");
    }

    #[test]
    fn other_plugins_have_other_keys() {
        differ("/p/_x.abi3.so", "/p/_y.abi3.so");
        differ("/p/_x.abi3.so", "/q/_x.abi3.so");
        differ(
            "/m/a/prebuilds/linux-x64/node.napi.node",
            "/m/a/prebuilds/linux-x64/electron.napi.node",
        );
        differ("/usr/lib/python3.10/x.so", "/usr/lib/python3.11/x.so");
    }

    #[test]
    fn packages_with_prebuilds() {
        assert_eq!(
            prebuilt_package(b"/m/a/prebuilds/linux-x64/node.napi.node"),
            Some(&b"/m/a"[..])
        );
        assert_eq!(prebuilt_package(b"/m/a/build/Release/a.node"), None);
    }
}
