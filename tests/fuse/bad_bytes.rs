//! Images that lost or changed some bytes. The real program refuses truncated or flipped images and says
//! what to do; the library accepts any bytes without a panic.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::support::program::images::{docker_archive, oci_archive};
use crate::support::program::{Place, fail, refused, str};
use crate::support::{Layer, OciImage, TAR_GZIP, TAR_XZ, TAR_ZSTD, gzip, oci_dir, sha256, xz};
use imgfs::internals::open::{self, OpenImage, OpenOptions};
use imgfs::internals::view::{ImageFs, Sidecars, View};
use proptest::prelude::*;
use proptest::sample::Index;

/// Returns bytes that do not compress, the same in every run (xorshift64).
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}

/// Returns an image of two layers, most of it noise.
fn large() -> OciImage {
    let layer = |name: &str| {
        Layer::new()
            .file(name, noise(60_000))
            .file("end", "end")
            .tar()
    };
    OciImage::plain(&[layer("one"), layer("two")])
}

/// A truncated image: cut at every 7% of it, in each packing, as after an interrupted download. The
/// message names the file and says that it is incomplete or what is missing from it.
#[test]
fn archives_cut_off() {
    let archives = [docker_archive(&large(), &[]), oci_archive(&large())];
    for (kind, archive) in archives.into_iter().enumerate() {
        let zstd = zstd::encode_all(&*archive, 3).unwrap();
        for (packing, bytes) in [
            ("tar", archive.clone()),
            ("gz", gzip(&archive)),
            ("zst", zstd),
            ("xz", xz(&["--block-size=50000"], &archive)),
        ] {
            for percent in (0..100).step_by(7) {
                let place = Place::new();
                let cut = &bytes[..bytes.len() * percent / 100];
                let path = place.file(&format!("{kind}-{percent}.{packing}"), cut);
                let said = fail(&mut place.mount_command(&[], &path));
                assert!(said.contains(str(&path)), "{percent}% {packing}: {said}");
                // An empty file is not an image; a longer one must be fetched again.
                let way_out = if percent == 0 { "docker save" } else { "again" };
                assert!(said.contains(way_out), "{percent}% {packing}: {said}");
                place.assert_gone();
            }
        }
    }
}

/// One flipped bit in a layer, at any place and with any compression: the digest does not match, and the
/// message names the layer.
#[test]
fn a_flipped_bit_in_a_layer() {
    let gzipped = OciImage::gzip(&large().layers.map_tars());
    let mut images = [large(), gzipped, large(), large()];
    for layer in &mut images[2].layers {
        layer.0 = zstd::encode_all(&*layer.0, 3).unwrap();
        layer.1 = TAR_ZSTD;
    }
    for layer in &mut images[3].layers {
        layer.0 = xz(&[], &layer.0);
        layer.1 = TAR_XZ;
    }
    for image in images {
        let place = Place::new();
        let dir = oci_dir(&image);
        for (number, (bytes, kind, _)) in image.layers.iter().enumerate() {
            let digest = sha256(bytes);
            let path = dir.path().join("blobs/sha256").join(&digest[7..]);
            let words = [
                str(dir.path()),
                &format!("layer {number}"),
                &digest,
                "digest mismatch",
            ];
            for part in 0..12 {
                // Includes the first and the last byte.
                let at = (bytes.len() - 1) * part / 11;
                let mut flipped = bytes.clone();
                flipped[at] ^= 1;
                fs::write(&path, flipped).unwrap();
                let said = refused(&place, &[], dir.path(), &words);
                assert!(said.contains("again"), "{kind}, byte {at}: {said}");
            }
            fs::write(&path, bytes).unwrap();
        }
    }
}

/// One flipped bit in a layer of a docker-archive: the config's diff_id detects it, and the message
/// names the layer's path. In a compressed layer the decoder may detect it first.
#[test]
fn a_flipped_bit_in_a_docker_archive() {
    let place = Place::new();
    for image in [large(), OciImage::gzip(&large().layers.map_tars())] {
        let archive = docker_archive(&image, &[]);
        let layer = &image.layers[1].0;
        let start = archive
            .windows(64)
            .rposition(|w| w == &layer[..64])
            .unwrap();
        for part in 1..8 {
            let mut flipped = archive.clone();
            flipped[start + layer.len() * part / 8] ^= 0x10;
            let path = place.file("flipped.tar", flipped);
            refused(&place, &[], &path, &[str(&path), "layer 1", "1/layer.tar"]);
        }
    }
}

/// One changed byte in a manifest or a config: the message names its digest.
#[test]
fn a_changed_document() {
    let place = Place::new();
    let image = large();
    let dir = oci_dir(&image);
    for blob in fs::read_dir(dir.path().join("blobs/sha256")).unwrap() {
        let path = blob.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        if bytes[0] != b'{' {
            continue;
        }
        let digest = format!("sha256:{}", path.file_name().unwrap().to_str().unwrap());
        let changed = String::from_utf8(bytes.clone())
            .unwrap()
            .replacen("sha256:", "sha256: ", 1);
        for changed in [
            changed.into_bytes(),
            [&bytes[..], b" "].concat(),
            Vec::new(),
        ] {
            fs::write(&path, changed).unwrap();
            let words = [str(dir.path()), &digest, "does not match its digest"];
            refused(&place, &[], dir.path(), &words);
        }
        fs::write(&path, bytes).unwrap();
    }
}

/// The tars of an image's layers.
trait Tars {
    fn map_tars(self) -> Vec<Vec<u8>>;
}

impl Tars for Vec<(Vec<u8>, &'static str, String)> {
    fn map_tars(self) -> Vec<Vec<u8>> {
        self.into_iter().map(|layer| layer.0).collect()
    }
}

/// A change of some bytes.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Flip(Index, u8),
    Cut(Index),
    Remove(Index, usize),
    Insert(Index, Vec<u8>),
    Copy(Index, Index, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(i, b)| Change::Set(i, b)),
        4 => (at(), 0..8_u8).prop_map(|(i, b)| Change::Flip(i, b)),
        1 => at().prop_map(Change::Cut),
        1 => (at(), 1..600_usize).prop_map(|(i, n)| Change::Remove(i, n)),
        1 => (at(), prop::collection::vec(any::<u8>(), 1..600))
            .prop_map(|(i, b)| Change::Insert(i, b)),
        1 => (at(), at(), 1..600_usize).prop_map(|(i, j, n)| Change::Copy(i, j, n)),
    ]
}

fn apply(bytes: &mut Vec<u8>, changes: &[Change]) {
    for change in changes {
        if bytes.is_empty() {
            return;
        }
        let len = bytes.len();
        match change {
            Change::Set(i, byte) => bytes[i.index(len)] = *byte,
            Change::Flip(i, bit) => bytes[i.index(len)] ^= 1 << bit,
            Change::Cut(i) => bytes.truncate(i.index(len)),
            Change::Remove(i, n) => drop(bytes.drain(i.index(len)..len.min(i.index(len) + n))),
            Change::Insert(i, new) => {
                let at = i.index(len);
                drop(bytes.splice(at..at, new.iter().copied()));
            }
            Change::Copy(i, j, n) => {
                let (from, to) = (i.index(len), j.index(len));
                let n = (*n).min(len - from.max(to));
                bytes.copy_within(from..from + n, to);
            }
        }
    }
}

/// Returns a small image with everything that a layer may contain.
fn varied() -> OciImage {
    let lower = Layer::new()
        .dir("d")
        .file("d/a", "text\n".repeat(50))
        .file_mode("d/run", "#!/bin/sh\n", 0o755)
        .file(
            "d/elf",
            [b"\x7fELF\x02\x01\x01\0".as_slice(), &noise(200)].concat(),
        )
        .pax(&[
            ("path", b"d/long"),
            ("SCHILY.xattr.user.x", b"value"),
            ("mtime", b"1.5"),
        ])
        .file("d/short", "pax\n");
    let upper = Layer::new()
        .whiteout("d/a")
        .hardlink("d/again", "d/run")
        .symlink("d/link", "run")
        .opaque("e")
        .file(&"n/".repeat(80), "long name\n")
        .device("null", 1, 3)
        .fifo("fifo");
    OciImage::plain(&[lower.tar(), upper.tar()])
}

/// Opens the image, or returns the text of the error.
fn try_open(path: &Path) -> Result<OpenImage, String> {
    let image = open::open(&str(path).parse().unwrap(), &OpenOptions::default(), &());
    image.map_err(|error| error.to_string())
}

/// Accesses everything that the image shows: any answer is accepted, but not a panic. Returns how much
/// there was.
fn walk(image: OpenImage) -> usize {
    let nodes: Vec<_> = image.tree.nodes().collect();
    let mut buf = vec![0; 8192];
    for node in nodes {
        let _ = image.read(&image.tree, node, &mut buf, 0);
        let _ = image.read(&image.tree, node, &mut buf, 100);
    }
    let view = ImageFs::new(Arc::new(image), Sidecars::Listed);
    let mut pending = vec![1];
    let mut seen = 0;
    while let Some(ino) = pending.pop() {
        let mut names = Vec::new();
        let _ = view.list(ino, 0, &mut |_, entry| {
            names.push(entry.name.to_vec());
            true
        });
        for name in names
            .iter()
            .filter(|name| **name != b"." && **name != b"..")
        {
            let Ok(attr) = view.lookup(ino, name) else {
                continue;
            };
            let _ = (
                view.read(attr.ino, 0, 4096),
                view.readlink(attr.ino),
                view.listxattr(attr.ino),
            );
            pending.push(attr.ino);
            seen += 1;
        }
    }
    seen
}

fn check(path: &Path) -> Result<(), TestCaseError> {
    match try_open(path) {
        Ok(image) => drop(walk(image)),
        Err(error) => {
            prop_assert!(
                error.contains(str(path)),
                "it does not name the image: {}",
                error
            );
        }
    }
    Ok(())
}

/// Without changes, the image that the tests below change is read to its end: five names beside `d/`
/// with four names and `d/run.arch`, and eighty directories.
#[test]
fn the_varied_image_is_whole() {
    let dir = oci_dir(&varied());
    let image = try_open(dir.path()).unwrap_or_else(|e| panic!("{e}"));
    assert!(walk(image) > 90);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 150, failure_persistence: None, ..Default::default()
    })]

    /// After any change of an archive's bytes the image opens, or the error names the archive.
    #[test]
    fn changed_archives_never_panic(
        kind in 0..6, changes in prop::collection::vec(change(), 1..6),
    ) {
        let image = varied();
        let mut bytes = match kind {
            0..3 => docker_archive(&image, &["a:1"]),
            _ => oci_archive(&image),
        };
        match kind % 3 {
            1 => bytes = gzip(&bytes),
            2 => bytes = xz(&["-1", "--block-size=3000"], &bytes),
            _ => {}
        }
        apply(&mut bytes, &changes);
        let place = Place::new();
        check(&place.file("image.tar", bytes))?;
    }

    /// Any change of a layer's bytes, stored or decoded, with the digests of the result: the digest does
    /// not protect the readers of tar, gzip, zstd and xz here.
    #[test]
    fn changed_layers_never_panic(
        kind in 0..7, changes in prop::collection::vec(change(), 1..6), number in 0..2_usize,
    ) {
        let mut image = varied();
        let (bytes, media_type, _) = &mut image.layers[number];
        if kind < 4 {
            apply(bytes, &changes);
        }
        match kind {
            1 | 4 => (*bytes, *media_type) = (gzip(bytes), TAR_GZIP),
            2 | 5 => (*bytes, *media_type) = (zstd::encode_all(&**bytes, 1).unwrap(), TAR_ZSTD),
            3 | 6 => (*bytes, *media_type) = (xz(&["-1"], bytes), TAR_XZ),
            _ => {}
        }
        if kind >= 4 {
            apply(bytes, &changes);
        }
        check(oci_dir(&image).path())?;
    }

    /// Any change of a document that is not covered by a digest.
    #[test]
    fn changed_documents_never_panic(
        docker in any::<bool>(), changes in prop::collection::vec(change(), 1..4),
    ) {
        let place = Place::new();
        let image = varied();
        if docker {
            let mut tar = Layer::new();
            let whole = docker_archive(&image, &["a:1"]);
            for entry in tar::Archive::new(&*whole).entries().unwrap() {
                let mut entry = entry.unwrap();
                let name = entry.path().unwrap().to_str().unwrap().to_owned();
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                if name.ends_with(".json") {
                    apply(&mut bytes, &changes);
                }
                tar = tar.file(&name, bytes);
            }
            check(&place.file("image.tar", tar.tar()))?;
        } else {
            let dir = oci_dir(&image);
            let path = dir.path().join("index.json");
            let mut bytes = fs::read(&path).unwrap();
            apply(&mut bytes, &changes);
            fs::write(&path, bytes).unwrap();
            check(dir.path())?;
        }
    }
}
