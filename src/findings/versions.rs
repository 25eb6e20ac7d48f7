//! `glibc-too-old`: symbol versions that a file needs and its library does not define (glibc,
//! `elf/dl-version.c`).
//!
//! A library of the wrong version is one cause, no matter how many programs it stops. If there are many
//! such programs, for example because a layer replaced a part of glibc, they become one finding about
//! the library that gives their number.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::draft::{Drafts, Text};
use super::finding::{Finding, Id, Level};
use super::role::Role;
use super::subject::Subject;
use crate::launch::image::Image;
use crate::launch::loader::{FailureKind, LoaderKind, ObjectId};
use crate::layer::printable;
use crate::tree::NodeId;

/// The maximum number of files stopped by one library that are listed one by one.
const ALONE: usize = 8;

/// The maximum number of versions that are listed by name.
const SHOWN: usize = 8;

/// A file that needs versions that its libraries do not define.
struct Refused {
    /// The file's node.
    node: NodeId,
    level: Level,
    start: bool,
    versions: Vec<Vec<u8>>,
    detail: String,
}

/// The results collected while the files of an image are checked.
#[derive(Default)]
pub(super) struct Versions {
    /// For an object and the library that it needs, the versions that are not defined.
    known: HashMap<(ObjectId, ObjectId), Vec<Vec<u8>>>,
    /// The refused files, by the node of the library that lacks versions.
    refused: BTreeMap<NodeId, Vec<Refused>>,
}

impl Versions {
    /// Compares the versions that the closure of one file needs with the versions that it defines.
    /// Returns true if the file is refused.
    pub(super) fn check(&mut self, subject: &Subject<'_, '_>) -> bool {
        let resolver = &*subject.resolver;
        if resolver.get(subject.loader).kind != LoaderKind::Glibc
            || subject.role == Role::Data
            || !subject.is_native()
        {
            return false;
        }
        // The start chain may execute the file with other libraries. Its result takes precedence.
        let loaded = subject.loaded.filter(|loaded| !loaded.unknown);
        let other = loaded.is_some_and(|loaded| {
            let failure = loaded.failure.as_ref();
            failure.is_none_or(|failure| failure.kind != FailureKind::Version)
        });
        let Some(level) = subject.level().filter(|_| !other) else {
            return false;
        };
        let program = subject.is_program();
        let mut told: Vec<String> = Vec::new();
        let mut first = None;
        for (index, &(object, _)) in subject.closure.objects.iter().enumerate() {
            if !program && index > 0 {
                break;
            }
            let Some(wants) = resolver.file(object) else {
                continue;
            };
            for library in &wants.binary.versions_needed {
                let Some(provider) = subject.provider(&library.library) else {
                    continue;
                };
                let Some(file) = resolver.file(provider) else {
                    continue;
                };
                let lacking = self.known.entry((object, provider)).or_insert_with(|| {
                    // A library without versions satisfies every request; the loader only warns.
                    let defined = &file.binary.versions_defined;
                    let lacks =
                        |version: &&Vec<u8>| !defined.is_empty() && !defined.contains(version);
                    library.strong.iter().filter(lacks).cloned().collect()
                });
                if lacking.is_empty() {
                    continue;
                }
                let all: Vec<String> = lacking.iter().map(|version| printable(version)).collect();
                let by = match index {
                    0 => String::new(),
                    _ => format!(" (needed by {})", printable(&wants.path)),
                };
                let at = printable(&file.path);
                told.push(format!("{at} does not define {}{by}", all.join(", ")));
                first.get_or_insert_with(|| (file.node, lacking.clone()));
            }
        }
        let Some((library, versions)) = first else {
            return false;
        };
        self.refused.entry(library).or_default().push(Refused {
            node: subject.file.node,
            level,
            start: subject.role == Role::Start,
            versions,
            detail: told.join("; "),
        });
        true
    }

    /// Turns the results into findings.
    pub(super) fn finish(self, image: &Image<'_>, drafts: &mut Drafts) {
        for (library, refused) in self.refused {
            let (many, few): (Vec<Refused>, Vec<Refused>) = refused
                .into_iter()
                .partition(|refused| refused.level > Level::Info);
            let alone = many.len() <= ALONE;
            let (listed, many) = match alone {
                true => (many, Vec::new()),
                false => (Vec::new(), many),
            };
            for refused in listed.into_iter().chain(few) {
                if let Some(file) = image.file(refused.node) {
                    let text = Text {
                        hint: hint(refused.versions.last()),
                        group: format!("symbol versions are missing: {}", refused.detail),
                        detail: refused.detail,
                    };
                    drafts.file(Id::GlibcTooOld, refused.level, file, text);
                }
            }
            if !many.is_empty() {
                group(image, library, &many, drafts);
            }
        }
    }
}

/// Adds one finding about a library that stops many files.
fn group(image: &Image<'_>, library: NodeId, many: &[Refused], drafts: &mut Drafts) {
    let Some(file) = image.file(library) else {
        return;
    };
    let versions: BTreeSet<&Vec<u8>> = many.iter().flat_map(|refused| &refused.versions).collect();
    let mut names: Vec<String> = versions
        .iter()
        .take(SHOWN)
        .map(|name| printable(name))
        .collect();
    if versions.len() > SHOWN {
        names.push(format!("and {} more", versions.len() - SHOWN));
    }
    let example = many.iter().find(|refused| refused.start).or(many.first());
    let example = example.and_then(|refused| image.file(refused.node));
    let example = example.map_or_else(String::new, |file| printable(&file.path));
    let path = printable(&file.path);
    let finding = Finding {
        id: Id::GlibcTooOld,
        level: many
            .iter()
            .map(|refused| refused.level)
            .max()
            .unwrap_or(Level::Warn),
        path: file.path.clone(),
        node: Some(library),
        layer: Some(file.layer),
        detail: format!(
            "{} files cannot be started with {path}, such as {example}: it does not define {}",
            many.len(),
            names.join(", ")
        ),
        hint: "upgrade all parts of the library together, by the package manager, and in one step"
            .to_owned(),
    };
    drafts.many(finding, many.iter().map(|refused| refused.node).collect());
}

/// Returns a hint for fixing a missing version.
fn hint(version: Option<&Vec<u8>>) -> String {
    let version = version
        .map(|version| printable(version))
        .unwrap_or_default();
    match version.strip_prefix("GLIBC_") {
        Some(number) => format!(
            "build it on a distribution that is no newer than the image, or use a base image with glibc \
             {number} or later"
        ),
        None => {
            format!("use a library that defines {version}, or build against the one in the image")
        }
    }
}
