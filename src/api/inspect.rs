//! [`inspect()`]: the facts of a file outside of an image.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};

use super::{Facts, Result};
use crate::inspect as decoder;
use crate::view::facts;

/// Returns the facts of an executable, library, object file, archive or script that is not in an image.
/// `None` if its format is unknown.
///
/// The keys that do not come from the bytes (`PATH`, `MODE`, `LAYER`) are left out.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let program = std::fs::File::open(std::env::current_exe()?)?;
/// let facts = imgfs::inspect(program)?.expect("an executable");
/// println!("{:?} for {:?}", facts.format(), facts.architecture());
///
/// let script = std::io::Cursor::new("#!/bin/sh\n");
/// let facts = imgfs::inspect(script)?.expect("a script");
/// assert_eq!(facts.interpreter(), Some("/bin/sh".as_ref()));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Returns an error if the length cannot be determined. Parts that cannot be read are left out of the
/// result, like parts that are damaged.
pub fn inspect(mut reader: impl Read + Seek) -> Result<Option<Facts>> {
    let len = reader.seek(SeekFrom::End(0))?;
    let source = Source {
        len,
        reader: Mutex::new(reader),
    };
    let Some(binary) = decoder::inspect(&source) else {
        return Ok(None);
    };
    let list = facts::of_bytes(&binary);
    Ok(Some(Facts::of(binary, list)))
}

/// A reader, as a source for the decoder.
struct Source<R> {
    len: u64,
    reader: Mutex<R>,
}

impl<R: Read + Seek> decoder::Source for Source<R> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.seek(SeekFrom::Start(offset))?;
        reader.read_exact(buf)
    }
}
