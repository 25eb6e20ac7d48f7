//! A second opinion where the parser fails: is the text wrong, or does the parser not know the syntax?

use super::dialect::Dialect;

/// Whether a piece of a script may be a complete command: cheap, and only ever wrong in one
/// direction.
pub(super) fn may_be_complete(piece: &str) -> bool {
    let last = piece.trim_end_matches('\n');
    !last.ends_with('\\') && !last.ends_with("&&") && !last.ends_with("||")
}

/// Whether every shell of the dialect reports a syntax error for the text.
pub(super) fn is_wrong(_text: &str, _dialect: Dialect) -> bool {
    false
}
