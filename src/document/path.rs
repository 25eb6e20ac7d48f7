//! Where in a document a value is.

use std::fmt::{self, Write as _};

/// A name that is longer than this is cut, in characters.
const LONGEST_NAME: usize = 80;

/// A place in a document, as a chain to the document itself. Shown like `layers[2].digest`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'p> {
    /// The document.
    Root,
    /// A member of an object.
    Member(&'p Self, &'p str),
    /// An element of an array, counted from 0.
    Element(&'p Self, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Element(parent, index) => write!(f, "{parent}[{index}]"),
            Self::Member(parent, name) => {
                parent.fmt(f)?;
                let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
                if !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(plain) {
                    let dot = if matches!(parent, Self::Root) {
                        ""
                    } else {
                        "."
                    };
                    return write!(f, "{dot}{name}");
                }
                // A name with a dot or with anything that would look like part of the path.
                f.write_str("[\"")?;
                for c in name.chars().take(LONGEST_NAME).flat_map(char::escape_debug) {
                    f.write_char(c)?;
                }
                let cut = name.chars().nth(LONGEST_NAME).is_some();
                f.write_str(if cut { "…\"]" } else { "\"]" })
            }
        }
    }
}
