//! The known differences between the readers, each with its reason. `docs/archives.md` has the same
//! table.

/// A kind of archive that readers interpret differently.
pub struct Known {
    /// The title of the kind in `docs/archives.md`.
    pub title: &'static str,
    /// The features that archives of this kind have.
    pub features: &'static [&'static str],
    /// The readers that may differ from Go's.
    pub readers: &'static [&'static str],
    /// Whether imgfs reports `ambiguous-archive` if the readers show different images.
    pub finding: bool,
}

const GNU: &[&str] = &["GNU tar"];
const LIBARCHIVE: &[&str] = &["libarchive"];
const BOTH: &[&str] = &["GNU tar", "libarchive"];
const ALL: &[&str] = &["GNU tar", "libarchive", "imgfs"];
const OURS: &[&str] = &["libarchive", "imgfs"];

pub const KNOWN: &[Known] = &[
    Known {
        title: "NULs before the digits of a number",
        features: &["NULs before digits"],
        readers: BOTH,
        finding: true,
    },
    Known {
        title: "Other bytes in a number",
        features: &[
            "letters in a number",
            "8 in a number",
            "digits after a space",
            "sign before a number",
            "spaces for a number",
            "NULs for a number",
            "changed byte of a number",
            "changed byte of the rest",
        ],
        readers: BOTH,
        finding: false,
    },
    Known {
        title: "An owner or a device number that does not fit 32 bits",
        features: &[
            "negative base 256",
            "base 256 over 63 bits",
            "PAX uid over 32 bits",
            "negative PAX uid",
            "changed byte of a number",
        ],
        readers: BOTH,
        finding: true,
    },
    Known {
        title: "A number that does not fit 63 bits",
        features: &["base 256 over 63 bits", "PAX number over 63 bits"],
        readers: BOTH,
        finding: false,
    },
    Known {
        title: "A checksum in another form",
        features: &["checksum in base 256", "checksum in other octal forms"],
        readers: LIBARCHIVE,
        finding: false,
    },
    Known {
        title: "A magic number that is almost the one of ustar",
        features: &["odd magic", "changed magic"],
        readers: BOTH,
        finding: true,
    },
    Known {
        title: "A ustar prefix in a GNU header",
        features: &["prefix in a GNU header"],
        readers: BOTH,
        finding: true,
    },
    Known {
        title: "An empty GNU long name",
        features: &[
            "empty long name",
            "long name of length 0",
            "empty long link name",
            "long name, then an empty one",
        ],
        readers: BOTH,
        finding: true,
    },
    Known {
        title: "A GNU long name and a PAX record",
        features: &["long name and PAX path", "long link name and PAX linkpath"],
        readers: BOTH,
        finding: true,
    },
    Known {
        title: "An extended header, then a global one",
        features: &[
            "PAX header, then a global one",
            "long name, then a global header",
            "global record that a local one overrides",
        ],
        readers: BOTH,
        finding: true,
    },
    Known {
        title: "A global PAX header",
        features: &[
            "global path",
            "global uid",
            "global mtime",
            "global xattr",
            "malformed global number",
            "global record that a local one overrides",
            "global record of what is so already",
        ],
        readers: GNU,
        finding: true,
    },
    Known {
        title: "A PAX header of Solaris (type X)",
        features: &["PAX header of Solaris"],
        readers: ALL,
        finding: true,
    },
    Known {
        title: "Malformed PAX records",
        features: &[
            "NULs after PAX records",
            "NUL in a PAX path",
            "NUL in a PAX key",
            "malformed PAX records",
            "malformed global records",
            "letters in a PAX number",
            "spaces in a PAX number",
            "malformed mtime",
            "malformed atime",
        ],
        readers: BOTH,
        finding: false,
    },
    Known {
        title: "A plus sign in a PAX header",
        features: &["sign before a PAX number", "odd lengths of PAX records"],
        readers: BOTH,
        finding: true,
    },
    Known {
        title: "A PAX record without a value",
        features: &["empty PAX values", "PAX key, then an empty value"],
        readers: BOTH,
        finding: true,
    },
    Known {
        title: "A time before 1970 with a fraction",
        features: &["mtime before 1970"],
        readers: BOTH,
        finding: false,
    },
    Known {
        title: "An extended attribute without a value",
        features: &["empty xattr"],
        readers: OURS,
        finding: false,
    },
    Known {
        title: "An extended attribute twice",
        features: &["xattr twice"],
        readers: LIBARCHIVE,
        finding: false,
    },
    Known {
        title: "An extended attribute in libarchive's form alone",
        features: &["xattr in the form of libarchive"],
        readers: OURS,
        finding: true,
    },
    Known {
        title: "A sparse map in another form than GNU tar's",
        features: &[
            "sparse map without a last piece",
            "sparse pieces that end inside a block",
            "PAX 1.0 without a size",
            "PAX 0.1 without a size",
        ],
        readers: GNU,
        finding: true,
    },
    Known {
        title: "Signs or many zeros in a sparse map",
        features: &[
            "PAX 1.0 with signs",
            "PAX 1.0 with zeros before its numbers",
        ],
        readers: BOTH,
        finding: false,
    },
    Known {
        title: "A malformed sparse map",
        features: &[
            "old GNU map in a ustar header",
            "old GNU map with overlaps",
            "old GNU map out of order",
            "old GNU map beyond the end",
            "old GNU map with less data",
            "old GNU map with more data",
            "old GNU map with zeros between",
            "sparse map of PAX 0.0 in the wrong order",
            "PAX 0.1 without a number of blocks",
            "PAX 0.1 with a wrong number of blocks",
            "PAX 0.1 with an odd map",
            "PAX 1.0 with overlaps",
            "PAX 1.0 beyond the end",
            "PAX 1.0 with less data",
            "PAX 1.0 with more data",
        ],
        readers: BOTH,
        finding: false,
    },
    Known {
        title: "Records that only some readers apply",
        features: &[
            "GNU.sparse.size alone",
            "GNU.sparse.name alone",
            "sparse file of an unknown version",
            "real size of star",
            "PAX device numbers",
        ],
        readers: BOTH,
        finding: true,
    },
    Known {
        title: "An unknown type",
        features: &["unknown type", "old long name", "changed type"],
        readers: ALL,
        finding: true,
    },
    Known {
        title: "A volume label",
        features: &["volume label"],
        readers: OURS,
        finding: false,
    },
    Known {
        title: "A directory of an incremental backup (type D)",
        features: &["dumpdir"],
        readers: ALL,
        finding: true,
    },
    Known {
        title: "A regular file whose name ends with a slash",
        features: &["file with a slash at its end", "changed byte of a name"],
        readers: BOTH,
        finding: true,
    },
    Known {
        title: "A size where there is no data",
        features: &[
            "size of a symlink",
            "size of a hard link",
            "size of a device",
            "size of a pipe",
        ],
        readers: BOTH,
        finding: true,
    },
    Known {
        title: "Data of an entry whose type has none",
        features: &[
            "data of a directory",
            "data of a symlink",
            "data of a hard link",
            "data of a hard link with a PAX header",
            "data of a device",
            "data of a pipe",
        ],
        readers: BOTH,
        finding: false,
    },
    Known {
        title: "A lone block of zeros",
        features: &["lone zero block"],
        readers: ALL,
        finding: true,
    },
    Known {
        title: "A lone block of zeros, then no header",
        features: &["lone zero block, then other bytes"],
        readers: BOTH,
        finding: false,
    },
    Known {
        title: "A header after the end of the archive",
        features: &["an archive after the end", "an archive long after the end"],
        readers: &[],
        finding: true,
    },
    Known {
        title: "The end of the file where a header could stand",
        features: &[
            "missing padding",
            "PAX header at the end",
            "PAX header and no end",
            "long name at the end",
            "truncated header",
        ],
        readers: BOTH,
        finding: false,
    },
];
