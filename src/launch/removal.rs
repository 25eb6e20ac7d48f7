//! Whether a layer removed what a step does not find.

use std::io;

use super::chain::{Cause, StepFailure};
use super::image::Image;
use super::refusal::Reason;
use crate::tree::Removed;

/// The removal of what a failure says is missing. `None` if no layer had it, or if nothing is missing.
///
/// # Errors
/// If the layers cannot be read.
pub(super) fn find(image: &Image<'_>, failure: &StepFailure) -> io::Result<Option<Removed>> {
    match &failure.cause {
        Cause::NotInPath(name) => {
            for dir in image.search_path() {
                let path = [dir.as_bytes(), b"/", name.as_bytes()].concat();
                let removed = image.evidence.removed(&image.absolute(&path))?;
                if removed.is_some() {
                    return Ok(removed);
                }
            }
            Ok(None)
        }
        Cause::Refused(refusal) => match &refusal.reason {
            Reason::Missing(at) => image.evidence.removed(&image.absolute(at)),
            Reason::NotRegular(_) => image.evidence.removed(&image.absolute(&refusal.path)),
            _ => Ok(None),
        },
        Cause::Loader => match library(&failure.message) {
            Some(name) => {
                let removed = image.evidence.removed_named(name.as_bytes())?;
                Ok(removed.into_iter().next())
            }
            None => Ok(None),
        },
        Cause::Launcher | Cause::Killed => Ok(None),
    }
}

/// The library that a message of a loader is about (glibc, `elf/dl-load.c`; musl, `ldso/dynlink.c`).
fn library(message: &str) -> Option<&str> {
    let glibc = message
        .split_once("error while loading shared libraries: ")
        .filter(|(_, rest)| rest.contains("cannot open shared object file"));
    let musl = message.split_once("Error loading shared library ");
    let (_, rest) = glibc.or(musl)?;
    rest.split_once(':').map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_loaders_name_the_library() {
        let glibc = "/app: error while loading shared libraries: libx.so.1: cannot open shared object \
                     file: No such file or directory";
        assert_eq!(library(glibc), Some("libx.so.1"));
        let musl =
            "Error loading shared library libx.so.1: No such file or directory (needed by /app)";
        assert_eq!(library(musl), Some("libx.so.1"));
        let other = "/app: error while loading shared libraries: libx.so.1: file too short";
        assert_eq!(library(other), None);
    }
}
