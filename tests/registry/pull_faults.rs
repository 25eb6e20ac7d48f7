//! Pulls with network faults: each ends soon, with the image or with an error that says what happened.
//! In each case the store is sound and the next pull continues.
//!
//! Most tests call the library, since the program waits for seconds to spare a server, and there are
//! hundreds of pulls here.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::pull_support::{Random, assert_sound, image, layers_of, push};
use crate::registry_support::{client, options};
use crate::support::OciImage;
use crate::support::program::{Place, assert_says, fail, output, stderr};
use crate::support::proxy::{Act, Faults, Request};
use crate::support::registry::Registry;
use imgfs::internals::cache::CacheDir;
use imgfs::internals::registry::{Client, ClientOptions, Patience};
use imgfs::internals::store::Store;
use imgfs::internals::transfer::{self, PullOptions};

/// The time limit for a pull with any faults: six attempts of 200 ms of silence each for a blob, and two
/// layers at a time.
const BOUND: Duration = Duration::from_secs(60);

/// The treatment of the requests of a pull. It is derived from the seed, the number of the pull, the
/// path, and the number of earlier requests for it in this pull, so the order of threads does not
/// matter.
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

    /// Returns the numbers for a request, and the number of earlier requests with its path in this pull.
    fn numbers(&self, request: &Request) -> (Random, u64) {
        let mut asked = self.asked.lock().unwrap();
        let nth = asked.entry(request.path.clone()).or_default();
        *nth += 1;
        let nth = *nth - 1;
        drop(asked);
        // Without the host, because its port differs each time.
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

    /// Counts a fault and returns it.
    fn fault(&self, act: Act) -> Act {
        self.done.fetch_add(1, Ordering::SeqCst);
        act
    }

    fn faults(&self) -> usize {
        self.done.load(Ordering::SeqCst)
    }
}

/// An image of three layers in a registry, behind a proxy that makes faults.
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

    /// Pulls `times` times, each time into a separate store. After each pull the store is sound. If the
    /// pull failed, there is no image, the error has one of these words, and a second pull without
    /// faults completes the image. Returns how many pulls succeeded.
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
            assert_eq!(left, 0, "a partial blob is left");
            fs::remove_dir_all(path).unwrap();
        }
        worked
    }
}

/// Returns options with short waits: those of the program take seconds.
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
        // Blobs of 1 to 120 KB: some cuts come after their end and have no effect.
        let most = if request.is_blob() { 130_000 } else { 600 };
        match random.below(10) {
            0..7 => script.fault(Act::pass().cut_after(random.below(most))),
            _ => Act::pass(),
        }
    });
    let worked = scene.pulls(100, &["cut", "tried 6 times"]);
    // Each attempt makes progress, so nearly all pulls succeed.
    assert!(scene.script.faults() > 400, "{}", scene.script.faults());
    assert!(worked >= 80, "{worked}");
    // Bytes that arrived before a cut are not fetched again: with faults in seven requests of ten,
    // starting over each time would take three times the bytes.
    let (sent, need) = (scene.proxy.bytes("/blobs/"), 100 * scene.size());
    assert!(sent < need + need / 5, "{sent} for {need}");
}

#[test]
fn bytes_that_arrive_wrong() {
    let scene = Scene::new(2, |script, request, mut random, nth| {
        // One request of three has a wrong byte; in every tenth pull all requests have one.
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
    let words = ["match its digest", "cannot be parsed", "digest"];
    let worked = scene.pulls(100, &words);
    assert!(scene.script.faults() > 150, "{}", scene.script.faults());
    assert!((60..=90).contains(&worked), "{worked}");
}

#[test]
fn cut_and_wrong_at_once() {
    // The bytes before a cut are wrong, which is only detected at the end.
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
    let worked = scene.pulls(20, &["match its digest"]);
    assert!(worked >= 15, "{worked}");
}

#[test]
fn servers_that_have_enough_for_now() {
    let scene = Scene::new(4, |script, _, mut random, nth| {
        let status = [500, 502, 503, 429, 429][random.below(5) as usize];
        let reply = Act::reply(status).body("<html>please wait</html>");
        // A second, which this client shortens to 5 ms; a date in the past; nonsense.
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
    // A pull fails if one of five requests is wrong six times in succession: more than three of four
    // pulls succeed.
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
    // A registry that never answers again.
    let mute = Scene::new(6, |_, request, _, _| match request.is_blob() {
        true => Act::pass().stall_after(0),
        false => Act::pass(),
    });
    assert_eq!(mute.pulls(1, &["tried 6 times", "sent nothing"]), 0);
}

/// One layer that cannot be fetched: the other downloads are cancelled, and their bytes are kept for the
/// next time.
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

/// If one layer cannot be fetched, the client does not keep waiting for another one that is stalled.
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
    assert_eq!(proxy.count(&layers[0]), 1, "the layer was requested again");
    assert_eq!(assert_sound(&path), [""; 0]);
}

/// A mirror with wrong bytes is not asked again; the registry has the right ones.
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
    assert!(
        scene.proxy.count("/blobs/") >= 1,
        "the mirror was not asked"
    );
}

/// The program with faults, with its own wait times.
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
        // Faults that a retry fixed are not reported, but wrong bytes are.
        for line in stderr(&done).lines() {
            assert!(line.contains("match its digest"), "{line}");
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
    assert_says(&said, &[&wrong.host(), "config", "match its digest"]);
    assert_eq!(assert_sound(&store), [""; 0]);
}
