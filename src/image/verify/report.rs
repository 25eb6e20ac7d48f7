//! What was checked, and what is wrong with it.

use std::fmt;

use crate::blob::Digest;
use crate::image::Platform;

/// What was found out about an image.
#[derive(Debug, Default)]
pub struct Report {
    /// All that was checked, in the order in which one thing refers to the next; then what nothing
    /// refers to, in the order of paths.
    pub checks: Vec<Check>,
}

/// One thing that was checked. A blob that several images share is checked for each of them.
#[derive(Clone, Debug)]
pub struct Check {
    /// What it is, by what refers to it.
    pub thing: Thing,
    /// Which of the layers it is, from 0.
    pub number: Option<usize>,
    /// Its digest by what refers to it, or its path in the image.
    pub name: Vec<u8>,
    /// The name of the image that it belongs to.
    pub image: Option<String>,
    /// The platform of that image.
    pub platform: Option<Platform>,
    /// Length of what is there, in bytes.
    pub size: Option<u64>,
    /// Digest of what is there.
    pub digest: Option<Digest>,
    /// Digest of what that decodes to, where it was looked at.
    pub diff_id: Option<Digest>,
    /// Why it is there or is not, where that is no fault.
    pub note: Option<Note>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// What a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// The archive as such.
    Archive,
    /// `oci-layout`.
    Layout,
    /// `index.json`, or an index that it leads to.
    Index,
    /// The manifest of an image or of something else, or `manifest.json` of a docker-archive.
    Manifest,
    /// A manifest that says something about an image.
    Attestation,
    /// The config of an image.
    Config,
    /// A layer of an image.
    Layer,
    /// What belongs to something that is no image.
    Blob,
    /// A file of any other kind.
    File,
}

/// What is worth saying and no fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Nothing refers to it.
    Unreferenced(String),
    /// It may be missing, and is.
    Absent(String),
    /// It is there, with a peculiarity.
    Remark(String),
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is what it should be.
    Ok,
    /// It is not.
    Bad,
    /// Nothing refers to it, so nothing says what it should be.
    Unreferenced,
    /// It may be missing, and is.
    Absent,
}

/// What is wrong with a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of problem it is.
    pub id: ProblemId,
    /// What should be there.
    pub expected: Option<String>,
    /// What is there.
    pub found: Option<String>,
    /// The rest, for people.
    pub detail: Option<String>,
}

/// The kinds of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemId {
    /// The archive ends early, or is damaged.
    DamagedArchive,
    /// The archive has several files of one name.
    DuplicateFile,
    /// A file that has to be there is not.
    MissingFile,
    /// A blob that a descriptor names is not there.
    MissingBlob,
    /// There is something else in its place: a pipe, a directory, a link that leads out of the image.
    NotAFile,
    /// The system cannot read it.
    Unreadable,
    /// A descriptor names no digest that can be checked.
    BadDigest,
    /// It is not as long as the descriptor says.
    SizeMismatch,
    /// Its bytes are not those of the digest.
    DigestMismatch,
    /// A layer does not decode to what the config says.
    DiffIdMismatch,
    /// A layer cannot be decoded.
    Undecodable,
    /// A layer is not a tar archive, by its media type: imgfs shows nothing of the image.
    UnknownLayerFormat,
    /// A media type is not that of what is there.
    MediaTypeMismatch,
    /// The index and the config name different platforms.
    PlatformMismatch,
    /// There are not as many layers as diff_ids.
    LayerCountMismatch,
    /// There are not as many layers as lines of the history that made one.
    HistoryMismatch,
    /// The config describes none of the layers.
    ConfigMismatch,
    /// The copy that a descriptor carries with it is another one.
    DataMismatch,
    /// A document cannot be understood.
    BadDocument,
    /// There is more than any image has, and not all of it was looked at.
    TooMuch,
}

impl Report {
    /// How many checks came out in this way.
    pub fn count(&self, status: Status) -> usize {
        self.checks.iter().filter(|c| c.status() == status).count()
    }
}

impl Check {
    pub(super) fn new(thing: Thing, name: impl Into<Vec<u8>>) -> Self {
        Self {
            thing,
            number: None,
            name: name.into(),
            image: None,
            platform: None,
            size: None,
            digest: None,
            diff_id: None,
            note: None,
            problems: Vec::new(),
        }
    }

    /// How it came out.
    pub fn status(&self) -> Status {
        match &self.note {
            _ if !self.problems.is_empty() => Status::Bad,
            Some(Note::Unreferenced(_)) => Status::Unreferenced,
            Some(Note::Absent(_)) => Status::Absent,
            Some(Note::Remark(_)) | None => Status::Ok,
        }
    }

    /// Compares the thing with what a descriptor says of it.
    pub(super) fn compare(&mut self, size: Option<u64>, digest: Option<&Digest>) {
        if let (Some(expected), Some(found)) = (size, self.size)
            && expected != found
        {
            self.problems
                .push(Problem::differs(ProblemId::SizeMismatch, expected, found));
        }
        if let (Some(expected), Some(found)) = (digest, &self.digest)
            && expected != found
        {
            let problem = Problem::differs(ProblemId::DigestMismatch, expected, found);
            self.problems.push(problem);
        }
    }
}

impl Problem {
    pub(super) fn differs(
        id: ProblemId,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self {
            id,
            expected: Some(expected.to_string()),
            found: Some(found.to_string()),
            detail: None,
        }
    }

    pub(super) fn because(id: ProblemId, detail: impl Into<String>) -> Self {
        Self {
            id,
            expected: None,
            found: None,
            detail: Some(detail.into()),
        }
    }

    pub(super) fn with(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// `digest-mismatch: expected sha256:…, found sha256:…; why`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id.name())?;
        let mut separator = ": ";
        for (word, value) in [("expected ", &self.expected), ("found ", &self.found)] {
            if let Some(value) = value {
                write!(f, "{separator}{word}{value}")?;
                separator = ", ";
            }
        }
        if let Some(detail) = &self.detail {
            let separator = if separator == ", " { "; " } else { separator };
            write!(f, "{separator}{detail}")?;
        }
        Ok(())
    }
}

impl ProblemId {
    /// The name by which programs know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::DamagedArchive => "damaged-archive",
            Self::DuplicateFile => "duplicate-file",
            Self::MissingFile => "missing-file",
            Self::MissingBlob => "missing-blob",
            Self::NotAFile => "not-a-file",
            Self::Unreadable => "unreadable",
            Self::BadDigest => "bad-digest",
            Self::SizeMismatch => "size-mismatch",
            Self::DigestMismatch => "digest-mismatch",
            Self::DiffIdMismatch => "diff-id-mismatch",
            Self::Undecodable => "undecodable",
            Self::UnknownLayerFormat => "unknown-layer-format",
            Self::MediaTypeMismatch => "media-type-mismatch",
            Self::PlatformMismatch => "platform-mismatch",
            Self::LayerCountMismatch => "layer-count-mismatch",
            Self::HistoryMismatch => "history-mismatch",
            Self::ConfigMismatch => "config-mismatch",
            Self::DataMismatch => "data-mismatch",
            Self::BadDocument => "bad-document",
            Self::TooMuch => "too-much",
        }
    }
}

impl Thing {
    /// Its name in lines and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Layout => "layout",
            Self::Index => "index",
            Self::Manifest => "manifest",
            Self::Attestation => "attestation",
            Self::Config => "config",
            Self::Layer => "layer",
            Self::Blob => "blob",
            Self::File => "file",
        }
    }
}

impl Status {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Bad => "bad",
            Self::Unreferenced => "unreferenced",
            Self::Absent => "absent",
        }
    }
}

impl Note {
    /// The sentence.
    pub fn text(&self) -> &str {
        match self {
            Self::Unreferenced(text) | Self::Absent(text) | Self::Remark(text) => text,
        }
    }
}
