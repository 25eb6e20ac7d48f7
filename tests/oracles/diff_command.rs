//! `imgfs diff`, the program: two versions of an image with every kind of change, compared with
//! expectations written by hand and with `diff -r` of the trees that umoci unpacks; and different forms
//! of one image, which are equal.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::diff::{content, diff, diff_r, layout, layout_with, prints};
use crate::support::program::images::{docker_archive, oci_archive, on_platform};
use crate::support::program::{Place, assert_says, output, stderr, str};
use crate::support::{Layer, OciImage, TAR_ZSTD, gzip, open_image, run, sha256, write_index};
use imgfs::internals::layer::printable;
use imgfs::internals::query::diff::{Diff, Options};
use imgfs::internals::view::{ImageFs, Sidecars};
use serde_json::{Value, json};

/// Sets attributes of the next entry.
fn owned(layer: Layer, uid: &str, gid: &str) -> Layer {
    layer.pax(&[("uid", uid.as_bytes()), ("gid", gid.as_bytes())])
}

fn xattr(layer: Layer, name: &str, value: &[u8]) -> Layer {
    layer.pax(&[(&format!("SCHILY.xattr.{name}"), value)])
}

/// Adds a file whose name is not UTF-8.
fn latin1(layer: Layer, data: &str) -> Layer {
    layer.pax(&[("path", b"caf\xe9")]).file("x", data)
}

fn old() -> Vec<u8> {
    let layer = Layer::new()
        .dir("back")
        .file("back/child", "c")
        .device("device", 1, 3)
        .fifo("fifo")
        .dir("gone")
        .dir("gone/deep")
        .file("gone/deep/x", "x")
        .file("gone.d", "y")
        .file("grows", "12")
        .file("h1", "joined")
        .hardlink("h2", "h1")
        .file("h3", "apart")
        .file("h4", "apart")
        .symlink("link", "here")
        .file_mode("mode", "m", 0o644)
        .dir_mode("modes", 0o755)
        .file("owner", "o")
        .file("same", "same")
        .file("size", "abcd")
        .file("swap", "s")
        .file("time", "t")
        .symlink("turns", "here")
        .file("zero", "");
    xattr(latin1(layer, "one"), "user.a", b"1")
        .file("xattr", "v")
        .tar()
}

fn new() -> Vec<u8> {
    let layer = Layer::new()
        .file("back", "c")
        .device("device", 1, 5)
        .fifo("fifo")
        .file("grows", "12345")
        .file("h1", "joined")
        .file("h2", "joined")
        .file("h3", "apart")
        .hardlink("h4", "h3")
        .symlink("link", "there")
        .file_mode("mode", "m", 0o4711)
        .dir_mode("modes", 0o1777)
        .dir("n")
        .file("n.b", "n")
        .file("n/x", "n")
        .file("same", "same")
        .file("size", "abce")
        .dir("swap")
        .file("swap/child", "s")
        .file("tab\tand\\", "")
        .file("turns", "here")
        .file("zero", "");
    let layer = owned(layer, "1000", "7").file("owner", "o");
    let layer = layer.pax(&[("mtime", b"1.5")]).file("time", "t");
    let layer = layer.pax(&[
        ("SCHILY.xattr.user.a", b"2\\"),
        ("SCHILY.xattr.user.b", b""),
    ]);
    latin1(layer.file("xattr", "v"), "two").tar()
}

/// The output of `imgfs diff` for the two images.
const EXPECTED: &str = "\
t /back\tdir -> file
- /back/child
~ /caf\\xe9\tsize 3
~ /device\tdevice 1,3 -> 1,5
- /gone
- /gone.d
- /gone/deep
- /gone/deep/x
~ /grows\tsize 2 -> 5
a /h1\tnlink 2 -> 1
a /h2\tnlink 2 -> 1\thard-link /h1 -> -
a /h3\tnlink 1 -> 2
a /h4\tnlink 1 -> 2\thard-link - -> /h3
~ /link\ttarget here -> there
a /mode\tmode 0644 -> 4711
a /modes\tmode 0755 -> 1777
+ /n
+ /n.b
+ /n/x
a /owner\tuid 0 -> 1000\tgid 0 -> 7
~ /size\tsize 4
t /swap\tfile -> dir
+ /swap/child
+ /tab\\x09and\\x5c
t /turns\tsymlink -> file
a /xattr\txattr user.a 1 -> 2\\x5c\txattr user.b - -> 
";

/// Writes the two images, the second stored in another way.
fn two(place: &Place) -> [PathBuf; 2] {
    let a = layout(place, "a", &OciImage::plain(&[old()]));
    [a, layout(place, "b", &OciImage::gzip(&[new()]))]
}

#[test]
fn every_kind_of_change() {
    let place = Place::new();
    let [a, b] = two(&place);
    assert_eq!(prints(&diff(&place, &[], [&a, &b]), 1), EXPECTED);
    // In the other direction the same paths differ, and added files are removed ones.
    let heads = |text: &str| -> Vec<String> {
        let heads = text.lines().map(|line| line.split('\t').next().unwrap());
        heads.map(String::from).collect()
    };
    let there = heads(EXPECTED)
        .into_iter()
        .map(|line| match line.split_at(1) {
            ("+", rest) => format!("-{rest}"),
            ("-", rest) => format!("+{rest}"),
            _ => line,
        });
    let back = prints(&diff(&place, &[], [&b, &a]), 1);
    assert_eq!(heads(&back), there.collect::<Vec<_>>());
}

#[test]
fn times_only_if_asked_for() {
    let place = Place::new();
    let [a, b] = two(&place);
    let text = prints(&diff(&place, &["--times"], [&a, &b]), 1);
    let time = "a /time\tmtime 2001-09-09T01:46:40.000000000Z -> 1970-01-01T00:00:01.500000000Z";
    let more: Vec<&str> = text.lines().filter(|l| !EXPECTED.contains(l)).collect();
    assert_eq!(more, [time]);
    assert_eq!(text.lines().count(), EXPECTED.lines().count() + 1);
}

#[test]
fn a_path_and_what_is_below_it() {
    let place = Place::new();
    let [a, b] = two(&place);
    let below = |path: &str| {
        let mut command = place.imgfs();
        command.arg("diff").args([&a, &b]).arg(path);
        output(&mut command)
    };
    let gone = "- /gone\n- /gone/deep\n- /gone/deep/x\n";
    assert_eq!(prints(&below("/gone"), 1), gone);
    assert_eq!(
        prints(&below("./gone//deep/../deep/x"), 1),
        "- /gone/deep/../deep/x\n"
    );
    assert_eq!(prints(&below("n"), 1), "+ /n\n+ /n/x\n");
    assert_eq!(prints(&below("/same"), 0), "");
    // A dangling link still exists.
    assert_eq!(
        prints(&below("/link"), 1),
        "~ /link\ttarget here -> there\n"
    );
    let nowhere = below("/no\tsuch");
    assert_eq!(nowhere.status.code(), Some(2));
    assert_eq!(
        stderr(&nowhere),
        "imgfs: /no\\x09such: no such file in either image\n"
    );
}

#[test]
fn json_has_the_names_of_the_documentation() {
    let place = Place::new();
    let [a, b] = two(&place);
    let text = prints(&diff(&place, &["--json"], [&a, &b]), 1);
    let objects: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |path: &str| {
        let found = objects.iter().find(|object| object["path"] == path);
        found.unwrap_or_else(|| panic!("{path}: {text}"))
    };
    // One object for each path, in the order of the lines.
    let paths: Vec<&str> = objects
        .iter()
        .map(|o| o["path"].as_str().unwrap())
        .collect();
    let lines = EXPECTED
        .lines()
        .map(|line| line[2..].split('\t').next().unwrap());
    assert_eq!(paths, lines.collect::<Vec<_>>());

    let digest = |bytes: &str| sha256(bytes.as_bytes());
    let file = |bytes: &str, layer: Vec<u8>| {
        json!({
            "type": "file", "mode": "0644", "uid": 0, "gid": 0, "size": bytes.len(), "nlink": 1,
            "mtime": "2001-09-09T01:46:40.000000000Z", "layer": 0, "layer_digest": sha256(&layer),
            "created_by": "step 0", "sha256": digest(bytes)[7..],
        })
    };
    assert_eq!(
        *of("/grows"),
        json!({
            "path": "/grows", "change": "content", "old": file("12", old()),
            "new": file("12345", gzip(&new())), "attributes": [],
        })
    );
    assert_eq!(of("/caf\\xe9")["new"]["sha256"], digest("two")[7..]);
    assert_eq!(of("/gone")["new"], Value::Null);
    assert_eq!(of("/gone")["change"], "removed");
    assert_eq!(of("/gone")["old"]["type"], "dir");
    assert_eq!(of("/n.b")["change"], "added");
    assert_eq!(of("/n.b")["old"], Value::Null);
    assert_eq!(of("/swap")["change"], "type");
    assert_eq!(of("/link")["old"]["target"], "here");
    assert_eq!(
        of("/device")["new"]["device"],
        json!({"major": 1, "minor": 5})
    );
    assert_eq!(of("/mode")["change"], "attributes");
    assert_eq!(of("/mode")["attributes"], json!(["mode"]));
    assert_eq!(of("/mode")["new"]["mode"], "4711");
    assert_eq!(of("/mode")["new"]["sha256"], Value::Null);
    assert_eq!(of("/owner")["attributes"], json!(["uid", "gid"]));
    assert_eq!(of("/h4")["attributes"], json!(["nlink", "hard_link"]));
    assert_eq!(of("/h4")["new"]["hard_link"], "/h3");
    assert_eq!(
        of("/xattr")["attributes"],
        json!(["xattrs.user.a", "xattrs.user.b"])
    );
    assert_eq!(
        of("/xattr")["new"]["xattrs"],
        json!({"user.a": "2\\x5c", "user.b": ""})
    );
}

fn umoci(place: &Place, layout: &Path, name: &str) -> PathBuf {
    let out = place.join(name);
    let image = format!("{}:test", layout.display());
    run(Command::new("umoci")
        .args(["raw", "unpack", "--image", &image])
        .arg(&out));
    out
}

#[test]
fn the_same_paths_as_diff_of_what_umoci_unpacks() {
    let place = Place::new();
    let [a, b] = two(&place);
    let expected = diff_r(&umoci(&place, &a, "tree-a"), &umoci(&place, &b, "tree-b"));
    assert_eq!(content(&place, [&a, &b]), expected);
    let lines = EXPECTED.lines().filter(|line| !line.starts_with('a'));
    let lines = lines.map(|line| line[2..].split('\t').next().unwrap().to_owned());
    assert_eq!(expected, lines.collect());
}

#[test]
fn forms_of_one_image_are_the_same() {
    let place = Place::new();
    let upper = Layer::new().whiteout("gone").file("more", "more").tar();
    let layers = [old(), upper];
    let plain = OciImage::plain(&layers);
    let mut zstd = OciImage::plain(&layers);
    for layer in &mut zstd.layers {
        layer.0 = zstd::encode_all(layer.0.as_slice(), 3).unwrap();
        layer.1 = TAR_ZSTD;
    }
    let forms = [
        layout(&place, "plain", &plain),
        layout(&place, "gzip", &OciImage::gzip(&layers)),
        layout(&place, "zstd", &zstd),
        place.file("docker.tar", docker_archive(&plain, &["a:1"])),
        place.file("oci.tar", oci_archive(&OciImage::gzip(&layers))),
    ];
    for form in &forms {
        for args in [&["--times"][..], &["--content"], &["--json"]] {
            assert_eq!(prints(&diff(&place, args, [&forms[0], form]), 0), "");
        }
    }
}

#[test]
fn what_cannot_be_compared() {
    let place = Place::new();
    let [a, _] = two(&place);
    let missing = place.join("missing");
    let output = diff(&place, &[], [&a, &missing]);
    assert_eq!(output.status.code(), Some(2));
    assert_says(&stderr(&output), &[str(&missing)]);
    let stdin = diff(&place, &[], [Path::new("-"), Path::new("-")]);
    assert_eq!(stdin.status.code(), Some(2));
    assert_says(&stderr(&stdin), &["only once"]);
}

/// A file whose bytes have changed since the image was opened is reported, and everything else is
/// compared. An entry that both images share in the same layer is not read.
#[test]
fn a_file_that_cannot_be_read() {
    let place = Place::new();
    let long = |bytes: &str| bytes.repeat(100_000);
    let layer = |one: &str, two: &str| {
        let layer = Layer::new()
            .file("bad", long(one))
            .file("between", long("-----"));
        layer.file("good", long(two)).tar()
    };
    let base = Layer::new().file("base", "ground").tar();
    let image = |one, two| OciImage::plain(&[base.clone(), layer(one, two)]);
    let a = layout(&place, "a", &image("needle", "some"));
    let b = layout(&place, "b", &image("noodle", "more"));
    let open = |path: &Path| ImageFs::new(open_image(str(path)).into(), Sidecars::Off);
    let (old, new) = (open(&a), open(&b));
    for (bytes, what) in [
        (layer("needle", "some"), "needle"),
        (base.clone(), "ground"),
    ] {
        let blob = a.join("blobs/sha256").join(&sha256(&bytes)[7..]);
        let mut bytes = bytes;
        let mut words = bytes.windows(what.len());
        let at = words.position(|word| word == what.as_bytes()).unwrap();
        bytes[at] = b'N';
        std::fs::write(blob, bytes).unwrap();
    }
    let found = Diff::new(&old, &new, b"/", Options::default()).unwrap();
    let found: Vec<String> = found
        .map(|found| match found {
            Ok(found) => format!("{:?} {}", found.change, printable(&found.path)),
            Err(error) => error.to_string(),
        })
        .collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[1], "Content /good");
    assert!(
        found[0].starts_with(&format!("{}: /bad: ", str(&a))),
        "{found:?}"
    );
}

/// A hole that is too long to read: the output says that it was not compared.
#[test]
fn holes_without_end() {
    let place = Place::new();
    let layer = |first: &str| {
        let mut data = b"1\n0\n512\n".to_vec();
        data.resize(512, 0);
        data.extend(first.repeat(512).bytes());
        let size = (1_u64 << 60).to_string();
        let layer = Layer::new().pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", b"long"),
            ("GNU.sparse.realsize", size.as_bytes()),
        ]);
        layer.file("long", data).file("short", first).tar()
    };
    let a = layout(&place, "a", &OciImage::plain(&[layer("a")]));
    let b = layout(&place, "b", &OciImage::plain(&[layer("b")]));
    let found = diff(&place, &[], [&a, &b]);
    assert_eq!(found.status.code(), Some(2));
    let said = format!(
        "imgfs: {}: /long: its holes are too long to read\n",
        str(&a)
    );
    assert_eq!(stderr(&found), said);
    assert_eq!(found.stdout, b"~ /short\tsize 1\n");
    assert_eq!(prints(&diff(&place, &["--times"], [&a, &a]), 0), "");
}

/// The configs of the images are compared, in the order of the documentation.
#[test]
fn what_they_declare() {
    let place = Place::new();
    let image = OciImage::plain(&[Layer::new().file("f", "f").tar()]);
    let with = |name: &str, declared: Value| {
        let mut config = image.config();
        config["config"] = declared;
        layout_with(&place, name, &image, &config)
    };
    let env = json!(["PATH=/bin", "LANG=C", "SAME=s"]);
    let a = with(
        "a",
        json!({"Env": env, "User": "root", "Entrypoint": ["/bin/a b", "-x"]}),
    );
    let env = json!(["SAME=s", "PATH=/bin:/usr/bin", "NEW=a\tb"]);
    let b = with(
        "b",
        json!({"Env": env, "Cmd": ["sh"], "WorkingDir": "/srv", "User": "root"}),
    );
    let text = prints(&diff(&place, &[], [&a, &b]), 1);
    let expected = "\
c config.Entrypoint\t/bin/a\\x20b -x -> -
c config.Cmd\t- -> sh
c config.WorkingDir\t- -> /srv
c config.Env.LANG\tC -> -
c config.Env.NEW\t- -> a\\x09b
c config.Env.PATH\t/bin -> /bin:/usr/bin
";
    assert_eq!(text, expected);
    let text = prints(&diff(&place, &["--json"], [&a, &b]), 1);
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(
        first,
        json!({"change": "config", "key": "config.Entrypoint", "old": ["/bin/a b", "-x"], "new": null})
    );
    assert_eq!(prints(&diff(&place, &["--content"], [&a, &b]), 0), "");
}

/// Two platforms of one image.
#[test]
fn two_platforms() {
    let place = Place::new();
    let image = |arch, who| OciImage {
        arch,
        ..OciImage::plain(&[Layer::new().file("who", who).tar()])
    };
    let dir = place.join("index");
    let descriptors = ["amd64", "arm64"].map(|arch| {
        let descriptor = image(arch, arch).write(&dir);
        on_platform(descriptor, arch, None)
    });
    write_index(&dir, &descriptors);
    let args = ["--platform=linux/amd64", "--platform-b=linux/arm64"];
    let text = prints(&diff(&place, &args, [&dir, &dir]), 1);
    assert_eq!(
        text,
        "c platform\tlinux/amd64 -> linux/arm64\n~ /who\tsize 5\n"
    );
    assert_eq!(prints(&diff(&place, &args[..1], [&dir, &dir]), 0), "");
}
