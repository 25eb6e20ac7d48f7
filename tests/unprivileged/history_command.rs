//! `imgfs history`, the program: the effect of each layer, counted by hand.

use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support::program::{Place, assert_says, output, stderr, str};
use crate::support::{Layer, OciImage, gzip, sha256, write_index};
use serde_json::{Value, json};

/// Returns layers that each do one thing to files of others.
fn layers() -> Vec<Vec<u8>> {
    let base = Layer::new()
        .dir("d")
        .file("d/a", "5....")
        .file("d/b", "7......")
        .dir("e")
        .file("e/x", "11.........")
        .symlink("s", "d/a");
    // Removes a file, replaces one, adds one; describes a directory again.
    let second = Layer::new()
        .dir_mode("d", 0o700)
        .whiteout("d/a")
        .file("d/b", "3..")
        .file("n", "2.");
    // Hides a directory's files, and links to a file of another layer.
    let third = Layer::new()
        .opaque("e")
        .file("e/y", "4...")
        .hardlink("h", "n");
    // Removes one name of two; adds a file again that another layer removed.
    let fourth = Layer::new()
        .whiteout("n")
        .file("d/b", "6.....")
        .file("d/a", "1");
    [base, second, third, fourth].map(Layer::tar).to_vec()
}

fn config(image: &OciImage, history: Value) -> Value {
    let mut config = image.config();
    config["history"] = history;
    config
}

/// Returns a history with lines without a layer, one of them the last.
fn full() -> Value {
    json!([
        {"created_by": "ADD base", "created": "2020-01-01T00:00:00Z", "author": "somebody"},
        {"created_by": "ENV\tA=b", "empty_layer": true},
        {"created_by": "RUN second\nstep", "comment": "buildkit"},
        {"created_by": "RUN third"},
        {},
        {"created_by": "CMD [\"sh\"]", "empty_layer": true},
    ])
}

fn layout(place: &Place, image: &OciImage, history: Value) -> PathBuf {
    let dir = place.join("layout");
    let descriptor = image.write_with(&dir, &config(image, history));
    write_index(&dir, &[descriptor]);
    dir
}

fn history(place: &Place, args: &[&str], image: &Path) -> Output {
    output(place.imgfs().arg("history").args(args).arg(image))
}

#[track_caller]
fn lines(output: &Output) -> Vec<String> {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_layer_a_row() {
    let place = Place::new();
    let image = OciImage::gzip(&layers());
    let dir = layout(&place, &image, full());
    let found = lines(&history(&place, &[], &dir));
    // Size, added, changed, hidden, wasted; the history line. For the second layer's two bytes in `n`,
    // another name is left.
    let expected = [
        ("23\t4\t0\t0\t23", "ADD base"),
        ("5\t1\t1\t2\t3", r"RUN second\x0astep"),
        ("4\t2\t0\t1\t0", "RUN third"),
        ("7\t1\t1\t2\t0", "-"),
    ];
    assert_eq!(found.len(), expected.len());
    for (number, (counts, made)) in expected.into_iter().enumerate() {
        let stored = &image.layers[number].0;
        let (digest, stored) = (sha256(stored), stored.len());
        assert_eq!(
            found[number],
            format!("{number}\t{digest}\t{stored}\t{counts}\t{made}")
        );
    }
}

/// A directory that is hidden with its content does not count as a file. A layer that describes it again
/// hides nothing.
#[test]
fn directories_are_not_counted() {
    let place = Place::new();
    let lower = Layer::new().dir("d").dir("d/e").file("d/e/f", "f").dir("k");
    let upper = Layer::new().file("d", "file").dir_mode("k", 0o700);
    let image = OciImage::plain(&[lower.tar(), upper.tar()]);
    let dir = layout(&place, &image, json!([{}, {}]));
    let counts = |line: &String| line.split('\t').collect::<Vec<_>>()[3..8].join(" ");
    let found = lines(&history(&place, &[], &dir));
    let found: Vec<String> = found.iter().map(counts).collect();
    assert_eq!(found, ["1 1 0 0 1", "4 1 0 1 0"]);
}

#[test]
fn lines_that_made_no_layer() {
    let place = Place::new();
    let dir = layout(&place, &OciImage::plain(&layers()), full());
    let found = lines(&history(&place, &["--all"], &dir));
    let ends: Vec<(&str, &str)> = found
        .iter()
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            assert_eq!(cells.len(), 9, "{line}");
            (cells[0], cells[8])
        })
        .collect();
    let expected = [
        ("0", "ADD base"),
        ("-", r"ENV\x09A=b"),
        ("1", r"RUN second\x0astep"),
        ("2", "RUN third"),
        ("3", "-"),
        ("-", r#"CMD ["sh"]"#),
    ];
    assert_eq!(ends, expected);
    assert_eq!(found[1], "-\t-\t-\t-\t-\t-\t-\t-\tENV\\x09A=b");
}

#[test]
fn json_has_the_names_of_the_documentation() {
    let place = Place::new();
    let image = OciImage::plain(&layers());
    let dir = layout(&place, &image, full());
    let found = lines(&history(&place, &["--json", "--all"], &dir));
    let objects: Vec<Value> = found
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        objects[0],
        json!({
            "layer": 0, "digest": sha256(&image.layers[0].0), "stored_size": image.layers[0].0.len(),
            "size": 23, "added": 4, "changed": 0, "hidden": 0, "wasted": 23,
            "created_by": "ADD base", "created": "2020-01-01T00:00:00Z", "author": "somebody",
            "comment": null,
        })
    );
    assert_eq!(
        objects[1],
        json!({
            "layer": null, "created_by": r"ENV\x09A=b", "created": null, "author": null,
            "comment": null,
        })
    );
    assert_eq!(objects[2]["comment"], "buildkit");
    assert_eq!(objects[2]["wasted"], 3);
    assert_eq!(objects[4]["created_by"], Value::Null);
    assert_eq!(objects.len(), 6);
}

/// If a history does not fit the layers, no line is shown, and a warning says so.
#[test]
fn a_history_of_the_wrong_length() {
    let place = Place::new();
    let lines_of = json!([{"created_by": "ADD base"}, {"created_by": "RUN second"}]);
    let dir = layout(&place, &OciImage::plain(&layers()), lines_of);
    let output = history(&place, &["--all"], &dir);
    let said = stderr(&output);
    assert_says(&said, &[str(&dir), "history does not match its layers"]);
    assert_eq!(said.lines().count(), 1, "{said}");
    let found = lines(&output);
    assert_eq!(found.len(), 4);
    assert!(found.iter().all(|line| line.ends_with("\t-")), "{found:?}");
}

/// A docker-archive without a history: its layers are named by their diff_ids, also if they are stored
/// compressed.
#[test]
fn no_history() {
    let place = Place::new();
    let mut image = OciImage::plain(&layers());
    image.layers[1].0 = gzip(&image.layers[1].0);
    let mut config = image.config();
    config.as_object_mut().unwrap().remove("history");
    let names = ["0", "1", "2", "3"];
    let manifest = json!([{"Config": "config.json", "RepoTags": ["a:1"], "Layers": names}]);
    let mut archive = Layer::new()
        .file("manifest.json", manifest.to_string())
        .file("config.json", config.to_string());
    for (name, (stored, _, _)) in names.iter().zip(&image.layers) {
        archive = archive.file(name, stored);
    }
    let path = place.file("docker.tar", archive.tar());
    let output = history(&place, &[], &path);
    let said = stderr(&output);
    assert_says(&said, &[str(&path), "the config has no history"]);
    assert_eq!(said.lines().count(), 1, "{said}");
    let found = lines(&output);
    assert_eq!(found.len(), 4);
    for (line, (stored, _, diff_id)) in found.iter().zip(&image.layers) {
        let cells: Vec<&str> = line.split('\t').collect();
        assert_eq!(cells[1], diff_id);
        assert_eq!(cells[2], stored.len().to_string());
        assert_eq!(cells[8], "-");
    }
}

/// On a terminal the output has columns with a header, short digests and units.
#[test]
fn a_terminal_gets_columns() {
    let place = Place::new();
    let long = "x".repeat(3 << 10);
    let layer = Layer::new().file("long", &long).tar();
    let image = OciImage::plain(&[layer]);
    let command =
        "RUN  a   very long command, longer than sixty characters, that is cut somewhere here";
    let dir = layout(&place, &image, json!([{"created_by": command}]));
    let on_terminal = |args: &str| {
        let program = env!("CARGO_BIN_EXE_imgfs");
        // Another test covers the progress bar for reading layers.
        let line = format!("{program} history {args} {} 2>/dev/null", dir.display());
        let run = output(place.command("script").args(["-qec", &line, "/dev/null"]));
        let text = String::from_utf8(run.stdout).unwrap();
        text.lines()
            .map(|l| l.trim_end().to_owned())
            .collect::<Vec<_>>()
    };
    let digest = sha256(&image.layers[0].0);
    let rows = on_terminal("");
    assert_eq!(
        rows[0],
        "LAYER  DIGEST          STORED      SIZE  ADDED  CHANGED  HIDDEN  WASTED  CREATED BY"
    );
    assert_eq!(
        rows[1],
        format!(
            "    0  {}  4.50 KiB  3.00 KiB      1        0       0     0 B  {}",
            &digest[7..19],
            "RUN a very long command, longer than sixty characters, that …"
        )
    );
    let whole = on_terminal("--no-trunc");
    assert_says(&whole[1], &[&digest, command]);
}
