//! Ambiguities: parts of a document that readers interpret differently.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use super::path::Path;
use super::values::same_value;

/// The maximum number of ambiguities that are kept for a document. One is enough to distrust it.
pub(crate) const MAX_AMBIGUITIES: usize = 32;

/// A value that readers of a document see differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ambiguity {
    /// The path of the value, like `layers[2].digest`. Names that are not plain are quoted, like
    /// `annotations["org.example"]`. Empty for the document itself.
    pub(crate) path: String,
    /// The kind of difference.
    pub(crate) kind: AmbiguityKind,
}

/// The kinds of differences between readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AmbiguityKind {
    /// An object has a name more than once, with different values. Go takes the last one and merges
    /// objects. Other readers take the first one, take the last one without merging, or reject the
    /// document (RFC 8259, section 4).
    DuplicateName,
    /// A name matches a field only if case is ignored. Go ignores case; other readers do not see the
    /// member.
    NameCase {
        /// The name as written in the document.
        written: String,
    },
    /// An object has the field's name and the same name in another case, with different values. Go takes
    /// the last member; other readers take the one with the exact name.
    SpellingsDiffer {
        /// The name that is not exact, as written in the document.
        written: String,
    },
    /// A string is not valid Unicode: it has bytes that are not UTF-8, or an unpaired surrogate. Go
    /// replaces them with U+FFFD; other readers keep them or reject the document.
    ReplacedText,
}

impl fmt::Display for Ambiguity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str("the document: ")?,
            path => write!(f, "{path}: ")?,
        }
        match &self.kind {
            AmbiguityKind::DuplicateName => {
                f.write_str("the name occurs more than once, with different values")
            }
            AmbiguityKind::NameCase { written } => {
                write!(
                    f,
                    "the name is written {written:?}, which only some readers take"
                )
            }
            AmbiguityKind::SpellingsDiffer { written } => {
                write!(f, "{written:?} is there too, with a different value")
            }
            AmbiguityKind::ReplacedText => f.write_str("the text is not valid Unicode"),
        }
    }
}

/// The ambiguities found so far.
#[derive(Debug, Default)]
pub(super) struct Ambiguities(RefCell<Vec<Ambiguity>>);

impl Ambiguities {
    pub(super) fn add(&self, path: &Path<'_>, kind: AmbiguityKind) {
        // Nothing else borrows the list while this runs.
        let mut ambiguities = self.0.borrow_mut();
        if ambiguities.len() < MAX_AMBIGUITIES {
            let path = path.to_string();
            ambiguities.push(Ambiguity { path, kind });
        }
    }

    pub(super) fn into_vec(self) -> Vec<Ambiguity> {
        self.0.into_inner()
    }
}

/// The members of one object that match the same field.
#[derive(Debug, Default)]
pub(super) struct Spellings<'a> {
    last: Option<&'a [u8]>,
    differ: bool,
    exact: bool,
    /// The first name that does not match exactly.
    folded: Option<Cow<'a, str>>,
}

impl<'a> Spellings<'a> {
    /// Adds a member. `folded` is its name if it does not match exactly.
    pub(super) fn add(&mut self, value: &'a [u8], folded: Option<Cow<'a, str>>) {
        if let Some(last) = self.last.replace(value) {
            self.differ = self.differ || !same_value(last, value);
        }
        self.exact |= folded.is_none();
        if self.folded.is_none() {
            self.folded = folded;
        }
    }

    /// Returns the ambiguity of these members, if there is one.
    pub(super) fn ambiguity(self) -> Option<AmbiguityKind> {
        let Some(written) = self.folded else {
            return self.differ.then_some(AmbiguityKind::DuplicateName);
        };
        // The name has as many characters as the name of a field, so it need not be shortened.
        let written = written.into_owned();
        if self.exact {
            return self
                .differ
                .then_some(AmbiguityKind::SpellingsDiffer { written });
        }
        // A single `null` is equivalent to an absent member.
        let absent = !self.differ && self.last == Some(b"null");
        (!absent).then_some(AmbiguityKind::NameCase { written })
    }
}
