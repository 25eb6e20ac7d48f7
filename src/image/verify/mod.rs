//! Verification of images: reads everything that a reference leads to completely, and compares it with
//! the claims of the documents that refer to it. Unlike [`super::open`], which stops at the first error,
//! this continues and checks all platforms. It writes nothing, and does not trust results of earlier
//! runs.
//!
//! [`verify`] first reads all documents (`layout.rs`, `docker.rs`) through `reader.rs`, which records
//! why a file cannot be read and which files were requested. The documents are converted to a plan of
//! checks (`plan.rs`). The checks of blobs are completed after each blob was read once. The [`Report`]
//! lists all checks in a fixed order.

mod checks;
mod choose;
mod docker;
mod layout;
mod link;
mod plan;
mod progress;
mod reader;
mod report;

use std::sync::Arc;

pub(crate) use progress::Step;
pub(crate) use report::{Check, CheckProblem, Note, ProblemId, Report, Status, Thing};

use super::files::Files;
use super::{Caches, ImageError, Platform, Reference, Transport};
use crate::blob::{BlobError, SpanCache};
use crate::cache::CacheDir;
use docker::Docker;
use layout::Layout;
use plan::Plan;
use reader::{Reader, Stray};

/// Memory for decoded data of compressed archives, in bytes.
const SPANS: usize = 64 << 20;

/// Checks a whole image, or the parts that `platform` and the name in `reference` select.
///
/// # Errors
/// If there is no such image. Problems of an image are part of the report.
pub(crate) fn verify(
    reference: &Reference,
    platform: Option<&Platform>,
    progress: &(dyn Fn(Step<'_>) + Sync),
) -> Result<Report, ImageError> {
    let disk = CacheDir::none();
    let caches = Caches {
        spans: Arc::new(SpanCache::new(SPANS, disk.clone())),
        disk: &disk,
    };
    let mut files = match Files::open_damaged(reference, &caches) {
        Ok(files) => files,
        Err(error) => match damage(reference, &error) {
            Some(check) => {
                return Ok(Report {
                    checks: vec![check],
                });
            }
            None => return Err(error),
        },
    };
    let damage = files.take_damage().and_then(|e| damage(reference, &e));
    let mut reader = Reader::new(&files);
    let oci = reader.contains("index.json") || reader.contains("oci-layout");
    let docker = reader.contains("manifest.json");
    let (wants_oci, wants_docker) = match reference.transport {
        Transport::DockerArchive => (false, true),
        Transport::OciArchive | Transport::Oci | Transport::Store | Transport::Docker => {
            (true, false)
        }
        Transport::Sniffed | Transport::Stdin => (true, true),
    };
    let mut plan = Plan::default();
    if !(oci && wants_oci || docker && wants_docker) {
        // The missing file may be in the damaged part.
        let checks = damage.map(|check| vec![check]);
        return checks
            .map(|checks| Report { checks })
            .ok_or_else(|| no_image(reference));
    }
    plan.extend(damage);
    plan.extend(files.twice().into_iter().map(twice));
    let mut layout = oci.then(|| Layout::read(&mut reader));
    let mut docker = docker.then(|| Docker::read(&mut reader));
    let oci_says = layout
        .as_mut()
        .filter(|_| wants_oci)
        .map(|layout| choose_in_layout(layout, reference, platform));
    let docker_says = docker
        .as_mut()
        .filter(|_| wants_docker)
        .map(|docker| choose_in_docker(docker, reference, platform));
    let tells = |says: &Option<Result<(), ImageError>>| says.as_ref().is_some_and(Result::is_ok);
    let (tell_oci, tell_docker) = (tells(&oci_says), tells(&docker_says));
    // If the archive has both formats, the wanted image may be in only one of them.
    if !tell_oci && !tell_docker {
        oci_says.or(docker_says).unwrap_or(Ok(()))?;
    }
    if let Some(layout) = &layout {
        layout.mark_used(&mut reader);
        if tell_oci {
            checks::add_checks(layout, &mut reader, &mut plan, docker.is_some());
        }
    }
    if let Some(docker) = &docker {
        docker.mark_used(&mut reader);
        if tell_docker {
            docker.add_checks(&mut reader, &mut plan);
        }
    }
    drop((layout, docker));
    let mut checks = plan.run(&files, progress);
    // The store contains other images, and files of its own.
    if reference.transport != Transport::Store {
        checks.extend(strays(&reader));
    }
    Ok(Report { checks })
}

fn choose_in_layout(
    layout: &mut Layout,
    reference: &Reference,
    platform: Option<&Platform>,
) -> Result<(), ImageError> {
    if let Some(name) = &reference.name {
        layout.choose_name(reference, name)?;
    }
    platform.map_or(Ok(()), |p| layout.choose_platform(reference, p))
}

fn choose_in_docker(
    docker: &mut Docker,
    reference: &Reference,
    platform: Option<&Platform>,
) -> Result<(), ImageError> {
    if reference.name.is_some() {
        docker.choose_name(reference)?;
    }
    platform.map_or(Ok(()), |p| docker.choose_platform(reference, p))
}

fn no_image(reference: &Reference) -> ImageError {
    ImageError::NotAnImage {
        image: reference.to_string(),
        detail: "it holds neither index.json nor manifest.json".to_owned(),
    }
}

/// Returns a check with the damage of an archive, if that is why it cannot be opened.
fn damage(reference: &Reference, error: &ImageError) -> Option<Check> {
    let detail = match error {
        ImageError::Incomplete { detail, .. } => detail.clone(),
        ImageError::Archive {
            error: error @ (BlobError::Truncated { .. } | BlobError::Corrupt { .. }),
            ..
        } => error.to_string(),
        _ => return None,
    };
    let path = reference.path.as_os_str().as_encoded_bytes();
    let mut check = Check::new(Thing::Archive, path);
    if path.is_empty() {
        check.name = reference.to_string().into_bytes();
    }
    let problem = CheckProblem::because(ProblemId::DamagedArchive, detail);
    check.problems.push(problem);
    Some(check)
}

/// Creates the check of a path that occurs more than once in an archive: two readers may see two images.
fn twice(path: &str) -> Check {
    let mut check = Check::new(Thing::File, path);
    let detail = "it is in the archive more than once; the last one was checked";
    let problem = CheckProblem::because(ProblemId::DuplicateFile, detail);
    check.problems.push(problem);
    check
}

/// Returns the files that nothing refers to.
fn strays(reader: &Reader<'_>) -> Vec<Check> {
    // If some references were not followed, it is unknown which files are referenced.
    if reader.cut {
        return Vec::new();
    }
    let (strays, all) = reader.strays();
    let check = |stray: Stray| {
        let is_blob = stray.path.starts_with(b"blobs/") && stray.what.is_none();
        let thing = if is_blob { Thing::Blob } else { Thing::File };
        let mut check = Check::new(thing, stray.path);
        check.size = stray.size;
        let what = stray.what.map(|what| format!("{what}; "));
        let text = format!("{}nothing refers to it", what.unwrap_or_default());
        check.note = Some(Note::Unreferenced(text));
        check
    };
    let mut checks: Vec<Check> = strays.into_iter().map(check).collect();
    if !all {
        let mut rest = Check::new(Thing::File, ".");
        let text = "there are more files than are listed".to_owned();
        rest.note = Some(Note::Unreferenced(text));
        checks.push(rest);
    }
    checks
}
