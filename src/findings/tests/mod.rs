//! Handmade images: a few files with the facts that real files would have.

mod loading;
mod plugins;
mod rules;
mod symbols;
mod users;

use std::collections::HashMap;
use std::io;

use super::*;
use crate::cache::{CacheDir, CacheKey, CacheKind};
use crate::image::Start;
use crate::inspect::{
    Binary, BinaryKind, Contradiction, Endian, FactSource, Format, GoBuild, Libc, Linkage, Sourced,
    Symbols, Undefined, VersionsNeeded,
};
use crate::layer::{Data, EntryKind, LayerEntry, Mtime};
use crate::tree::{Merger, NodeId};

/// Strings in glibc's loader for amd64, as on Debian.
const LOADER: &[u8] = b"\0/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0\0\
    /etc/ld.so.cache\0";

const GLIBC: &str = "/lib64/ld-linux-x86-64.so.2";
const MUSL: &str = "/lib/ld-musl-x86_64.so.1";

/// A builder for an image.
struct World {
    layers: Vec<Vec<LayerEntry>>,
    binaries: HashMap<String, Binary>,
    bytes: HashMap<String, Vec<u8>>,
    exports: HashMap<String, Vec<&'static str>>,
    undefined: HashMap<String, Vec<&'static str>>,
    declared: Declared,
}

fn sourced(value: &str) -> Option<Sourced<String>> {
    Some(Sourced {
        value: value.to_owned(),
        source: FactSource::Header,
    })
}

/// Returns a program or library for a machine.
fn elf(arch: &str, kind: BinaryKind) -> Binary {
    Binary {
        format: Format::Elf,
        kind,
        os: sourced("linux"),
        arch: sourced(arch),
        bits: Some(if arch == "386" || arch == "arm" {
            32
        } else {
            64
        }),
        endian: Some(Endian::Little),
        linkage: Some(Linkage::Static),
        libc: Some(Libc::None),
        ..Binary::default()
    }
}

/// Returns a Go program, statically linked as Go does by default.
fn go(arch: &str) -> Binary {
    Binary {
        go: Some(GoBuild {
            settings: vec![
                ("GOARCH".into(), arch.into()),
                ("GOOS".into(), "linux".into()),
            ],
            ..GoBuild::default()
        }),
        ..elf(arch, BinaryKind::Executable)
    }
}

fn needs(needed: &[&str]) -> Vec<Vec<u8>> {
    needed.iter().map(|name| name.as_bytes().to_vec()).collect()
}

/// Returns a program that glibc's loader starts.
fn program(needed: &[&str]) -> Binary {
    Binary {
        linkage: Some(Linkage::Dynamic),
        libc: Some(Libc::Glibc),
        interpreter: Some(GLIBC.into()),
        needed: needs(needed),
        ..elf("amd64", BinaryKind::Executable)
    }
}

/// Returns a library.
fn library(soname: &str, needed: &[&str]) -> Binary {
    Binary {
        linkage: Some(Linkage::Dynamic),
        libc: Some(Libc::Glibc),
        soname: (!soname.is_empty()).then(|| soname.into()),
        needed: needs(needed),
        ..elf("amd64", BinaryKind::SharedLibrary)
    }
}

fn script(interpreter: &str, argument: Option<&str>) -> Binary {
    Binary {
        format: Format::Script,
        kind: BinaryKind::Script,
        interpreter: Some(interpreter.into()),
        interpreter_argument: argument.map(|argument| argument.into()),
        ..Binary::default()
    }
}

fn versions(library: &str, strong: &[&str], weak: &[&str]) -> VersionsNeeded {
    VersionsNeeded {
        library: library.into(),
        strong: needs(strong),
        weak: needs(weak),
    }
}

impl World {
    fn new(platform: &str) -> Self {
        Self {
            layers: vec![Vec::new()],
            binaries: HashMap::new(),
            bytes: HashMap::new(),
            exports: HashMap::new(),
            undefined: HashMap::new(),
            declared: Declared {
                platform: platform.parse().unwrap(),
                index_platform: None,
                start: Start::default(),
                created_by: Vec::new(),
                problems: Vec::new(),
                ambiguities: Vec::new(),
            },
        }
    }

    /// Returns an image for amd64 with glibc, and with /bin/sh as its command.
    fn debian() -> Self {
        let mut world = Self::new("linux/amd64");
        let mut loader = library("ld-linux-x86-64.so.2", &[]);
        loader.versions_defined = needs(&["GLIBC_2.2.5", "GLIBC_PRIVATE"]);
        let mut libc = library("libc.so.6", &["ld-linux-x86-64.so.2"]);
        libc.versions_defined = needs(&["GLIBC_2.2.5", "GLIBC_2.17", "GLIBC_2.36"]);
        world
            .binary("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", loader)
            .bytes("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", LOADER)
            .binary("usr/lib/x86_64-linux-gnu/libc.so.6", libc)
            .link("lib", "usr/lib")
            .link(
                "lib64/ld-linux-x86-64.so.2",
                "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
            )
            .binary("bin/sh", program(&["libc.so.6"]));
        world.declared.start.cmd = vec!["/bin/sh".to_owned()];
        world
    }

    fn entry(&mut self, path: &str, kind: EntryKind, mode: u16, format: Option<Format>) {
        self.layers.last_mut().unwrap().push(LayerEntry {
            path: path.as_bytes().into(),
            kind,
            mode,
            uid: 0,
            gid: 0,
            mtime: Mtime::default(),
            size: 0,
            xattrs: Vec::new(),
            data: Data::None,
            format,
        });
    }

    fn layer(&mut self) -> &mut Self {
        self.layers.push(Vec::new());
        self
    }

    /// Adds an executable file with its facts.
    fn binary(&mut self, path: &str, binary: Binary) -> &mut Self {
        self.entry(path, EntryKind::Regular, 0o755, Some(binary.format));
        self.binaries.insert(format!("/{path}"), binary);
        self
    }

    fn link(&mut self, path: &str, target: &str) -> &mut Self {
        let target = EntryKind::Symlink(target.as_bytes().into());
        self.entry(path, target, 0o777, None);
        self
    }

    fn text(&mut self, path: &str, text: impl AsRef<[u8]>) -> &mut Self {
        self.entry(path, EntryKind::Regular, 0o644, None);
        self.bytes(path, text)
    }

    /// Sets the bytes that reading a file returns.
    fn bytes(&mut self, path: &str, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.bytes
            .insert(format!("/{path}"), bytes.as_ref().to_vec());
        self
    }

    fn start(&mut self, argv: &[&str]) -> &mut Self {
        self.declared.start.entrypoint = argv.iter().map(|&word| word.to_owned()).collect();
        self.declared.start.cmd.clear();
        self
    }

    fn env(&mut self, line: &str) -> &mut Self {
        self.declared.start.env.push(line.to_owned());
        self
    }

    fn found(&self) -> ShortFinding {
        self.try_found().unwrap()
    }

    fn try_found(&self) -> io::Result<ShortFinding> {
        let mut merger = Merger::new();
        for entries in &self.layers {
            merger.apply(Vec::new(), entries).unwrap();
        }
        let file = CacheDir::none().create(CacheKind::Tree).unwrap();
        let written = merger
            .finish(file, &CacheKey::tree(std::iter::empty()))
            .unwrap();
        let tree = Tree::open(&written.file).unwrap();
        let facts = Facts {
            tree: &tree,
            world: self,
        };
        let findings = find(&tree, &self.declared, &facts)?;
        Ok(ShortFinding { findings, tree })
    }
}

/// The findings of an image.
struct ShortFinding {
    findings: Findings,
    tree: Tree,
}

impl ShortFinding {
    /// Returns the level, id and path of each finding.
    fn lines(&self) -> Vec<String> {
        let line = |f: &Finding| {
            let path = String::from_utf8_lossy(&f.path).into_owned();
            format!("{} {} {path}", f.level, f.id)
        };
        let lines = self.findings.list().iter().map(line);
        lines.map(|line| line.trim_end().to_owned()).collect()
    }

    /// Returns the detail of the only finding with an id.
    fn detail(&self, id: Id) -> String {
        let mut found = self.findings.list().iter().filter(|f| f.id == id);
        let detail = found.next().expect("a finding has this id").detail.clone();
        assert!(found.next().is_none(), "only one finding has this id");
        detail
    }

    fn node(&self, path: &str) -> NodeId {
        self.tree.resolve(Tree::ROOT, path.as_bytes()).unwrap().1
    }

    /// Returns the libraries that a file lacks.
    fn missing(&self, path: &str) -> String {
        let missing = self.findings.missing(self.node(path)).iter();
        let names: Vec<_> = missing.map(|name| String::from_utf8_lossy(name)).collect();
        names.join(" ")
    }
}

struct Facts<'a> {
    tree: &'a Tree,
    world: &'a World,
}

impl Facts<'_> {
    fn of<'m, T>(&self, map: &'m HashMap<String, T>, node: NodeId) -> Option<&'m T> {
        let name = self.tree.node(node)?.name?;
        map.get(&String::from_utf8(self.tree.path(name)).unwrap())
    }
}

impl Evidence for Facts<'_> {
    fn binary(&self, node: NodeId) -> io::Result<Option<Binary>> {
        Ok(self.of(&self.world.binaries, node).cloned())
    }

    fn read(&self, node: NodeId, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = self
            .of(&self.world.bytes, node)
            .cloned()
            .unwrap_or_default();
        bytes.truncate(limit as usize);
        Ok(bytes)
    }

    fn symbols(&self, node: NodeId) -> io::Result<Option<Symbols>> {
        let undefined = self.of(&self.world.undefined, node);
        let exports = self.of(&self.world.exports, node);
        // `?name` is a weak symbol, `name()` a function that is only called, `name@version` a symbol
        // with a version.
        let symbol = |text: &&str| {
            let (name, version) = text.split_once('@').unwrap_or((text, ""));
            Undefined {
                name: name.trim_matches(['?', '(', ')']).into(),
                version: (!version.is_empty()).then(|| version.into()),
                weak: name.starts_with('?'),
                data: (!name.ends_with("()")).then_some(0),
                call: name.ends_with("()").then_some(0),
            }
        };
        Ok(Some(Symbols {
            undefined: undefined.into_iter().flatten().map(symbol).collect(),
            defined: exports
                .into_iter()
                .flatten()
                .map(|name| (name.as_bytes().to_vec(), vec![1]))
                .collect(),
            ..Symbols::default()
        }))
    }

    fn contains(&self, node: NodeId, strings: &[&[u8]]) -> io::Result<Vec<bool>> {
        let bytes = self
            .of(&self.world.bytes, node)
            .cloned()
            .unwrap_or_default();
        let has = |text: &&[u8]| memchr::memmem::find(&bytes, text).is_some();
        Ok(strings.iter().map(has).collect())
    }
}
