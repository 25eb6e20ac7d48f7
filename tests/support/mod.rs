//! Shared by the tests: layers made entry by entry, images made of layers, and mounts of them through
//! the real kernel that are removed with the test.
#![allow(dead_code)] // Each test program uses only a part of these modules.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use imgfs::internals::blob::Hasher;
use imgfs::internals::fuse::{self, Mount, MountOptions};
use imgfs::internals::open::{self, OpenImage, OpenOptions};
use imgfs::internals::view::{ImageFs, Sidecars};
use tempfile::TempDir;

pub mod diff;
pub mod needs;
pub mod platforms;
pub mod program;
pub mod proxy;
pub mod registry;
pub mod rsync;
pub mod store;
pub mod tree;
pub mod verify;

/// A layer's tar stream, made entry by entry.
pub struct Layer {
    builder: tar::Builder<Vec<u8>>,
}

impl Default for Layer {
    fn default() -> Self {
        Self::new()
    }
}

impl Layer {
    pub fn new() -> Self {
        Self {
            builder: tar::Builder::new(Vec::new()),
        }
    }

    fn header(kind: tar::EntryType, mode: u32) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000_000_000);
        header.set_size(0);
        header
    }

    /// Appends a header with a path that is written as it is, even if it is invalid.
    fn append(
        mut self,
        mut header: tar::Header,
        path: &str,
        link: Option<&str>,
        data: &[u8],
    ) -> Self {
        header.set_size(data.len() as u64);
        self.long(b'L', path, 100);
        fill(&mut header.as_old_mut().name, path);
        if let Some(link) = link {
            self.long(b'K', link, 100);
            fill(&mut header.as_old_mut().linkname, link);
        }
        header.set_cksum();
        self.builder.append(&header, data).unwrap();
        self
    }

    fn long(&mut self, flag: u8, text: &str, room: usize) {
        if text.len() <= room {
            return;
        }
        let mut header = Self::header(tar::EntryType::new(flag), 0o644);
        fill(&mut header.as_old_mut().name, "././@LongLink");
        header.set_size(text.len() as u64 + 1);
        header.set_cksum();
        let data = [text.as_bytes(), b"\0"].concat();
        self.builder.append(&header, data.as_slice()).unwrap();
    }

    pub fn dir(self, path: &str) -> Self {
        self.dir_mode(path, 0o755)
    }

    pub fn dir_mode(self, path: &str, mode: u32) -> Self {
        let header = Self::header(tar::EntryType::Directory, mode);
        self.append(header, path, None, b"")
    }

    pub fn file(self, path: &str, data: impl AsRef<[u8]>) -> Self {
        self.file_mode(path, data, 0o644)
    }

    pub fn file_mode(self, path: &str, data: impl AsRef<[u8]>, mode: u32) -> Self {
        let header = Self::header(tar::EntryType::Regular, mode);
        self.append(header, path, None, data.as_ref())
    }

    pub fn symlink(self, path: &str, target: &str) -> Self {
        let header = Self::header(tar::EntryType::Symlink, 0o777);
        self.append(header, path, Some(target), b"")
    }

    pub fn hardlink(self, path: &str, target: &str) -> Self {
        let header = Self::header(tar::EntryType::Link, 0o644);
        self.append(header, path, Some(target), b"")
    }

    pub fn fifo(self, path: &str) -> Self {
        let header = Self::header(tar::EntryType::Fifo, 0o644);
        self.append(header, path, None, b"")
    }

    pub fn device(self, path: &str, major: u32, minor: u32) -> Self {
        let mut header = Self::header(tar::EntryType::Char, 0o600);
        header.set_device_major(major).unwrap();
        header.set_device_minor(minor).unwrap();
        self.append(header, path, None, b"")
    }

    /// Appends an entry of any type flag.
    pub fn typed(self, path: &str, flag: u8, data: &[u8]) -> Self {
        let header = Self::header(tar::EntryType::new(flag), 0o644);
        self.append(header, path, None, data)
    }

    /// Appends PAX records for the next entry.
    pub fn pax(mut self, records: &[(&str, &[u8])]) -> Self {
        let mut data = Vec::new();
        for (key, value) in records {
            data.extend(pax_record(key, value));
        }
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::XHeader);
        fill(&mut header.as_old_mut().name, "PaxHeaders/x");
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(data.len() as u64);
        header.set_cksum();
        self.builder.append(&header, data.as_slice()).unwrap();
        self
    }

    /// Appends a whiteout of a path.
    pub fn whiteout(self, path: &str) -> Self {
        let (dir, name) = match path.rsplit_once('/') {
            Some((dir, name)) => (format!("{dir}/"), name),
            None => (String::new(), path),
        };
        self.file(&format!("{dir}.wh.{name}"), b"")
    }

    /// Appends an opaque marker in a directory (empty: in the root).
    pub fn opaque(self, dir: &str) -> Self {
        let slash = if dir.is_empty() { "" } else { "/" };
        self.file(&format!("{dir}{slash}.wh..wh..opq"), b"")
    }

    pub fn tar(self) -> Vec<u8> {
        self.builder.into_inner().unwrap()
    }
}

fn fill(field: &mut [u8; 100], text: &str) {
    let n = text.len().min(field.len());
    field[..n].copy_from_slice(&text.as_bytes()[..n]);
}

/// Returns `LENGTH KEY=VALUE\n`, with the length including itself.
pub fn pax_record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut len = rest + rest.to_string().len();
    if len.to_string().len() + rest != len {
        len = rest + len.to_string().len();
    }
    let mut record = format!("{len} {key}=").into_bytes();
    record.extend(value);
    record.push(b'\n');
    record
}

/// Reads a binary of tests/data/inspect.
pub fn data(name: &str) -> Vec<u8> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/inspect");
    fs::read(dir.join(name)).unwrap()
}

/// Returns text that compresses only partly, different for each seed.
pub fn text(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut text = Vec::with_capacity(len + 20);
    while text.len() < len {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        text.extend_from_slice(format!("{:x} ", state >> 40).as_bytes());
    }
    text.truncate(len);
    text
}

pub fn sha256(bytes: &[u8]) -> String {
    let mut hasher = Hasher::sha256();
    hasher.update(bytes);
    hasher.finish().to_string()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Runs `xz` with these bytes on its standard input. Returns its output if it succeeds.
pub fn run_xz(args: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new("xz")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // A program may close its input before its end.
        scope.spawn(move || stdin.write_all(input).is_ok());
        child.wait_with_output().unwrap()
    });
    output.status.success().then_some(output.stdout)
}

/// Returns the output of `xz` for these bytes.
pub fn xz(args: &[&str], bytes: &[u8]) -> Vec<u8> {
    run_xz(&[&["-c", "-q"], args].concat(), bytes).unwrap()
}

/// An image for an OCI layout.
pub struct OciImage {
    pub os: &'static str,
    pub arch: &'static str,
    /// Stored bytes and media type of each layer, and the digest of its tar.
    pub layers: Vec<(Vec<u8>, &'static str, String)>,
}

pub const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
pub const TAR_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub const TAR_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// No specification has it, but it is what the others would make of it.
pub const TAR_XZ: &str = "application/vnd.oci.image.layer.v1.tar+xz";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

impl OciImage {
    /// Returns an image for linux/amd64 with plain layers.
    pub fn plain(layers: &[Vec<u8>]) -> Self {
        Self {
            os: "linux",
            arch: "amd64",
            layers: layers
                .iter()
                .map(|tar| (tar.clone(), TAR, sha256(tar)))
                .collect(),
        }
    }

    pub fn gzip(layers: &[Vec<u8>]) -> Self {
        let mut image = Self::plain(layers);
        for layer in &mut image.layers {
            layer.0 = gzip(&layer.0);
            layer.1 = TAR_GZIP;
        }
        image
    }

    /// Returns its config, with a history line `step N` for each layer.
    pub fn config(&self) -> serde_json::Value {
        let history: Vec<_> = (0..self.layers.len())
            .map(|n| serde_json::json!({"created_by": format!("step {n}")}))
            .collect();
        let diff_ids: Vec<_> = self.layers.iter().map(|l| &l.2).collect();
        serde_json::json!({
            "os": self.os, "architecture": self.arch, "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": history,
        })
    }

    /// Writes its blobs; returns the descriptor of its manifest.
    pub fn write(&self, dir: &Path) -> serde_json::Value {
        self.write_with(dir, &self.config())
    }

    /// Like [`write`](Self::write), with another config.
    pub fn write_with(&self, dir: &Path, config: &serde_json::Value) -> serde_json::Value {
        let config = write_blob(dir, config.to_string().as_bytes());
        let layers: Vec<_> = self
            .layers
            .iter()
            .map(|(bytes, media_type, _)| {
                let mut descriptor = write_blob(dir, bytes);
                descriptor["mediaType"] = (*media_type).into();
                descriptor
            })
            .collect();
        let mut config = config;
        config["mediaType"] = "application/vnd.oci.image.config.v1+json".into();
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
        });
        let mut descriptor = write_blob(dir, manifest.to_string().as_bytes());
        descriptor["mediaType"] = MANIFEST.into();
        descriptor
    }
}

/// Writes a blob into a layout; returns its descriptor without a media type.
pub fn write_blob(dir: &Path, bytes: &[u8]) -> serde_json::Value {
    let digest = sha256(bytes);
    let blobs = dir.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(blobs.join(&digest[7..]), bytes).unwrap();
    serde_json::json!({"digest": digest, "size": bytes.len()})
}

/// Writes `index.json` and `oci-layout`.
pub fn write_index(dir: &Path, manifests: &[serde_json::Value]) {
    let index = serde_json::json!({"schemaVersion": 2, "manifests": manifests});
    fs::write(dir.join("index.json"), index.to_string()).unwrap();
    fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

/// Writes an OCI layout directory that contains one image.
pub fn oci_dir(image: &OciImage) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let descriptor = image.write(dir.path());
    write_index(dir.path(), &[descriptor]);
    dir
}

/// Packs a directory's files into a tar, like an `oci-archive` of a layout.
pub fn tar_of(dir: &Path) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_dir_all(".", dir).unwrap();
    builder.into_inner().unwrap()
}

/// A mounted image. Unmounts when dropped.
pub struct Mounted {
    mount: Option<Mount>,
    pub image: Arc<OpenImage>,
    dir: TempDir,
}

impl Mounted {
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn join(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    pub fn text(&self, path: &str) -> String {
        String::from_utf8(self.read(path)).unwrap()
    }

    /// Returns whether a file of that name exists, without following links.
    pub fn exists(&self, path: &str) -> bool {
        fs::symlink_metadata(self.join(path)).is_ok()
    }

    /// Returns the names in a directory in sorted order, without sidecars.
    pub fn names(&self, path: &str) -> Vec<String> {
        let names = fs::read_dir(self.join(path)).unwrap();
        names
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Some(mount) = self.mount.take() {
            let result = mount.umount();
            if !std::thread::panicking() {
                result.unwrap();
            }
        }
    }
}

pub fn open_image(reference: &str) -> OpenImage {
    open::open(&reference.parse().unwrap(), &OpenOptions::default(), &())
        .unwrap_or_else(|e| panic!("{e}"))
}

/// Mounts the image that a reference names.
pub fn mount(reference: &str, sidecars: Sidecars) -> Mounted {
    let image = Arc::new(open_image(reference));
    let view = ImageFs::new(image.clone(), sidecars);
    let dir = tempfile::tempdir().unwrap();
    let options = MountOptions {
        source: reference.to_owned(),
        ..MountOptions::default()
    };
    let mount = fuse::mount(Arc::new(view), dir.path(), &options).unwrap_or_else(|e| panic!("{e}"));
    Mounted {
        mount: Some(mount),
        image,
        dir,
    }
}

/// Mounts an image of these layers, lowest first.
pub fn mount_layers(layers: Vec<Layer>) -> Mounted {
    let tars: Vec<_> = layers.into_iter().map(Layer::tar).collect();
    let dir = oci_dir(&OciImage::plain(&tars));
    // The layers' files are open for as long as the image is.
    mount(dir.path().to_str().unwrap(), Sidecars::Off)
}

/// Returns a command for the tested program.
pub fn imgfs() -> Command {
    Command::new(env!("CARGO_BIN_EXE_imgfs"))
}

/// Runs a command that must succeed.
pub fn run(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e} (tests/run.sh installs what the tests need)"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
