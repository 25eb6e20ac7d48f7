//! The path of a value in a document.

use std::fmt::{self, Write as _};

/// The maximum number of characters of a name that are shown.
const LONGEST_NAME: usize = 80;

/// The path of a value, as a linked list that ends at the document itself. Displayed like
/// `layers[2].digest`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'p> {
    /// The document.
    Root,
    /// A member of an object.
    Member(&'p Self, &'p str),
    /// An element of an array, from 0.
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
                // Quote names with a dot, or with other characters that would look like a part of the
                // path.
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
