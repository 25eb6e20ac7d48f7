//! Root certificates, found as Go programs find them.
//!
//! Go reads the first readable file of a list, even if that file is empty, and all files of a list of
//! directories (`crypto/x509/root_unix.go`). `SSL_CERT_FILE` replaces the list of files, and
//! `SSL_CERT_DIR` the list of directories. An empty value counts as unset. A file holds root
//! certificates if it has a PEM block of type `CERTIFICATE`.

use std::io;

use memchr::memmem;

use super::attribution;
use super::finding::Level;
use crate::launch::image::Image;
use crate::layer::printable;
use crate::tree::{NodeId, NodeKind};

/// The files of `crypto/x509/root_linux.go`, in order.
const FILES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// The directories of `crypto/x509/root_linux.go`.
const DIRS: [&str; 3] = [
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
    "/system/etc/security/cacerts",
];

/// The first line of a certificate. Blocks of other types, such as OpenSSL's `TRUSTED CERTIFICATE`, are
/// skipped (`CertPool.AppendCertsFromPEM`).
const MARKER: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// The number of bytes that are searched for a certificate first, before more of the file is read.
const HEAD: u64 = 64 << 10;

/// The maximum number of bytes of a bundle that are searched.
const LIMIT: u64 = 8 << 20;

/// The maximum number of files of a directory that are read. If none of them holds a certificate and
/// there are more files, the directory counts as one with certificates.
const DIR_FILES: usize = 256;

/// Returns the reason why a Go program of the image finds no root certificates, as a clause such as
/// `the image has no root certificates`. `None` if it finds some.
///
/// # Errors
/// Returns an error if a file of the image cannot be read.
pub(super) fn lacking(image: &Image<'_>) -> io::Result<Option<String>> {
    let file = set(image, "SSL_CERT_FILE");
    let dirs = set(image, "SSL_CERT_DIR");
    let files: Vec<&str> = file.map_or(FILES.to_vec(), |file| vec![file]);
    let read = files.iter().find_map(|path| {
        let node = image.regular(&image.absolute(path.as_bytes()))?;
        Some((*path, node))
    });
    if let Some((_, node)) = read
        && has_certificate(image, node)?
    {
        return Ok(None);
    }
    for dir in dirs.map_or(DIRS.to_vec(), |dirs| dirs.split(':').collect()) {
        if directory_has_certificate(image, dir)? {
            return Ok(None);
        }
    }
    let mut reasons = Vec::new();
    match (file, read) {
        (Some(path), None) => reasons.push(absent(image, "SSL_CERT_FILE", path)?),
        (Some(path), Some(_)) => reasons.push(format!(
            "SSL_CERT_FILE names {}, which holds no certificate",
            printable(path.as_bytes())
        )),
        (None, Some((path, _))) => reasons.push(format!("{path} holds no certificate")),
        (None, None) => reasons.extend(dangling(image, &FILES)),
    }
    if let Some(dirs) = dirs {
        let dirs = printable(dirs.as_bytes());
        reasons.push(format!(
            "SSL_CERT_DIR names {dirs}, which holds no certificate"
        ));
    }
    if reasons.is_empty() {
        let mut reason = "the image has no root certificates".to_owned();
        for path in FILES {
            let removed = attribution::of_path(image, Level::Warn, path.as_bytes())?;
            if !removed.is_empty() {
                reason = format!("{reason}, not even {path}{removed}");
                break;
            }
        }
        reasons.push(reason);
    }
    Ok(Some(reasons.join(", and ")))
}

/// Returns the value of a variable of the config, if it is not empty.
pub(super) fn set<'a>(image: &'a Image<'_>, name: &str) -> Option<&'a str> {
    image.env(name).filter(|value| !value.is_empty())
}

/// Returns a clause saying that a variable names a path that is not in the image.
pub(super) fn absent(image: &Image<'_>, name: &str, path: &str) -> io::Result<String> {
    let removed = attribution::of_path(image, Level::Warn, path.as_bytes())?;
    let path = printable(path.as_bytes());
    Ok(format!(
        "{name} names {path}, which is not in the image{removed}"
    ))
}

/// Returns a clause about the first path that is a dangling symbolic link.
fn dangling(image: &Image<'_>, paths: &[&str]) -> Option<String> {
    paths.iter().find_map(|path| {
        let (dir, name) = path.rsplit_once('/')?;
        let dir = image.resolve(dir.as_bytes())?;
        let (_, dentry) = image.tree.lookup(dir, name.as_bytes())?;
        let target = image.tree.target(dentry.node)?;
        let target = printable(target);
        Some(format!(
            "{path} is a link to {target}, which is not in the image"
        ))
    })
}

/// Returns true if a regular file has a certificate.
fn has_certificate(image: &Image<'_>, node: NodeId) -> io::Result<bool> {
    let size = image.tree.node(node).map_or(0, |node| node.size);
    let known = |bytes: &[u8]| {
        let mut found = memmem::find_iter(bytes, MARKER);
        found.any(|at| at == 0 || bytes.get(at - 1) == Some(&b'\n'))
    };
    let head = image.evidence.read(node, HEAD)?;
    if known(&head) || size <= HEAD {
        return Ok(known(&head));
    }
    Ok(known(&image.evidence.read(node, LIMIT)?))
}

/// Returns true if a file of a directory has a certificate. Subdirectories are not searched.
fn directory_has_certificate(image: &Image<'_>, dir: &str) -> io::Result<bool> {
    let Some(dir) = image.resolve(&image.absolute(dir.as_bytes())) else {
        return Ok(false);
    };
    let mut files = 0;
    for entry in image.tree.children(dir) {
        let Some(dentry) = image.tree.dentry(entry) else {
            continue;
        };
        let node = match image.tree.target(dentry.node) {
            // Skip links within the directory: their target is read as an entry of its own.
            Some(target) if !target.contains(&b'/') => continue,
            Some(target) => image.tree.resolve(dir, target).map(|(_, node)| node),
            None => Some(dentry.node),
        };
        let found = node.and_then(|node| Some((node, image.tree.node(node)?)));
        let Some((node, _)) = found.filter(|(_, found)| found.kind == NodeKind::Regular) else {
            continue;
        };
        files += 1;
        if files > DIR_FILES || has_certificate(image, node)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the certificate variables of the config whose paths are not in the image, with their values.
pub(super) fn absent_names<'a>(image: &'a Image<'_>) -> Vec<(&'static str, &'a str)> {
    let mut absent = Vec::new();
    let file = set(image, "SSL_CERT_FILE");
    let gone = |path: &str| image.resolve(&image.absolute(path.as_bytes())).is_none();
    absent.extend(
        file.filter(|path| gone(path))
            .map(|path| ("SSL_CERT_FILE", path)),
    );
    // For a list, one existing directory is enough.
    let dirs = set(image, "SSL_CERT_DIR");
    let dirs = dirs.filter(|dirs| dirs.split(':').all(gone));
    absent.extend(dirs.map(|dirs| ("SSL_CERT_DIR", dirs)));
    absent
}
