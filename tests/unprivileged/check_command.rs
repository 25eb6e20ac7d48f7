//! `imgfs check`, the program: its output in each format, and its exit code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support;
use crate::support::needs;
use crate::support::program;
use crate::support::program::images::{docker_archive, layout, oci_archive, on_platform};
use crate::support::program::{Place, assert_says, output, stderr, str};
use crate::support::{Layer, OciImage, data, oci_dir, write_blob};
use imgfs::internals::image::Platform;
use serde_json::{Value, json};

/// Returns an image without executables, in which nothing can fail.
fn healthy(arch: &'static str) -> OciImage {
    OciImage {
        arch,
        ..OciImage::plain(&[Layer::new().dir("etc").file("etc/motd", "hello\n").tar()])
    }
}

/// Returns an image with an error in its archive, which is a finding of level warn: a whiteout that
/// names nothing.
fn odd(arch: &'static str) -> OciImage {
    let layer = Layer::new().dir("etc").file("etc/.wh.", "");
    OciImage {
        arch,
        ..OciImage::plain(&[Layer::new().dir("etc").tar(), layer.tar()])
    }
}

/// Returns a platform that this host cannot run without an emulator.
fn foreign() -> &'static str {
    match Platform::host().arch.as_str() {
        "s390x" => "riscv64",
        _ => "s390x",
    }
}

fn check(place: &Place, args: &[&str], image: &Path) -> Output {
    let mut command = place.imgfs();
    // An imgfs.toml of the user who runs the tests is ignored.
    command.current_dir(place.join("state"));
    output(command.arg("check").args(args).arg(image))
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn assert_code(output: &Output, code: i32) {
    let (out, err) = (stdout(output), stderr(output));
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
}

/// Writes a layout of two platforms, the second with a finding, and with an attestation as BuildKit
/// writes it.
fn two_platforms(place: &Place) -> PathBuf {
    layout(place, |dir| {
        let mut attestation = write_blob(dir, b"{}");
        attestation["mediaType"] = support::MANIFEST.into();
        attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
        attestation["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
        vec![
            on_platform(healthy("amd64").write(dir), "amd64", None),
            on_platform(odd("arm64").write(dir), "arm64", Some("v8")),
            attestation,
        ]
    })
}

#[test]
fn a_clean_image_and_one_that_is_not() {
    let place = Place::new();
    let clean = place.file("clean.tar", docker_archive(&healthy("amd64"), &["a:1"]));
    let output = check(&place, &[], &clean);
    assert_code(&output, 0);
    assert_eq!(
        stdout(&output),
        format!("{} (linux/amd64): ok\n", str(&clean))
    );
    assert_eq!(stderr(&output), "");

    let odd = place.file("odd.tar", oci_archive(&odd("amd64")));
    let output = check(&place, &["--fail-on", "warn"], &odd);
    assert_code(&output, 1);
    let text = stdout(&output);
    assert_says(
        &text,
        &[
            "warn bad-whiteout /etc/.wh.: ",
            " [layer 1: step 1]",
            "(linux/amd64): warn (1 warn)",
        ],
    );
    assert!(!text.contains('\x1b'));
    // By default only failures count.
    assert_code(&check(&place, &[], &odd), 0);
    assert_code(&check(&place, &["--fail-on", "fail"], &odd), 0);
    assert_code(&check(&place, &["--fail-on", "info"], &odd), 1);
}

#[test]
fn an_index_is_a_matrix() {
    let place = Place::new();
    let image = two_platforms(&place);
    let output = check(&place, &["--fail-on=warn"], &image);
    assert_code(&output, 1);
    let text = stdout(&output);
    let rows: Vec<&str> = text
        .lines()
        .skip_while(|l| !l.starts_with("PLATFORM"))
        .collect();
    assert_eq!(
        rows,
        [
            "PLATFORM        VERDICT  FAIL  WARN  INFO  IGNORED",
            "linux/amd64     ok          0     0     0        0",
            "linux/arm64/v8  warn        0     1     0        0",
        ]
    );
    assert_says(&text, &["linux/arm64/v8: warn bad-whiteout /etc/.wh.: "]);

    let one = check(
        &place,
        &["--fail-on=warn", "--platform=linux/amd64"],
        &image,
    );
    assert_code(&one, 0);
    assert_says(&stdout(&one), &["(linux/amd64): ok"]);
    let other = check(
        &place,
        &["--fail-on=warn", "--platform=linux/arm64"],
        &image,
    );
    assert_code(&other, 1);
    let all = check(&place, &["--fail-on=warn", "--platform=all"], &image);
    assert_eq!(stdout(&all), text);
    // Through a pipe, which can be read only once.
    let tar = program::images::tar_layout(&image);
    let tar = place.file("layout.tar", tar);
    let mut piped = place.imgfs();
    piped.args(["check", "-", "--fail-on=warn"]);
    let piped = output_of(piped.stdin(fs::File::open(tar).unwrap()));
    assert_eq!(stdout(&piped), text);
}

fn output_of(command: &mut Command) -> Output {
    output(command)
}

/// An index of two manifests, one of which contains the other's program as its entrypoint: it is
/// reported for that manifest only, with the layer that brought it.
#[test]
fn a_program_of_the_other_platform() {
    let place = Place::new();
    let program = |arch: &'static str| {
        let base = Layer::new().dir("etc").file("etc/motd", arch);
        let app = Layer::new().file_mode("app", data("gcc-musl-static"), 0o755);
        OciImage {
            arch,
            ..OciImage::plain(&[base.tar(), app.tar()])
        }
    };
    let image = layout(&place, |dir| {
        vec![
            on_platform(program("arm64").write(dir), "arm64", None),
            on_platform(program("amd64").write(dir), "amd64", None),
        ]
    });
    let output = check(&place, &[], &image);
    assert_code(&output, 1);
    let text = stdout(&output);
    let of_app: Vec<&str> = text.lines().filter(|l| l.contains(" /app: ")).collect();
    assert_eq!(of_app.len(), 1, "{text}");
    assert_says(
        of_app[0],
        &[
            "linux/arm64: ",
            " arch-mismatch /app: ",
            "[layer 1: step 1]; ",
        ],
    );
    let rows: Vec<&str> = text
        .lines()
        .filter(|l| l.starts_with("linux/amd64 "))
        .collect();
    assert_eq!(
        rows,
        ["linux/amd64  ok          0     0     0        0"],
        "{text}"
    );
    // With `--platform` only that manifest is checked, regardless of the order of the index.
    assert_code(&check(&place, &["--platform=linux/arm64"], &image), 1);
    assert_code(&check(&place, &["--platform=linux/amd64"], &image), 0);
}

/// Colour is used on terminals, unless NO_COLOR is set.
#[test]
fn colour_on_a_terminal() {
    let place = Place::new();
    let image = place.file("odd.tar", oci_archive(&odd("amd64")));
    let run = |no_color: Option<&str>| {
        // script(1) provides a terminal.
        let mut command = place.command("script");
        let line = format!("{} check {}", env!("CARGO_BIN_EXE_imgfs"), str(&image));
        command.args(["-qec", &line, "/dev/null"]);
        command.env("TERM", "xterm").env_remove("NO_COLOR");
        command.envs(no_color.map(|value| ("NO_COLOR", value)));
        stdout(&output(&mut command))
    };
    let yellow = "\x1b[33mwarn\x1b[0m bad-whiteout";
    assert_says(&run(None), &[yellow]);
    assert_says(&run(Some("")), &[yellow]);
    let plain = run(Some("1"));
    assert!(
        plain.contains("warn bad-whiteout") && !plain.contains("\x1b[33m"),
        "{plain}"
    );
}

#[test]
fn platforms_that_must_be_there() {
    let place = Place::new();
    let image = two_platforms(&place);
    let both = ["--expect=linux/amd64", "--expect=linux/arm64"];
    assert_code(&check(&place, &both, &image), 0);
    // With this option all platforms must be without warnings.
    let strict = [both[0], both[1], "--fail-on=warn"];
    assert_code(&check(&place, &strict, &image), 1);
    let missing = check(&place, &["--expect=linux/riscv64"], &image);
    assert_code(&missing, 1);
    assert_says(
        &stdout(&missing),
        &[
            "linux/riscv64: fail config-mismatch: linux/riscv64 is expected",
            "it has linux/amd64 linux/arm64/v8",
            "\nlinux/riscv64   missing     1 ",
        ],
    );
    // A platform that is requested is expected.
    let missing = check(&place, &["--platform=linux/riscv64"], &image);
    assert_code(&missing, 1);
    let single = place.file("single.tar", docker_archive(&healthy("amd64"), &["a:1"]));
    assert_code(&check(&place, &["--expect=linux/amd64"], &single), 0);
    assert_code(&check(&place, &["--expect=linux/arm64"], &single), 1);
}

#[test]
fn what_cannot_be_looked_at() {
    let place = Place::new();
    let missing = place.join("no-such.tar");
    let output = check(&place, &[], &missing);
    assert_code(&output, 2);
    assert_says(&stderr(&output), &["no-such.tar", "No such file"]);
    assert_says(&stdout(&output), &["no-such.tar (?): error"]);

    // One platform of two is damaged: findings of the other one are still reported.
    let image = two_platforms(&place);
    let layer = Layer::new().dir("etc").file("etc/.wh.", "").tar();
    let digest = support::sha256(&layer);
    let blob = image.join("blobs/sha256").join(&digest[7..]);
    fs::remove_file(blob).unwrap();
    let output = check(&place, &["--format=json"], &image);
    assert_code(&output, 2);
    let document: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let platforms = &document["images"][0]["platforms"];
    assert_eq!(platforms[0]["verdict"], "ok");
    assert_eq!(platforms[1]["verdict"], "error");
    assert_says(platforms[1]["error"].as_str().unwrap(), &[&digest]);
    assert_eq!(document["clean"], false);
    // The damage does not matter if only the other one is requested.
    assert_code(&check(&place, &["--platform=linux/amd64"], &image), 0);

    // If two images are given, both are checked.
    let clean = place.file("clean.tar", docker_archive(&healthy("amd64"), &["a:1"]));
    let mut command = place.imgfs();
    command.arg("check").arg(&missing).arg(&clean);
    let both = output_of(&mut command);
    assert_code(&both, 2);
    assert_says(&stdout(&both), &["IMAGE ", "  error ", "  ok "]);
}

#[test]
fn what_is_ignored_is_counted_and_not_shown() {
    let place = Place::new();
    let image = place.file("odd.tar", oci_archive(&odd("amd64")));
    let strict = |ignore: &str| check(&place, &["--fail-on=warn", "--ignore", ignore], &image);
    for ignore in ["bad-whiteout", "bad-whiteout:/etc/*", "bad-whiteout:etc/**"] {
        let output = strict(ignore);
        assert_code(&output, 0);
        let said = format!("{} (linux/amd64): ok (1 ignored)\n", str(&image));
        assert_eq!(stdout(&output), said);
    }
    assert_code(&strict("bad-whiteout:/usr/**"), 1);
    assert_code(&strict("duplicate-entry"), 1);
    let unknown = strict("bad-witeout");
    assert_code(&unknown, 2);
    assert_says(
        &stderr(&unknown),
        &["bad-witeout", "bad-whiteout", "needs-emulation"],
    );
}

#[test]
fn a_file_says_the_same() {
    let place = Place::new();
    let image = place.file("odd.tar", oci_archive(&odd("amd64")));
    let config = place.file("state/imgfs.toml", "fail-on = \"warn\"\n");
    assert_code(&check(&place, &[], &image), 1);
    // The command line overrides the file; ignore patterns of both apply.
    assert_code(&check(&place, &["--fail-on=fail"], &image), 0);
    assert_code(&check(&place, &["--ignore=bad-whiteout"], &image), 0);
    let ignoring = "fail-on = \"info\"\nignore = [\n  \"bad-whiteout:/etc/**\", # known\n]\n";
    let other = place.file("other.toml", ignoring);
    assert_code(&check(&place, &["--config", str(&other)], &image), 0);
    fs::write(&config, "fail_on = \"warn\"\n").unwrap();
    let wrong = check(&place, &[], &image);
    assert_code(&wrong, 2);
    assert_says(
        &stderr(&wrong),
        &["imgfs.toml: line 1", "fail_on", "fail-on", "ignore"],
    );
    let absent = check(&place, &["--config", "absent.toml"], &image);
    assert_code(&absent, 2);
    assert_says(&stderr(&absent), &["absent.toml", "No such file"]);
}

/// For any host there is a machine that it does not run natively.
#[test]
fn what_this_host_runs() {
    let place = Place::new();
    let there = place.file("there.tar", docker_archive(&healthy(foreign()), &["a:1"]));
    let output = check(&place, &["--host", "--fail-on=info"], &there);
    assert_code(&output, 1);
    assert_says(
        &stdout(&output),
        &["info needs-emulation: this host is linux/", foreign()],
    );
    // Without `--host` there are no findings about the host.
    assert_code(&check(&place, &["--fail-on=info"], &there), 0);
    let windows = OciImage {
        os: "windows",
        ..healthy("amd64")
    };
    let windows = place.file("windows.tar", docker_archive(&windows, &["a:1"]));
    let output = check(&place, &["--host"], &windows);
    assert_says(&stdout(&output), &["needs-emulation: ", "windows/amd64"]);
}

#[test]
fn other_formats() {
    let place = Place::new();
    let image = two_platforms(&place);
    let run = |format: &str| {
        let output = check(&place, &["--fail-on=warn", "--format", format], &image);
        assert_code(&output, 1);
        stdout(&output)
    };
    let json: Value = serde_json::from_str(&run("json")).unwrap();
    assert_eq!(
        (&json["version"], &json["fail_on"]),
        (&json!(1), &json!("warn"))
    );
    let found = &json["images"][0]["platforms"][1]["findings"][0];
    assert_eq!(found["id"], "bad-whiteout");
    assert_eq!(
        (&found["layer"], &found["created_by"]),
        (&json!(1), &json!("step 1"))
    );
    assert!(
        found["layer_digest"]
            .as_str()
            .unwrap()
            .starts_with("sha256:")
    );

    let sarif: Value = serde_json::from_str(&run("sarif")).unwrap();
    let schema = fs::read_to_string("tests/data/schemas/sarif-2.1.0-rtm.5.json").unwrap();
    // The pattern of a language ends in a bracket that only lenient engines take literally.
    let schema = schema.replace("{2}]?$", r"{2}\\]?$");
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::draft4::new(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&sarif)
        .map(|e| e.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["ruleId"], "bad-whiteout");

    let junit = place.file("junit.xml", run("junit"));
    if needs::programs(&["xmllint"]) {
        let mut xmllint = Command::new("xmllint");
        xmllint.args(["--noout", "--schema", "tests/data/schemas/junit-10.xsd"]);
        support::run(xmllint.arg(&junit));
    }
    let cases = imgfs::internals::findings::Id::ALL.len() + 1;
    let suite = format!("linux/arm64/v8\" tests=\"{cases}\" failures=\"1\" errors=\"0\"");
    assert_says(&fs::read_to_string(junit).unwrap(), &[&suite]);
}

#[test]
fn a_finding_is_explained() {
    let place = Place::new();
    let run = |id: &str| output(place.imgfs().args(["check", "--explain", id]));
    let text = stdout(&run("missing-loader"));
    assert_says(
        &text,
        &["PT_INTERP", "FROM scratch", "CGO_ENABLED=0", "--ignore"],
    );
    let none = run("missing-loaders");
    assert_code(&none, 2);
    assert_says(&stderr(&none), &["missing-loaders", "missing-loader "]);
    assert_code(&output(place.imgfs().arg("check")), 2);
}

/// Nothing is mounted, so no device is needed. The cache that the command fills serves the next mount.
#[test]
fn it_needs_no_fuse_and_fills_the_cache() {
    if !needs::root() {
        return;
    }
    let place = Place::new();
    let image = oci_dir(&OciImage::gzip(&[Layer::new()
        .file_mode("app", data("app-arm64"), 0o755)
        .tar()]));
    let mut command = place.command("unshare");
    // A namespace in which the device is missing.
    let script = "mount -t tmpfs none /dev && exec \"$@\"";
    command.args(["-m", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_imgfs")]);
    command.args(["check", str(image.path()), "--format=json"]);
    let output = output_of(&mut command);
    assert!(
        [Some(0), Some(1)].contains(&output.status.code()),
        "{}",
        stderr(&output)
    );
    let kept = place.imgfs().args(["cache", "--json"]).output().unwrap();
    assert_says(&stdout(&kept), &["\"layer\"", "\"tree\""]);
}

/// A closed output pipe is not reported, and the exit code is the same.
#[test]
fn a_closed_pipe_ends_it_quietly() {
    let place = Place::new();
    let image = place.file("odd.tar", oci_archive(&odd("amd64")));
    for format in ["text", "json", "sarif", "junit"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = place.imgfs();
        command.args(["check", "--fail-on=warn", "--format", format]);
        let output = command.arg(&image).stdout(writer).output().unwrap();
        assert_eq!(stderr(&output), "");
        assert_eq!(output.status.code(), Some(1), "{format}");
    }
}
