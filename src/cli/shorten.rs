//! Long text on one line of a terminal.

/// Returns the first `length` characters of a text, and `…` if that is not all of it.
pub(crate) fn shorten(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
