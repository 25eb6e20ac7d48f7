//! Keys of files that a later layer removed. They exist only below `/.imgfs/hidden`.

use super::Derive::FromHidden;
use super::ValueOf::{Number, Text};
use super::{Group, Key};

pub(super) const HIDDEN: Group = Group {
    title: "Hidden files",
    summary: "only below `/.imgfs/hidden`: the layer that removed or replaced the file, and how",
    keys: &[
        Key {
            name: "HIDDEN_BY",
            value: Number(FromHidden(|entry| Some(entry.by.into()))),
            doc: "number of the layer that removed or replaced the file",
        },
        Key {
            name: "HIDDEN_HOW",
            value: Text(FromHidden(|entry| Some(entry.how.name().into()))),
            doc: "`whiteout`, `opaque` or `replaced`",
        },
    ],
};
