//! The header of .NET (ECMA-335, II.25.3.3).
//!
//! An assembly of pure IL runs on any architecture that has a runtime, although its header must
//! name an architecture and says i386. Assemblies whose flags require 32 bits are an
//! exception (ECMA-335, II.25.3.3.1).

use object::endian::LittleEndian as LE;
use object::pe::{
    COMIMAGE_FLAGS_32BITPREFERRED, COMIMAGE_FLAGS_32BITREQUIRED, COMIMAGE_FLAGS_ILONLY,
    IMAGE_FILE_MACHINE_I386, ImageCor20Header,
};

use super::image::Image;
use crate::inspect::read;
use crate::inspect::source::Source;

/// IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR.
const DIRECTORY: usize = 14;

/// The relevant fields of the header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clr {
    flags: u32,
    /// Whether it also has native code, compiled ahead of time (ReadyToRun).
    precompiled: bool,
}

impl Clr {
    /// Returns `None` if the file is not an assembly. If the header cannot be read, its fields are
    /// zero.
    pub(super) fn read(source: &dyn Source, image: &Image) -> Option<Self> {
        let (address, _) = image.directory(DIRECTORY)?;
        let header = image
            .offset_of(address)
            .and_then(|(offset, _)| read::record::<ImageCor20Header>(source, offset));
        Some(header.map_or(
            Self {
                flags: 0,
                precompiled: false,
            },
            |header| Self {
                flags: header.flags.get(LE).0,
                precompiled: header.managed_native_header.virtual_address.get(LE) != 0,
            },
        ))
    }

    /// Whether it contains no native code.
    pub(super) fn is_il_only(self) -> bool {
        self.flags & COMIMAGE_FLAGS_ILONLY.0 != 0 && !self.precompiled
    }

    /// Whether it runs on any architecture ("AnyCPU").
    pub(super) fn runs_anywhere(self, image: &Image) -> bool {
        // Preferring 32 bits sets both flags. Requiring 32 bits sets one.
        let flags = self.flags & (COMIMAGE_FLAGS_32BITREQUIRED.0 | COMIMAGE_FLAGS_32BITPREFERRED.0);
        self.is_il_only()
            && image.machine == IMAGE_FILE_MACHINE_I386
            && image.wide() == Some(false)
            && flags != COMIMAGE_FLAGS_32BITREQUIRED.0
    }
}
