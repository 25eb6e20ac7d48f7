//! Pulls of which something goes wrong on the way: each ends with the image or with an error that says
//! what happened, soon, and whatever came of it the store is sound and the next pull goes on.
//!
//! Most of it calls the library, since a program waits for seconds where a server is to be left in peace,
//! and here there are hundreds of pulls.

mod common;
mod program;
mod pull_support;
mod registry_support;

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::OciImage;
use common::proxy::{Act, Faults, Request};
use common::registry::Registry;
use imgfs::cache::CacheDir;
use imgfs::registry::{Client, ClientOptions, Patience};
use imgfs::store::Store;
use imgfs::transfer::{self, PullOptions};
use program::{Place, assert_says, fail, output, stderr};
use pull_support::{Random, assert_sound, image, layers_of, push};
use registry_support::{client, options};

/// No pull takes longer, whatever is done to it: six attempts of 200 ms of silence each for a blob, and
/// those of a layer come two at a time.
const BOUND: Duration = Duration::from_secs(15);

/// What is done to the requests of a pull. Which act it is follows from the seed, the number of the pull,
/// the path and how often it was asked for in this pull: threads may come in any order.
struct Script {
    seed: u64,
    pull: AtomicUsize,
    asked: Mutex<HashMap<String, u64>>,
    done: AtomicUsize,
}

impl Script {
    fn of(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            seed,
            pull: AtomicUsize::new(0),
            asked: Mutex::default(),
            done: AtomicUsize::new(0),
        })
    }

    /// The numbers for a request, and how many with its path came before it in this pull.
    fn numbers(&self, request: &Request) -> (Random, u64) {
        let mut asked = self.asked.lock().unwrap();
        let nth = asked.entry(request.path.clone()).or_default();
        *nth += 1;
        let nth = *nth - 1;
        drop(asked);
        // Not the host: its port is another each time.
        let path = request.path.bytes();
        let pull = self.pull.load(Ordering::SeqCst) as u64;
        let mixed = path.fold(self.seed ^ (pull << 32) ^ (nth << 16), |n, b| {
            n.wrapping_mul(0x100_0000_01b3) ^ u64::from(b)
        });
        (Random::of(mixed), nth)
    }

    fn next(&self) -> usize {
        self.asked.lock().unwrap().clear();
        self.pull.fetch_add(1, Ordering::SeqCst)
    }

    /// Counts what is done.
    fn fault(&self, act: Act) -> Act {
        self.done.fetch_add(1, Ordering::SeqCst);
        act
    }

    fn faults(&self) -> usize {
        self.done.load(Ordering::SeqCst)
    }
}

/// An image of three layers in a registry, and its place in front of which something goes wrong.
struct Scene {
    image: OciImage,
    registry: Registry,
    script: Arc<Script>,
    proxy: Faults,
    place: Place,
}

impl Scene {
    fn new(
        seed: u64,
        act: impl Fn(&Script, &Request, Random, u64) -> Act + Send + Sync + 'static,
    ) -> Self {
        let registry = Registry::plain();
        let image = image(&[("base", 120_000), ("mid", 60_000), ("top", 900)]);
        push(&registry, &image, "a:1");
        let script = Script::of(seed);
        let of_proxy = script.clone();
        let proxy = Faults::before(registry.address(), move |request| {
            let (random, nth) = of_proxy.numbers(request);
            act(&of_proxy, request, random, nth)
        });
        Self {
            image,
            registry,
            script,
            proxy,
            place: Place::new(),
        }
    }

    fn size(&self) -> u64 {
        let layers: usize = self.image.layers.iter().map(|layer| layer.0.len()).sum();
        layers as u64
    }

    fn store(&self, number: usize) -> (PathBuf, Store) {
        let path = self.place.join(&format!("store-{number}"));
        let store = Store::open(&path).unwrap();
        (path, store)
    }

    fn pull(&self, client: &Client, host: &str, store: &Store) -> Result<(), String> {
        let options = PullOptions {
            threads: 2,
            cache: CacheDir::open(&self.place.join("cache")).unwrap(),
            ..PullOptions::default()
        };
        let begun = Instant::now();
        let name = format!("{host}/a:1");
        let pulled = transfer::pull(client, &name, store, &options, &());
        assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
        pulled.map(|_| ()).map_err(|e| e.to_string())
    }

    /// Pulls so often, each time into a store of its own. After each the store is sound; if it did not
    /// work, there was no image, the error has one of these words, and pulling again without any fault
    /// brings what is missing. Gives how many worked.
    fn pulls(&self, times: usize, words: &[&str]) -> usize {
        let quick = quick();
        let mut worked = 0;
        for _ in 0..times {
            let number = self.script.next();
            let (path, store) = self.store(number);
            let pulled = self.pull(&client(&quick), &self.proxy.host(), &store);
            let names = assert_sound(&path);
            match pulled {
                Ok(()) => {
                    assert_eq!(names, [format!("{}/a:1", self.proxy.host())]);
                    worked += 1;
                }
                Err(said) => {
                    let told = words.iter().any(|word| said.contains(word));
                    assert!(told && said.contains("localhost"), "{number}: {said}");
                    assert_eq!(names, [""; 0]);
                    self.pull(&client(&quick), &self.registry.host(), &store)
                        .unwrap();
                    assert_eq!(assert_sound(&path).len(), 1);
                }
            }
            for digest in layers_of(&self.image) {
                assert!(
                    path.join("blobs")
                        .join(digest.replacen(':', "/", 1))
                        .exists()
                );
            }
            let left = fs::read_dir(path.join("arriving")).unwrap().count();
            assert_eq!(left, 0, "what arrived became a blob");
            fs::remove_dir_all(path).unwrap();
        }
        worked
    }
}

/// Short waits: those that a program has are of seconds.
fn quick() -> ClientOptions {
    ClientOptions {
        patience: Patience {
            first_wait: Duration::from_millis(1),
            longest_wait: Duration::from_millis(4),
            longest_asked: Duration::from_millis(5),
            silence: Duration::from_millis(200),
            ..Patience::default()
        },
        ..options()
    }
}

#[test]
fn connections_that_are_cut_at_any_byte() {
    let scene = Scene::new(1, |script, request, mut random, _| {
        // Blobs of 1 to 120 KB: some cuts come after their end and do nothing.
        let most = if request.is_blob() { 130_000 } else { 600 };
        match random.below(10) {
            0..7 => script.fault(Act::pass().cut_after(random.below(most))),
            _ => Act::pass(),
        }
    });
    let worked = scene.pulls(100, &["cut", "tried 6 times"]);
    // Each brings something, so that nearly all of them get through.
    assert!(scene.script.faults() > 400, "{}", scene.script.faults());
    assert!(worked >= 80, "{worked}");
    // What came before a cut was not brought again: where all goes wrong seven times of ten, beginning
    // anew each time would take three times the bytes.
    let (sent, need) = (scene.proxy.bytes("/blobs/"), 100 * scene.size());
    assert!(sent < need + need / 5, "{sent} for {need}");
}

#[test]
fn bytes_that_arrive_wrong() {
    let scene = Scene::new(2, |script, request, mut random, nth| {
        // One request of three has a wrong byte, and in every tenth pull each has one.
        let always = script.pull.load(Ordering::SeqCst).is_multiple_of(10);
        let at = random.below(match request.is_blob() {
            true => 900,
            false => 300,
        });
        match always || nth == 0 && random.once_in(3) {
            true => script.fault(Act::pass().flip(at)),
            false => Act::pass(),
        }
    });
    let words = ["other bytes", "cannot be understood", "digest"];
    let worked = scene.pulls(100, &words);
    assert!(scene.script.faults() > 150, "{}", scene.script.faults());
    assert!((60..=90).contains(&worked), "{worked}");
}

#[test]
fn cut_and_wrong_at_once() {
    // What has come before a cut is wrong, which shows only when all is there.
    let scene = Scene::new(3, |script, request, mut random, nth| {
        match request.is_blob() && nth < 3 {
            true => {
                let act = Act::pass().cut_after(500 + random.below(60_000));
                script.fault(match nth {
                    0 => act.flip(random.below(500)),
                    _ => act,
                })
            }
            false => Act::pass(),
        }
    });
    let worked = scene.pulls(20, &["other bytes"]);
    assert!(worked >= 15, "{worked}");
}

#[test]
fn servers_that_have_enough_for_now() {
    let scene = Scene::new(4, |script, _, mut random, nth| {
        let status = [500, 502, 503, 429, 429][random.below(5) as usize];
        let reply = Act::reply(status).body("<html>please wait</html>");
        // A second, of which the quick client waits 5 ms; a date that has passed; nonsense.
        let after = ["1", "Sun, 06 Nov 1994 08:49:37 GMT", "soon", ""][random.below(4) as usize];
        match nth < 8 && random.below(10) < 6 {
            true => script.fault(reply.header("Retry-After", after)),
            false => Act::pass(),
        }
    });
    let worked = scene.pulls(
        60,
        &["the registry answered 5", "the registry answered 429"],
    );
    assert!(scene.script.faults() > 200, "{}", scene.script.faults());
    // Six times wrong of six, of five requests: more than three of four get through.
    assert!((40..60).contains(&worked), "{worked}");
}

#[test]
fn servers_that_fall_silent() {
    let scene = Scene::new(5, |script, request, mut random, nth| {
        let silent = request.is_blob() && nth == 0 && random.once_in(3);
        match silent {
            true => script.fault(Act::pass().stall_after(random.below(100_000))),
            false => Act::pass(),
        }
    });
    let worked = scene.pulls(15, &["silent"]);
    assert_eq!(worked, 15);
    assert!(scene.script.faults() > 8, "{}", scene.script.faults());
    // One that never says anything again.
    let mute = Scene::new(6, |_, request, _, _| match request.is_blob() {
        true => Act::pass().stall_after(0),
        false => Act::pass(),
    });
    assert_eq!(mute.pulls(1, &["tried 6 times", "sent nothing"]), 0);
}

/// Layers of which one cannot be had: the others are given up, and stay for the next time.
#[test]
fn one_layer_that_is_not_there() {
    let scene = Scene::new(7, |_, _, _, _| Act::pass());
    let missing = layers_of(&scene.image)[2].clone();
    let proxy = Faults::before(scene.registry.address(), move |request| {
        match request.path.ends_with(&missing) {
            true => Act::reply(404),
            false => Act::pass(),
        }
    });
    let (path, store) = scene.store(0);
    let said = scene
        .pull(&client(&quick()), &proxy.host(), &store)
        .unwrap_err();
    assert_says(&said, &["not found", &layers_of(&scene.image)[2]]);
    assert_eq!(assert_sound(&path), [""; 0]);
    scene
        .pull(&client(&quick()), &proxy.host(), &store)
        .unwrap_err();
    scene
        .pull(&client(&quick()), &scene.registry.host(), &store)
        .unwrap();
    assert_eq!(assert_sound(&path).len(), 1);
}

/// When one layer cannot be had, nobody goes on asking for another that does not come.
#[test]
fn one_that_is_missing_ends_the_wait_for_one_that_is_silent() {
    let scene = Scene::new(10, |_, _, _, _| Act::pass());
    let layers = layers_of(&scene.image);
    let (silent, missing) = (layers[0].clone(), layers[1].clone());
    let proxy = Faults::before(scene.registry.address(), move |request| {
        match (
            request.path.ends_with(&silent),
            request.path.ends_with(&missing),
        ) {
            (true, _) => Act::pass().stall_after(0),
            (_, true) => Act::reply(404).delay(Duration::from_millis(100)),
            _ => Act::pass(),
        }
    });
    let (path, store) = scene.store(0);
    let said = scene
        .pull(&client(&quick()), &proxy.host(), &store)
        .unwrap_err();
    assert_says(&said, &["not found", &layers[1]]);
    assert_eq!(proxy.count(&layers[0]), 1, "it was asked for again");
    assert_eq!(assert_sound(&path), [""; 0]);
}

/// A mirror that has other bytes is not asked any more; the registry has the right ones.
#[test]
fn a_mirror_that_lies_is_passed_by() {
    let scene = Scene::new(8, |_, request, _, _| match request.is_blob() {
        true => Act::pass().flip(100),
        false => Act::pass(),
    });
    let options = ClientOptions {
        mirrors: vec![scene.proxy.host()],
        ..quick()
    };
    let (path, store) = scene.store(0);
    scene
        .pull(&client(&options), &scene.registry.host(), &store)
        .unwrap();
    assert_eq!(assert_sound(&path).len(), 1);
    assert!(scene.proxy.count("/blobs/") >= 1, "the mirror was asked");
}

/// The same by the program, with the waits that it has.
#[test]
fn the_program_among_faults() {
    let scene = Scene::new(9, |script, request, mut random, nth| {
        match (request.is_blob(), nth) {
            (true, 0) => script.fault(Act::pass().cut_after(random.below(60_000))),
            (true, 1) => script.fault(Act::pass().flip(random.below(900))),
            (false, 0) => script.fault(Act::reply(503).header("Retry-After", "1")),
            _ => Act::pass(),
        }
    });
    let store = scene.place.join("data/imgfs");
    let name = format!("{}/a:1", scene.proxy.host());
    for _ in 0..2 {
        scene.script.next();
        let done = output(scene.place.imgfs().args(["pull", &name]));
        assert!(done.status.success(), "{}", stderr(&done));
        // What went wrong and was mended is not worth a word, but wrong bytes are.
        for line in stderr(&done).lines() {
            assert!(line.contains("other bytes"), "{line}");
        }
        assert_eq!(assert_sound(&store), [name.as_str()]);
        fs::remove_dir_all(&store).unwrap();
    }
    let wrong = Faults::before(scene.registry.address(), |request| {
        match request.is_blob() {
            true => Act::pass().flip(50),
            false => Act::pass(),
        }
    });
    let said = fail(
        scene
            .place
            .imgfs()
            .args(["pull", &format!("{}/a:1", wrong.host())]),
    );
    assert_says(&said, &[&wrong.host(), "config", "other bytes"]);
    assert_eq!(assert_sound(&store), [""; 0]);
}
