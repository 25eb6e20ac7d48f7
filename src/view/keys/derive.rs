//! How the value of a key is derived: the type of the value, and a function of one of the things that
//! are known about a file.

use super::Value;
use crate::blob::Digest;
use crate::findings::Findings;
use crate::inspect::Binary;
use crate::open::OpenLayer;
use crate::tree::{HiddenEntry, NodeId};
use crate::view::facts::Subject;

/// The type of a key's value, with the function that derives it. The function returns `None`, or an empty
/// list, if the key does not apply.
#[derive(Debug)]
pub(in crate::view) enum ValueOf {
    /// One text.
    Text(Derive<Option<Vec<u8>>>),
    /// `yes` or `no`.
    Flag(Derive<Option<bool>>),
    /// A decimal number.
    Number(Derive<Option<u64>>),
    /// A list of texts.
    List(Derive<Vec<Vec<u8>>>),
    /// One text, or a list for a file that has several.
    TextOrList(Derive<Option<Value>>),
}

/// What a value is derived from. A key applies only to files for which that is known.
#[derive(Debug)]
#[expect(
    clippy::enum_variant_names,
    reason = "a row reads `Text(FromBinary(...))`"
)]
pub(in crate::view) enum Derive<T> {
    /// The decoded headers of an executable.
    FromBinary(fn(&Binary) -> T),
    /// The path and attributes of an executable.
    FromFile(fn(&Subject<'_>) -> T),
    /// The layer that a file comes from.
    FromLayer(fn(&NumberedLayer<'_>) -> T),
    /// The findings of the image, if they are available, and the node of an executable.
    FromFindings(fn(Option<&Findings>, NodeId) -> T),
    /// How a later layer removed a file.
    FromHidden(fn(&HiddenEntry) -> T),
    /// The digest of a file.
    FromDigest(fn(&Digest) -> T),
    /// The layer that first had the bytes of a file.
    FromContent(fn(&NumberedLayer<'_>) -> T),
}

/// The variants of [`Derive`], without the functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::view) enum Source {
    Binary,
    File,
    Layer,
    Findings,
    Hidden,
    Digest,
    Content,
}

/// A layer and its number, counted from 0 as in the manifest.
#[derive(Clone, Copy)]
pub(in crate::view) struct NumberedLayer<'a> {
    pub number: u32,
    pub layer: &'a OpenLayer,
}

impl NumberedLayer<'_> {
    /// The digest of the layer's blob, if the image says it.
    pub(crate) fn digest(&self) -> Option<Vec<u8>> {
        let digest = self.layer.digest.as_ref();
        digest.map(|digest| digest.to_string().into_bytes())
    }

    /// The history line of the layer. `unknown` if the history is missing or does not match the layers, so
    /// that it is not known which line made which layer.
    pub(crate) fn created_by(&self) -> Vec<u8> {
        let line = self.layer.created_by.as_deref();
        line.unwrap_or("unknown").into()
    }
}

/// Everything that is known about a file. What is `None` has no facts.
#[derive(Clone, Copy, Default)]
pub(in crate::view) struct Known<'a> {
    /// Its decoded headers, if it is an executable.
    pub binary: Option<&'a Binary>,
    /// Its path and attributes, if it is an executable.
    pub file: Option<Subject<'a>>,
    /// The layer that it comes from.
    pub layer: Option<NumberedLayer<'a>>,
    /// The node of an executable, with the findings if they are available.
    pub findings: Option<(Option<&'a Findings>, NodeId)>,
    /// How a later layer removed it.
    pub hidden: Option<HiddenEntry>,
    /// Its digest, if that was requested.
    pub digest: Option<&'a Digest>,
    /// The layer that first had its bytes, if that was requested.
    pub content: Option<NumberedLayer<'a>>,
}

impl<T> Derive<T> {
    const fn source(&self) -> Source {
        match self {
            Self::FromBinary(_) => Source::Binary,
            Self::FromFile(_) => Source::File,
            Self::FromLayer(_) => Source::Layer,
            Self::FromFindings(_) => Source::Findings,
            Self::FromHidden(_) => Source::Hidden,
            Self::FromDigest(_) => Source::Digest,
            Self::FromContent(_) => Source::Content,
        }
    }

    /// Returns `None` if what the value is derived from is not known.
    fn derive(&self, known: &Known<'_>) -> Option<T> {
        Some(match self {
            Self::FromBinary(derive) => derive(known.binary?),
            Self::FromFile(derive) => derive(known.file.as_ref()?),
            Self::FromLayer(derive) => derive(known.layer.as_ref()?),
            Self::FromFindings(derive) => {
                let (findings, node) = known.findings?;
                derive(findings, node)
            }
            Self::FromHidden(derive) => derive(known.hidden.as_ref()?),
            Self::FromDigest(derive) => derive(known.digest?),
            Self::FromContent(derive) => derive(known.content.as_ref()?),
        })
    }
}

impl ValueOf {
    /// Returns what the value is derived from.
    pub(crate) const fn source(&self) -> Source {
        match self {
            Self::Text(derive) => derive.source(),
            Self::Flag(derive) => derive.source(),
            Self::Number(derive) => derive.source(),
            Self::List(derive) => derive.source(),
            Self::TextOrList(derive) => derive.source(),
        }
    }

    /// Derives the value. Returns `None` if the key does not apply.
    pub(crate) fn derive(&self, known: &Known<'_>) -> Option<Value> {
        match self {
            Self::Text(derive) => derive.derive(known)?.map(Value::One),
            Self::Flag(derive) => {
                let text = if derive.derive(known)?? { "yes" } else { "no" };
                Some(Value::One(text.into()))
            }
            Self::Number(derive) => {
                let number = derive.derive(known)??;
                Some(Value::One(number.to_string().into_bytes()))
            }
            Self::List(derive) => {
                let values = derive.derive(known)?;
                (!values.is_empty()).then_some(Value::List(values))
            }
            Self::TextOrList(derive) => derive.derive(known)?,
        }
    }

    /// Returns what a value must be, if `value` cannot be one.
    pub(crate) fn mismatch(&self, value: &[u8]) -> Option<&'static str> {
        let (matches, expected) = match self {
            Self::Flag(_) => (matches!(value, b"yes" | b"no"), "yes or no"),
            Self::Number(_) => {
                let digits = value.iter().all(u8::is_ascii_digit);
                (digits && !value.is_empty(), "a number")
            }
            Self::Text(_) | Self::List(_) | Self::TextOrList(_) => (true, ""),
        };
        (!matches).then_some(expected)
    }
}
