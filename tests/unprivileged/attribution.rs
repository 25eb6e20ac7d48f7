//! `imgfs check` names the layer that removed a missing file: images of two and three layers, through
//! the whole program.

use std::path::Path;

use crate::support;
use crate::support::program::{Place, output};
use crate::support::{Layer, OciImage, write_index};
use imgfs::internals::launch::Evidence;
use imgfs::internals::tree::RemovalKind;
use serde_json::json;

/// Returns the lines that `imgfs check` prints for an image whose layers were made by these history
/// lines.
fn check(layers: Vec<(&str, Layer)>, config: serde_json::Value) -> String {
    let place = Place::new();
    let dir = place.join("image");
    std::fs::create_dir_all(&dir).unwrap();
    let (lines, layers): (Vec<_>, Vec<_>) = layers.into_iter().unzip();
    let tars: Vec<_> = layers.into_iter().map(Layer::tar).collect();
    let image = OciImage::plain(&tars);
    let mut document = image.config();
    document["config"] = config;
    for (number, line) in lines.iter().enumerate() {
        document["history"][number]["created_by"] = (*line).into();
    }
    let descriptor = image.write_with(&dir, &document);
    write_index(&dir, &[descriptor]);
    run(&place, &dir)
}

fn run(place: &Place, dir: &Path) -> String {
    let mut command = place.imgfs();
    command.current_dir(place.join("state"));
    let output = output(command.arg("check").arg(dir));
    String::from_utf8(output.stdout).unwrap()
}

const START: &str = "/entry.sh";

/// Returns a first layer with a script for `/usr/bin/bash`, and that interpreter.
fn base() -> Layer {
    Layer::new()
        .dir("usr")
        .dir("usr/bin")
        .file_mode("usr/bin/bash", "#!/bin/true\n", 0o755)
        .symlink("bin", "usr/bin")
        .file_mode("entry.sh", "#!/usr/bin/bash\n", 0o755)
}

/// Returns the findings about the start of an image whose first layer is [`base`].
fn of_start(more: Vec<(&str, Layer)>) -> String {
    let mut layers = vec![("ADD base", base())];
    layers.extend(more);
    check(layers, json!({"Entrypoint": [START]}))
}

#[track_caller]
fn assert_ends(text: &str, end: &str) {
    let said = text.lines().any(|line| line.contains(end));
    assert!(said, "{end:?} is not in\n{text}");
}

#[test]
fn a_whiteout_names_its_layer_and_line() {
    let text = of_start(vec![
        ("COPY app", Layer::new().file("app", "x")),
        (
            "RUN rm /usr/bin/bash",
            Layer::new().whiteout("usr/bin/bash"),
        ),
    ]);
    assert_ends(
        &text,
        "not in the image; layer 2 removed it: RUN rm /usr/bin/bash",
    );
}

#[test]
fn a_directory_above_that_was_removed_counts() {
    let text = of_start(vec![("RUN rm -r /usr", Layer::new().whiteout("usr"))]);
    assert_ends(&text, "; layer 1 removed it: RUN rm -r /usr");
    let text = of_start(vec![("RUN mv", Layer::new().dir("usr").opaque("usr"))]);
    assert_ends(&text, "; layer 1 removed it: RUN mv");
}

#[test]
fn the_path_is_followed_through_links() {
    let script = Layer::new().file_mode("entry.sh", "#!/bin/bash\n", 0o755);
    let text = of_start(vec![
        ("COPY entry.sh", script),
        ("RUN rm bash", Layer::new().whiteout("usr/bin/bash")),
    ]);
    assert_ends(&text, "; layer 2 removed /usr/bin/bash: RUN rm bash");
}

#[test]
fn a_link_whose_target_was_removed() {
    let layer = Layer::new()
        .whiteout("usr/bin/bash")
        .file_mode("usr/bin/bash5", "#!/bin/true\n", 0o755)
        .symlink("usr/bin/bash", "bash5");
    let text = of_start(vec![
        ("RUN upgrade", layer),
        ("RUN rm bash5", Layer::new().whiteout("usr/bin/bash5")),
    ]);
    assert_ends(&text, "; layer 2 removed /usr/bin/bash5: RUN rm bash5");
}

#[test]
fn a_removed_link_is_named_itself() {
    let script = Layer::new().file_mode("entry.sh", "#!/bin/bash\n", 0o755);
    let text = of_start(vec![
        ("COPY entry.sh", script),
        ("RUN rm /bin", Layer::new().whiteout("bin")),
    ]);
    assert_ends(&text, "; layer 2 removed /bin: RUN rm /bin");
}

#[test]
fn a_file_that_became_something_else() {
    let text = of_start(vec![("COPY dir", Layer::new().dir("usr/bin/bash"))]);
    assert_ends(&text, "; layer 1 replaced it: COPY dir");
    let text = of_start(vec![(
        "RUN ln -s",
        Layer::new().symlink("usr/bin/bash", "/gone"),
    )]);
    assert_ends(&text, "; layer 1 replaced it: RUN ln -s");
}

#[test]
fn the_last_removal_counts() {
    let new = Layer::new().file_mode("usr/bin/bash", "#!/bin/false\n", 0o755);
    let text = of_start(vec![
        ("RUN upgrade", new),
        ("RUN purge", Layer::new().whiteout("usr/bin/bash")),
    ]);
    assert_ends(&text, "; layer 2 removed it: RUN purge");
}

#[test]
fn what_never_was_there_is_not_attributed() {
    let script = Layer::new().file_mode("entry.sh", "#!/usr/bin/python3\n", 0o755);
    let text = of_start(vec![
        ("COPY entry.sh", script),
        ("RUN rm bash", Layer::new().whiteout("usr/bin/bash")),
    ]);
    assert_ends(&text, "/usr/bin/python3 is not in the image");
    assert!(!text.contains("; layer"), "{text}");
}

#[test]
fn what_env_looks_for_is_attributed_in_path() {
    let script = Layer::new()
        .file_mode(
            "usr/bin/env",
            support::data("zig-x86_64-linux-musl-staticpie"),
            0o755,
        )
        .file_mode("entry.sh", "#!/usr/bin/env bash\n", 0o755);
    let text = of_start(vec![
        ("COPY entry.sh", script),
        ("RUN rm bash", Layer::new().whiteout("usr/bin/bash")),
    ]);
    assert_ends(&text, "in PATH; layer 2 removed /usr/bin/bash: RUN rm bash");
}

#[test]
fn the_users_of_an_image() {
    let users = "root:x:0:0::/:/bin/sh\napp:x:1:1::/:\n";
    let layers = || {
        vec![
            (
                "ADD base",
                Layer::new().dir("etc").file("etc/passwd", users),
            ),
            ("RUN clean", Layer::new().whiteout("etc/passwd")),
        ]
    };
    let text = check(layers(), json!({"User": "app"}));
    assert_ends(&text, "not in /etc/passwd; layer 1 removed it: RUN clean");
    // A user that is missing in the file has nothing to do with layers.
    let mut first = layers();
    first.truncate(1);
    let text = check(first, json!({"User": "other"}));
    assert_ends(&text, "user other, which is not in /etc/passwd");
    assert!(!text.contains("; layer"), "{text}");
}

/// A history line is printed on one line, regardless of how it was written, and is cut to the length of
/// a line.
#[test]
fn a_history_line_stays_on_one_line() {
    let long = format!(
        "RUN set -eux;\n\tapt-get  purge bash; {}",
        "true; ".repeat(100)
    );
    let text = of_start(vec![(&long, Layer::new().whiteout("usr/bin/bash"))]);
    assert_ends(
        &text,
        "; layer 1 removed it: RUN set -eux; apt-get purge bash; true;",
    );
    let line = text
        .lines()
        .find(|line| line.contains("removed it"))
        .unwrap();
    assert!(line.contains("…"), "{line}");
}

/// Finds all removed files of a name, with the last removal of each, except those that exist again.
#[test]
fn removed_files_are_found_by_name() {
    let old = "usr/lib/old/libssl.so.3";
    let new = "usr/lib/libssl.so.3";
    let layers = [
        Layer::new().dir("usr").dir("usr/lib").dir("usr/lib/old"),
        Layer::new()
            .file(old, "1")
            .file(new, "1")
            .file("opt/libssl.so.3", "1"),
        Layer::new().whiteout(old),
        Layer::new().file(new, "2").file("opt/libssl.so.3", "2"),
        Layer::new().whiteout(new),
    ];
    let image = OciImage::plain(&layers.map(Layer::tar));
    let dir = support::oci_dir(&image);
    let image = support::open_image(&format!("oci:{}", dir.path().display()));
    let found = image.removed_named(b"libssl.so.3").unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|r| (str::from_utf8(&r.path).unwrap(), r.added_by, r.layer, r.how))
        .collect();
    let expected = [
        ("/usr/lib/libssl.so.3", 3, 4, RemovalKind::Whiteout),
        ("/usr/lib/old/libssl.so.3", 1, 2, RemovalKind::Whiteout),
    ];
    assert_eq!(found, expected);
    assert!(image.removed_named(b"libssl.so.1").unwrap().is_empty());
    // An existing file was not removed, though a layer replaced it.
    assert_eq!(image.removed(b"/opt/libssl.so.3").unwrap(), None);
    let removed = image.removed(b"/usr/lib/libssl.so.3").unwrap().unwrap();
    assert_eq!((removed.added_by, removed.layer), (3, 4));
}
