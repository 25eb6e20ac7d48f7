//! What two readers of one document see differently.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use super::path::Path;
use super::values::same_value;

/// More ambiguities than this of one document are not kept: one is enough to distrust it.
pub(crate) const MAX_AMBIGUITIES: usize = 32;

/// A place where readers of a document see different values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ambiguity {
    /// Where, like `layers[2].digest`; names that are not plain are quoted, like
    /// `annotations["org.example"]`. Empty for the document itself.
    pub(crate) path: String,
    /// What readers do differently.
    pub(crate) kind: AmbiguityKind,
}

/// What readers of a document do differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AmbiguityKind {
    /// One object has a name more than once, with different values. Go takes the last and merges objects;
    /// other readers take the first, or the last without merging, or refuse the document (RFC 8259,
    /// section 4).
    DuplicateName,
    /// A name is the field's only if case is ignored. Go ignores case; other readers do not see the member.
    NameCase {
        /// The name as the document has it.
        written: String,
    },
    /// An object has the field's name and the name in another case, with different values. Go takes the
    /// last; other readers take the member whose name is exact.
    SpellingsDiffer {
        /// The name that is not exact, as the document has it.
        written: String,
    },
    /// A string is not Unicode: it has bytes that are not UTF-8, or a surrogate without its other half. Go
    /// reads U+FFFD in their place; other readers keep them or refuse the document.
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

/// The ambiguities that were met so far.
#[derive(Debug, Default)]
pub(super) struct Met(RefCell<Vec<Ambiguity>>);

impl Met {
    pub(super) fn add(&self, path: &Path<'_>, kind: AmbiguityKind) {
        // Nothing else borrows the list while this runs.
        let mut met = self.0.borrow_mut();
        if met.len() < MAX_AMBIGUITIES {
            let path = path.to_string();
            met.push(Ambiguity { path, kind });
        }
    }

    pub(super) fn into_vec(self) -> Vec<Ambiguity> {
        self.0.into_inner()
    }
}

/// The members of one object that stand for one field.
#[derive(Debug, Default)]
pub(super) struct Spellings<'a> {
    last: Option<&'a [u8]>,
    differ: bool,
    exact: bool,
    /// The first name that is not exact.
    folded: Option<Cow<'a, str>>,
}

impl<'a> Spellings<'a> {
    /// Adds a member. `folded` is its name if that is not exact.
    pub(super) fn add(&mut self, value: &'a [u8], folded: Option<Cow<'a, str>>) {
        if let Some(last) = self.last.replace(value) {
            self.differ = self.differ || !same_value(last, value);
        }
        self.exact |= folded.is_none();
        if self.folded.is_none() {
            self.folded = folded;
        }
    }

    /// What is ambiguous about them.
    pub(super) fn ambiguity(self) -> Option<AmbiguityKind> {
        let Some(written) = self.folded else {
            return self.differ.then_some(AmbiguityKind::DuplicateName);
        };
        // It has as many characters as the name of a field, so it needs no cut.
        let written = written.into_owned();
        if self.exact {
            return self
                .differ
                .then_some(AmbiguityKind::SpellingsDiffer { written });
        }
        // Null alone is the same as no member.
        let absent = !self.differ && self.last == Some(b"null");
        (!absent).then_some(AmbiguityKind::NameCase { written })
    }
}
