//! Errors of reading a document.

use std::fmt;

use serde::de;

use super::path::Path;

/// The maximum nesting depth of values of arbitrary type, like a [`serde_json::Value`]. Go supports
/// 10000 levels. Types with named fields reach neither limit.
pub(super) const MAX_DEPTH: usize = 128;

/// The maximum length of an error message, in characters. Messages may quote the document.
const LONGEST_PROBLEM: usize = 300;

/// An error of reading a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// The document is not JSON.
    Syntax {
        /// The offset of the invalid byte, from 0.
        offset: usize,
        /// The problem with the byte.
        problem: &'static str,
    },
    /// A value does not fit its field.
    Value {
        /// The path of the value, like `layers[2].size`; empty for the document itself.
        path: String,
        /// The problem with the value.
        problem: String,
    },
    /// Values of arbitrary type are nested more deeply than imgfs supports. This is a limit of imgfs,
    /// not an error in the document.
    TooDeep {
        /// The path at which the limit is reached.
        path: String,
    },
}

impl JsonError {
    /// Returns the error with its path set to `position`, unless it has a path already.
    pub(super) fn at(mut self, position: &Path<'_>) -> Self {
        if let Self::Value { path, .. } = &mut self
            && path.is_empty()
        {
            *path = position.to_string();
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
                MAX_DEPTH
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
