//! Matching of members' names to fields (`object` in Go's `encoding/json/decode.go`, and `fold.go`).

/// The field that a name matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    /// The index of the field.
    pub(super) field: usize,
    /// Whether the name is exactly that of the field.
    pub(super) exact: bool,
}

/// Finds the field that `name` matches: a field with exactly this name, or else the first one whose name
/// differs only in case.
pub(super) fn find(fields: &[&str], name: &str) -> Option<Match> {
    let exact = fields.iter().position(|field| *field == name);
    let found = exact.or_else(|| fields.iter().position(|field| equal_folded(field, name)));
    found.map(|field| Match {
        field,
        exact: exact.is_some(),
    })
}

/// Returns whether two names are equal if case is ignored. `field` is ASCII, so this is equivalent to
/// Go's `bytes.EqualFold`: two characters outside ASCII fold to an ASCII letter.
fn equal_folded(field: &str, name: &str) -> bool {
    let fold = |character: char| match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    let field = field
        .chars()
        .map(|character| character.to_ascii_lowercase());
    field.eq(name.chars().map(fold))
}
