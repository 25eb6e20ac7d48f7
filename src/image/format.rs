//! Which documents an image is read from: those of an OCI layout, or those of a docker-archive.

use super::error::ImageError;
use super::files::Files;
use super::reference::{Reference, Transport};

/// The formats of the documents in an archive or a directory.
pub(super) enum ArchiveFormat {
    OciLayout,
    DockerArchive,
    Both,
}

/// Returns the format that a reference requires, or else that of the documents that are present.
pub(super) fn archive_format(
    reference: &Reference,
    files: &Files,
) -> Result<ArchiveFormat, ImageError> {
    match reference.transport {
        Transport::DockerArchive => Ok(ArchiveFormat::DockerArchive),
        Transport::OciArchive | Transport::Oci | Transport::Store | Transport::Docker => {
            Ok(ArchiveFormat::OciLayout)
        }
        Transport::Sniffed | Transport::Stdin => sniff(reference, files),
    }
}

fn sniff(reference: &Reference, files: &Files) -> Result<ArchiveFormat, ImageError> {
    let oci = files.contains("index.json");
    let docker = files.contains("manifest.json");
    match (oci, docker) {
        (true, true) => Ok(ArchiveFormat::Both),
        (true, false) => Ok(ArchiveFormat::OciLayout),
        (false, true) => Ok(ArchiveFormat::DockerArchive),
        (false, false) => Err(ImageError::NotAnImage {
            image: reference.to_string(),
            detail: "it holds neither index.json nor manifest.json".to_owned(),
        }),
    }
}
