//! Keys of the layer that a file comes from. Every regular file and directory has them.

use super::Derive::FromLayer;
use super::ValueOf::{Number, Text};
use super::{Group, Key};

pub(super) const LAYER: Group = Group {
    title: "Layer",
    summary: "the layer that contains the file (counted from 0, as in the manifest), and the history line of \
        that layer",
    keys: &[
        Key {
            name: "LAYER",
            value: Number(FromLayer(|layer| Some(layer.number.into()))),
            doc: "number of the layer that contains the file, counted from 0 as in the manifest",
        },
        Key {
            name: "LAYER_DIGEST",
            value: Text(FromLayer(|layer| layer.digest())),
            doc: "digest of that layer's blob, or its diff_id if the image does not name the blob by digest",
        },
        Key {
            name: "CREATED_BY",
            value: Text(FromLayer(|layer| Some(layer.created_by()))),
            doc: "history line of that layer; `unknown` if the history does not match the layers",
        },
    ],
};
