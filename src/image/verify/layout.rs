//! OCI image layout: reads everything that `index.json` leads to, and continues after errors.
//!
//! First, all documents are read into [`Layout`], each only once. A document records its references as
//! separate entries, because two references may make different claims about the same blob. Then entries
//! are selected (`choose.rs`), and the selected ones become checks (`checks.rs`). References in a document
//! that does not match its digest are followed as well, because the blobs may be intact. An index may
//! therefore lead to itself. This does no harm, because each document is followed only once.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::link::Link;
use super::plan::Summary;
use super::reader::{ReadFile, Reader};
use super::report::{Check, CheckProblem, ProblemId, Thing};
use crate::blob::Digest;
use crate::image::Config;
use crate::image::files::blob_path;
use crate::oci::{self, MAX_DEPTH, Nature, is_config, is_index, is_manifest};
use crate::store::original_of;

/// The layout version in `oci-layout` (OCI image-spec, image-layout.md).
const VERSION: &str = "1.0.0";

/// All documents of a layout.
pub(super) struct Layout {
    /// The check of `oci-layout`.
    pub marker: Check,
    pub entries: Vec<LinkEntry>,
    /// The documents. The first one is `index.json`.
    pub documents: Vec<ReadDocument>,
    by_path: HashMap<String, usize>,
    configs: HashMap<String, Rc<ConfigRead>>,
}

/// A reference from one document to another.
pub(super) struct LinkEntry {
    pub link: Link,
    pub role: LinkRole,
    /// The number of the document that contains the reference.
    pub from: usize,
    /// The number of the document that it refers to, if it was read.
    pub to: Option<usize>,
    /// Whether the blob may be missing.
    pub optional: bool,
    pub selected: bool,
}

/// The kind of blob that a reference expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkRole {
    Index,
    Manifest,
    Attestation,
    Opaque,
}

/// A document that was read.
pub(super) struct ReadDocument {
    pub size: Option<u64>,
    pub digest: Option<Digest>,
    pub problems: Vec<CheckProblem>,
    /// The media type that the document declares for itself.
    pub media_type: Option<String>,
    /// The numbers of the entries for its references.
    pub entries: Vec<usize>,
    pub manifest: Option<Manifest>,
    depth: usize,
}

/// The references of a manifest.
pub(super) struct Manifest {
    pub config: Link,
    /// The config, if it is that of an image.
    pub image: Option<Rc<ConfigRead>>,
    pub layers: Vec<Link>,
}

/// A config that was read.
pub(super) struct ConfigRead {
    pub size: Option<u64>,
    pub digest: Option<Digest>,
    pub summary: Result<Summary, CheckProblem>,
}

/// The content of the `oci-layout` file (image-layout.md, "oci-layout file").
#[derive(Deserialize)]
struct Marker {
    #[serde(rename = "imageLayoutVersion")]
    version: String,
}

impl Layout {
    /// Reads all documents.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut layout = Self {
            marker: read_marker(reader),
            entries: Vec::new(),
            documents: Vec::new(),
            by_path: HashMap::new(),
            configs: HashMap::new(),
        };
        let document = reader.document("index.json", None, ProblemId::MissingFile);
        let mut pending = VecDeque::new();
        layout.index(reader, document, 0, &mut pending);
        // Breadth first, so that documents near the root are followed before deeply nested ones.
        while let Some(number) = pending.pop_front() {
            layout.follow(reader, number, &mut pending);
        }
        layout
    }

    /// Adds an index that was read, and returns its number.
    fn index(
        &mut self,
        reader: &mut Reader<'_>,
        document: ReadFile,
        depth: usize,
        pending: &mut VecDeque<usize>,
    ) -> usize {
        let mut read = ReadDocument::new(&document, depth);
        let links = document.bytes.and_then(|bytes| {
            let index: ImageIndex = parse(&bytes)?;
            read.media_type = index.media_type().as_ref().map(ToString::to_string);
            read.version(index.schema_version());
            if depth > MAX_DEPTH && !index.manifests().is_empty() {
                return Err(reader.limit_exceeded("it is nested too deeply, and is not followed"));
            }
            reader.spend(index.manifests().len() + 1)?;
            let mut links = links(index.manifests());
            // An entry of the store for a Docker image names two forms of the image.
            if depth == 0 && reader.is_store() {
                let originals = index.manifests().iter().filter_map(original_of);
                links.extend(originals.map(|original| (Link::new(&original), false)));
            }
            links.extend(index.subject().iter().map(|s| (Link::new(s), true)));
            Ok(links)
        });
        let number = self.add(read);
        self.refer(number, links, pending);
        number
    }

    fn manifest(
        &mut self,
        reader: &mut Reader<'_>,
        document: ReadFile,
        depth: usize,
        pending: &mut VecDeque<usize>,
    ) -> usize {
        let mut read = ReadDocument::new(&document, depth);
        let parsed = document.bytes.and_then(|bytes| {
            let manifest: ImageManifest = parse(&bytes)?;
            read.media_type = manifest.media_type().as_ref().map(ToString::to_string);
            read.version(manifest.schema_version());
            reader.spend(manifest.layers().len() + 2)?;
            Ok(manifest)
        });
        let links = parsed.map(|manifest| {
            let config = Link::new(manifest.config());
            let is_artifact = matches!(Nature::of_content(&manifest), Nature::Artifact(_));
            read.manifest = Some(Manifest {
                image: match is_artifact {
                    true => None,
                    false => self.config(reader, &config),
                },
                config,
                layers: manifest.layers().iter().map(Link::new).collect(),
            });
            let subject = manifest.subject().iter();
            subject.map(|s| (Link::new(s), true)).collect()
        });
        let number = self.add(read);
        self.refer(number, links, pending);
        number
    }

    /// Reads the config of an image, unless another manifest with the same config was read before.
    fn config(&mut self, reader: &mut Reader<'_>, link: &Link) -> Option<Rc<ConfigRead>> {
        let path = link.path().filter(|_| is_config(&link.media_type))?;
        if let Some(known) = self.configs.get(&path) {
            return Some(known.clone());
        }
        let named = link.digest.as_ref().ok();
        let document = reader.document(&path, named, ProblemId::MissingBlob);
        let summary = document.bytes.and_then(|bytes| summarise(reader, &bytes));
        // Registries accept anything as a config with this media type.
        let vague = link.media_type == "application/octet-stream";
        let is_bad = |problem: &CheckProblem| problem.id == ProblemId::BadDocument;
        if vague && summary.as_ref().is_err_and(is_bad) {
            return None;
        }
        let read = Rc::new(ConfigRead {
            size: document.size,
            digest: document.digest,
            summary,
        });
        self.configs.insert(path, read.clone());
        Some(read)
    }

    fn add(&mut self, read: ReadDocument) -> usize {
        self.documents.push(read);
        self.documents.len() - 1
    }

    /// Records the references of a document, or the problem because of which they are unknown.
    fn refer(
        &mut self,
        from: usize,
        links: Result<Vec<(Link, bool)>, CheckProblem>,
        pending: &mut VecDeque<usize>,
    ) {
        let Some(document) = self.documents.get_mut(from) else {
            return;
        };
        match links {
            Err(problem) => document.problems.push(problem),
            Ok(links) => {
                for (link, optional) in links {
                    let number = self.entries.len();
                    document.entries.push(number);
                    pending.push_back(number);
                    self.entries.push(LinkEntry {
                        role: LinkRole::of(&link),
                        link,
                        from,
                        to: None,
                        optional,
                        selected: true,
                    });
                }
            }
        }
    }

    /// Reads the document that an entry refers to, unless it was read before.
    fn follow(&mut self, reader: &mut Reader<'_>, number: usize, pending: &mut VecDeque<usize>) {
        let Some(entry) = self.entries.get(number) else {
            return;
        };
        let from = self.documents.get(entry.from);
        let depth = from.map_or(0, |read| read.depth + 1);
        let (role, named) = (entry.role, entry.link.digest.as_ref().ok().cloned());
        let Some(named) = named.filter(|_| role != LinkRole::Opaque) else {
            return;
        };
        // A blob that one entry expects to be an index and another a manifest is read as both.
        let key = format!("{} {named}", role == LinkRole::Index);
        let to = match self.by_path.get(&key) {
            Some(known) => *known,
            None => {
                let missing = ProblemId::MissingBlob;
                let document = reader.document(&blob_path(&named), Some(&named), missing);
                let number = match role {
                    LinkRole::Index => self.index(reader, document, depth, pending),
                    _ => self.manifest(reader, document, depth, pending),
                };
                self.by_path.insert(key, number);
                number
            }
        };
        if let Some(entry) = self.entries.get_mut(number) {
            entry.to = Some(to);
        }
    }

    /// Marks all blobs that the documents refer to as used, so that they are not reported as
    /// unreferenced. This includes entries that are not selected.
    pub(super) fn mark_used(&self, reader: &mut Reader<'_>) {
        let entries = self.entries.iter().map(|e| &e.link);
        let manifests = self.documents.iter().filter_map(|d| d.manifest.as_ref());
        let blobs = manifests.flat_map(|m| m.layers.iter().chain([&m.config]));
        for path in entries.chain(blobs).filter_map(Link::path) {
            reader.mark_used(&path);
        }
    }
}

impl LinkRole {
    fn of(link: &Link) -> Self {
        match link.media_type.as_str() {
            media_type if is_index(media_type) => Self::Index,
            media_type if is_manifest(media_type) => match link.attests {
                Some(_) => Self::Attestation,
                None => Self::Manifest,
            },
            _ => Self::Opaque,
        }
    }
}

impl ReadDocument {
    fn new(document: &ReadFile, depth: usize) -> Self {
        Self {
            size: document.size,
            digest: document.digest.clone(),
            problems: Vec::new(),
            media_type: None,
            entries: Vec::new(),
            manifest: None,
            depth,
        }
    }

    fn version(&mut self, version: u32) {
        if version != 2 {
            let problem = CheckProblem::differs(ProblemId::BadDocument, 2, version);
            self.problems.push(problem.with("its schemaVersion"));
        }
    }
}

/// Returns the links of a document, and for each whether its blob may be missing. Attestations may be
/// missing, because tools that copy the platforms of an image need not copy them.
fn links(descriptors: &[Descriptor]) -> Vec<(Link, bool)> {
    let links = descriptors.iter().map(Link::new);
    links
        .map(|link| {
            let attests = link.attests.is_some();
            (link, attests)
        })
        .collect()
}

pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CheckProblem> {
    oci::parse(bytes)
        .map_err(|detail| CheckProblem::because(ProblemId::BadDocument, format!("it {detail}")))
}

/// Returns the parts of a config with which layers are compared.
pub(super) fn summarise(reader: &mut Reader<'_>, bytes: &[u8]) -> Result<Summary, CheckProblem> {
    let config = Config::parse(bytes)
        .map_err(|detail| CheckProblem::because(ProblemId::BadDocument, format!("it {detail}")))?;
    reader.spend(config.diff_ids.len())?;
    Ok(Summary::new(config))
}

fn read_marker(reader: &mut Reader<'_>) -> Check {
    let mut check = Check::new(Thing::Layout, "oci-layout");
    let document = reader.document("oci-layout", None, ProblemId::MissingFile);
    check.size = document.size;
    check.digest = document.digest;
    let marker = document.bytes.and_then(|bytes| parse::<Marker>(&bytes));
    match marker {
        Err(problem) => check.problems.push(problem),
        Ok(marker) if marker.version != VERSION => {
            let problem = CheckProblem::differs(ProblemId::BadDocument, VERSION, marker.version);
            check.problems.push(problem.with("its imageLayoutVersion"));
        }
        Ok(_) => {}
    }
    check
}
