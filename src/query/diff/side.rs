//! The file that one of two images has at a path, and the attributes in which two files differ.

use crate::blob::Digest;
use crate::layer::Xattr;
use crate::tree::Node;
use crate::view::{Attr, FileType, ImageFs, View, ViewError};

/// The file that an image has at a path.
#[derive(Clone, Debug)]
pub struct DiffSide {
    /// Its attributes, as for stat(2).
    pub attr: Attr,
    /// The layer that it comes from.
    pub layer: Option<u32>,
    /// The target of a symbolic link.
    pub target: Option<Vec<u8>>,
    /// The extended attributes that the image ships, sorted by name.
    pub xattrs: Vec<Xattr>,
    /// The first path, of those that both images have, that leads to the same file, if it is another
    /// path.
    pub hard_link: Option<Vec<u8>>,
    /// The SHA-256 of its bytes, if it was needed.
    pub digest: Option<Digest>,
    pub(super) node: Option<Node>,
}

/// An attribute in which two files differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// Permission bits.
    Mode,
    /// Owner.
    Uid,
    /// Group.
    Gid,
    /// Time of last modification.
    Mtime,
    /// The number of names that lead to the file. Not compared for directories, where it is the number
    /// of subdirectories.
    Nlink,
    /// The set of names that lead to the file.
    HardLink,
    /// An extended attribute.
    Xattr(Vec<u8>),
}

impl DiffSide {
    pub(super) fn read(view: &ImageFs, attr: Attr) -> Result<Self, ViewError> {
        let node = view.node(attr.ino)?;
        let target = match attr.kind {
            FileType::Symlink => Some(view.readlink(attr.ino)?.to_vec()),
            _ => None,
        };
        Ok(Self {
            attr,
            layer: node.map(|node| node.layer),
            target,
            xattrs: xattrs(view, attr.ino)?,
            hard_link: None,
            digest: None,
            node,
        })
    }

    /// Whether the file is an executable and so has facts.
    pub(super) fn is_executable(&self) -> bool {
        self.node.is_some_and(|node| node.executable)
    }

    /// Returns the value of an extended attribute.
    pub fn xattr(&self, name: &[u8]) -> Option<&[u8]> {
        let found = self.xattrs.iter().find(|xattr| *xattr.name == *name);
        found.map(|xattr| &*xattr.value)
    }
}

/// The extended attributes that the image ships, sorted by name.
fn xattrs(view: &ImageFs, ino: u64) -> Result<Vec<Xattr>, ViewError> {
    let shipped = view.shipped_xattrs(ino)?.into_iter();
    let owned = shipped.map(|xattr| Xattr {
        name: xattr.name.into(),
        value: xattr.value.into(),
    });
    let mut xattrs: Vec<Xattr> = owned.collect();
    xattrs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(xattrs)
}

/// Returns the attributes in which two files of one type differ.
pub(super) fn attributes(old: &DiffSide, new: &DiffSide, times: bool) -> Vec<Attribute> {
    let mut found = Vec::new();
    let (a, b) = (&old.attr, &new.attr);
    let is_directory = a.kind == FileType::Directory;
    let mut differs = |yes: bool, attribute| {
        if yes {
            found.push(attribute);
        }
    };
    differs(a.mode != b.mode, Attribute::Mode);
    differs(a.uid != b.uid, Attribute::Uid);
    differs(a.gid != b.gid, Attribute::Gid);
    differs(times && a.mtime != b.mtime, Attribute::Mtime);
    differs(!is_directory && a.nlink != b.nlink, Attribute::Nlink);
    differs(old.hard_link != new.hard_link, Attribute::HardLink);
    if old.xattrs != new.xattrs {
        let names = old.xattrs.iter().chain(&new.xattrs);
        let mut names: Vec<&[u8]> = names.map(|xattr| &*xattr.name).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            if old.xattr(name) != new.xattr(name) {
                found.push(Attribute::Xattr(name.to_vec()));
            }
        }
    }
    found
}
