//! WebAssembly: modules and components (webassembly.github.io/spec, "Binary Format";
//! component-model, `Binary.md`).
//!
//! There is a single architecture. The operating system is the host that a module expects, which
//! follows from the modules that it imports from: WASI, or JavaScript as used by Go or
//! `wasm-bindgen`. Without any of these imports, the host is unknown.

mod parse;
mod section;

use self::section::WasmSections;
use super::binary::{
    Binary, BinaryKind, Endian, FactSource, Format, GoBuild, Libc, Linkage, Sourced,
};
use super::go;
use super::source::Source;

/// Magic, version 1, layer 0: a module. Version 13, layer 1: a component.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// Whether these are the first bytes of a module or a component.
pub(super) fn is_wasm(head: &[u8]) -> bool {
    head.starts_with(MODULE) || head.starts_with(COMPONENT)
}

/// Decodes a module or a component.
pub(super) fn inspect(source: &dyn Source) -> Option<Binary> {
    let head = source.piece(0, 8, 8).ok()?;
    let component = match &head[..] {
        MODULE => false,
        COMPONENT => true,
        _ => return None,
    };
    let sections = WasmSections::read(source, component);
    let go = go_build(source, &sections);
    let kind = kind(&sections, go.is_some());
    let os = os(&sections, go.as_ref());
    let runs = kind != BinaryKind::Object;
    let dynamic = sections.has_custom(b"dylink.0") || sections.has_custom(b"dylink");
    Some(Binary {
        format: Format::Wasm,
        kind,
        os: Some(os),
        arch: Some(Sourced {
            value: if sections.wide { "wasm64" } else { "wasm" }.into(),
            source: FactSource::Header,
        }),
        bits: Some(if sections.wide { 64 } else { 32 }),
        endian: Some(Endian::Little),
        linkage: runs.then_some(if dynamic {
            Linkage::Dynamic
        } else {
            Linkage::Static
        }),
        // There is no value for wasi-libc, and nothing distinguishes it from no libc.
        libc: runs.then_some(match go {
            Some(_) => Libc::None,
            None => Libc::Unknown,
        }),
        stripped: (runs && !component).then_some(!sections.has_custom(b"name")),
        build_id: sections.build_id.clone(),
        go,
        ..Binary::default()
    })
}

fn kind(sections: &WasmSections, go: bool) -> BinaryKind {
    // Data for a linker (tool-conventions, `Linking.md`).
    if sections.has_custom(b"linking") {
        return BinaryKind::Object;
    }
    let starts = sections.exports.iter().any(|name| {
        // The entry points of WASI commands, of Go for JavaScript, whose `wasm_exec.js` calls
        // `run`, and of components.
        name == b"_start" || (go && name == b"run") || name.starts_with(b"wasi:cli/run@")
    });
    if starts {
        BinaryKind::Executable
    } else {
        BinaryKind::SharedLibrary
    }
}

/// Returns the host, determined from the names of imports.
fn os(sections: &WasmSections, go: Option<&GoBuild>) -> Sourced<String> {
    let imported = sections.imports.iter().find_map(|name| match &name[..] {
        b"wasi_snapshot_preview1" | b"wasi_unstable" => Some("wasip1"),
        // Go since 1.21, and before; wasm-bindgen; JavaScript strings as builtins.
        b"gojs" | b"go" | b"__wbindgen_placeholder__" | b"wbg" | b"wasm:js-string" => Some("js"),
        name if name.starts_with(b"./") && name.ends_with(b".js") => Some("js"),
        name if name.starts_with(b"wasi:") => Some("wasip2"),
        _ => None,
    });
    let claimed = go.and_then(|go| go.setting("GOOS"));
    let (value, source) = match (imported, claimed) {
        (Some(os), _) => (os, FactSource::Header),
        (None, Some(os)) => (os, FactSource::BuildInfo),
        (None, None) => ("unknown", FactSource::Assumed),
    };
    Sourced {
        value: value.to_owned(),
        source,
    }
}

/// Returns Go's build information. There is no header; its text is in the data. A Go module is
/// identified by the producers section or by the build id of Go's linker.
fn go_build(source: &dyn Source, sections: &WasmSections) -> Option<GoBuild> {
    let version = sections.producer_go.clone();
    if version.is_none() && !sections.has_custom(b"go:buildid") {
        return None;
    }
    let mut build = go::read_bare(source, &sections.data);
    build.version = version.unwrap_or(build.version);
    build.inject(Vec::new);
    Some(build)
}
