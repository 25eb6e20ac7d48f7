//! Writes a case as an OCI layout, which imgfs reads, and as directories, which overlayfs merges.

use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::json;

use super::case::{BinaryKind, Case, Entry};
use super::parts::parts;
use crate::support::{MANIFEST, TAR, pax_record, sha256, write_blob, write_index};

/// Returns the parent directories of an entry, the uppermost first, without the root.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    let slashes = path.match_indices('/').map(|(at, _)| at);
    slashes.filter(|&at| at > 0).map(|at| &path[..at])
}

/// Writes one layer as a directory for overlayfs.
fn write_directory(entries: &[Entry], dir: &Path) {
    fs::create_dir(dir).unwrap();
    for entry in entries {
        for parent in parents(&entry.path) {
            let _ = fs::create_dir(dir.join(&parent[1..]));
        }
        let path = dir.join(&entry.path[1..]);
        match &entry.kind {
            BinaryKind::Regular(data) => fs::write(&path, data).unwrap(),
            BinaryKind::Directory => {
                let _ = fs::create_dir(&path);
            }
            BinaryKind::Symlink(target) => symlink(target, &path).unwrap(),
            BinaryKind::Whiteout => {
                mknodat(CWD, &path, FileType::CharacterDevice, Mode::empty(), 0).unwrap()
            }
            BinaryKind::Opaque => {
                let _ = fs::create_dir(&path);
                xattr::set(&path, "trusted.overlay.opaque", b"y").unwrap();
            }
        }
        if matches!(entry.kind, BinaryKind::Whiteout) {
            continue;
        }
        lchown(&path, Some(entry.uid), Some(entry.gid)).unwrap();
        if !matches!(entry.kind, BinaryKind::Symlink(_)) {
            fs::set_permissions(&path, fs::Permissions::from_mode(entry.mode)).unwrap();
        }
        if let Some(value) = &entry.capabilities {
            xattr::set(&path, "security.capability", value).unwrap();
        }
    }
}

/// Returns the directories of a case's layers and its base, the upper ones first, as overlayfs requires.
pub fn directories(case: &Case, dir: &Path) -> Vec<PathBuf> {
    let mut lower = Vec::new();
    for (number, (_, entries)) in case.layers.iter().enumerate() {
        let path = dir.join(number.to_string());
        write_directory(entries, &path);
        lower.push(path);
    }
    lower.reverse();
    match case.base.name() {
        Some(base) => lower.push(parts().join("bases").join(base)),
        None => {
            // overlayfs requires two directories, so an empty one is added below.
            let empty = dir.join("empty");
            fs::create_dir(&empty).unwrap();
            lower.push(empty);
        }
    }
    lower
}

fn header(kind: tar::EntryType, entry: &Entry) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(entry.mode);
    header.set_uid(entry.uid.into());
    header.set_gid(entry.gid.into());
    header.set_mtime(1_700_000_000);
    header.set_size(0);
    header
}

/// Returns one layer as a tar stream.
fn tar_stream(entries: &[Entry]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut made = Vec::<String>::new();
    for entry in entries {
        for parent in parents(&entry.path) {
            if !made.iter().any(|path| path == parent) {
                let dir = Entry {
                    path: parent.to_owned(),
                    kind: BinaryKind::Directory,
                    mode: 0o755,
                    uid: 0,
                    gid: 0,
                    capabilities: None,
                };
                let mut header = header(tar::EntryType::Directory, &dir);
                builder
                    .append_data(&mut header, &parent[1..], &b""[..])
                    .unwrap();
                made.push(parent.to_owned());
            }
        }
        let path = &entry.path[1..];
        if let Some(value) = &entry.capabilities {
            let record = pax_record("SCHILY.xattr.security.capability", value);
            let mut header = header(tar::EntryType::XHeader, entry);
            header.set_size(record.len() as u64);
            builder
                .append_data(&mut header, "PaxHeaders/x", &record[..])
                .unwrap();
        }
        let hidden = |name: &str| match path.rsplit_once('/') {
            Some((dir, _)) => format!("{dir}/{name}"),
            None => name.to_owned(),
        };
        match &entry.kind {
            BinaryKind::Regular(data) => {
                let mut header = header(tar::EntryType::Regular, entry);
                header.set_size(data.len() as u64);
                builder.append_data(&mut header, path, &data[..]).unwrap();
            }
            BinaryKind::Directory => {
                let mut header = header(tar::EntryType::Directory, entry);
                builder.append_data(&mut header, path, &b""[..]).unwrap();
                made.push(entry.path.clone());
            }
            BinaryKind::Symlink(target) => {
                let mut header = header(tar::EntryType::Symlink, entry);
                builder.append_link(&mut header, path, target).unwrap();
            }
            BinaryKind::Whiteout => {
                let base = path.rsplit('/').next().unwrap_or(path);
                let name = hidden(&format!(".wh.{base}"));
                let mut header = header(tar::EntryType::Regular, entry);
                builder.append_data(&mut header, name, &b""[..]).unwrap();
            }
            BinaryKind::Opaque => {
                let mut header = header(tar::EntryType::Regular, entry);
                let name = format!("{path}/.wh..wh..opq");
                builder.append_data(&mut header, name, &b""[..]).unwrap();
            }
        }
    }
    builder.into_inner().unwrap()
}

/// Returns the digest of a base's tar, by name.
fn base_digest(name: &'static str) -> String {
    static DIGESTS: OnceLock<Vec<(&'static str, String)>> = OnceLock::new();
    let all = DIGESTS.get_or_init(|| {
        let digest = |name| {
            let tar = fs::read(parts().join(format!("bases/{name}.tar"))).unwrap();
            (name, sha256(&tar))
        };
        ["busybox", "musl", "debian"].map(digest).to_vec()
    });
    all.iter().find(|each| each.0 == name).unwrap().1.clone()
}

/// Writes the image into an OCI layout at `dir`. The base's blob is a link to a shared file.
pub fn write_layout(case: &Case, dir: &Path) {
    let mut layers = Vec::new();
    let mut diff_ids = Vec::new();
    let mut history = Vec::new();
    fs::create_dir_all(dir.join("blobs/sha256")).unwrap();
    if let Some(base) = case.base.name() {
        let digest = base_digest(base);
        let tar = parts().join(format!("bases/{base}.tar"));
        let size = fs::metadata(&tar).unwrap().len();
        symlink(&tar, dir.join("blobs/sha256").join(&digest[7..])).unwrap();
        layers.push(json!({"mediaType": TAR, "digest": digest, "size": size}));
        diff_ids.push(digest);
        history.push(json!({"created_by": format!("ADD {base}.tar /")}));
    }
    for (line, entries) in &case.layers {
        let tar = tar_stream(entries);
        let mut descriptor = write_blob(dir, &tar);
        descriptor["mediaType"] = TAR.into();
        layers.push(descriptor);
        diff_ids.push(sha256(&tar));
        history.push(json!({"created_by": line}));
    }
    let mut config = json!({"Entrypoint": case.entrypoint, "Cmd": case.cmd, "Env": case.env});
    if !case.user.is_empty() {
        config["User"] = case.user.as_str().into();
    }
    if !case.workdir.is_empty() {
        config["WorkingDir"] = case.workdir.as_str().into();
    }
    if !case.health.is_empty() {
        config["Healthcheck"] = json!({"Test": case.health});
    }
    let config = json!({
        "os": "linux", "architecture": "amd64", "config": config,
        "rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": history,
    });
    let mut config = write_blob(dir, config.to_string().as_bytes());
    config["mediaType"] = "application/vnd.oci.image.config.v1+json".into();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
    });
    let mut descriptor = write_blob(dir, manifest.to_string().as_bytes());
    descriptor["mediaType"] = MANIFEST.into();
    write_index(dir, &[descriptor]);
}
