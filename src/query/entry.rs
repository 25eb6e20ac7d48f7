//! All information about one file as one object, as `ls`, `find` and `stat` show it.

use serde_json::{Map, Value as Json};

use super::time::rfc3339;
use crate::tree::Xattr;
use crate::view::{Attr, Fact, FileType, ImageFs, View, ViewError, json};

/// Returns the type and permissions in the format of ls(1): `-rwsr-xr-x`.
pub(crate) fn permissions(attr: &Attr) -> String {
    let mut text = String::with_capacity(10);
    text.push(match attr.kind {
        FileType::Regular => '-',
        FileType::Directory => 'd',
        FileType::Symlink => 'l',
        FileType::CharDevice => 'c',
        FileType::BlockDevice => 'b',
        FileType::Fifo => 'p',
    });
    // For user, group and others: the special bit that is shown in place of the x, and its letter.
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = attr.mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (attr.mode & special != 0, bits & 1 != 0) {
            (false, false) => '-',
            (false, true) => 'x',
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
        });
    }
    text
}

/// A file of an image.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    /// Its path in the image, with a leading slash.
    pub path: Vec<u8>,
    /// Its attributes, as for stat(2).
    pub attr: Attr,
    /// The target of a symbolic link.
    pub target: Option<&'a [u8]>,
    /// The layer that it comes from, or `None` for files that imgfs generates.
    pub layer: Option<u32>,
    /// The digest of that layer.
    pub layer_digest: Option<String>,
    /// The history line of that layer.
    pub created_by: Option<&'a str>,
    /// The SHA-256 of a regular file's bytes in hexadecimal, if requested.
    pub sha256: Option<String>,
    /// The extended attributes that the image ships.
    pub xattrs: Vec<Xattr<'a>>,
    /// Its facts, if it is an executable.
    pub facts: Vec<Fact>,
}

/// Returns the SHA-256 of a regular file's bytes in hexadecimal, or `None` for other files.
///
/// # Errors
/// Returns an error if the bytes cannot be read.
pub(crate) fn sha256(view: &ImageFs, ino: u64) -> Result<Option<String>, ViewError> {
    Ok(view.digest(ino)?.map(|digest| digest.hex().to_owned()))
}

impl<'a> Entry<'a> {
    /// Collects all information about a file. The digest is included only with `digests`, because it
    /// requires reading the file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read.
    pub(crate) fn read(
        view: &'a ImageFs,
        path: &[u8],
        attr: Attr,
        digests: bool,
    ) -> Result<Self, ViewError> {
        let layer = view.layer_of(attr.ino)?;
        let of_layer = layer.and_then(|number| view.image().layers.get(number as usize));
        let mut facts = view.facts(attr.ino)?;
        // The facts of the layer are in the fields below.
        if !facts.iter().any(|fact| fact.key == "FORMAT") {
            facts.clear();
        }
        Ok(Self {
            path: path.to_vec(),
            attr,
            target: match attr.kind {
                FileType::Symlink => Some(view.readlink(attr.ino)?),
                _ => None,
            },
            layer,
            layer_digest: of_layer.and_then(|l| l.digest.as_ref().map(|d| d.to_string())),
            created_by: of_layer.and_then(|layer| layer.created_by.as_deref()),
            sha256: match digests {
                true => sha256(view, attr.ino)?,
                false => None,
            },
            xattrs: view.shipped_xattrs(attr.ino)?,
            facts,
        })
    }

    /// The major and minor number, if it is a device.
    pub(crate) fn device(&self) -> Option<(u32, u32)> {
        let is_device = matches!(self.attr.kind, FileType::CharDevice | FileType::BlockDevice);
        is_device.then_some(self.attr.device)
    }

    /// Returns the information as a JSON object. Fields that do not apply are left out.
    pub(crate) fn json(&self) -> Map<String, Json> {
        let mut object = Map::new();
        let mut add = |name: &str, value: Json| {
            object.insert(name.to_owned(), value);
        };
        add("path", json::bytes(&self.path));
        add("type", self.attr.kind.name().into());
        add("mode", format!("{:04o}", self.attr.mode).into());
        add("uid", self.attr.uid.into());
        add("gid", self.attr.gid.into());
        add("size", self.attr.size.into());
        add("nlink", self.attr.nlink.into());
        add("mtime", rfc3339(self.attr.mtime).into());
        if let Some(target) = self.target {
            add("target", json::bytes(target));
        }
        if let Some((major, minor)) = self.device() {
            add(
                "device",
                serde_json::json!({"major": major, "minor": minor}),
            );
        }
        if let Some(layer) = self.layer {
            add("layer", layer.into());
        }
        if let Some(digest) = &self.layer_digest {
            add("layer_digest", digest.as_str().into());
        }
        if let Some(line) = self.created_by {
            add("created_by", json::bytes(line.as_bytes()));
        }
        if let Some(digest) = &self.sha256 {
            add("sha256", digest.as_str().into());
        }
        if !self.xattrs.is_empty() {
            let mut xattrs = Map::new();
            for xattr in &self.xattrs {
                let name = json::bytes(xattr.name);
                xattrs.insert(
                    name.as_str().unwrap_or_default().to_owned(),
                    json::bytes(xattr.value),
                );
            }
            add("xattrs", xattrs.into());
        }
        if !self.facts.is_empty() {
            add("facts", json::map(&self.facts).into());
        }
        object
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Mtime;

    #[test]
    fn permissions_are_those_of_ls() {
        let attr = |kind, mode| Attr {
            ino: 1,
            kind,
            mode,
            nlink: 1,
            uid: 0,
            gid: 0,
            device: (0, 0),
            size: 0,
            blocks: 0,
            mtime: Mtime { sec: 0, nsec: 0 },
        };
        for (kind, mode, text) in [
            (FileType::Regular, 0o644, "-rw-r--r--"),
            (FileType::Regular, 0o4755, "-rwsr-xr-x"),
            (FileType::Regular, 0o4644, "-rwSr--r--"),
            (FileType::Regular, 0o2755, "-rwxr-sr-x"),
            (FileType::Regular, 0o2000, "------S---"),
            (FileType::Directory, 0o1777, "drwxrwxrwt"),
            (FileType::Directory, 0o1776, "drwxrwxrwT"),
            (FileType::Regular, 0o7777, "-rwsrwsrwt"),
            (FileType::Symlink, 0o777, "lrwxrwxrwx"),
            (FileType::CharDevice, 0o600, "crw-------"),
            (FileType::BlockDevice, 0, "b---------"),
            (FileType::Fifo, 0o111, "p--x--x--x"),
        ] {
            assert_eq!(permissions(&attr(kind, mode)), text);
        }
    }
}
