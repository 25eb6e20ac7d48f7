//! Paths as byte strings.

/// The components of a path. Empty ones are left out; `.` and `..` are included.
pub(crate) fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|&b| b == b'/').filter(|name| !name.is_empty())
}

/// Collects the components of a path, relative to the root, in `names`. Resolves `.` and `..`
/// lexically. Returns whether `..` would have left the root. Tar paths are cleaned this way before any
/// link is followed, as umoci and Docker do.
pub(crate) fn clean_into<'a>(path: &'a [u8], names: &mut Vec<&'a [u8]>) -> bool {
    names.clear();
    let mut escaped = false;
    for name in components(path) {
        match name {
            b"." => {}
            b".." => escaped |= names.pop().is_none(),
            name => names.push(name),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning_by_the_letter() {
        let clean = |path: &'static str| {
            let mut names = Vec::new();
            let escaped = clean_into(path.as_bytes(), &mut names);
            (names.join(&b'/'), escaped)
        };
        assert_eq!(clean("./a//b/"), (b"a/b".to_vec(), false));
        assert_eq!(clean("/a/../../b"), (b"b".to_vec(), true));
        assert_eq!(clean("./"), (Vec::new(), false));
    }
}
