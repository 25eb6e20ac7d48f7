//! An image of several platforms as one file system. The root has a directory for each platform and
//! nothing else. A directory has the same contents as a mount of that platform alone, including
//! `/.imgfs`.
//!
//! Each platform has its own [`ImageFs`], which does not know about the others. Its results are passed
//! on with inode numbers that include the number of the platform ([`outer_ino`]).

mod names;
mod outer_ino;

use std::collections::HashMap;
use std::sync::Arc;

pub use names::names;

use super::directory::check_name_length;
use super::interface::EmitWithAttr;
use super::xattr;
use super::{
    Attr, CacheStats, DirEntry, FileBytes, FileType, ImageFs, Requests, Sidecars, SpanSlice, Stats,
    View, ViewError,
};
use crate::open::OpenImage;
use outer_ino::{MAX_PLATFORMS, OuterIno};

/// The inode number of an image's root within the image.
const ROOT: u64 = 1;

/// The view of several images.
pub struct Platforms {
    members: Vec<PlatformDir>,
    by_name: HashMap<Vec<u8>, usize>,
    root: Attr,
    requests: Arc<Requests>,
}

/// A platform's directory in the root.
struct PlatformDir {
    name: String,
    view: ImageFs,
}

impl Platforms {
    /// Creates the view of images that were opened together. Each is in a directory with its name; see
    /// [`super::platform_names`]. All names must be different.
    pub fn new(images: Vec<(String, Arc<OpenImage>)>, sidecars: Sidecars) -> Self {
        let requests = Arc::new(Requests::default());
        let member = |(name, image)| PlatformDir {
            name,
            view: ImageFs::counted(image, sidecars, requests.clone()),
        };
        let members: Vec<PlatformDir> =
            images.into_iter().take(MAX_PLATFORMS).map(member).collect();
        let names = members
            .iter()
            .map(|member| member.name.clone().into_bytes());
        Self {
            by_name: names.zip(0..).collect(),
            root: root_attr(&members),
            members,
            requests,
        }
    }

    /// Returns the names of the directories, in the order of the listing, and their views.
    pub fn members(&self) -> impl Iterator<Item = (&str, &ImageFs)> {
        let members = self.members.iter();
        members.map(|member| (member.name.as_str(), &member.view))
    }

    /// The image of an inode: its number, its view, and the inode's number within it. Returns `None` for
    /// the root, which belongs to no image.
    fn at(&self, ino: u64) -> Result<Option<(usize, &ImageFs, u64)>, ViewError> {
        match OuterIno::of(ino).ok_or(ViewError::NotFound)? {
            OuterIno::Root => Ok(None),
            OuterIno::In(number, ino) => {
                let member = self.members.get(number).ok_or(ViewError::NotFound)?;
                Ok(Some((number, &member.view, ino)))
            }
        }
    }

    /// Lists the root.
    fn list_root(&self, offset: u64, emit: &mut dyn FnMut(u64, DirEntry<'_>) -> bool) {
        let own = [".", ".."].map(|name| (OuterIno::Root, name));
        let numbered = self.members.iter().enumerate();
        let members =
            numbered.map(|(number, member)| (OuterIno::In(number, ROOT), member.name.as_str()));
        for (at, (number, name)) in (0..).zip(own.into_iter().chain(members)) {
            let entry = DirEntry {
                ino: number.number(),
                kind: FileType::Directory,
                name: name.as_bytes().into(),
            };
            if offset <= at && !emit(at + 1, entry) {
                return;
            }
        }
    }
}

/// Whether an entry of an image's directory is the `..` of the image's root. Within the image, it leads
/// to the image's root itself. Here, it leads to the root above.
fn is_root_parent(dir: u64, entry: &DirEntry<'_>) -> bool {
    dir == ROOT && *entry.name == *b".."
}

/// Replaces an image's own inode number by the number in this view.
fn outside(number: usize, attr: Attr) -> Attr {
    Attr {
        ino: OuterIno::In(number, attr.ino).number(),
        ..attr
    }
}

/// The attributes of the root. It belongs to user 0. Its time is that of the newest platform's root.
fn root_attr(members: &[PlatformDir]) -> Attr {
    let attrs = members.iter().map(|member| member.view.getattr(ROOT));
    let mtimes = attrs.filter_map(|attr| Some(attr.ok()?.mtime));
    Attr {
        ino: OuterIno::ROOT,
        kind: FileType::Directory,
        mode: 0o755,
        // The root's name, its `.`, and the `..` of each directory.
        nlink: u32::try_from(members.len()).map_or(1, |n| n.saturating_add(2)),
        uid: 0,
        gid: 0,
        device: (0, 0),
        size: Stats::BLOCK.into(),
        blocks: 0,
        mtime: mtimes.max().unwrap_or_default(),
    }
}

impl View for Platforms {
    fn lookup(&self, parent: u64, name: &[u8]) -> Result<Attr, ViewError> {
        if let Some((number, view, parent)) = self.at(parent)? {
            return Ok(outside(number, view.lookup(parent, name)?));
        }
        check_name_length(name)?;
        let number = *self.by_name.get(name).ok_or(ViewError::NotFound)?;
        self.getattr(OuterIno::In(number, ROOT).number())
    }

    fn getattr(&self, ino: u64) -> Result<Attr, ViewError> {
        match self.at(ino)? {
            Some((number, view, ino)) => Ok(outside(number, view.getattr(ino)?)),
            None => Ok(self.root),
        }
    }

    fn readlink(&self, ino: u64) -> Result<&[u8], ViewError> {
        let (_, view, ino) = self.at(ino)?.ok_or(ViewError::WrongType)?;
        view.readlink(ino)
    }

    fn list(
        &self,
        dir: u64,
        offset: u64,
        emit: &mut dyn FnMut(u64, DirEntry<'_>) -> bool,
    ) -> Result<(), ViewError> {
        let Some((number, view, dir)) = self.at(dir)? else {
            self.list_root(offset, emit);
            return Ok(());
        };
        view.list(dir, offset, &mut |next, entry| {
            let ino = match is_root_parent(dir, &entry) {
                true => OuterIno::ROOT,
                false => OuterIno::In(number, entry.ino).number(),
            };
            emit(next, DirEntry { ino, ..entry })
        })
    }

    fn list_with_attrs(
        &self,
        dir: u64,
        offset: u64,
        emit: &mut EmitWithAttr<'_>,
    ) -> Result<(), ViewError> {
        let Some((number, view, dir)) = self.at(dir)? else {
            self.list_root(offset, &mut |next, entry| {
                let attr = self.getattr(entry.ino);
                emit(next, entry, attr)
            });
            return Ok(());
        };
        view.list_with_attrs(dir, offset, &mut |next, entry, attr| {
            let (ino, attr) = match is_root_parent(dir, &entry) {
                true => (OuterIno::ROOT, Ok(self.root)),
                false => {
                    let attr = attr.map(|attr| outside(number, attr));
                    (OuterIno::In(number, entry.ino).number(), attr)
                }
            };
            emit(next, DirEntry { ino, ..entry }, attr)
        })
    }

    fn read(&self, ino: u64, offset: u64, len: usize) -> Result<FileBytes, ViewError> {
        let (_, view, ino) = self.at(ino)?.ok_or(ViewError::IsDirectory)?;
        view.read(ino, offset, len)
    }

    fn try_read(&self, ino: u64, offset: u64, len: usize) -> Result<Option<FileBytes>, ViewError> {
        let (_, view, ino) = self.at(ino)?.ok_or(ViewError::IsDirectory)?;
        view.try_read(ino, offset, len)
    }

    fn decoded_around(&self, ino: u64, offset: u64) -> Option<(u64, SpanSlice)> {
        let (_, view, ino) = self.at(ino).ok()??;
        view.decoded_around(ino, offset)
    }

    fn listxattr(&self, ino: u64) -> Result<Vec<u8>, ViewError> {
        match self.at(ino)? {
            Some((_, view, ino)) => view.listxattr(ino),
            None => Ok(Vec::new()),
        }
    }

    fn getxattr(&self, ino: u64, name: &[u8]) -> Result<Vec<u8>, ViewError> {
        let (_, view, ino) = self.at(ino)?.ok_or_else(|| xattr::absent(name))?;
        view.getxattr(ino, name)
    }

    /// The sum over all images. Files that several images share are counted for each of them.
    fn statfs(&self) -> Stats {
        let each = self.members.iter().map(|member| member.view.statfs());
        each.fold(Stats::default(), |sum, stats| Stats {
            blocks: sum.blocks.saturating_add(stats.blocks),
            files: sum.files.saturating_add(stats.files),
        })
    }

    /// Requests for the root never take long.
    fn may_block(&self, ino: u64) -> bool {
        let at = self.at(ino).ok().flatten();
        at.is_some_and(|(_, view, ino)| view.may_block(ino))
    }

    fn is_volatile(&self, ino: u64) -> bool {
        let at = self.at(ino).ok().flatten();
        at.is_some_and(|(_, view, ino)| view.is_volatile(ino))
    }

    fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Images that were opened together share one cache.
    fn cache_stats(&self) -> CacheStats {
        let first = self.members.first();
        first.map_or_else(CacheStats::default, |member| member.view.cache_stats())
    }
}
