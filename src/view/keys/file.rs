//! Keys of the attributes of an executable file.

use super::Derive::FromFile;
use super::ValueOf::{Flag, Number, Text};
use super::{Group, Key};

pub(super) const FILE: Group = Group {
    title: "Attributes",
    summary: "attributes of the file",
    keys: &[
        Key {
            name: "EXECUTABLE",
            value: Flag(FromFile(|file| Some(file.mode & 0o111 != 0))),
            doc: "whether anybody may execute it",
        },
        Key {
            name: "SIZE",
            value: Number(FromFile(|file| Some(file.size))),
            doc: "length in bytes",
        },
        Key {
            name: "MODE",
            value: Text(FromFile(|file| {
                Some(format!("{:04o}", file.mode).into_bytes())
            })),
            doc: "permission bits with setuid, setgid and sticky: four octal digits",
        },
        Key {
            name: "UID",
            value: Number(FromFile(|file| Some(file.uid.into()))),
            doc: "owner",
        },
        Key {
            name: "GID",
            value: Number(FromFile(|file| Some(file.gid.into()))),
            doc: "group",
        },
    ],
};
