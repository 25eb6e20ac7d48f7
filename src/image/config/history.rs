//! The history of an image (config.md, "history").

/// One line of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The command that created this layer or setting.
    pub created_by: Option<String>,
    /// The time of creation, in RFC 3339 format.
    pub created: Option<String>,
    /// The author.
    pub author: Option<String>,
    /// The comment.
    pub comment: Option<String>,
    /// Whether this line created no layer.
    pub empty_layer: bool,
}

/// Returns whether a time is set. Go writes the zero value of `time.Time` for a missing time.
pub(super) fn is_set(time: &str) -> bool {
    !time.starts_with("0001-01-01T00:00:00")
}
