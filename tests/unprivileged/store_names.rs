//! Names in the store: an image has the names that the store gave it, for any number of concurrent
//! writers.

use crate::support::program::images::{annotated, layout};
use crate::support::program::{Place, assert_says, fail, finish, start, stderr, str};
use crate::support::store::*;
use crate::support::{Layer, OciImage};

/// The name that an image had elsewhere (containerd's annotation stays with it) is not a name in the
/// store.
#[test]
fn a_name_is_what_the_store_says() {
    let place = Place::new();
    let of = |who: &str| {
        let dir = layout(&place, |dir| {
            let one = OciImage::gzip(&[Layer::new().file("who", who).tar()]);
            let entry = annotated(
                one.write(dir),
                "io.containerd.image.name",
                "docker.io/library/a:1",
            );
            vec![entry]
        });
        imgfs(&place, ["load", str(&dir)])
    };
    assert!(of("old").contains("a:1 "));
    imgfs(&place, ["tag", "a:1", "b:1"]);
    of("new");
    assert_eq!(imgfs(&place, ["cat", "a:1", "who"]), "new");
    assert_eq!(imgfs(&place, ["cat", "b:1", "who"]), "old");
    imgfs(&place, ["rm", "a:1"]);
    assert_says(&fail(place.imgfs().args(["cat", "a:1", "who"])), &["a:1"]);
    assert_eq!(imgfs(&place, ["cat", "b:1", "who"]), "old");
    assert_says(&imgfs(&place, ["verify", "b:1"]), &["b:1: ok"]);
}

/// Each name that was given exists, though all processes write the same index.json.
#[test]
fn of_names_given_at_once_none_is_lost() {
    let place = Place::new();
    imgfs(&place, ["load", str(&place.image())]);
    let names_of = |thread: usize| (0..25).map(move |n| format!("name-{thread}-{n}:1"));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let place = &place;
            scope.spawn(move || {
                for name in names_of(thread) {
                    let tagged = finish(start(place.imgfs().args(["tag", "sample:1", &name])));
                    assert!(tagged.status.success(), "{}", stderr(&tagged));
                }
            });
        }
    });
    let mut expected: Vec<String> = (0..4).flat_map(names_of).collect();
    expected.push("sample:1".to_owned());
    expected.sort();
    let mut names = names(&place);
    names.sort();
    assert_eq!(names, expected);
}
