//! The second mount of an image: results of the first mount are used as far as they can be trusted, and
//! no further. The kernel counts the bytes that a process reads (`/proc/PID/io`).

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support;
use crate::support::program;
use crate::support::program::{Place, assert_says, images, output, stderr, succeed, within};
use crate::support::{Layer, OciImage, gzip, text, xz};

const LEN: usize = 6_000_000;

fn layers() -> Vec<Vec<u8>> {
    let script = "#!/bin/sh\necho ran\n";
    let lower = Layer::new()
        .dir("usr")
        .file("usr/one", text(1, LEN))
        .file("usr/gone", "hidden");
    let upper = Layer::new()
        .file("usr/two", text(2, LEN))
        .whiteout("usr/.wh.gone")
        .file("usr/.wh..", "a bad whiteout")
        .file_mode("usr/run", script, 0o755)
        .symlink("link", "usr/run");
    vec![lower.tar(), upper.tar()]
}

/// Waits until a file that was just written is old enough to be recognised by its identity.
fn settle() {
    std::thread::sleep(Duration::from_millis(2100));
}

/// Returns everything visible in the image, as text.
fn seen(place: &Place) -> Vec<String> {
    let mnt = place.mnt();
    let shown = output(
        place
            .command("find")
            .arg(&mnt)
            .args(["-printf", "%P %y %m %U %G %n %s %T@ %l\n"]),
    );
    assert!(shown.status.success());
    let mut lines: Vec<_> = String::from_utf8(shown.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    for name in ["usr/one", "usr/two", "usr/run.arch", "link.arch"] {
        lines.push(support::sha256(&fs::read(mnt.join(name)).unwrap()));
    }
    lines
}

/// Returns the bytes that the process of the mount has read from files, with read(2) and similar calls.
fn read_by_daemon(place: &Place) -> u64 {
    let pid = place.daemon().as_raw_nonzero();
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    let line = io.lines().find_map(|l| l.strip_prefix("rchar: ")).unwrap();
    line.parse().unwrap()
}

fn mount(place: &Place, image: &Path) -> String {
    let mut command = place.mount_command(&[], image);
    succeed(command.env("XDG_CACHE_HOME", place.join("cache")))
}

/// Returns the content of the mount, the program's output, and the number of bytes read until the mount
/// was ready.
fn look(place: &Place, image: &Path) -> (Vec<String>, String, u64) {
    let said = mount(place, image);
    let read = read_by_daemon(place);
    let shown = seen(place);
    place.umount();
    within(program::SOON, "the end", || place.processes().is_empty());
    (shown, said, read)
}

fn cached(place: &Place, kind: &str) -> Vec<PathBuf> {
    let dir = place.join("cache/imgfs/v1").join(kind);
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    files
}

/// Returns every packing of the image: its name, and its file or directory.
fn packed(place: &Place) -> Vec<(&'static str, PathBuf)> {
    let plain = OciImage::plain(&layers());
    let gzipped = OciImage::gzip(&layers());
    let mut zstd = OciImage::plain(&layers());
    for layer in &mut zstd.layers {
        layer.0 = zstd::encode_all(&layer.0[..], 3).unwrap();
        layer.1 = support::TAR_ZSTD;
    }
    let mut xz_layers = OciImage::plain(&layers());
    for layer in &mut xz_layers.layers {
        layer.0 = xz(&["-0"], &layer.0);
        layer.1 = support::TAR_XZ;
    }
    let docker = images::docker_archive(&plain, &["app:1"]);
    let dir = place.join("layout");
    let descriptor = gzipped.write(&dir);
    support::write_index(&dir, &[descriptor]);
    vec![
        (
            "gzip layers",
            place.file("gzip.tar", images::oci_archive(&gzipped)),
        ),
        (
            "zstd layers",
            place.file("zstd.tar", images::oci_archive(&zstd)),
        ),
        (
            "xz layers",
            place.file("xz.tar", images::oci_archive(&xz_layers)),
        ),
        ("docker-archive", place.file("docker.tar", &docker)),
        (
            "docker-archive of gzip layers",
            place.file(
                "docker-gzip.tar",
                images::docker_archive(&gzipped, &["app:1"]),
            ),
        ),
        (
            "compressed archive",
            place.file("docker.tar.gz", gzip(&docker)),
        ),
        (
            "archive of one xz block",
            place.file("docker.tar.xz", xz(&["-0"], &docker)),
        ),
        ("directory", dir),
    ]
}

#[test]
fn the_second_mount_reads_no_layer_and_shows_the_same() {
    let place = Place::new();
    let all = packed(&place);
    settle();
    let mut first_of_all = None;
    for (name, image) in all {
        let (first, said, read) = look(&place, &image);
        assert_says(&said, &["bad-whiteout", "usr/.wh.."]);
        assert!(
            read > 1_000_000,
            "{name}: the first mount read {read} bytes"
        );
        let (second, said_again, read) = look(&place, &image);
        assert!(read < 200_000, "{name}: the second mount read {read} bytes");
        assert_eq!(second, first, "{name}");
        assert_eq!(said_again, said, "{name}: the same problems are reported");
        // For each packing it is the same image, except for the names of its layers.
        let plain: Vec<_> = first.into_iter().filter(|l| l.contains(' ')).collect();
        let first = first_of_all.get_or_insert_with(|| plain.clone());
        let differ = |lines: &[String]| -> Vec<String> {
            let sizes = |line: &String| !line.contains(".arch ");
            lines.iter().filter(|l| sizes(l)).cloned().collect()
        };
        assert_eq!(differ(&plain), differ(first), "{name}");
    }
}

#[test]
fn a_file_that_was_just_written_is_hashed_again_and_not_decoded() {
    let place = Place::new();
    let image = place.file("a.tar", images::oci_archive(&OciImage::gzip(&layers())));
    let (first, ..) = look(&place, &image);
    let indexes = cached(&place, "layer");
    let stamp = |files: &[PathBuf]| -> Vec<_> {
        let inode = |path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
        files.iter().map(inode).collect()
    };
    let before = stamp(&indexes);
    let (second, _, read) = look(&place, &image);
    assert_eq!(second, first);
    let size = fs::metadata(&image).unwrap().len();
    assert!(
        (size / 2..size * 2).contains(&read),
        "{read} of {size} bytes"
    );
    assert_eq!(
        stamp(&cached(&place, "layer")),
        before,
        "no index was made anew"
    );
    // The same for a copy: the layers are known, the file is not.
    let copy = place.join("copy.tar");
    fs::copy(&image, &copy).unwrap();
    assert_eq!(look(&place, &copy).0, first);
    assert_eq!(stamp(&cached(&place, "layer")), before);
}

#[test]
fn a_layer_that_changed_is_refused_although_its_index_is_there() {
    let place = Place::new();
    let dir = place.join("layout");
    let image = OciImage::gzip(&layers());
    let descriptor = image.write(&dir);
    support::write_index(&dir, &[descriptor]);
    settle();
    look(&place, &dir);
    let name = support::sha256(&image.layers[0].0).replace(':', "/");
    let blob = dir.join("blobs").join(name);
    let file = fs::OpenOptions::new().write(true).open(&blob).unwrap();
    let times = fs::metadata(&blob).unwrap().modified().unwrap();
    file.write_all_at(b"?", 1_000_000).unwrap();
    // Setting the mtime back does not set the ctime back.
    file.set_modified(times).unwrap();
    let mut command = place.mount_command(&[], &dir);
    let failed = output(command.env("XDG_CACHE_HOME", place.join("cache")));
    assert!(!failed.status.success());
    assert_says(&stderr(&failed), &["layer 0", "digest mismatch"]);
    // The other layer's index is still valid.
    file.write_all_at(&image.layers[0].0[1_000_000..1_000_001], 1_000_000)
        .unwrap();
    look(&place, &dir);
}

#[test]
fn what_is_damaged_in_the_cache_is_made_again() {
    let place = Place::new();
    let image = place.file("a.tar", images::oci_archive(&OciImage::gzip(&layers())));
    settle();
    let (first, ..) = look(&place, &image);
    for kind in ["layer", "tree", "seen"] {
        let sound: Vec<_> = cached(&place, kind)
            .into_iter()
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        assert!(!sound.is_empty(), "{kind}");
        for (path, bytes) in &sound {
            let step = (bytes.len() / 6).max(1);
            for at in (0..bytes.len()).step_by(step).chain([bytes.len() - 1]) {
                let mut bad = bytes.clone();
                bad[at] ^= 0x55;
                fs::write(path, &bad).unwrap();
                match see_or_eio(&place, &image) {
                    Some(shown) => assert_eq!(shown, first, "{kind}, byte {at}"),
                    // Damage that is found late can only cause an error late. The next mount makes the
                    // index again.
                    None => {
                        assert_ne!(kind, "seen");
                        assert_eq!(look(&place, &image).0, first, "{kind}, byte {at}, again");
                    }
                }
                fs::write(path, bytes).unwrap();
            }
            for len in [0, 100, bytes.len() / 2] {
                fs::write(path, &bytes[..len]).unwrap();
                assert_eq!(look(&place, &image).0, first, "{kind}, cut to {len}");
            }
            fs::remove_file(path).unwrap();
            assert_eq!(look(&place, &image).0, first, "{kind}, removed");
        }
    }
}

/// The number of scripts whose facts fill several checked blocks of 64 KiB.
const SCRIPTS: u64 = 3000;

/// Unreadable facts are an error of the files that show them, not of their directory.
#[test]
fn damage_that_is_found_late_hides_no_names() {
    let place = Place::new();
    let mut layer = Layer::new();
    for n in 0..SCRIPTS {
        // Interpreters with random names, which do not compress.
        let word = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let script = format!("#!/bin/{word:x}{:x}\n", word.rotate_left(23) ^ n);
        layer = layer.file_mode(&format!("bin/{n:04}"), script, 0o755);
    }
    let image = place.file(
        "a.tar",
        images::docker_archive(&OciImage::plain(&[layer.tar()]), &[]),
    );
    settle();
    let end = || {
        place.umount();
        within(program::SOON, "the end", || place.processes().is_empty());
    };
    mount(&place, &image);
    end();
    let path = cached(&place, "layer").pop().unwrap();
    let sound = fs::read(&path).unwrap();
    let mut errors = 0;
    for n in 1..10 {
        let mut bad = sound.clone();
        bad[sound.len() * n / 10] ^= 0x55;
        fs::write(&path, &bad).unwrap();
        mount(&place, &image);
        let names: Vec<_> = fs::read_dir(place.mnt().join("bin"))
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        // Each script has a sidecar beside it.
        assert_eq!(names.len() as u64, 2 * SCRIPTS, "byte {n}/10");
        for name in names {
            match fs::metadata(&name) {
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.raw_os_error(), Some(5), "{error}");
                    assert_eq!(name.extension(), Some("arch".as_ref()), "{name:?}");
                    errors += 1;
                }
            }
        }
        end();
    }
    assert!(errors > 0, "nothing was found late");
}

/// Mounts and reads; returns `None` if something could not be read because of an I/O error.
fn see_or_eio(place: &Place, image: &Path) -> Option<Vec<String>> {
    mount(place, image);
    let mnt = place.mnt();
    let tar = output(
        place
            .command("tar")
            .arg("-cf")
            .arg("/dev/null")
            .arg("-C")
            .arg(&mnt)
            .arg("."),
    );
    // tar(1) does not read files if the archive goes to /dev/null; grep does.
    let grep = output(
        place
            .command("grep")
            .args(["-rc", "no such text"])
            .arg(&mnt),
    );
    let failed = |o: &std::process::Output| {
        let said = stderr(o);
        assert!(
            said.is_empty() || said.contains("Input/output error"),
            "{said}"
        );
        !said.is_empty()
    };
    let (tar, grep) = (failed(&tar), failed(&grep));
    let shown = (!tar && !grep).then(|| seen(place));
    place.umount();
    within(program::SOON, "the end", || place.processes().is_empty());
    shown
}

#[test]
fn four_mounts_at_once_with_an_empty_cache_all_work() {
    let places: Vec<Place> = (0..4).map(|_| Place::new()).collect();
    let image = places[0].file("a.tar", images::oci_archive(&OciImage::gzip(&layers())));
    settle();
    let cache = places[0].join("cache");
    let shown: Vec<_> = std::thread::scope(|scope| {
        let mounts: Vec<_> = places
            .iter()
            .map(|place| {
                scope.spawn(|| {
                    let mut command = place.mount_command(&[], &image);
                    succeed(command.env("XDG_CACHE_HOME", &cache));
                    seen(place)
                })
            })
            .collect();
        mounts.into_iter().map(|m| m.join().unwrap()).collect()
    });
    assert!(shown.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(cached(&places[0], "layer").len(), 2);
    // Emptying the cache under a mount does not affect the mount.
    fs::remove_dir_all(&cache).unwrap();
    fs::write("/proc/sys/vm/drop_caches", "3").unwrap();
    assert_eq!(seen(&places[1]), shown[0]);
}
