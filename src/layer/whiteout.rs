//! Whiteouts: names in a layer that take something away (OCI image-spec, layer.md, "Whiteouts").

/// What every whiteout's name begins with.
pub const WHITEOUT_PREFIX: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// aufs kept its own bookkeeping (`.wh..wh.aufs`, `.wh..wh.plnk`, `.wh..wh.orph`) under this.
const AUFS_PREFIX: &[u8] = b".wh..wh.";
/// The directory in the root of a layer in which aufs kept files that have several names. Hard links of
/// the same layer may lead to what is in it.
pub const AUFS_LINKS: &[u8] = b".wh..wh.plnk";

/// What a name of a path means in a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker<'a> {
    /// An ordinary name.
    Name,
    /// Hides this sibling of lower layers.
    Whiteout(&'a [u8]),
    /// Hides all siblings of lower layers.
    Opaque,
    /// Left over from aufs; it and all below it mean nothing.
    Aufs,
    /// A whiteout of nothing, of `.` or of `..`: to be reported, never obeyed.
    Bad,
}

/// Tells what a single name means.
pub fn marker(name: &[u8]) -> Marker<'_> {
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
