//! Identifies the loader, and the directories that it searches by default.
//!
//! Distributions compile their own directories into the loader, so they are read from the loader's
//! bytes. glibc keeps them as a sequence of strings that begin and end with a slash (`SYSTEM_DIRS`,
//! `elf/dl-load.c`), musl as one search path (`ldso/dynlink.c`). If the file is not in the image, a
//! table provides the upstream and Debian's multiarch directories.

use std::io;

use super::cache::{self, Cache};
use crate::launch::image::{File, Image, Machine, base, parent};
use crate::tree::NodeId;

/// The maximum number of bytes that are read of a loader. glibc's and musl's have less than 2 MiB.
const LOADER_LIMIT: u64 = 4 << 20;

/// musl's search path if no file specifies another.
const MUSL_PATH: &[u8] = b"/lib:/usr/local/lib:/usr/lib";

/// The kind of a loader, which determines its rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoaderKind {
    /// glibc's `ld.so`.
    Glibc,
    /// musl's `ld-musl-*.so.1`.
    Musl,
    /// Another loader. What it would find is unknown.
    Other,
}

/// A loader.
#[derive(Debug)]
pub(crate) struct Loader {
    /// The kind of the loader.
    pub kind: LoaderKind,
    /// The loader's file; `None` if it is not in the image.
    pub node: Option<NodeId>,
    /// The machine whose programs it loads.
    pub machine: Machine,
    /// The default directories, which are searched last.
    pub dirs: Vec<Vec<u8>>,
    /// The contents of `ld.so.cache`, which ldconfig writes.
    pub cache: Option<Cache>,
    /// The value of `$LIB`.
    pub lib: Vec<u8>,
    /// The value of `$PLATFORM`.
    pub platform: Option<&'static str>,
    /// The name of the loader itself: it counts as loaded under this name.
    pub name: Vec<u8>,
}

impl Loader {
    /// Reads the loader at a path of the image. `machine` is the machine of the files that it loads.
    pub(crate) fn at(image: &Image<'_>, path: &[u8], machine: &Machine) -> io::Result<Self> {
        let node = image.regular(path);
        let file = node.and_then(|node| image.file(node));
        let bytes = match (node, file) {
            (Some(node), Some(_)) => image.evidence.read(node, LOADER_LIMIT)?,
            _ => Vec::new(),
        };
        let kind = kind(path, file, &bytes);
        let name = file.and_then(|file| file.binary.soname.as_deref());
        let name = name.unwrap_or(base(path)).to_vec();
        let (mut cache, mut dirs) = (None, Vec::new());
        match kind {
            LoaderKind::Glibc => {
                dirs = system_dirs(&bytes).unwrap_or_else(|| default_dirs(machine));
                let path = cache_path(&bytes);
                if let Some(bytes) = image.read_file(path, cache::LIMIT)? {
                    cache = Cache::parse(&bytes, machine.little);
                }
            }
            LoaderKind::Musl => dirs = musl_dirs(image, path, machine)?,
            LoaderKind::Other => {}
        }
        Ok(Self {
            kind,
            node: node.filter(|_| file.is_some()),
            lib: lib(&dirs),
            platform: platform(machine),
            machine: machine.clone(),
            dirs,
            cache,
            name,
        })
    }
}

/// Identifies a loader by its bytes, or by its name if there are none.
fn kind(path: &[u8], file: Option<&File>, bytes: &[u8]) -> LoaderKind {
    let has = |text: &[u8]| memchr::memmem::find(bytes, text).is_some();
    let name = base(path);
    if file.is_some() {
        if system_dirs(bytes).is_some() && has(b"ld.so.cache") {
            return LoaderKind::Glibc;
        }
        // The second string is in programs that start musl's loader, such as gcompat's.
        return match has(b"/etc/ld-musl-") || has(b"/lib/ld-musl-") {
            true => LoaderKind::Musl,
            false => LoaderKind::Other,
        };
    }
    if name.starts_with(b"ld-musl-") {
        LoaderKind::Musl
    } else if [&b"ld-linux"[..], b"ld64.so.", b"ld.so.1", b"ld-2."]
        .iter()
        .any(|prefix| name.starts_with(prefix))
    {
        LoaderKind::Glibc
    } else {
        LoaderKind::Other
    }
}

/// Returns the directories in glibc's loader: the longest sequence of consecutive strings that begin
/// and end with a slash.
fn system_dirs(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut best: Vec<&[u8]> = Vec::new();
    let mut row: Vec<&[u8]> = Vec::new();
    for text in bytes.split(|&b| b == 0) {
        let is_dir = text.len() > 2
            && text.len() < 256
            && text.starts_with(b"/")
            && text.ends_with(b"/")
            && text.iter().all(|b| (0x21..0x7f).contains(b));
        if is_dir && row.len() < 16 {
            row.push(text);
        } else {
            if row.len() > best.len() {
                best = std::mem::take(&mut row);
            }
            row.clear();
        }
    }
    let dirs = best.into_iter().map(|dir| dir.strip_suffix(b"/"));
    let dirs: Vec<Vec<u8>> = dirs.flatten().map(<[u8]>::to_vec).collect();
    (!dirs.is_empty()).then_some(dirs)
}

/// Returns the path of the cache in the bytes of glibc's loader. It is below the `sysconfdir` of
/// glibc's build.
fn cache_path(bytes: &[u8]) -> &[u8] {
    let mut texts = bytes.split(|&b| b == 0);
    let found = texts.find(|text| text.starts_with(b"/") && text.ends_with(b"/ld.so.cache"));
    found.unwrap_or(b"/etc/ld.so.cache")
}

/// Returns the directories that musl's loader searches: those listed in `etc/ld-musl-ARCH.path`, where
/// `etc` is a sibling of the loader's directory, or else those of [`MUSL_PATH`].
fn musl_dirs(image: &Image<'_>, path: &[u8], machine: &Machine) -> io::Result<Vec<Vec<u8>>> {
    let name = base(path);
    let arch = name.strip_prefix(b"ld-musl-");
    let arch = arch.and_then(|name| name.split(|&b| b == b'.').next());
    let arch = arch.unwrap_or(musl_arch(&machine.arch).as_bytes());
    let prefix = parent(parent(path));
    let file = [prefix, b"/etc/ld-musl-", arch, b".path"].concat();
    let text = image.read_file(&file, 64 << 10)?;
    let text = text.as_deref().unwrap_or(MUSL_PATH);
    let dirs = text.split(|&b| b == b':' || b == b'\n');
    Ok(dirs
        .filter(|dir| !dir.is_empty())
        .map(<[u8]>::to_vec)
        .collect())
}

/// Returns musl's name of a machine (`arch/*/reloc.h`, `LDSO_ARCH`).
fn musl_arch(arch: &str) -> &str {
    match arch {
        "amd64" => "x86_64",
        "386" => "i386",
        "arm64" => "aarch64",
        "arm" => "armhf",
        "ppc64le" => "powerpc64le",
        "ppc64" => "powerpc64",
        "mipsle" => "mipsel",
        "mips64le" => "mips64el",
        "loong64" => "loongarch64",
        other => other,
    }
}

/// Returns the path of the loader that files of a machine usually name (glibc, `shlib-versions` and
/// `sysdeps/*/ldsodefs`; wiki.debian.org/ArchitectureSpecificsMemo).
pub(crate) fn usual_path(machine: &Machine, musl: bool) -> Vec<u8> {
    if musl {
        return format!("/lib/ld-musl-{}.so.1", musl_arch(&machine.arch)).into_bytes();
    }
    let path = match machine.arch.as_str() {
        "amd64" => "/lib64/ld-linux-x86-64.so.2",
        "x32" => "/libx32/ld-linux-x32.so.2",
        "386" => "/lib/ld-linux.so.2",
        "arm64" => "/lib/ld-linux-aarch64.so.1",
        "arm" => "/lib/ld-linux-armhf.so.3",
        "ppc64le" | "ppc64" => "/lib64/ld64.so.2",
        "s390x" => "/lib/ld64.so.1",
        "riscv64" => "/lib/ld-linux-riscv64-lp64d.so.1",
        "loong64" => "/lib64/ld-linux-loongarch-lp64d.so.1",
        "mips64" | "mips64le" => "/lib64/ld.so.1",
        "mips" | "mipsle" => "/lib/ld.so.1",
        _ => "/lib/ld.so.1",
    };
    path.as_bytes().to_vec()
}

/// Returns the name of a machine in Debian's directories (wiki.debian.org/Multiarch/Tuples).
fn triplet(arch: &str) -> Option<&'static str> {
    Some(match arch {
        "amd64" => "x86_64-linux-gnu",
        "x32" => "x86_64-linux-gnux32",
        "386" => "i386-linux-gnu",
        "arm64" => "aarch64-linux-gnu",
        "arm" => "arm-linux-gnueabihf",
        "ppc64le" => "powerpc64le-linux-gnu",
        "ppc64" => "powerpc64-linux-gnu",
        "s390x" => "s390x-linux-gnu",
        "riscv64" => "riscv64-linux-gnu",
        "loong64" => "loongarch64-linux-gnu",
        "mips64le" => "mips64el-linux-gnuabi64",
        "mipsle" => "mipsel-linux-gnu",
        _ => return None,
    })
}

/// Returns the directories of glibc's loader if the loader's bytes are not available.
fn default_dirs(machine: &Machine) -> Vec<Vec<u8>> {
    let triplet = triplet(&machine.arch);
    let multiarch = triplet.map(|t| [format!("/lib/{t}"), format!("/usr/lib/{t}")]);
    let wide = ["/lib64", "/usr/lib64"].map(str::to_owned);
    let plain = ["/lib", "/usr/lib"].map(str::to_owned);
    let wide = (machine.bits == 64).then_some(wide);
    let all = multiarch.into_iter().chain(wide).chain([plain]).flatten();
    all.map(String::into_bytes).collect()
}

/// Returns the value of `$LIB`: the end of the first directory, from the last component that begins
/// with `lib` (`DL_DST_LIB`: `lib64`, or `lib/x86_64-linux-gnu` on Debian).
fn lib(dirs: &[Vec<u8>]) -> Vec<u8> {
    let first = dirs.first().map(Vec::as_slice).unwrap_or_default();
    let at = memchr::memmem::rfind(first, b"/lib");
    let lib = at.and_then(|at| first.get(at + 1..));
    lib.unwrap_or(b"lib").to_vec()
}

/// Returns the AT_PLATFORM that the kernel passes on the most basic processor of a machine.
fn platform(machine: &Machine) -> Option<&'static str> {
    Some(match machine.arch.as_str() {
        "amd64" | "x32" => "x86_64",
        "386" => "i686",
        "arm64" => "aarch64",
        "arm" => "v7l",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loader_tells_its_directories() {
        let bytes =
            b"x\0/bin/\0y\0/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0\
            \0/etc/ld.so.cache\0";
        let dirs = system_dirs(bytes).unwrap();
        let text: Vec<_> = dirs.iter().map(|d| String::from_utf8_lossy(d)).collect();
        let expected = [
            "/lib/x86_64-linux-gnu",
            "/usr/lib/x86_64-linux-gnu",
            "/lib",
            "/usr/lib",
        ];
        assert_eq!(text, expected);
        assert_eq!(lib(&dirs), b"lib/x86_64-linux-gnu");
        assert_eq!(lib(&[b"/lib64".to_vec()]), b"lib64");
        assert_eq!(lib(&[b"/nix/store/libc/lib".to_vec()]), b"lib");
        assert_eq!(cache_path(bytes), b"/etc/ld.so.cache");
        assert_eq!(system_dirs(b"nothing"), None);
    }
}
