//! Differences as JSON, one object per line. Their names are in docs/commands.md.

use serde_json::{Map, Value as Json, json};

use crate::layer::{self, printable};
use crate::query::Entry;
use crate::query::diff::{Attribute, Change, ConfigChange, DiffSide, Difference, Setting};
use crate::tree;
use crate::view::{ImageFs, json};

pub(super) fn config(change: &ConfigChange) -> Json {
    let text = |text: &String| json::bytes(text.as_bytes());
    let setting = |setting: &Setting| match setting {
        Setting::None => Json::Null,
        Setting::One(value) => text(value),
        Setting::List(words) => words.iter().map(text).collect(),
    };
    json!({
        "change": "config",
        "key": text(&change.key),
        "old": setting(&change.old),
        "new": setting(&change.new),
    })
}

/// Returns the object of a difference between two images.
pub(super) fn difference(found: &Difference, old: &ImageFs, new: &ImageFs) -> Json {
    let mut object = Map::new();
    let mut put = |key: &str, value: Json| object.insert(key.to_owned(), value);
    put("path", json::bytes(&found.path));
    let change = match found.change {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Type => "type",
        Change::Content => "content",
        Change::Attributes => "attributes",
    };
    put("change", change.into());
    put(
        "old",
        found.old.as_ref().map_or(Json::Null, |s| side(old, s)),
    );
    put(
        "new",
        found.new.as_ref().map_or(Json::Null, |s| side(new, s)),
    );
    let attributes = found.attributes.iter().map(attribute);
    put("attributes", attributes.collect());
    if !found.facts.is_empty() {
        let facts = found.facts.iter().map(|change| {
            let values = [&change.old, &change.new];
            let values = values.map(|v| v.as_ref().map_or(Json::Null, json::value));
            (change.key.to_owned(), Json::from(values.to_vec()))
        });
        put("facts", Json::Object(facts.collect()));
    }
    if found.only_build_id {
        put("only_build_id", true.into());
    }
    Json::Object(object)
}

fn attribute(attribute: &Attribute) -> String {
    match attribute {
        Attribute::Mode => "mode".to_owned(),
        Attribute::Uid => "uid".to_owned(),
        Attribute::Gid => "gid".to_owned(),
        Attribute::Mtime => "mtime".to_owned(),
        Attribute::Nlink => "nlink".to_owned(),
        Attribute::HardLink => "hard_link".to_owned(),
        Attribute::Xattr(name) => format!("xattrs.{}", printable(name)),
    }
}

/// Returns the object of a file, as in `ls`, `find` and `stat`, but without the path and the facts.
fn side(view: &ImageFs, side: &DiffSide) -> Json {
    let of_layer = |layer: u32| view.image().layers.get(layer as usize);
    let layer = side.layer.and_then(of_layer);
    let entry = Entry {
        path: Vec::new(),
        attr: side.attr,
        target: side.target.as_deref(),
        layer: side.layer,
        layer_digest: layer.and_then(|l| Some(l.digest.as_ref()?.to_string())),
        created_by: layer.and_then(|layer| layer.created_by.as_deref()),
        sha256: side.digest.as_ref().map(|digest| digest.hex().to_owned()),
        xattrs: side.xattrs.iter().map(borrowed).collect(),
        facts: Vec::new(),
    };
    let mut object = entry.json();
    object.shift_remove("path");
    if let Some(path) = &side.hard_link {
        object.insert("hard_link".to_owned(), json::bytes(path));
    }
    Json::Object(object)
}

fn borrowed(xattr: &layer::Xattr) -> tree::Xattr<'_> {
    tree::Xattr {
        name: &xattr.name,
        value: &xattr.value,
    }
}
