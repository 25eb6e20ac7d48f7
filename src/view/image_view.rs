//! The view of one image as a mounted file system. Every operation checks afterwards that the image's
//! index is intact.

use super::directory::check_name_length;
use super::ino::{Ino, TreeId};
use super::interface::EmitWithAttr;
use super::{
    Attr, CacheStats, DirEntry, FileBytes, ImageFs, Requests, SpanSlice, Stats, View, ViewError,
};

impl View for ImageFs {
    fn lookup(&self, parent: u64, name: &[u8]) -> Result<Attr, ViewError> {
        check_name_length(name)?;
        self.checked(|| {
            let found = self.find(self.ino(parent)?, name)?;
            self.attr(found.ok_or(ViewError::NotFound)?)
        })
    }

    fn getattr(&self, ino: u64) -> Result<Attr, ViewError> {
        self.checked(|| self.attr(self.ino(ino)?))
    }

    fn readlink(&self, ino: u64) -> Result<&[u8], ViewError> {
        self.checked(|| self.target(self.ino(ino)?))
    }

    fn list(
        &self,
        dir: u64,
        offset: u64,
        emit: &mut dyn FnMut(u64, DirEntry<'_>) -> bool,
    ) -> Result<(), ViewError> {
        self.checked(|| self.list_from(self.ino(dir)?, offset, emit))
    }

    fn list_with_attrs(
        &self,
        dir: u64,
        offset: u64,
        emit: &mut EmitWithAttr<'_>,
    ) -> Result<(), ViewError> {
        self.list(dir, offset, &mut |next, entry| {
            let attr = self.ino(entry.ino).and_then(|ino| self.attr(ino));
            emit(next, entry, self.count_error(attr))
        })
    }

    fn read(&self, ino: u64, offset: u64, len: usize) -> Result<FileBytes, ViewError> {
        self.checked(|| self.read_at(ino, offset, len))
    }

    fn try_read(&self, ino: u64, offset: u64, len: usize) -> Result<Option<FileBytes>, ViewError> {
        self.checked(|| {
            if self.may_block(ino) {
                return Ok(None);
            }
            match self.regular(ino)? {
                Some((tree, id)) => Ok(self.image.try_bytes(tree, id, offset, len)),
                None => self.read_at(ino, offset, len).map(Some),
            }
        })
    }

    fn decoded_around(&self, ino: u64, offset: u64) -> Option<(u64, SpanSlice)> {
        let around = self.checked(|| {
            let file = self.regular(ino)?;
            Ok(file.and_then(|(tree, id)| self.image.decoded_around(tree, id, offset)))
        });
        around.ok().flatten()
    }

    fn listxattr(&self, ino: u64) -> Result<Vec<u8>, ViewError> {
        self.checked(|| self.xattr_names(ino))
    }

    fn getxattr(&self, ino: u64, name: &[u8]) -> Result<Vec<u8>, ViewError> {
        self.checked(|| self.xattr_value(ino, name))
    }

    fn statfs(&self) -> Stats {
        Stats {
            blocks: self.tree().blocks(),
            files: self.tree().nodes().len() as u64,
        }
    }

    fn may_block(&self, ino: u64) -> bool {
        match Ino::of(ino) {
            // A tree or a table may have to be created.
            Some(Ino::Node(TreeId::Layer(_) | TreeId::Hidden, _)) => true,
            Some(Ino::Sidecar(TreeId::Layer(_) | TreeId::Hidden, _) | Ino::Control(_)) => true,
            // Every symbolic link is followed when a directory is first entered.
            Some(Ino::ArchDirectory(_)) => {
                self.has_sidecars_below.get().is_none() || !self.is_ready()
            }
            // A sidecar text contains a verdict that may not be available yet. Its length depends on the
            // verdict too, and listing a directory returns lengths.
            Some(Ino::Node(..) | Ino::Sidecar(..) | Ino::ArchText(_)) => !self.is_ready(),
            Some(Ino::Status(_)) | None => false,
        }
    }

    fn is_volatile(&self, ino: u64) -> bool {
        matches!(Ino::of(ino), Some(Ino::Status(_)))
    }

    fn requests(&self) -> &Requests {
        &self.requests
    }

    fn cache_stats(&self) -> CacheStats {
        self.image.cache_stats()
    }
}
