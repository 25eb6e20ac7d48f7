//! The schema of keys. Sidecars, xattrs, tables and JSON are different formats of the list that
//! [`of_binary`] returns. No other module turns a fact into a key.

use crate::blob::Digest;
use crate::findings::{Findings, Level};
use crate::inspect::{
    Binary, Endian, FactSource, Format, GoBuild, Kind as BinaryKind, Libc, Linkage, Relro, VARIANTS,
};
use crate::open::OpenLayer;
use crate::tree::{NodeId, RemovalKind};

/// The version of the sidecar format, the value of `IMGFS_ARCH`.
const VERSION: &str = "1";

/// A fact: a key and its value, not yet escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The key, in upper case.
    pub key: &'static str,
    /// The value.
    pub value: Value,
}

/// A fact's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// One value.
    One(Vec<u8>),
    /// A list of values.
    List(Vec<Vec<u8>>),
}

impl Value {
    /// The value as written: bytes below 0x20 and `\`, and in lists also spaces, become `\xNN`. The
    /// members of a list are separated by single spaces.
    pub fn escaped(&self) -> Vec<u8> {
        let mut text = Vec::new();
        match self {
            Self::One(value) => escape(value, false, &mut text),
            Self::List(values) => {
                for (i, value) in values.iter().enumerate() {
                    if i > 0 {
                        text.push(b' ');
                    }
                    escape(value, true, &mut text);
                }
            }
        }
        text
    }
}

/// Writes a value: bytes below 0x20 and `\`, and in lists also spaces, become `\xNN`.
pub fn escape(value: &[u8], in_list: bool, text: &mut Vec<u8>) {
    for &byte in value {
        if byte < 0x20 || byte == b'\\' || (in_list && byte == b' ') {
            text.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
        } else {
            text.push(byte);
        }
    }
}

/// Collects facts in order. Facts that do not apply are left out.
struct Facts(Vec<Fact>);

impl Facts {
    fn one(&mut self, key: &'static str, value: impl AsRef<[u8]>) {
        let value = Value::One(value.as_ref().to_vec());
        self.0.push(Fact { key, value });
    }

    fn some(&mut self, key: &'static str, value: Option<impl AsRef<[u8]>>) {
        if let Some(value) = value {
            self.one(key, value);
        }
    }

    fn flag(&mut self, key: &'static str, value: Option<bool>) {
        self.some(key, value.map(|yes| if yes { "yes" } else { "no" }));
    }

    fn list(&mut self, key: &'static str, values: &[Vec<u8>]) {
        if !values.is_empty() {
            let value = Value::List(values.to_vec());
            self.0.push(Fact { key, value });
        }
    }
}

/// The path and attributes of a file.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its path in the image, or the path that was given.
    pub path: &'a [u8],
    /// Length in bytes.
    pub size: u64,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Returns the facts of an executable, in the order of the format. The facts of its layer follow them.
pub fn of_binary(subject: Subject<'_>, binary: &Binary) -> Vec<Fact> {
    let mut facts = Facts(Vec::with_capacity(48));
    facts.one("IMGFS_ARCH", VERSION);
    facts.one("PATH", subject.path);
    facts.one("FORMAT", format(binary.format));
    facts.one("TYPE", kind(binary.kind));
    platform(&mut facts, binary);
    linking(&mut facts, binary);
    hardening(&mut facts, binary);
    if let Some(go) = &binary.go {
        go_build(&mut facts, binary, go);
    }
    facts.flag("EXECUTABLE", Some(subject.mode & 0o111 != 0));
    facts.one("SIZE", subject.size.to_string());
    facts.one("MODE", format!("{:04o}", subject.mode));
    facts.one("UID", subject.uid.to_string());
    facts.one("GID", subject.gid.to_string());
    facts.0
}

/// Returns the facts of the layer that a file comes from. Every regular file and directory has them.
pub fn of_layer(number: u32, layer: &OpenLayer) -> Vec<Fact> {
    let mut facts = Facts(Vec::with_capacity(3));
    facts.one("LAYER", number.to_string());
    facts.some("LAYER_DIGEST", layer.digest.as_ref().map(|d| d.to_string()));
    // If the history is missing or does not match the layers, it is unknown which line made which layer.
    let line = layer.created_by.as_deref();
    facts.one("CREATED_BY", line.unwrap_or("unknown"));
    facts.0
}

/// Returns the fact for a file's digest.
pub fn of_digest(digest: &Digest) -> Fact {
    Fact {
        key: "SHA256",
        value: Value::One(digest.hex().into()),
    }
}

/// Returns the facts of the layer that first had a file's bytes.
pub fn of_content(number: u32, layer: &OpenLayer) -> Vec<Fact> {
    let mut facts = Facts(Vec::with_capacity(3));
    facts.one("CONTENT_LAYER", number.to_string());
    let digest = layer.digest.as_ref().map(|d| d.to_string());
    facts.some("CONTENT_LAYER_DIGEST", digest);
    let line = layer.created_by.as_deref();
    facts.one("CONTENT_CREATED_BY", line.unwrap_or("unknown"));
    facts.0
}

/// Returns the facts of how a later layer removed a file.
pub fn of_hidden(by: u32, how: RemovalKind) -> Vec<Fact> {
    let mut facts = Facts(Vec::with_capacity(2));
    facts.one("HIDDEN_BY", by.to_string());
    facts.one("HIDDEN_HOW", how.name());
    facts.0
}

/// Adds the findings of a file to its facts. The status of its interpreter and its missing libraries are
/// inserted after the interpreter and the needed libraries; the verdict is appended. Without findings,
/// the verdict is `unknown`.
pub fn add_findings(facts: &mut Vec<Fact>, findings: Option<&Findings>, node: NodeId) {
    let Some(findings) = findings else {
        let (key, value) = ("VERDICT", Value::One("unknown".into()));
        facts.push(Fact { key, value });
        return;
    };
    let mut insert = |after: &str, fact: Fact| {
        let at = facts.iter().position(|fact| fact.key == after);
        facts.insert(at.map_or(facts.len(), |at| at + 1), fact);
    };
    if let Some(status) = findings.interpreter_status(node) {
        let value = Value::One(status.name().into());
        let key = "INTERPRETER_STATUS";
        insert("INTERPRETER", Fact { key, value });
    }
    let missing = findings.missing(node);
    if !missing.is_empty() {
        let value = Value::List(missing.iter().map(|name| name.to_vec()).collect());
        let key = "MISSING";
        insert("NEEDED", Fact { key, value });
    }
    let mut end = Facts(Vec::new());
    end.one(
        "VERDICT",
        match findings.worst(node) {
            None | Some(Level::Info) => "ok",
            Some(level) => level.name(),
        },
    );
    let ids = findings
        .of(node)
        .map(|finding| finding.id.name().to_owned());
    end.list("FINDINGS", &each_once(ids));
    facts.append(&mut end.0);
}

/// Returns the table of an image's findings: a header line, then a line for each finding. Columns are
/// separated by tabs and escaped like values.
pub fn findings_table(findings: &Findings, created_by: impl Fn(u32) -> Option<String>) -> Vec<u8> {
    let mut table = b"level\tid\tpath\tlayer\tcreated_by\tdetail\thint\n".to_vec();
    for finding in findings.list() {
        let layer = finding.layer.map(|layer| layer.to_string());
        let line = finding.layer.and_then(&created_by);
        let columns: [&[u8]; 7] = [
            finding.level.name().as_bytes(),
            finding.id.name().as_bytes(),
            &finding.path,
            layer.as_deref().unwrap_or_default().as_bytes(),
            line.as_deref().unwrap_or_default().as_bytes(),
            finding.detail.as_bytes(),
            finding.hint.as_bytes(),
        ];
        for (i, column) in columns.into_iter().enumerate() {
            if i > 0 {
                table.push(b'\t');
            }
            escape(column, false, &mut table);
        }
        table.push(b'\n');
    }
    table
}

fn platform(facts: &mut Facts, binary: &Binary) {
    if binary.slices.is_empty() {
        facts.some("GOOS", binary.os.as_ref().map(|os| &os.value));
        facts.some("GOARCH", binary.arch.as_ref().map(|arch| &arch.value));
    } else {
        let slices = &binary.slices;
        facts.list("GOOS", &each_once(slices.iter().flat_map(|s| s.os.clone())));
        facts.list(
            "GOARCH",
            &each_once(slices.iter().flat_map(|s| s.arch.clone())),
        );
    }
    let os_source = binary.os.as_ref().map(|os| source(os.source));
    facts.some("GOOS_SOURCE", os_source);
    let arch_source = binary.arch.as_ref().map(|arch| source(arch.source));
    facts.some("GOARCH_SOURCE", arch_source);
    for key in VARIANTS {
        let found = binary.variants.iter().find(|(name, _)| *name == key);
        facts.some(key, found.map(|(_, value)| value));
    }
    let platforms = binary.slices.iter().filter_map(|slice| {
        let (os, arch) = (slice.os.as_ref()?, slice.arch.as_ref()?);
        Some(oci_platform(os, arch, &slice.variants))
    });
    let platforms = each_once(platforms);
    if let ([], Some(os), Some(arch)) = (&binary.slices[..], &binary.os, &binary.arch) {
        let text = oci_platform(&os.value, &arch.value, &binary.variants);
        facts.one("PLATFORM", text);
    }
    facts.list("PLATFORM", &platforms);
    facts.some("BITS", binary.bits.map(|bits| bits.to_string()));
    facts.some("ENDIAN", binary.endian.map(endian));
}

/// The values of a list without duplicates.
fn each_once(values: impl Iterator<Item = String>) -> Vec<Vec<u8>> {
    let mut list: Vec<Vec<u8>> = Vec::new();
    for value in values.map(String::into_bytes) {
        if !list.contains(&value) {
            list.push(value);
        }
    }
    list
}

/// A platform in OCI's notation.
fn oci_platform(os: &str, arch: &str, variants: &[(&'static str, String)]) -> String {
    match oci_variant(arch, variants) {
        Some(variant) => format!("{os}/{arch}/{variant}"),
        None => format!("{os}/{arch}"),
    }
}

/// The variant in OCI's notation (image-index.md, "platform": `v6`, `v7`, `v8`), if Go's variant implies
/// one.
fn oci_variant(arch: &str, variants: &[(&'static str, String)]) -> Option<String> {
    let of = |key| {
        let found = variants.iter().find(|(name, _)| *name == key);
        found.map(|(_, value)| value.as_str())
    };
    match arch {
        // GOARM may be `6,softfloat`.
        "arm" => of("GOARM")?.split(',').next().map(|v| format!("v{v}")),
        // amd64 without a variant means v1.
        "amd64" => of("GOAMD64").filter(|v| *v != "v1").map(str::to_owned),
        _ => None,
    }
}

fn linking(facts: &mut Facts, binary: &Binary) {
    facts.some("LINKAGE", binary.linkage.map(linkage));
    let is_static = binary
        .linkage
        .map(|l| matches!(l, Linkage::Static | Linkage::StaticPie));
    facts.flag("STATIC", is_static);
    facts.some("LIBC", binary.libc.map(libc));
    facts.some("LIBC_REQUIRED", binary.libc_required.as_ref());
    facts.some("INTERPRETER", binary.interpreter.as_ref());
    facts.list("NEEDED", &binary.needed);
    facts.list("RPATH", &binary.rpath);
    facts.list("RUNPATH", &binary.runpath);
    facts.some("SONAME", binary.soname.as_ref());
}

fn hardening(facts: &mut Facts, binary: &Binary) {
    facts.flag("STRIPPED", binary.stripped);
    facts.flag("PIE", binary.pie);
    facts.some("RELRO", binary.relro.map(relro));
    facts.flag("NX", binary.nx);
    facts.flag("CANARY", binary.canary);
    facts.flag("FORTIFY", binary.fortify);
    facts.some("BUILD_ID", binary.build_id.as_ref());
}

fn go_build(facts: &mut Facts, binary: &Binary, go: &GoBuild) {
    facts.some("GO_VERSION", Some(&go.version).filter(|v| !v.is_empty()));
    facts.some("GO_PATH", go.path.as_ref());
    facts.some("GO_MODULE", go.module.as_ref());
    facts.some("GO_MODULE_VERSION", go.module_version.as_ref());
    for (key, setting) in [
        ("CGO_ENABLED", "CGO_ENABLED"),
        ("GO_BUILDMODE", "-buildmode"),
        ("GO_LDFLAGS", "-ldflags"),
        ("GO_TAGS", "-tags"),
        ("GO_TRIMPATH", "-trimpath"),
        ("VCS_REVISION", "vcs.revision"),
        ("VCS_TIME", "vcs.time"),
        ("VCS_MODIFIED", "vcs.modified"),
        ("BUILD_GOOS", "GOOS"),
        ("BUILD_GOARCH", "GOARCH"),
    ] {
        facts.some(key, go.setting(setting));
    }
    // `go env GOHOSTOS` prints what the go command itself was built for (internal/buildcfg,
    // zbootstrap.go).
    if go.path.as_deref() == Some("cmd/go") {
        facts.some("GOHOSTOS", binary.os.as_ref().map(|os| &os.value));
        facts.some("GOHOSTARCH", binary.arch.as_ref().map(|arch| &arch.value));
    }
}

fn format(format: Format) -> &'static str {
    match format {
        Format::Elf => "elf",
        Format::Pe => "pe",
        Format::MachO => "macho",
        Format::MachOUniversal => "macho-universal",
        Format::Wasm => "wasm",
        Format::Xcoff => "xcoff",
        Format::Plan9 => "plan9",
        Format::GoArchive => "go-archive",
        Format::Ar => "ar",
        Format::Script => "script",
    }
}

fn kind(kind: BinaryKind) -> &'static str {
    match kind {
        BinaryKind::Executable => "executable",
        BinaryKind::SharedLibrary => "shared-library",
        BinaryKind::Object => "object",
        BinaryKind::Archive => "archive",
        BinaryKind::KernelModule => "kernel-module",
        BinaryKind::Core => "core",
        BinaryKind::Script => "script",
    }
}

fn source(source: FactSource) -> &'static str {
    match source {
        FactSource::Header => "header",
        FactSource::Note => "note",
        FactSource::OsAbi => "osabi",
        FactSource::BuildInfo => "buildinfo",
        FactSource::Assumed => "assumed",
    }
}

fn endian(endian: Endian) -> &'static str {
    match endian {
        Endian::Little => "little",
        Endian::Big => "big",
    }
}

fn linkage(linkage: Linkage) -> &'static str {
    match linkage {
        Linkage::Static => "static",
        Linkage::StaticPie => "static-pie",
        Linkage::Dynamic => "dynamic",
        Linkage::InterpOnly => "interp-only",
    }
}

fn libc(libc: Libc) -> &'static str {
    match libc {
        Libc::Glibc => "glibc",
        Libc::Musl => "musl",
        Libc::Bionic => "bionic",
        Libc::Uclibc => "uclibc",
        Libc::FreeBsd => "freebsd",
        Libc::NetBsd => "netbsd",
        Libc::OpenBsd => "openbsd",
        Libc::Solaris => "solaris",
        Libc::Ucrt => "ucrt",
        Libc::Msvcrt => "msvcrt",
        Libc::LibSystem => "libsystem",
        Libc::None => "none",
        Libc::Unknown => "unknown",
    }
}

fn relro(relro: Relro) -> &'static str {
    match relro {
        Relro::Full => "full",
        Relro::Partial => "partial",
        Relro::No => "no",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::Slice;

    #[test]
    fn values_never_break_a_line_or_a_list() {
        let one = Value::One(b"a b\n\\\x7f\xff".to_vec());
        assert_eq!(one.escaped(), b"a b\\x0a\\x5c\x7f\xff");
        let list = Value::List(vec![b"lib a.so".to_vec(), b"b".to_vec()]);
        assert_eq!(list.escaped(), b"lib\\x20a.so b");
    }

    #[test]
    fn several_platforms_are_a_list() {
        let slice = |arch: &str, variants| Slice {
            os: Some("darwin".into()),
            arch: Some(arch.into()),
            variants,
        };
        let binary = Binary {
            slices: vec![
                slice("amd64", vec![("GOAMD64", "v3".to_owned())]),
                slice("arm64", Vec::new()),
            ],
            ..Binary::default()
        };
        let mut facts = Facts(Vec::new());
        platform(&mut facts, &binary);
        let lines: Vec<_> = facts
            .0
            .iter()
            .map(|f| format!("{}={}", f.key, String::from_utf8_lossy(&f.value.escaped())))
            .collect();
        let expected = [
            "GOOS=darwin",
            "GOARCH=amd64 arm64",
            "PLATFORM=darwin/amd64/v3 darwin/arm64",
        ];
        assert_eq!(lines, expected);
    }
}
