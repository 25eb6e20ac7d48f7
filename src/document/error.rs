//! Why a document cannot be read.

use std::fmt;

use serde::de;

use super::path::Path;

/// A message that quotes a document is cut at this many characters.
const LONGEST_PROBLEM: usize = 300;

/// Why a document cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// It is not JSON.
    Syntax {
        /// Where the byte is that cannot be there, counted from 0.
        offset: usize,
        /// What the byte is or is not.
        problem: &'static str,
    },
    /// A value is not what the field takes.
    Value {
        /// Where it is, like `layers[2].size`; empty for the document itself.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Values that are read whatever they are nest deeper than imgfs follows. This is a limit of imgfs,
    /// not an error of the document.
    TooDeep {
        /// Where the limit is reached.
        path: String,
    },
}

impl JsonError {
    /// The same error, at `path` unless it has a place already.
    pub(super) fn at(mut self, place: &Path<'_>) -> Self {
        if let Self::Value { path, .. } = &mut self
            && path.is_empty()
        {
            *path = place.to_string();
        }
        self
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { offset, problem } => {
                write!(f, "it is not JSON: the byte at offset {offset} {problem}")
            }
            Self::Value { path, problem } if path.is_empty() => f.write_str(problem),
            Self::Value { path, problem } => write!(f, "{path}: {problem}"),
            Self::TooDeep { path } => write!(
                f,
                "{path}: it nests deeper than {} levels, a limit of imgfs",
                super::MAX_DEPTH
            ),
        }
    }
}

impl std::error::Error for JsonError {}

impl de::Error for JsonError {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        let mut problem = problem.to_string();
        if let Some((cut, _)) = problem.char_indices().nth(LONGEST_PROBLEM) {
            problem.truncate(cut);
            problem.push('…');
        }
        Self::Value {
            path: String::new(),
            problem,
        }
    }
}
