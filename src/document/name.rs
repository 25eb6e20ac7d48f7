//! Which field a member's name stands for (`object` in Go's `encoding/json/decode.go`, and `fold.go`).

/// A field that a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    /// Its place among the fields.
    pub(super) field: usize,
    /// Whether the name is the field's, letter for letter.
    pub(super) exact: bool,
}

/// Finds the field that `name` stands for: the field of that name, else the first whose name differs only
/// in case.
pub(super) fn find(fields: &[&str], name: &str) -> Option<Match> {
    let exact = fields.iter().position(|field| *field == name);
    let found = exact.or_else(|| fields.iter().position(|field| equal_folded(field, name)));
    found.map(|field| Match {
        field,
        exact: exact.is_some(),
    })
}

/// Whether two names are equal but for case. `field` is ASCII, so this is Go's `bytes.EqualFold`: two
/// characters outside ASCII fold to a letter of ASCII.
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
