//! A stress test: several users of one store pull, load, tag, mount, read, remove and prune, and some of
//! their processes are killed at arbitrary times. No image is ever broken, no mount reads wrong bytes or
//! loses its blobs, and in the end everything can be removed.
//!
//! The operations are drawn from a seed. The times at which processes are killed, and the interleaving
//! of the threads, differ in each run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::pull_support::{Random, assert_sound, bin, image, imgfs_of, layers_of, push};
use crate::support;
use crate::support::program::images::{named, tar_layout};
use crate::support::program::{Place, finish, start, stderr, str, within};
use crate::support::registry::Registry;
use crate::support::store;
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Signal, kill_process};

const THREADS: u64 = 4;
const ROUNDS: usize = 50;
/// The files that belong to one image; the layer below is shared by all.
const OWN: [(&str, usize); 3] = [("a", 150_000), ("b", 40_000), ("c", 900)];
const BASE: (&str, usize) = ("base", 200_000);
/// The time limit within which a killed process is gone, and its pending mount as well.
const SETTLED: Duration = Duration::from_secs(20);

/// One store and the source of its images.
struct Sky {
    place: Place,
    registry: Registry,
    archives: Vec<PathBuf>,
    /// The digests of each image's layers.
    layers: Vec<Vec<String>>,
    /// Locked shared by operations, and exclusively by checks of the whole store, during which no
    /// operation runs.
    gate: RwLock<()>,
    killed: AtomicUsize,
    mounted: AtomicUsize,
    removed_under: AtomicUsize,
}

impl Sky {
    fn new() -> Self {
        let (place, registry) = (Place::new(), Registry::plain());
        let (mut archives, mut layers) = (Vec::new(), Vec::new());
        for own in OWN {
            let image = image(&[BASE, own]);
            push(&registry, &image, &format!("{}:1", own.0));
            layers.push(layers_of(&image));
            let dir = place.join(&format!("layout-{}", own.0));
            fs::create_dir(&dir).unwrap();
            let entry = named(image.write(&dir), &format!("loaded/{}:1", own.0));
            support::write_index(&dir, &[entry]);
            archives.push(place.file(&format!("{}.tar", own.0), tar_layout(&dir)));
        }
        Self {
            place,
            registry,
            archives,
            layers,
            gate: RwLock::default(),
            killed: AtomicUsize::new(0),
            mounted: AtomicUsize::new(0),
            removed_under: AtomicUsize::new(0),
        }
    }

    fn store(&self) -> PathBuf {
        self.place.join("data/imgfs")
    }

    /// Returns the name by which an image is pulled.
    fn pulled(&self, number: usize) -> String {
        format!("{}/{}:1", self.registry.host(), OWN[number].0)
    }
}

/// A user of the store, with their own mountpoint.
struct User<'a> {
    sky: &'a Sky,
    place: Place,
    random: Random,
    /// The name that only this user gives, and the image that has it.
    alias: (String, Option<usize>),
}

impl User<'_> {
    fn imgfs(&self, args: &[&str]) -> Command {
        let mut command = self.place.imgfs();
        command.args(args);
        command
            .env("IMGFS_STORE_DIR", self.sky.store())
            .env("XDG_CACHE_HOME", self.sky.place.join("cache"))
            .env("HOME", self.sky.place.join("home"))
            .env_remove("REGISTRY_AUTH_FILE")
            .env_remove("XDG_RUNTIME_DIR");
        command
    }

    /// Runs a command; one of four is killed before it ends. Otherwise it succeeds, or, if it needs a
    /// name that another user may have removed, it reports that. Returns whether it succeeded.
    fn run(&mut self, args: &[&str], needs_name: bool) -> bool {
        let mut child = start(&mut self.imgfs(args));
        let kill = self.random.once_in(4).then(|| self.random.below(80_000));
        if let Some(after) = kill {
            std::thread::sleep(Duration::from_micros(after));
            child.kill().unwrap();
            self.sky.killed.fetch_add(1, Ordering::Relaxed);
        }
        if kill.is_some() && args.first() == Some(&"mount") {
            // Its background process may still have its output open.
            child.wait().unwrap();
            self.settle();
        }
        let output = finish(child);
        let said = stderr(&output);
        assert!(!said.contains("panicked"), "{args:?}: {said}");
        if output.status.success() {
            return true;
        }
        let no_name = needs_name && said.contains("no image");
        assert!(kill.is_some() || no_name, "{args:?}: {said}");
        false
    }

    /// Waits until nothing of this user is mounted, and no process of theirs runs.
    fn settle(&self) {
        within(SETTLED, "processes to be gone", || {
            for mount in self.place.mounts() {
                let _ = unmount(&mount.path, UnmountFlags::DETACH);
            }
            self.place.processes().is_empty()
        });
    }

    fn round(&mut self) {
        let number = self.random.below(3) as usize;
        match self.random.below(13) {
            0..2 => {
                self.run(&["pull", &self.sky.pulled(number)], false);
            }
            2 => {
                let archive = self.sky.archives[number].clone();
                self.run(&["load", str(&archive)], false);
            }
            3 | 12 => self.tag(number),
            4..6 => {
                let name = match self.random.below(3) {
                    0 => return self.untag(),
                    1 => format!("loaded/{}:1", OWN[number].0),
                    _ => self.sky.pulled(number),
                };
                self.run(&["rm", &name], true);
            }
            6 => {
                self.run(&["prune"], false);
            }
            7 => {
                // The list never contains broken images, for any process that is killed.
                self.run(&["images"], false);
            }
            _ => self.mount(number),
        }
        // No other user changes this name.
        if self.alias.1.is_some() {
            let mut listed = self.imgfs(&["images", "-q"]);
            let listed = store::says(&mut listed);
            assert!(listed.lines().any(|name| name == self.alias.0), "{listed}");
        }
    }

    /// Other users change other names at the same time; a name that this user gave exists until this
    /// user removes it.
    fn tag(&mut self, number: usize) {
        let name = self.sky.pulled(number);
        let alias = self.alias.0.clone();
        self.alias.1 = match self.run(&["tag", &name, &alias], true) {
            true => Some(number),
            // If the command was killed, it is unknown which image has the name, until it is tagged
            // again.
            false => None,
        };
    }

    fn untag(&mut self) {
        let known = self.alias.1.take().is_some();
        let alias = self.alias.0.clone();
        self.run(&["rm", &alias], !known);
    }

    /// Mounts an image by one of its names, reads it, and continues to read while the name and all
    /// unused blobs are removed.
    fn mount(&mut self, number: usize) {
        let pulled = self.sky.pulled(number);
        let (name, number, others) = match (self.random.below(4), self.alias.1) {
            (0 | 1, Some(of_alias)) => (self.alias.0.clone(), of_alias, false),
            (0 | 1, None) => (pulled.clone(), number, true),
            _ => (format!("docker://{pulled}"), number, true),
        };
        let mnt = self.place.mnt();
        if !self.run(&["mount", &name, str(&mnt)], others) {
            self.settle();
            return;
        }
        if self.place.mounts().is_empty() {
            // Killed after it had finished, and then unmounted.
            return;
        }
        self.sky.mounted.fetch_add(1, Ordering::Relaxed);
        let (own, len) = OWN[number];
        let read = |file: String| {
            let path = mnt.join(file);
            fs::read(&path).unwrap_or_else(|e| panic!("{name}: {}: {e}", path.display()))
        };
        assert_eq!(
            read(format!("{own}.txt")),
            format!("this is {own}\n").as_bytes()
        );
        if self.random.once_in(2) {
            match name == self.alias.0 {
                true => self.untag(),
                false => {
                    self.run(&["rm", &pulled], true);
                }
            }
            self.run(&["prune"], false);
            self.sky.removed_under.fetch_add(1, Ordering::Relaxed);
        }
        // The files exist and are not only open: a pull of the image need not fetch them again.
        for digest in &self.sky.layers[number] {
            let path = self
                .sky
                .store()
                .join("blobs")
                .join(digest.replacen(':', "/", 1));
            assert!(path.exists(), "{name}: {digest} was taken away");
        }
        // This file was not read before, so its bytes come from the blobs now.
        assert!(read(format!("{own}.bin")) == bin(own, len), "{name}");
        assert!(read("base.bin".to_owned()) == bin(BASE.0, BASE.1), "{name}");
        if self.random.once_in(3) {
            for pid in self.place.processes() {
                let _ = kill_process(pid, Signal::KILL);
            }
        } else {
            let output = finish(start(&mut self.imgfs(&["umount", str(&mnt)])));
            assert!(output.status.success(), "{}", stderr(&output));
        }
        self.settle();
    }
}

/// Checks everything that must be true at any moment.
fn look(store: &Path) {
    if store.join("index.json").exists() {
        assert_sound(store);
    }
}

#[test]
fn many_at_once_some_of_them_killed() {
    let sky = Sky::new();
    let (finished, begun) = (AtomicUsize::new(0), Instant::now());
    std::thread::scope(|scope| {
        for number in 0..THREADS {
            let (sky, finished) = (&sky, &finished);
            scope.spawn(move || {
                let mut user = User {
                    sky,
                    place: Place::new(),
                    random: Random::of(number + 1),
                    alias: (format!("alias-{number}:1"), None),
                };
                // Also on panic, so that no thread waits forever.
                let _done = Done(finished);
                for _ in 0..ROUNDS {
                    // The thread whose check failed reports that itself.
                    let Ok(_open) = sky.gate.read() else { return };
                    user.round();
                }
                user.place.assert_gone();
            });
        }
        while finished.load(Ordering::SeqCst) < THREADS as usize {
            std::thread::sleep(Duration::from_secs(1));
            let _closed = sky.gate.write().unwrap();
            look(&sky.store());
        }
    });
    let seen = |count: &AtomicUsize| count.load(Ordering::SeqCst);
    let counts = (
        seen(&sky.killed),
        seen(&sky.mounted),
        seen(&sky.removed_under),
    );
    eprintln!(
        "killed, mounted, removed while mounted: {counts:?} in {:?}",
        begun.elapsed()
    );
    assert!(counts.0 > 20 && counts.1 > 10 && counts.2 > 3, "{counts:?}");

    let store = sky.store();
    for name in assert_sound(&store) {
        imgfs_of(&store, &["rm", &name]);
    }
    // The environment of a killed process disappears a moment before its files are closed.
    within(SETTLED, "the locks to be gone", || {
        !imgfs_of(&store, &["prune"]).contains("in use")
    });
    assert_eq!(assert_sound(&store), [""; 0]);
    for dir in ["blobs/sha256", "arriving"] {
        let left: Vec<_> = fs::read_dir(store.join(dir)).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
    let mut names: Vec<_> = fs::read_dir(&store)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let layout = ["arriving", "blobs", "index.json", "lock", "oci-layout"];
    assert_eq!(names, layout, "unexpected files are left");
    // The store still works.
    for number in 0..3 {
        imgfs_of(&store, &["pull", &sky.pulled(number)]);
    }
    assert_eq!(assert_sound(&store).len(), 3);
}

struct Done<'a>(&'a AtomicUsize);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// If several processes pull the same image at the same time, each gets it, and it is fetched once.
#[test]
fn who_pulls_what_another_is_pulling_waits_for_it() {
    use crate::support::proxy::{Act, Faults};
    let (place, registry) = (Place::new(), Registry::plain());
    push(&registry, &image(&[BASE, OWN[0]]), "a:1");
    let proxy = Faults::before(registry.address(), |request| match request.is_blob() {
        true => Act::pass().delay(Duration::from_millis(300)),
        false => Act::pass(),
    });
    let name = format!("{}/a:1", proxy.host());
    let children: Vec<Child> = (0..4)
        .map(|_| start(place.imgfs().args(["pull", &name])))
        .collect();
    for child in children {
        let output = finish(child);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let store = place.join("data/imgfs");
    assert_eq!(assert_sound(&store), [name]);
    let layers: u64 = image(&[BASE, OWN[0]])
        .layers
        .iter()
        .map(|l| l.0.len() as u64)
        .sum();
    let sent = proxy.bytes("/blobs/");
    // Configs are small; for them a process does not wait for another one.
    assert!(sent < layers + 4 * 1000, "{sent} for {layers}");
}
