//! Whiteouts: names in a layer that remove files of lower layers (OCI image-spec, layer.md,
//! "Whiteouts").

/// The prefix of every whiteout's name.
pub(super) const WHITEOUT_PREFIX: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// The prefix of aufs's own bookkeeping files (`.wh..wh.aufs`, `.wh..wh.plnk`, `.wh..wh.orph`).
const AUFS_PREFIX: &[u8] = b".wh..wh.";
/// The directory in the root of a layer in which aufs kept files with several names. Hard links of the
/// same layer may point to its files.
pub(crate) const AUFS_LINKS: &[u8] = b".wh..wh.plnk";

/// The meaning of a path component in a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker<'a> {
    /// An ordinary name.
    Name,
    /// Hides this sibling of lower layers.
    Whiteout(&'a [u8]),
    /// Hides all siblings of lower layers.
    Opaque,
    /// A leftover of aufs. It and everything below it is ignored.
    Aufs,
    /// A whiteout with an empty name, `.` or `..`. It is reported and has no effect.
    Bad,
}

/// Returns the meaning of a single path component.
pub(crate) fn marker(name: &[u8]) -> Marker<'_> {
    if name == OPAQUE {
        return Marker::Opaque;
    }
    if name.starts_with(AUFS_PREFIX) {
        return Marker::Aufs;
    }
    match name.strip_prefix(WHITEOUT_PREFIX) {
        None => Marker::Name,
        Some(b"" | b"." | b"..") => Marker::Bad,
        Some(hidden) => Marker::Whiteout(hidden),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_names() {
        assert_eq!(marker(b"wh.a"), Marker::Name);
        assert_eq!(marker(b".wh"), Marker::Name);
        assert_eq!(marker(b".wh.a"), Marker::Whiteout(b"a"));
        assert_eq!(marker(b".wh..hidden"), Marker::Whiteout(b".hidden"));
        assert_eq!(marker(b".wh....a"), Marker::Whiteout(b"...a"));
        assert_eq!(marker(b".wh..wh..opq"), Marker::Opaque);
        assert_eq!(marker(b".wh..wh..opqx"), Marker::Aufs);
        assert_eq!(marker(b".wh..wh.plnk"), Marker::Aufs);
        assert_eq!(marker(b".wh."), Marker::Bad);
        assert_eq!(marker(b".wh.."), Marker::Bad);
        assert_eq!(marker(b".wh..."), Marker::Bad);
    }
}
