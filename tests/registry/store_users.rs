//! Each user has their own store: other users neither see nor can read its images. The users are those
//! of tests/fuse/other_user.rs.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::pull_support::{assert_sound, image, push};
use crate::support;
use crate::support::program;
use crate::support::program::{Place, SOON, assert_says, fail, output, str, succeed, within};
use crate::support::registry::Registry;
use crate::support::store::says;

const ROOT: u32 = 0;
/// The user who pulls is `nobody`, by Debian's policy (9.2.2); the other one is a different user.
const USER: u32 = 65534;
const OTHER: u32 = 23456;

/// Directories of three users, a program that all may run, and a registry.
struct Scene {
    place: Place,
    registry: Registry,
    name: String,
}

impl Scene {
    fn new() -> Self {
        let mode = fs::metadata("/dev/fuse").expect("there is no /dev/fuse");
        assert_eq!(mode.mode() & 0o666, 0o666, "tests/run.sh sees to it");
        let (place, registry) = (Place::new(), Registry::plain());
        push(
            &registry,
            &image(&[("base", 50_000), ("top", 100)]),
            "app:1",
        );
        for dir in ["mnt", "state"] {
            chown(place.join(dir), Some(USER), Some(USER)).unwrap();
        }
        for user in [ROOT, USER, OTHER] {
            let home = place.join(&format!("home-{user}"));
            fs::create_dir(&home).unwrap();
            chown(&home, Some(user), Some(user)).unwrap();
        }
        // Copied by another process: a file that this process has open for writing could not be
        // executed.
        let program = env!("CARGO_BIN_EXE_imgfs");
        succeed(
            Command::new("install")
                .args(["-m755", program])
                .arg(place.join("imgfs")),
        );
        let name = format!("{}/app:1", registry.host());
        Self {
            place,
            registry,
            name,
        }
    }

    fn home(&self, user: u32) -> PathBuf {
        self.place.join(&format!("home-{user}"))
    }

    fn store(&self, user: u32) -> PathBuf {
        self.home(user).join("share/imgfs")
    }

    /// Returns a command of a user, with their data and cache in their home.
    fn run(&self, user: u32, program: impl AsRef<Path>) -> Command {
        let mut command = self.place.command("setpriv");
        let id = user.to_string();
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
        command.arg(program.as_ref());
        command
            .env("HOME", self.home(user))
            .env("XDG_DATA_HOME", self.home(user).join("share"))
            .env("XDG_CACHE_HOME", self.home(user).join("cache"))
            .env_remove("XDG_RUNTIME_DIR")
            .env("LC_ALL", "C");
        command
    }

    fn imgfs(&self, user: u32, args: &[&str]) -> Command {
        let mut command = self.run(user, self.place.join("imgfs"));
        command.args(args);
        command
    }
}

/// All operations of a user on a store, without any privilege.
#[test]
fn a_user_pulls_mounts_removes_and_prunes() {
    let scene = Scene::new();
    let said = says(&mut scene.imgfs(USER, &["pull", &scene.name]));
    assert!(said.starts_with(&scene.name), "{said}");
    let mnt = scene.place.mnt();
    succeed(&mut scene.imgfs(USER, &["mount", &scene.name, str(&mnt)]));
    let read = |path: &str| says(scene.run(USER, "cat").arg(mnt.join(path)));
    assert_eq!(read("top.txt"), "this is top\n");
    says(&mut scene.imgfs(USER, &["rm", &scene.name]));
    let said = says(&mut scene.imgfs(USER, &["prune"]));
    assert_says(&said, &["2 more", "in use"]);
    assert_eq!(read("base.txt"), "this is base\n");
    succeed(&mut scene.imgfs(USER, &["umount", str(&mnt)]));
    scene.place.assert_gone();
    // The environment of the process disappears a moment before its files are closed.
    within(SOON, "the lock to be gone", || {
        !says(&mut scene.imgfs(USER, &["prune"])).contains("in use")
    });
    assert_eq!(says(&mut scene.imgfs(USER, &["images", "-q"])), "");
    let sha256 = scene.store(USER).join("blobs/sha256");
    assert_eq!(fs::read_dir(sha256).unwrap().count(), 0);
    // Directly by the name in the registry.
    let by_registry = format!("docker://{}", scene.name);
    succeed(&mut scene.imgfs(USER, &["mount", &by_registry, str(&mnt)]));
    assert_eq!(read("top.txt"), "this is top\n");
    succeed(&mut scene.imgfs(USER, &["umount", str(&mnt)]));
    scene.place.assert_gone();
}

#[test]
fn nobody_else_sees_or_reads_it() {
    let scene = Scene::new();
    says(&mut scene.imgfs(USER, &["pull", &scene.name]));
    let store = scene.store(USER);
    let mut find = scene.place.command("find");
    let all = says(find.arg(&store).args(["-printf", "%m %U %y %P\n"]));
    for line in all.lines() {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().unwrap();
        let (mode, owner, kind) = (word(), word(), word());
        assert_eq!(owner, USER.to_string(), "{line}");
        if kind == "d" {
            assert_eq!(mode, "700", "{line}");
        }
    }
    for (user, denied) in [
        (OTHER, "Permission denied"),
        (ROOT, "belongs to another user"),
    ] {
        // Their own stores are empty.
        assert_eq!(says(&mut scene.imgfs(user, &["images", "-q"])), "");
        let said = fail(&mut scene.imgfs(user, &["cat", &scene.name, "top.txt"]));
        assert_says(&said, &["no image of that name", "imgfs pull"]);
        // The user's store is refused for every other user, including root: they would trust content
        // that another user may change, and leave files that the user cannot remove.
        let there = ["--store", str(&store)];
        let (archive, mnt) = (scene.place.image(), scene.place.mnt());
        let commands: [&[&str]; 9] = [
            &["images"],
            &["df"],
            &["prune"],
            &["pull", &scene.name],
            &["load", str(&archive)],
            &["rm", &scene.name],
            &["tag", &scene.name, "b"],
            &["cat", &scene.name, "top.txt"],
            &["mount", &scene.name, str(&mnt)],
        ];
        for command in commands {
            let args = [command, &there].concat();
            let said = fail(&mut scene.imgfs(user, &args));
            assert_says(&said, &[str(&store), denied]);
        }
    }
    for path in ["index.json", "blobs", "arriving", "lock"] {
        let read = output(scene.run(OTHER, "cat").arg(store.join(path)));
        assert!(!read.status.success());
        assert_says(&program::stderr(&read), &["Permission denied"]);
    }
    assert_eq!(
        says(&mut scene.imgfs(USER, &["images", "-q"])).trim(),
        scene.name
    );
    // Each user has their own store.
    for user in [ROOT, OTHER] {
        says(&mut scene.imgfs(user, &["pull", &scene.name]));
        assert_eq!(fs::metadata(scene.store(user)).unwrap().uid(), user);
    }
    says(&mut scene.imgfs(USER, &["rm", &scene.name]));
    says(&mut scene.imgfs(USER, &["prune"]));
    assert_eq!(assert_sound(&scene.store(ROOT)), [scene.name.as_str()]);
    let said = says(&mut scene.imgfs(OTHER, &["verify", &scene.name]));
    assert_says(&said, &["ok"]);
}

/// A store that others may write to could show other images under a name.
#[test]
fn a_store_that_others_may_write_to_is_refused() {
    let scene = Scene::new();
    says(&mut scene.imgfs(USER, &["pull", &scene.name]));
    let store = scene.store(USER);
    for dir in [store.join("blobs"), store] {
        let mode = |mode: &str| {
            support::run(Command::new("chmod").arg(mode).arg(&dir));
        };
        mode("0770");
        for command in [&["images"][..], &["prune"], &["pull", &scene.name]] {
            let said = fail(&mut scene.imgfs(USER, command));
            assert_says(&said, &[str(&dir), "chmod go-w"]);
        }
        mode("0700");
    }
    assert_eq!(
        says(&mut scene.imgfs(USER, &["images", "-q"])).trim(),
        scene.name
    );
}

/// sudo keeps $HOME on some systems. Files that root creates there would be unusable for the user, who
/// could not remove them.
#[test]
fn root_makes_no_store_in_the_home_of_a_user() {
    let scene = Scene::new();
    let home = scene.home(USER);
    let as_sudo = |args: &[&str]| {
        let mut command = scene.imgfs(ROOT, args);
        command.env("HOME", &home).env_remove("XDG_DATA_HOME");
        command.env_remove("XDG_CACHE_HOME");
        command
    };
    let said = fail(&mut as_sudo(&["pull", &scene.name]));
    assert_says(&said, &[str(&home), "belongs to uid 65534"]);
    let archive = scene.place.image();
    let said = fail(&mut as_sudo(&["load", str(&archive)]));
    assert_says(&said, &[str(&home), "belongs to uid 65534"]);
    assert_eq!(says(&mut as_sudo(&["images", "-q"])), "");
    let made: Vec<_> = fs::read_dir(&home).unwrap().collect();
    assert!(made.is_empty(), "{made:?}");
    // A store that root names explicitly works.
    let own = scene.home(ROOT).join("own");
    says(&mut as_sudo(&["pull", &scene.name, "--store", str(&own)]));
    assert_eq!(assert_sound(&own), [scene.name.as_str()]);
    let found = says(scene.place.command("find").arg(&home).args(["-uid", "0"]));
    assert_eq!(found, "");
    drop(scene.registry);
}
