//! Images of several platforms opened together: a shared layer is read once. The tests check the
//! reported progress, damage the layer so that a second read would fail, and use the kernel's counters.

use std::fs;
use std::sync::Mutex;

use crate::support;
use crate::support::platforms;
use crate::support::platforms::{BIG, blob, damage, image, stored, write};
use crate::support::{sha256, text};
use imgfs::internals::cache::CacheDir;
use imgfs::internals::image::Platform;
use imgfs::internals::layer::LayerIndex;
use imgfs::internals::open::{OpenError, OpenImage, OpenOptions, Progress, open_each};
use imgfs::internals::view::{ImageFs, Sidecars, View};

/// Records the reported progress: for each image the sizes of its layers, and the bytes read of each.
#[derive(Default)]
struct Noted(Mutex<Vec<(Vec<u64>, Vec<u64>)>>);

impl Progress for Noted {
    fn start(&self, sizes: &[u64]) {
        let mut noted = self.0.lock().unwrap();
        noted.push((sizes.to_vec(), vec![0; sizes.len()]));
    }

    fn advance(&self, layer: usize, position: u64) {
        let mut noted = self.0.lock().unwrap();
        let (_, read) = noted.last_mut().expect("it was started");
        read[layer] = read[layer].max(position);
    }
}

type Opened = (Platform, Result<OpenImage, OpenError>);

/// Opens all images, and calls a function after each.
fn open_all(
    dir: &std::path::Path,
    cache: &CacheDir,
    progress: &Noted,
    after: &dyn Fn(usize),
) -> Vec<Opened> {
    let options = OpenOptions {
        cache: cache.clone(),
        ..OpenOptions::default()
    };
    let reference = dir.to_str().unwrap().parse().unwrap();
    let mut all = Vec::new();
    let mut each = |platform, opened| {
        all.push((platform, opened));
        after(all.len());
    };
    open_each(&reference, &options, progress, &|_| true, &mut each).unwrap();
    all
}

fn names(all: &[Opened]) -> Vec<String> {
    all.iter()
        .map(|(platform, _)| platform.to_string())
        .collect()
}

#[test]
fn a_layer_of_all_platforms_is_decoded_once() {
    let cached = tempfile::tempdir().unwrap();
    // Without a cache, layers are not read again either.
    for cache in [CacheDir::none(), CacheDir::open(cached.path()).unwrap()] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path());
        let base = blob(dir.path(), &image(0).layers[0].0);
        let noted = Noted::default();
        let all = open_all(dir.path(), &cache, &noted, &|opened| {
            if opened == 1 {
                // A second read would get zeros.
                let len = fs::metadata(&base).unwrap().len();
                fs::write(&base, vec![0; len as usize]).unwrap();
            }
        });
        assert_eq!(names(&all), ["linux/amd64", "linux/arm64", "linux/arm/v7"]);
        for (platform, opened) in &all {
            let opened = opened
                .as_ref()
                .unwrap_or_else(|e| panic!("{platform}: {e}"));
            assert_eq!(opened.layers.len(), 2);
        }
        let [base, first] = stored(0);
        let (second, third) = (stored(1)[1], stored(2)[1]);
        let want = [[base, first], [0, second], [0, third]];
        let noted = noted.0.into_inner().unwrap();
        assert_eq!(noted.len(), 3);
        for ((sizes, read), want) in noted.into_iter().zip(want) {
            assert_eq!(sizes, want);
            assert_eq!(read, want);
        }
    }
}

/// Spans are shared too: data that was read for one platform is available to the others.
#[test]
fn what_was_decoded_for_one_platform_is_there_for_the_others() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let all = open_all(dir.path(), &CacheDir::none(), &Noted::default(), &|_| {});
    let mut decoded = Vec::new();
    for (platform, opened) in all {
        let view = ImageFs::new(opened.unwrap().into(), Sidecars::Off);
        let mut at = 1;
        for name in ["usr", "share", "big"] {
            at = view.lookup(at, name.as_bytes()).unwrap().ino;
        }
        let bytes = view.read(at, 0, BIG).unwrap();
        assert!(*bytes == *text(1, BIG), "{platform}");
        drop(bytes);
        let stats = view.cache_stats();
        decoded.push(stats.decoded + stats.prefetched);
    }
    assert!(decoded[0] > 1, "{decoded:?}");
    assert_eq!(decoded, [decoded[0]; 3]);
}

/// A platform that cannot be opened does not affect the others: the layers that were read for it serve
/// the others, and are kept.
#[test]
fn a_broken_platform_does_not_cost_the_others_their_layers() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    damage(dir.path(), 0);
    let cached = tempfile::tempdir().unwrap();
    let cache = CacheDir::open(cached.path()).unwrap();
    let noted = Noted::default();
    let all = open_all(dir.path(), &cache, &noted, &|_| {});
    let opened: Vec<bool> = all.iter().map(|(_, opened)| opened.is_ok()).collect();
    assert_eq!(opened, [false, true, true]);
    let started: Vec<_> = noted.0.into_inner().unwrap();
    let sizes: Vec<&[u64]> = started.iter().map(|(sizes, _)| sizes.as_slice()).collect();
    let own = |n| [0, stored(n)[1]];
    assert_eq!(sizes, [&stored(0), &own(1), &own(2)]);
    for (_, opened) in &all[1..] {
        let opened = opened.as_ref().unwrap();
        assert!(opened.wait_until_published(std::time::Duration::from_secs(60)));
    }
    let digest = sha256(&image(0).layers[0].0).parse().unwrap();
    assert!(LayerIndex::load(&cache, &digest).is_some());
}

/// The length that a descriptor claims is checked for each image separately.
#[test]
fn a_wrong_descriptor_of_a_layer_that_is_known_is_still_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let right = image(0);
    let mut entries = vec![platforms::entry(dir.path(), 0)];
    // The same layer with another length: by hand, since no builder would write it.
    let manifest = fs::read(blob_of(dir.path(), &entries[0])).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    manifest["layers"][0]["size"] = (right.layers[0].0.len() + 1).into();
    let mut wrong = support::write_blob(dir.path(), manifest.to_string().as_bytes());
    wrong["mediaType"] = support::MANIFEST.into();
    wrong["platform"] = serde_json::json!({"os": "linux", "architecture": "arm64"});
    entries.push(wrong);
    support::write_index(dir.path(), &entries);
    let all = open_all(dir.path(), &CacheDir::none(), &Noted::default(), &|_| {});
    assert!(all[0].1.is_ok());
    let error = all[1].1.as_ref().err().expect("a wrong size").to_string();
    assert!(error.contains("layer 0"), "{error}");
}

fn blob_of(dir: &std::path::Path, descriptor: &serde_json::Value) -> std::path::PathBuf {
    let digest = descriptor["digest"].as_str().unwrap();
    dir.join("blobs/sha256").join(&digest[7..])
}

/// Images without a common layer are the same as when opened alone.
#[test]
fn images_without_a_common_layer() {
    let dir = tempfile::tempdir().unwrap();
    let entry = |who: &str, arch: &str| {
        let platform = serde_json::json!({"os": "linux", "architecture": arch});
        platforms::claimed(dir.path(), who, platform)
    };
    support::write_index(dir.path(), &[entry("one", "amd64"), entry("two", "arm64")]);
    let all = open_all(dir.path(), &CacheDir::none(), &Noted::default(), &|_| {});
    assert_eq!(names(&all), ["linux/amd64", "linux/arm64"]);
    for ((_, opened), who) in all.into_iter().zip(["one", "two"]) {
        let view = ImageFs::new(opened.unwrap().into(), Sidecars::Off);
        let ino = view.lookup(1, b"who").unwrap().ino;
        assert_eq!(&*view.read(ino, 0, 10).unwrap(), who.as_bytes());
    }
}
