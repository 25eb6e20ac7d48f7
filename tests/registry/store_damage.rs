//! A store that was damaged or modified, that cannot be written, or whose disk is full. Each command
//! reports the problem and a solution, none hangs, and no blob is removed as unreferenced if the
//! references cannot be determined.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::pull_support::{assert_sound, image, layers_of, push};
use crate::support;
use crate::support::platforms;
use crate::support::program::{
    Place, SOON, assert_says, fail, output, stderr, str, succeed, within,
};
use crate::support::proxy::{Act, Faults};
use crate::support::registry::Registry;
use crate::support::store::*;
use rustix::mount::{UnmountFlags, unmount};
use serde_json::{Value, json};

/// A store with the image `app:1` of two layers, and the registry from which it was pulled.
struct Scene {
    place: Place,
    registry: Registry,
    /// `localhost:PORT/app:1`.
    name: String,
    manifest: String,
    config: String,
    layers: Vec<String>,
}

impl Scene {
    fn new() -> Self {
        let (place, registry) = (Place::new(), Registry::plain());
        let image = image(&[("base", 60_000), ("top", 1000)]);
        push(&registry, &image, "app:1");
        let name = format!("{}/app:1", registry.host());
        imgfs(&place, ["pull", &name]);
        let manifest = images(&place)[0]["digest"].as_str().unwrap().to_owned();
        let config = named_by(&blob(&place, &manifest)).remove(0);
        Self {
            layers: layers_of(&image),
            place,
            registry,
            name,
            manifest,
            config,
        }
    }

    fn dir(&self) -> PathBuf {
        store(&self.place)
    }

    fn path(&self, digest: &str) -> PathBuf {
        blob(&self.place, digest)
    }

    /// Returns all files of the store by name and length, to check that nothing was changed.
    fn files(&self) -> String {
        let mut find = self.place.command("find");
        let list = says(find.arg(self.dir()).args(["-not", "-name", "lock", "-ls"]));
        let mut lines: Vec<_> = list.lines().collect();
        lines.sort_unstable();
        lines.join("\n")
    }

    /// Asserts that `imgfs ARGS…` fails with these words.
    #[track_caller]
    fn fails(&self, args: &[&str], words: &[&str]) {
        assert_says(&fail(self.place.imgfs().args(args)), words);
    }

    fn mount(&self) -> Command {
        let mut command = self.place.imgfs();
        command.arg("mount").arg(&self.name).arg(self.place.mnt());
        command
    }

    /// Asserts that each command that needs the names fails with these words, and changes nothing.
    #[track_caller]
    fn no_names(&self, words: &[&str]) {
        let before = self.files();
        let dir = self.dir();
        let words = [words, &[str(&dir), "index.json", "restore it"]].concat();
        let archive = self.place.image();
        let commands: [&[&str]; 8] = [
            &["images"],
            &["prune"],
            &["df"],
            &["rm", &self.name],
            &["tag", &self.name, "b"],
            &["verify", &self.name],
            &["pull", &self.name],
            &["load", str(&archive)],
        ];
        for command in commands {
            self.fails(command, &words);
        }
        assert_says(&fail(&mut self.mount()), &words);
        self.place.assert_gone();
        assert_eq!(self.files(), before);
    }
}

fn fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

#[test]
fn names_that_cannot_be_read() {
    let scene = Scene::new();
    let index = scene.dir().join("index.json");
    let kept = fs::read(&index).unwrap();
    for garbage in [
        "",
        "{",
        "[]",
        "nothing",
        "{\"schemaVersion\":2,\"manifests\":7}",
    ] {
        fs::write(&index, garbage).unwrap();
        scene.no_names(&["cannot be parsed"]);
    }
    // Half of the file, as a power failure might leave it.
    fs::write(&index, &kept[..kept.len() / 2]).unwrap();
    scene.no_names(&["cannot be parsed"]);
    // Longer than any valid index; it is a hole, and is not read.
    File::create(&index).unwrap().set_len(1 << 40).unwrap();
    scene.no_names(&["is not a regular file, or is too large"]);
    fs::remove_file(&index).unwrap();
    fs::create_dir(&index).unwrap();
    scene.no_names(&["is not a regular file, or is too large"]);
    fs::remove_dir(&index).unwrap();
    fifo(&index);
    scene.no_names(&["is not a regular file, or is too large"]);
    fs::remove_file(&index).unwrap();
    // There are blobs, so the index must have existed.
    scene.no_names(&["is missing"]);
    fs::write(&index, &kept).unwrap();
    assert_eq!(imgfs(&scene.place, ["prune"]), "freed 0 B (0 files)\n");
    assert_eq!(assert_sound(&scene.dir()), [scene.name.as_str()]);
}

#[test]
fn digests_that_are_none() {
    let scene = Scene::new();
    let index = scene.dir().join("index.json");
    let kept: Value = serde_json::from_slice(&fs::read(&index).unwrap()).unwrap();
    let long = format!("sha256:{}", "a".repeat(100_000));
    for bad in [
        "sha256:../../../../../../etc/passwd",
        "../../etc:passwd",
        "sha256:/etc/passwd",
        "sha256:",
        "sha256:00",
        "",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        &long,
    ] {
        let mut entry = kept["manifests"][0].clone();
        entry["digest"] = bad.into();
        let mut changed = kept.clone();
        changed["manifests"].as_array_mut().unwrap().push(entry);
        fs::write(&index, changed.to_string()).unwrap();
        let before = scene.files();
        for command in ["images", "prune", "df"] {
            let said = fail(scene.place.imgfs().arg(command));
            assert_says(&said, &[str(&scene.dir())]);
            assert!(said.len() < 1000, "{} bytes: {said:.300}", said.len());
        }
        assert_eq!(scene.files(), before, "{bad:.80}");
    }
}

/// An invalid manifest of one image: the other images can still be used, prune removes nothing, and
/// pulling the image again repairs it.
#[test]
fn a_manifest_that_is_not_right() {
    let scene = Scene::new();
    let archive = scene.place.image();
    imgfs(&scene.place, ["load", str(&archive)]);
    let path = scene.path(&scene.manifest);
    let right = fs::read(&path).unwrap();
    let mut turned = right.clone();
    turned[40] ^= 1;
    let longer = [&right[..], b" "].concat();
    let cases: [(&str, Option<&[u8]>); 4] = [
        ("missing", None),
        ("do not match its digest", Some(&right[..100])),
        ("do not match its digest", Some(&turned)),
        ("do not match its digest", Some(&longer)),
    ];
    for (word, bytes) in cases {
        fs::remove_file(&path).unwrap();
        if let Some(bytes) = bytes {
            fs::write(&path, bytes).unwrap();
        }
        // A damaged manifest without a name: it could belong to this image.
        imgfs(&scene.place, ["rm", "sample:1"]);
        let before = scene.files();
        scene.fails(&["prune"], &[word, &scene.manifest[7..], "pull"]);
        assert_eq!(scene.files(), before);
        imgfs(&scene.place, ["load", str(&archive)]);
        // The list contains both, and says which one is broken.
        let listed = output(scene.place.imgfs().arg("images"));
        assert!(!listed.status.success());
        let table = String::from_utf8(listed.stdout.clone()).unwrap();
        assert_says(&table, &[&scene.name, "broken", "sample:1", "linux/amd64"]);
        assert_says(&stderr(&listed), &[word, &scene.manifest[7..]]);
        assert_eq!(
            imgfs(&scene.place, ["cat", "sample:1", "etc/motd"]),
            "hello\n"
        );
        let verified = output(scene.place.imgfs().args(["verify", &scene.name]));
        assert!(
            matches!(verified.status.code(), Some(1 | 2)),
            "{verified:?}"
        );
        let said = fail(&mut scene.mount());
        assert_says(&said, &[&scene.manifest[7..]]);
        imgfs(&scene.place, ["pull", &scene.name]);
        assert_eq!(fs::read(&path).unwrap(), right);
        assert_eq!(assert_sound(&scene.dir()).len(), 2);
    }
    // The other solution: the image is given up.
    fs::remove_file(&path).unwrap();
    imgfs(&scene.place, ["rm", &scene.name]);
    imgfs(&scene.place, ["prune"]);
    assert_eq!(assert_sound(&scene.dir()), ["sample:1"]);
}

/// An index is read to find an image's manifests; it does not affect other images.
#[test]
fn an_index_that_is_not_right_is_no_matter_to_others() {
    let scene = Scene::new();
    let dir = scene.place.join("three");
    platforms::write(&dir);
    imgfs(
        &scene.place,
        ["load", "--name", "three", str(&nested(&dir))],
    );
    let index = images(&scene.place)[1]["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = scene.path(&index);
    let right = fs::read(&path).unwrap();
    for bytes in [None, Some(&right[..100])] {
        let _ = fs::remove_file(&path);
        if let Some(bytes) = bytes {
            fs::write(&path, bytes).unwrap();
        }
        assert_eq!(
            imgfs(&scene.place, ["cat", &scene.name, "top.txt"]),
            "this is top\n"
        );
        assert_says(&imgfs(&scene.place, ["verify", &scene.name]), &["ok"]);
        succeed(&mut scene.mount());
        scene.place.umount();
        let listed = output(scene.place.imgfs().arg("images"));
        let table = String::from_utf8(listed.stdout.clone()).unwrap();
        assert_eq!(table.matches("broken").count(), 1, "{table}");
        let before = scene.files();
        scene.fails(&["prune"], &["pull", &index[7..]]);
        assert_eq!(scene.files(), before);
        scene.fails(&["cat", "three", "who"], &["three"]);
    }
    imgfs(
        &scene.place,
        ["load", "--name", "three", str(&nested(&dir))],
    );
    assert_eq!(imgfs(&scene.place, ["prune"]), "freed 0 B (0 files)\n");
    let amd64 = ["cat", "--platform", "linux/amd64", "three", "who"];
    assert_eq!(imgfs(&scene.place, amd64), "linux_amd64");
}

/// Writes the layout with its index as a blob: one image for several platforms.
fn nested(dir: &Path) -> PathBuf {
    let index: Value = serde_json::from_slice(&fs::read(dir.join("index.json")).unwrap()).unwrap();
    if index["manifests"].as_array().unwrap().len() > 1 {
        let outer = platforms::nested(dir, index["manifests"].as_array().unwrap());
        support::write_index(dir, &[outer]);
    }
    dir.to_owned()
}

#[test]
fn what_lies_where_a_blob_should_be() {
    let scene = Scene::new();
    let words = ["not a regular file", "remove it"];
    for digest in [&scene.manifest, &scene.config, &scene.layers[0]] {
        let path = scene.path(digest);
        let aside = scene.place.join("aside");
        fs::rename(&path, &aside).unwrap();
        let things: [(&str, &dyn Fn()); 4] = [
            ("pipe", &|| fifo(&path)),
            ("link", &|| symlink("/etc/passwd", &path).unwrap()),
            // Even a link to the right file: locks do not apply to that name, and the file may be
            // removed.
            ("right link", &|| symlink(&aside, &path).unwrap()),
            ("directory", &|| fs::create_dir(&path).unwrap()),
        ];
        for (what, make) in things {
            make();
            let said = fail(&mut scene.mount());
            assert_says(&said, &[&words[..], &[&digest[7..]]].concat());
            scene.place.assert_gone();
            scene.fails(&["pull", &scene.name], &words);
            let verified = output(scene.place.imgfs().args(["verify", &scene.name]));
            assert!(!verified.status.success(), "{what}: {verified:?}");
            let said = stderr(&verified) + &String::from_utf8_lossy(&verified.stdout);
            assert!(!said.contains("root:"), "{said}");
            // None of these stops counting, listing and pruning, or it is reported.
            for command in ["images", "df", "prune"] {
                let done = output(scene.place.imgfs().arg(command));
                assert!(done.status.code().is_some_and(|c| c != 101), "{done:?}");
            }
            assert_eq!(blobs(&scene.place).len(), 4, "{what}");
            match what {
                "directory" => fs::remove_dir(&path).unwrap(),
                _ => fs::remove_file(&path).unwrap(),
            }
        }
        fs::rename(&aside, &path).unwrap();
    }
    assert_eq!(assert_sound(&scene.dir()), [scene.name.as_str()]);
    assert!(Path::new("/etc/passwd").exists());
}

#[test]
fn a_layout_without_its_mark() {
    let scene = Scene::new();
    let mark = scene.dir().join("oci-layout");
    fs::remove_file(&mark).unwrap();
    assert_eq!(
        imgfs(&scene.place, ["cat", &scene.name, "top.txt"]),
        "this is top\n"
    );
    imgfs(&scene.place, ["images"]);
    // Commands that write to the store recreate the file, and skopeo can read the store again.
    imgfs(&scene.place, ["pull", &scene.name]);
    let text: Value = serde_json::from_slice(&fs::read(&mark).unwrap()).unwrap();
    assert_eq!(text, json!({"imageLayoutVersion": "1.0.0"}));
    assert_eq!(
        skopeo_digest(&scene.place, &oci(&scene.place, &scene.name)),
        scene.manifest
    );
}

#[test]
fn what_lies_where_a_blob_arrives() {
    let scene = Scene::new();
    let layer = &scene.layers[0];
    let size = fs::metadata(scene.path(layer)).unwrap().len();
    let part = scene
        .dir()
        .join("arriving")
        .join(layer.replacen(':', "-", 1));
    // Wrong bytes: fewer than expected, the same number, and more.
    for len in [1000, size, size + 1, 5_000_000] {
        fs::remove_file(scene.path(layer)).unwrap();
        fs::write(&part, vec![7; len as usize]).unwrap();
        imgfs(&scene.place, ["pull", &scene.name]);
        assert!(!part.exists(), "{len}");
        assert_eq!(assert_sound(&scene.dir()), [scene.name.as_str()]);
    }
    fs::remove_file(scene.path(layer)).unwrap();
    fifo(&part);
    scene.fails(
        &["pull", &scene.name],
        &["arriving/", "not a regular file", "remove it"],
    );
    fs::remove_file(&part).unwrap();
    fs::create_dir(&part).unwrap();
    scene.fails(
        &["pull", &scene.name],
        &["arriving/", "not a regular file", "remove it"],
    );
    fs::remove_dir(&part).unwrap();
    symlink("/etc/passwd", &part).unwrap();
    scene.fails(
        &["pull", &scene.name],
        &["arriving/", "not a regular file", "remove it"],
    );
    fs::remove_file(&part).unwrap();
    imgfs(&scene.place, ["pull", &scene.name]);
    assert_eq!(assert_sound(&scene.dir()), [scene.name.as_str()]);
    // Other files there are not images; prune removes them.
    fs::write(scene.dir().join("arriving/garbage"), "x").unwrap();
    fs::write(scene.dir().join(".new-left"), "x").unwrap();
    imgfs(&scene.place, ["prune"]);
    assert_eq!(
        fs::read_dir(scene.dir().join("arriving")).unwrap().count(),
        0
    );
    assert!(!scene.dir().join(".new-left").exists());
    assert_eq!(assert_sound(&scene.dir()), [scene.name]);
}

/// A mount over the store; unmounted on drop.
struct Over(PathBuf);

impl Over {
    fn mount(path: &Path, args: &[&str]) -> Self {
        support::run(Command::new("mount").args(args).arg(path));
        Self(path.to_owned())
    }
}

impl Drop for Over {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

#[test]
fn a_store_that_cannot_be_written() {
    let scene = Scene::new();
    let dir = scene.dir();
    let other = image(&[("other", 1000)]);
    push(&scene.registry, &other, "other:1");
    // With an existing lock, and without one.
    for locked in [true, false] {
        if !locked {
            fs::remove_file(dir.join("lock")).unwrap();
        }
        let over = Over::mount(&dir, &["--bind", str(&dir)]);
        support::run(
            Command::new("mount")
                .args(["-o", "remount,bind,ro"])
                .arg(&dir),
        );
        succeed(&mut scene.mount());
        assert_eq!(scene.place.text("base.txt"), "this is base\n");
        scene.place.umount();
        within(SOON, "the mount to end", || {
            scene.place.processes().is_empty()
        });
        let by_registry = format!("docker://{}", scene.name);
        assert_eq!(
            imgfs(&scene.place, ["cat", &by_registry, "top.txt"]),
            "this is top\n"
        );
        assert_eq!(names(&scene.place), [scene.name.as_str()]);
        assert_says(&imgfs(&scene.place, ["verify", &scene.name]), &["ok"]);
        imgfs(&scene.place, ["df"]);
        let other = format!("{}/other:1", scene.registry.host());
        let commands: [&[&str]; 3] = [
            &["pull", &other],
            &["rm", &scene.name],
            &["tag", &scene.name, "b"],
        ];
        for command in commands {
            scene.fails(command, &[str(&dir), "Read-only file system"]);
        }
        drop(over);
    }
    assert_eq!(assert_sound(&dir), [scene.name]);
}

#[test]
fn no_room() {
    let (place, registry) = (Place::new(), Registry::plain());
    push(&registry, &image(&[("small", 1_000_000)]), "small:1");
    let large = image(&[("first", 900_000), ("large", 3_000_000)]);
    push(&registry, &large, "large:1");
    let proxy = Faults::before(registry.address(), |_| Act::pass());
    let dir = store(&place);
    fs::create_dir_all(&dir).unwrap();
    let over = Over::mount(
        &dir,
        &["-t", "tmpfs", "-o", "size=3500k,mode=0700", "tmpfs"],
    );
    let name = |name: &str| format!("{}/{name}", proxy.host());
    imgfs(&place, ["pull", &name("small:1")]);
    let said = fail(place.imgfs().args(["pull", &name("large:1")]));
    assert_says(
        &said,
        &[str(&dir), "No space left", "imgfs prune", "--store"],
    );
    assert_eq!(assert_sound(&dir), [name("small:1")]);
    // Writing names needs space as well, and there is none: the old names stay.
    let fill = dir.join("fill");
    let mut filled = place.command("dd");
    output(
        filled
            .args(["if=/dev/zero", "bs=1k"])
            .arg(format!("of={}", str(&fill))),
    );
    let tag = output(place.imgfs().args(["tag", &name("small:1"), "b:1"]));
    assert!(!tag.status.success());
    assert_says(&stderr(&tag), &["No space left"]);
    fs::remove_file(&fill).unwrap();
    assert_eq!(assert_sound(&dir), [name("small:1")]);
    // Removing the other image frees space, and the part of the blob that has arrived is used. prune is
    // not an option: it also removes unfinished blobs.
    let large_digest = &layers_of(&large)[1];
    let before = proxy.bytes(large_digest);
    let part = dir
        .join("arriving")
        .join(large_digest.replacen(':', "-", 1));
    let kept = fs::metadata(&part).unwrap().len();
    assert!(kept > 500_000, "{kept}");
    support::run(
        Command::new("mount")
            .args(["-o", "remount,size=8m"])
            .arg(&dir),
    );
    imgfs(&place, ["pull", &name("large:1")]);
    let size = large.layers[1].0.len() as u64;
    assert_eq!(proxy.bytes(large_digest) - before, size - kept);
    assert_eq!(assert_sound(&dir).len(), 2);
    assert_eq!(
        fs::metadata(&dir).unwrap().permissions().mode() & 0o777,
        0o700
    );
    drop(over);
}
