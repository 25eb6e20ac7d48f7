//! Root certificates, as Go programs look for them.
//!
//! Go reads the first of a list of files that it can read, also if that file is empty, and all files of
//! a list of directories (`crypto/x509/root_unix.go`). `SSL_CERT_FILE` replaces the list of files,
//! `SSL_CERT_DIR` the list of directories; an empty value counts as unset. A file holds roots if it has a
//! PEM block of the type `CERTIFICATE`.

use std::io;

use memchr::memmem;

use super::attribution;
use super::finding::Level;
use crate::launch::image::Image;
use crate::layer::printable;
use crate::tree::{Kind, NodeId};

/// The files of `crypto/x509/root_linux.go`, in its order.
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

/// Bytes of a file that are searched for a certificate before the whole file is.
const HEAD: u64 = 64 << 10;

/// A bundle is not searched beyond this many bytes.
const LIMIT: u64 = 8 << 20;

/// If so many files of a directory hold no certificate, the others are not read: the directory counts as
/// one with certificates.
const DIR_FILES: usize = 256;

/// Why a Go program of the image has no root certificates: a clause such as `the image has no root
/// certificates`. `None` if it has some.
///
/// # Errors
/// If a file of the image cannot be read.
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
            "SSL_CERT_DIR names {dirs}, where no certificate is"
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

/// The value of a variable of the config, if it is not empty.
pub(super) fn set<'a>(image: &'a Image<'_>, name: &str) -> Option<&'a str> {
    image.env(name).filter(|value| !value.is_empty())
}

/// A clause that says that a variable names a path that is not in the image.
pub(super) fn absent(image: &Image<'_>, name: &str, path: &str) -> io::Result<String> {
    let removed = attribution::of_path(image, Level::Warn, path.as_bytes())?;
    let path = printable(path.as_bytes());
    Ok(format!(
        "{name} names {path}, which is not in the image{removed}"
    ))
}

/// A clause about the first path that is a symbolic link to nothing.
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

/// Whether a regular file has a certificate.
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

/// Whether a file of a directory has a certificate. Files of directories below it do not count.
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
            // A link to a file of the same directory is skipped, since that file is read anyway.
            Some(target) if !target.contains(&b'/') => continue,
            Some(target) => image.tree.resolve(dir, target).map(|(_, node)| node),
            None => Some(dentry.node),
        };
        let found = node.and_then(|node| Some((node, image.tree.node(node)?)));
        let Some((node, _)) = found.filter(|(_, found)| found.kind == Kind::Regular) else {
            continue;
        };
        files += 1;
        if files > DIR_FILES || has_certificate(image, node)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What the config names for OpenSSL and Go that is not in the image: the variable and its value.
pub(super) fn absent_names<'a>(image: &'a Image<'_>) -> Vec<(&'static str, &'a str)> {
    let mut absent = Vec::new();
    let file = set(image, "SSL_CERT_FILE");
    let gone = |path: &str| image.resolve(&image.absolute(path.as_bytes())).is_none();
    absent.extend(
        file.filter(|path| gone(path))
            .map(|path| ("SSL_CERT_FILE", path)),
    );
    // Of a list, it is enough that one directory is there.
    let dirs = set(image, "SSL_CERT_DIR");
    let dirs = dirs.filter(|dirs| dirs.split(':').all(gone));
    absent.extend(dirs.map(|dirs| ("SSL_CERT_DIR", dirs)));
    absent
}
