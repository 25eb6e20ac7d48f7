//! The store through the library: blobs that arrive, processes that wait for each other, and random
//! sequences of all operations, compared with a naive model of names and the blobs that they lead to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::support;
use crate::support::{MANIFEST, sha256};
use imgfs::internals::blob::Digest;
use imgfs::internals::store::{BlobRole, BlobState, Lease, Store};
use oci_spec::image::Descriptor;
use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

fn new_store() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store")).unwrap();
    (dir, store)
}

fn digest(bytes: &[u8]) -> Digest {
    sha256(bytes).parse().unwrap()
}

/// Returns every blob in the store.
fn there(store: &Store) -> BTreeSet<String> {
    let dir = store.path().join("blobs/sha256");
    let entries = fs::read_dir(dir).unwrap();
    entries
        .map(|e| format!("sha256:{}", e.unwrap().file_name().into_string().unwrap()))
        .collect()
}

/// Puts an image of these layers into the store; returns its descriptor, all blobs that it leads to, and
/// leases on them.
fn image(store: &Store, layers: &[u8]) -> (Descriptor, BTreeSet<String>, Vec<Lease>) {
    let mut leases = Vec::new();
    let mut blobs = BTreeSet::new();
    let mut put = |bytes: &[u8]| {
        leases.push(store.put(&digest(bytes), bytes).unwrap());
        blobs.insert(sha256(bytes));
        json!({"digest": sha256(bytes), "size": bytes.len()})
    };
    let layers: Vec<_> = layers
        .iter()
        .map(|n| {
            let mut layer = put(format!("layer {n}").as_bytes());
            layer["mediaType"] = support::TAR.into();
            layer
        })
        .collect();
    let mut config = put(json!({"layers": layers.len()}).to_string().as_bytes());
    config["mediaType"] = "application/vnd.oci.image.config.v1+json".into();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
    });
    let mut descriptor = put(manifest.to_string().as_bytes());
    descriptor["mediaType"] = MANIFEST.into();
    (serde_json::from_value(descriptor).unwrap(), blobs, leases)
}

#[test]
fn what_has_arrived_is_gone_on_with() {
    let (_dir, store) = new_store();
    let bytes = b"some bytes that come in two pieces";
    let (first, rest) = bytes.split_at(10);
    let BlobState::Missing(mut arrival) = store.want(&digest(bytes), bytes.len() as u64).unwrap()
    else {
        panic!("it is there");
    };
    assert!(arrival.is_empty());
    arrival.append(first).unwrap();
    drop(arrival);
    assert!(there(&store).is_empty());
    assert!(store.blob(&digest(bytes)).unwrap().is_none());
    let BlobState::Missing(mut arrival) = store.want(&digest(bytes), bytes.len() as u64).unwrap()
    else {
        panic!("it is there");
    };
    assert_eq!(arrival.len(), 10);
    // A blob that is being written is not removed.
    assert_eq!(store.prune(false).unwrap().in_use, 1);
    arrival.append(rest).unwrap();
    let lease = arrival.finish().unwrap();
    assert_eq!(there(&store), BTreeSet::from([sha256(bytes)]));
    assert_eq!(store.prune(false).unwrap().in_use, 1);
    drop(lease);
    let pruned = store.prune(false).unwrap();
    assert_eq!((pruned.taken.len(), pruned.in_use), (1, 0));
    assert_eq!(pruned.bytes(), bytes.len() as u64);
    assert!(there(&store).is_empty());
}

/// A partial file that is longer than the blob is not its beginning.
#[test]
fn leftovers_that_cannot_be_right_are_forgotten() {
    let (_dir, store) = new_store();
    let bytes = b"short";
    let name = sha256(bytes).replacen(':', "-", 1);
    fs::write(store.path().join("arriving").join(name), vec![7; 1000]).unwrap();
    let BlobState::Missing(arrival) = store.want(&digest(bytes), 5).unwrap() else {
        panic!("it is there");
    };
    assert!(arrival.is_empty());
    drop(arrival);
    // A file with a wrong length cannot be the blob.
    let path = store.path().join("blobs/sha256").join(&sha256(bytes)[7..]);
    fs::write(&path, b"shorter").unwrap();
    assert!(matches!(
        store.want(&digest(bytes), 5).unwrap(),
        BlobState::Missing(_)
    ));
    // A damaged document is replaced by the right one.
    fs::write(&path, b"sho_t").unwrap();
    drop(store.put(&digest(bytes), bytes).unwrap());
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn of_several_who_want_a_blob_one_brings_it() {
    let (_dir, store) = new_store();
    let bytes = vec![3; 100_000];
    let digest = digest(&bytes);
    let brought = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                // Each thread opens the store separately, as a process would.
                let store = Store::open(store.path()).unwrap();
                match store.want(&digest, bytes.len() as u64).unwrap() {
                    BlobState::Here(lease) => {
                        assert_eq!(lease.file().metadata().unwrap().len(), 100_000);
                    }
                    BlobState::Missing(mut arrival) => {
                        brought.fetch_add(1, Ordering::Relaxed);
                        for piece in bytes.chunks(1000) {
                            arrival.append(piece).unwrap();
                        }
                        arrival.finish().unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(brought.load(Ordering::Relaxed), 1);
}

/// Each process keeps its blob until it has both, and each wants the blob of the other.
#[test]
fn two_who_bring_what_the_other_wants_do_not_wait_for_ever() {
    let (_dir, store) = new_store();
    let blobs = [vec![1; 1000], vec![2; 1000]];
    let begun = Barrier::new(4);
    let want = |n: usize, brings: bool| {
        if !brings {
            begun.wait();
        }
        match store.want(&digest(&blobs[n]), 1000).unwrap() {
            BlobState::Here(lease) => lease,
            BlobState::Missing(mut arrival) => {
                assert!(brings, "the other brings it");
                begun.wait();
                // The other threads must be waiting by now.
                thread::sleep(Duration::from_millis(200));
                arrival.append(&blobs[n]).unwrap();
                arrival.finish().unwrap()
            }
        }
    };
    // Each process brings one blob and wants the other, and keeps its blob until it has both.
    let process = |brought: usize| {
        let want = &want;
        thread::scope(|scope| {
            let one = scope.spawn(move || want(brought, true));
            let other = want(1 - brought, false);
            [one.join().unwrap(), other].len()
        })
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| process(1));
        assert_eq!(process(0), 2);
        assert_eq!(other.join().unwrap(), 2);
    });
}

#[test]
fn names_that_are_given_at_once_are_all_there() {
    let (_dir, store) = new_store();
    let (descriptor, ..) = image(&store, &[1, 2]);
    thread::scope(|scope| {
        for who in 0..4 {
            let (store, descriptor) = (&store, &descriptor);
            scope.spawn(move || {
                for n in 0..20 {
                    store.tag(descriptor, &format!("app-{who}:{n}")).unwrap();
                    store.prune(false).unwrap();
                    if n % 2 == 1 {
                        store.untag(&format!("app-{who}:{n}")).unwrap();
                    }
                }
            });
        }
    });
    let mut names: Vec<_> = store
        .images()
        .unwrap()
        .into_iter()
        .map(|i| i.name.unwrap())
        .collect();
    names.sort();
    let mut expected: Vec<String> = (0..4)
        .flat_map(|who| (0..20).step_by(2).map(move |n| format!("app-{who}:{n}")))
        .collect();
    expected.sort();
    assert_eq!(names, expected);
    let parts = store.parts(&store.find("app-0:0").unwrap()).unwrap();
    let roles: Vec<BlobRole> = parts.iter().map(|p| p.role).collect();
    assert_eq!(
        roles,
        [
            BlobRole::Manifest,
            BlobRole::Config,
            BlobRole::Layer,
            BlobRole::Layer
        ]
    );
    assert_eq!(there(&store).len(), 4);
}

/// An image that gets another name while its first name is removed and everything is pruned is either
/// complete or has no name.
#[test]
fn a_name_that_is_given_leads_to_what_is_there() {
    let (_dir, store) = new_store();
    for round in 0..100 {
        let (descriptor, blobs, leases) = image(&store, &[1, 2]);
        store.tag(&descriptor, "a:1").unwrap();
        drop(leases);
        let start = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                store.untag("a:1").unwrap();
                store.prune(false).unwrap();
            });
            start.wait();
            let tagged = store.tag_again("a:1", "b:1");
            assert_eq!(tagged.is_ok(), store.find("b:1").is_ok());
        });
        match store.untag("b:1") {
            Ok(_) => assert_eq!(there(&store), blobs, "round {round}"),
            Err(_) => assert!(there(&store).is_empty(), "round {round}"),
        }
        store.prune(false).unwrap();
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// An image of these layers gets the name with that number; the flag says whether its blobs stay in
    /// use.
    Bring(Vec<u8>, u8, bool),
    Untag(u8),
    /// The image with the first name gets another name.
    Tag(u8, u8),
    Prune,
    /// All leases are released.
    Release,
    /// A process is killed and leaves a partial blob.
    Leave(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = 0..4_u8;
    let step = prop_oneof![
        4 => (prop::collection::vec(0..5_u8, 1..4), name.clone(), any::<bool>())
            .prop_map(|(layers, name, used)| Step::Bring(layers, name, used)),
        2 => name.clone().prop_map(Step::Untag),
        2 => (name.clone(), name.clone()).prop_map(|(a, b)| Step::Tag(a, b)),
        4 => Just(Step::Prune),
        1 => Just(Step::Release),
        1 => name.prop_map(Step::Leave),
    ];
    prop::collection::vec(step, 1..30)
}

/// The expected content of a store.
#[derive(Default)]
struct Model {
    names: BTreeMap<u8, (Descriptor, BTreeSet<String>)>,
    blobs: BTreeSet<String>,
    used: BTreeSet<String>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn a_store_is_what_a_naive_model_says(steps in steps()) {
        let (_dir, store) = new_store();
        let mut model = Model::default();
        let mut leases = Vec::new();
        for step in steps {
            match step {
                Step::Bring(layers, name, used) => {
                    let (descriptor, blobs, held) = image(&store, &layers);
                    store.tag(&descriptor, &format!("app:{name}")).unwrap();
                    model.blobs.extend(blobs.clone());
                    if used {
                        model.used.extend(blobs.clone());
                        leases.extend(held);
                    }
                    model.names.insert(name, (descriptor, blobs));
                }
                Step::Untag(name) => {
                    let removed = store.untag(&format!("app:{name}"));
                    prop_assert_eq!(removed.is_ok(), model.names.remove(&name).is_some());
                }
                Step::Tag(from, to) => {
                    let found = store.find(&format!("app:{from}"));
                    prop_assert_eq!(found.is_ok(), model.names.contains_key(&from));
                    if let (Ok(found), Some(image)) = (found, model.names.get(&from).cloned()) {
                        store.tag(&found.descriptor, &format!("app:{to}")).unwrap();
                        model.names.insert(to, image);
                    }
                }
                Step::Prune => {
                    store.prune(false).unwrap();
                    let named: BTreeSet<String> =
                        model.names.values().flat_map(|i| i.1.clone()).collect();
                    model.blobs.retain(|b| named.contains(b) || model.used.contains(b));
                }
                Step::Release => {
                    leases.clear();
                    model.used.clear();
                }
                Step::Leave(n) => {
                    let path = store.path().join("arriving").join(format!("sha256-{n}"));
                    fs::write(path, "part").unwrap();
                    fs::write(store.path().join(format!(".new-{n}")), "{").unwrap();
                }
            }
            prop_assert_eq!(there(&store), model.blobs.clone());
            let names: BTreeSet<String> =
                store.images().unwrap().into_iter().map(|i| i.name.unwrap()).collect();
            let expected: BTreeSet<String> =
                model.names.keys().map(|n| format!("app:{n}")).collect();
            prop_assert_eq!(names, expected);
            let usage = store.usage().unwrap();
            prop_assert_eq!(usage.count, model.blobs.len());
        }
        store.prune(false).unwrap();
        let left = fs::read_dir(store.path().join("arriving")).unwrap().count();
        prop_assert_eq!(left, 0);
        for (_, blobs) in model.names.values() {
            prop_assert!(blobs.is_subset(&there(&store)));
        }
    }
}
