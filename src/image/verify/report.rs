//! The report: all checks, and the problems found.

use std::fmt;

use crate::blob::Digest;
use crate::image::Platform;

/// The result of verifying an image.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// All checks. Each thing comes before the things that it refers to; unreferenced files come last,
    /// in the order of their paths.
    pub checks: Vec<Check>,
}

/// The check of one thing. A blob that several images share has a check for each of them.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    /// The kind of thing, according to the reference to it.
    pub thing: Thing,
    /// The number of a layer, from 0.
    pub number: Option<usize>,
    /// Its digest according to the reference to it, or its path in the image.
    pub name: Vec<u8>,
    /// The name of the image that it belongs to.
    pub image: Option<String>,
    /// The platform of that image.
    pub platform: Option<Platform>,
    /// The actual length, in bytes.
    pub size: Option<u64>,
    /// The digest of the actual bytes.
    pub digest: Option<Digest>,
    /// The digest of the decoded bytes, if they were checked.
    pub diff_id: Option<Digest>,
    /// A note that is not a problem.
    pub note: Option<Note>,
    /// The problems found.
    pub problems: Vec<CheckProblem>,
}

/// The kinds of things that are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    /// The archive as a whole.
    Archive,
    /// `oci-layout`.
    Layout,
    /// `index.json`, or an index that it leads to.
    Index,
    /// The manifest of an image or of something else, or `manifest.json` of a docker-archive.
    Manifest,
    /// A manifest with statements about an image.
    Attestation,
    /// The config of an image.
    Config,
    /// A layer of an image.
    Layer,
    /// A blob that belongs to something other than an image.
    Blob,
    /// Any other file.
    File,
}

/// A remark that is not a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// Nothing refers to it.
    Unreferenced(String),
    /// It is missing, which is allowed.
    Absent(String),
    /// It exists, with a peculiarity.
    Remark(String),
}

/// The outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It has no problems.
    Ok,
    /// It has at least one problem.
    Bad,
    /// Nothing refers to it, so there is nothing to compare it with.
    Unreferenced,
    /// It is missing, which is allowed.
    Absent,
}

/// A problem with a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckProblem {
    /// The kind of problem.
    pub id: ProblemId,
    /// The expected value.
    pub expected: Option<String>,
    /// The actual value.
    pub found: Option<String>,
    /// Further details, for messages.
    pub detail: Option<String>,
}

/// The kinds of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProblemId {
    /// The archive is cut off or damaged.
    DamagedArchive,
    /// The archive has several files with the same path.
    DuplicateFile,
    /// A required file is missing.
    MissingFile,
    /// A blob that a descriptor names is missing.
    MissingBlob,
    /// Something else is in its place: a pipe, a directory, a link that leads out of the image.
    NotAFile,
    /// The operating system cannot read it.
    Unreadable,
    /// A descriptor has no valid digest.
    BadDigest,
    /// Its length differs from that in the descriptor.
    SizeMismatch,
    /// Its bytes do not match the digest.
    DigestMismatch,
    /// The decoded bytes of a layer do not match the diff_id in the config.
    DiffIdMismatch,
    /// A layer cannot be decoded.
    Undecodable,
    /// The media type of a layer is not that of a tar archive. imgfs cannot show the image.
    UnknownLayerFormat,
    /// A media type does not match the actual format.
    MediaTypeMismatch,
    /// The index and the config name different platforms.
    PlatformMismatch,
    /// The number of layers differs from the number of diff_ids.
    LayerCountMismatch,
    /// The number of layers differs from the number of history lines that created a layer.
    HistoryMismatch,
    /// The config has the diff_id of none of the layers.
    ConfigMismatch,
    /// The copy of a blob in its descriptor differs from the blob.
    DataMismatch,
    /// A document cannot be parsed.
    BadDocument,
    /// The image exceeds a limit, and was not checked completely.
    TooMuch,
}

impl Report {
    /// Returns the number of checks with this status.
    pub(crate) fn count(&self, status: Status) -> usize {
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

    /// Returns the outcome.
    pub(crate) fn status(&self) -> Status {
        match &self.note {
            _ if !self.problems.is_empty() => Status::Bad,
            Some(Note::Unreferenced(_)) => Status::Unreferenced,
            Some(Note::Absent(_)) => Status::Absent,
            Some(Note::Remark(_)) | None => Status::Ok,
        }
    }

    /// Compares the thing with the size and the digest in a descriptor.
    pub(super) fn compare(&mut self, size: Option<u64>, digest: Option<&Digest>) {
        if let (Some(expected), Some(found)) = (size, self.size)
            && expected != found
        {
            self.problems.push(CheckProblem::differs(
                ProblemId::SizeMismatch,
                expected,
                found,
            ));
        }
        if let (Some(expected), Some(found)) = (digest, &self.digest)
            && expected != found
        {
            let problem = CheckProblem::differs(ProblemId::DigestMismatch, expected, found);
            self.problems.push(problem);
        }
    }
}

impl CheckProblem {
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
impl fmt::Display for CheckProblem {
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
    /// Returns the stable name, for programs.
    pub(crate) fn name(self) -> &'static str {
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
    /// Returns the name, as in text and JSON output.
    pub(crate) fn name(self) -> &'static str {
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
    /// Returns the name, as in JSON output.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Bad => "bad",
            Self::Unreferenced => "unreferenced",
            Self::Absent => "absent",
        }
    }
}

impl Note {
    /// Returns the text of the note.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Unreferenced(text) | Self::Absent(text) | Self::Remark(text) => text,
        }
    }
}
