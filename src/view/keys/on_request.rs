//! Keys that require reading the bytes of files. They are extended attributes that can be read by name, but
//! are not listed, and sidecars do not have them.

use super::Derive::{FromContent, FromDigest};
use super::ValueOf::{Number, Text};
use super::{Group, Key};

pub(super) const ON_REQUEST: Group = Group {
    title: "On request",
    summary: "only as extended attributes, which are not listed but can be read by name: the digest of a \
        file, and the layer that first had its bytes",
    keys: &[
        Key {
            name: "SHA256",
            value: Text(FromDigest(|digest| Some(digest.hex().into()))),
            doc: "SHA-256 of the file, in hex",
        },
        Key {
            name: "CONTENT_LAYER",
            value: Number(FromContent(|layer| Some(layer.number.into()))),
            doc: "number of the layer that first had the file's bytes; later layers changed only attributes",
        },
        Key {
            name: "CONTENT_LAYER_DIGEST",
            value: Text(FromContent(|layer| layer.digest())),
            doc: "digest of that layer, like `LAYER_DIGEST`",
        },
        Key {
            name: "CONTENT_CREATED_BY",
            value: Text(FromContent(|layer| Some(layer.created_by()))),
            doc: "history line of that layer, like `CREATED_BY`",
        },
    ],
};
