//! Go findings: false platform claims in programs, toolchains for other hosts, and build caches for
//! several platforms.

use std::collections::BTreeMap;

use super::draft::{Drafts, Text, weigh};
use super::finding::{Id, Level};
use super::role::Role;
use crate::inspect::{FactSource, Format};
use crate::launch::image::{File, Image, base, parent};
use crate::launch::machine::can_run;

/// Checks every file that Go built.
pub(super) fn check(image: &Image<'_>, roles: &[Role], drafts: &mut Drafts) {
    for (file, &role) in image.files.iter().zip(roles) {
        identity(file, role, drafts);
        toolchain(image, file, drafts);
    }
    caches(image, drafts);
}

/// Reports platform claims that disagree with the file's header.
fn identity(file: &File, role: Role, drafts: &mut Drafts) {
    let Some(go) = &file.binary.go else {
        return;
    };
    if !file.binary.slices.is_empty() {
        return;
    }
    let mut claims: Vec<(String, &str, &str)> = Vec::new();
    for (key, has, source) in [
        (
            "GOARCH",
            file.arch(),
            file.binary.arch.as_ref().map(|a| a.source),
        ),
        (
            "GOOS",
            file.os(),
            file.binary.os.as_ref().map(|os| os.source),
        ),
    ] {
        // If the header has no such fact, the fact comes from the build info itself.
        let told = !matches!(
            source,
            None | Some(FactSource::BuildInfo | FactSource::Assumed)
        );
        if let Some(claim) = go.setting(key).filter(|claim| told && *claim != has) {
            claims.push((format!("its build info says {key}={claim}"), claim, has));
        }
    }
    for (name, value) in &go.injected {
        for (kind, claim) in claimed(name, value) {
            let has = match kind {
                Claim::Arch => file.arch(),
                Claim::System => file.os(),
            };
            if claim != has && !has.is_empty() {
                claims.push((format!("-X {name}={value} was linked into it"), claim, has));
            }
        }
    }
    let Some((first, _, _)) = claims.first() else {
        return;
    };
    let group = first.clone();
    let texts: Vec<String> = claims
        .into_iter()
        .map(|(text, _, has)| format!("{text}, and its header says {has}"))
        .collect();
    if let Some(level) = weigh(role, Level::Fail, Level::Warn) {
        let text = Text {
            detail: texts.join("; "),
            hint: "build it again for the right platform, and take the value of -X from GOOS and GOARCH"
                .to_owned(),
            group,
        };
        drafts.file(Id::IdentityMismatch, level, file, text);
    }
}

/// The subject of an injected variable's claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    Arch,
    System,
}

/// Returns the claims of a variable about the platform, in Go's names. The last part of the variable's
/// name decides. Variables about the build host (`buildArch`) claim nothing about the program.
fn claimed(name: &str, value: &str) -> Vec<(Claim, &'static str)> {
    let last = name.rsplit('.').next().unwrap_or_default();
    let last: String = last.chars().filter(char::is_ascii_alphanumeric).collect();
    let arch = |word: &str| Some((Claim::Arch, arch_word(word)?));
    let system = |word: &str| Some((Claim::System, system_word(word)?));
    match last.to_ascii_lowercase().as_str() {
        "arch" | "goarch" | "targetarch" | "targetgoarch" | "architecture" => {
            arch(value).into_iter().collect()
        }
        "os" | "goos" | "targetos" | "targetgoos" | "operatingsystem" => {
            system(value).into_iter().collect()
        }
        "platform" | "targetplatform" | "goplatform" | "osarch" => {
            let (os, rest) = value.split_once(['/', '-', '_']).unwrap_or((value, ""));
            // A value that does not begin with a system is not a platform.
            let Some(os) = system(os) else {
                return Vec::new();
            };
            let machine = arch(rest).or_else(|| arch(rest.split('/').next()?));
            [Some(os), machine].into_iter().flatten().collect()
        }
        _ => Vec::new(),
    }
}

/// Returns Go's name of a system from any of its names. `None` if the word does not name a system.
fn system_word(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "linux" | "gnu/linux" => "linux",
        "darwin" | "macos" | "osx" | "mac" => "darwin",
        "windows" | "win" | "win32" | "win64" => "windows",
        "solaris" | "sunos" => "solaris",
        "freebsd" => "freebsd",
        "netbsd" => "netbsd",
        "openbsd" => "openbsd",
        "dragonfly" => "dragonfly",
        "android" => "android",
        "ios" => "ios",
        "illumos" => "illumos",
        "aix" => "aix",
        "plan9" => "plan9",
        "js" => "js",
        "wasip1" => "wasip1",
        _ => return None,
    })
}

/// Returns Go's name of a machine from any of its names. `None` if the word does not name a machine.
fn arch_word(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "amd64" | "x86_64" | "x86-64" | "x64" => "amd64",
        "arm64" | "aarch64" => "arm64",
        "386" | "i386" | "i686" => "386",
        "arm" | "armv6" | "armv7" | "armhf" => "arm",
        "ppc64le" => "ppc64le",
        "ppc64" => "ppc64",
        "riscv64" => "riscv64",
        "s390x" => "s390x",
        "mips" => "mips",
        "mipsle" => "mipsle",
        "mips64" => "mips64",
        "mips64le" => "mips64le",
        "loong64" => "loong64",
        "wasm" => "wasm",
        _ => return None,
    })
}

/// Reports a `go` command that was built for another platform.
fn toolchain(image: &Image<'_>, file: &File, drafts: &mut Drafts) {
    let path = file.binary.go.as_ref().and_then(|go| go.path.as_deref());
    let declared = &image.declared.platform;
    if path != Some("cmd/go") || can_run(declared, file.os(), file.arch()) {
        return;
    }
    let text = Text {
        detail: format!(
            "this go command is for {}/{} (GOHOSTOS, GOHOSTARCH), in an image for {declared}",
            file.os(),
            file.arch()
        ),
        hint: format!(
            "unpack the archive of Go for {}-{}, in a stage of that platform",
            declared.os, declared.arch
        ),
        group: "go commands for other platforms".to_owned(),
    };
    drafts.file(Id::ForeignToolchain, Level::Warn, file, text);
}

/// Reports build caches and package directories that hold archives for several platforms.
fn caches(image: &Image<'_>, drafts: &mut Drafts) {
    let mut caches: BTreeMap<&[u8], (BTreeMap<String, u64>, u32)> = BTreeMap::new();
    for file in &image.files {
        if file.binary.format != Format::GoArchive || file.arch().is_empty() {
            continue;
        }
        let cache = caches
            .entry(cache_of(file.dir()))
            .or_insert_with(|| (BTreeMap::new(), file.layer));
        let platform = format!("{}/{}", file.os(), file.arch());
        *cache.0.entry(platform).or_default() += 1;
    }
    for (dir, (platforms, layer)) in caches {
        if platforms.len() < 2 {
            continue;
        }
        let counts: Vec<String> = platforms
            .iter()
            .map(|(platform, count)| format!("{count} for {platform}"))
            .collect();
        let text = (
            format!("it holds packages of several platforms: {}", counts.join(", ")),
            "give each platform a cache of its own: GOCACHE, or --mount=type=cache,id=$TARGETPLATFORM"
                .to_owned(),
        );
        drafts.image(Id::MixedBuildCache, Level::Warn, dir, Some(layer), text);
    }
}

/// Returns the directory of the cache that contains `dir`: the parent of the 256 directories named by
/// two hex digits (`cmd/go/internal/cache`), or a directory such as `linux_amd64` in a pkg directory.
fn cache_of(dir: &[u8]) -> &[u8] {
    let name = base(dir);
    if name.len() == 2 && name.iter().all(u8::is_ascii_hexdigit) {
        return parent(dir);
    }
    let mut at = dir;
    while !at.is_empty() {
        let above = parent(at);
        if base(above) == b"pkg" {
            return at;
        }
        at = above;
    }
    dir
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_variables_claim() {
        let arch = |word| vec![(Claim::Arch, word)];
        let system = |word| vec![(Claim::System, word)];
        let both = |os, arch| vec![(Claim::System, os), (Claim::Arch, arch)];
        assert_eq!(claimed("main.targetArch", "amd64"), arch("amd64"));
        assert_eq!(claimed("x/y.TARGET_ARCH", "x86_64"), arch("amd64"));
        assert_eq!(claimed("main.Arch", "AMD64"), arch("amd64"));
        assert_eq!(claimed("main.GOOS", "linux"), system("linux"));
        assert_eq!(claimed("main.OS", "Linux"), system("linux"));
        assert_eq!(claimed("main.os", "macOS"), system("darwin"));
        assert_eq!(claimed("main.targetOS", "win"), system("windows"));
        assert_eq!(
            claimed("main.platform", "linux/arm/v7"),
            both("linux", "arm")
        );
        assert_eq!(
            claimed("main.platform", "macos-x64"),
            both("darwin", "amd64")
        );
        assert_eq!(
            claimed("main.platform", "linux_x86_64"),
            both("linux", "amd64")
        );
        assert_eq!(claimed("main.platform", "Windows"), system("windows"));
        assert_eq!(claimed("main.platform", "kubernetes"), []);
        assert_eq!(claimed("main.buildArch", "amd64"), []);
        assert_eq!(claimed("main.arch", "gothic"), []);
        assert_eq!(claimed("main.version", "amd64"), []);
    }

    #[test]
    fn caches_are_told_apart() {
        assert_eq!(
            cache_of(b"/root/.cache/go-build/0f"),
            b"/root/.cache/go-build"
        );
        assert_eq!(
            cache_of(b"/go/pkg/linux_arm64/net/http"),
            b"/go/pkg/linux_arm64"
        );
        assert_eq!(cache_of(b"/srv/a"), b"/srv/a");
    }
}
