//! `imgfs export`, the command: the same bytes each time, the same manifest as bsdtar's, selected paths
//! and single layers; and the state of the output after an error.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::export_support::{
    GNU, NONE, everything, export, exported, judge, mounted, names, unpack,
};
use crate::support::program;
use crate::support::program::images::{docker_archive, sample, slow_image};
use crate::support::program::{Place, assert_says, finish, output, start, stderr, str, within};
use crate::support::{Layer, OciImage, mount, oci_dir, open_image, run};
use imgfs::internals::query::export::{ExportError, Format, Selection};
use imgfs::internals::view::{ImageFs, Sidecars};
use tempfile::TempDir;

#[test]
fn the_same_bytes_each_time() {
    let place = Place::new();
    let image = everything();
    let first = exported(&place, image.path(), &[]);
    // From the cache and without one; in another time zone, locale and directory.
    assert!(first == exported(&place, image.path(), &[]));
    let mut other = place.imgfs();
    other.args(["export", "--cache-limit=0"]).arg(image.path());
    other.env("TZ", "Asia/Tokyo").env("LC_ALL", "C");
    other.current_dir(place.join("state"));
    let other = output(&mut other);
    assert!(other.status.success() && first == other.stdout);
    // The form of the image makes no difference either.
    let copy = place.join("copy.tar");
    let source = format!("oci:{}", image.path().display());
    let target = format!("docker-archive:{}", copy.display());
    run(Command::new("skopeo").args(["copy", "-q", &source, &target]));
    assert!(first == exported(&place, &copy, &[]));
}

/// A file whose length needs more than the 11 octal digits of a header, without holes.
#[test]
fn a_file_over_8_gib() {
    let place = Place::new();
    let image = slow_image(&place, 9);
    let mut child = place.imgfs();
    let mut child = start(child.arg("export").arg(&image));
    let mut tar = child.stdout.take().unwrap();
    let mut list = Command::new("tar");
    list.arg("-tv");
    // All headers are at the beginning.
    let mut head = vec![0; 1 << 20];
    tar.read_exact(&mut head).unwrap();
    drop(tar);
    assert!(finish(child).status.success());
    let file = place.file("head.tar", head);
    let listed = output(list.args(["-f", str(&file)]));
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains(" 9663676416 "), "{listed}");
}

/// Parses a manifest into `keyword=value`s by path, with the escapes of both writers undone.
fn manifest(text: &[u8]) -> BTreeMap<Vec<u8>, BTreeMap<String, Vec<u8>>> {
    let mut lines = text.split(|&b| b == b'\n').filter(|line| !line.is_empty());
    assert_eq!(lines.next().unwrap(), b"#mtree");
    let entry = |line: &[u8]| {
        let mut words = line.split(|&b| b == b' ');
        let path = unvis(words.next().unwrap());
        let keyword = |word: &[u8]| {
            let at = word.iter().position(|&b| b == b'=').unwrap();
            let key = String::from_utf8(word[..at].to_vec()).unwrap();
            (key, unvis(&word[at + 1..]))
        };
        (
            path,
            words.filter(|word| !word.is_empty()).map(keyword).collect(),
        )
    };
    lines.map(entry).collect()
}

/// Decodes vis(3): a backslash and three octal digits.
fn unvis(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(&rest[..3]).unwrap();
        bytes.push(u8::from_str_radix(digits, 8).unwrap());
        rest = &rest[3..];
    }
    bytes
}

/// Compares each keyword with the one that bsdtar writes for a mount.
#[test]
fn a_manifest_is_that_of_bsdtar() {
    let place = Place::new();
    let image = everything();
    let text = exported(&place, image.path(), &["--format=mtree", "--digests"]);
    assert!(text.is_ascii());
    let ours = manifest(&text);
    let mounted = mounted(image.path());
    let theirs = run(Command::new("bsdtar")
        .args(["-cf", "-", "--format=mtree"])
        .arg("--options=!all,type,mode,uid,gid,nlink,size,time,link,device,sha256")
        .arg("-C")
        .args([mounted.path(), Path::new(".")]));
    let mut theirs = manifest(&theirs.stdout);
    for (path, keywords) in &mut theirs {
        // bsdtar writes it only if there are several, and never for a directory.
        let path = mounted.path().join(std::ffi::OsStr::from_bytes(path));
        let nlink = fs::symlink_metadata(path).unwrap().nlink().to_string();
        if let Some(said) = keywords.insert("nlink".into(), nlink.clone().into()) {
            assert_eq!(said, nlink.as_bytes());
        }
        // bsdtar does not pad nanoseconds with zeros.
        let time = String::from_utf8(keywords["time"].clone()).unwrap();
        let (sec, nsec) = time.split_once('.').unwrap();
        let nsec: u32 = nsec.parse().unwrap();
        keywords.insert("time".into(), format!("{sec}.{nsec:09}").into());
        // The format of modes differs too.
        let mode = String::from_utf8(keywords["mode"].clone()).unwrap();
        let mode = u32::from_str_radix(&mode, 8).unwrap();
        keywords.insert("mode".into(), format!("{mode:04o}").into());
    }
    assert!(ours.len() > 60);
    assert_eq!(ours, theirs);
    // Without digests the rest is the same.
    let plain = manifest(&exported(&place, image.path(), &["--format=mtree"]));
    for keywords in theirs.values_mut() {
        keywords.remove("sha256digest");
    }
    assert_eq!(plain, theirs);
    // A tar can be made from it, with the files of the mount.
    let file = place.file("manifest", &text);
    let out = Command::new("bsdtar")
        .args(["-cf", "-", &format!("@{}", file.display())])
        .current_dir(mounted.path())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", stderr(&out));
}

fn layered() -> TempDir {
    let lower = Layer::new()
        .dir("usr")
        .dir_mode("usr/bin", 0o711)
        .file("usr/bin/a", "a\n")
        .symlink("bin", "usr/bin")
        .symlink("usr/bin/to-a", "a")
        .dir("usr/lib")
        .file("usr/lib/gone", "gone\n")
        .file("usr.txt", "text\n")
        .file("usr-", "minus\n");
    let upper = Layer::new()
        .file_mode("usr/bin/b", "#!/bin/sh\n", 0o755)
        .hardlink("usr/b", "usr/bin/b")
        .whiteout("usr/lib/gone")
        .dir("etc")
        .opaque("etc")
        .file("etc/motd", "hello\n");
    oci_dir(&OciImage::plain(&[lower.tar(), upper.tar()]))
}

#[test]
fn some_paths_with_what_is_above_them() {
    let place = Place::new();
    let image = layered();
    let image = image.path();
    let all = names(&exported(&place, image, &[]));
    let expected = [
        "./",
        "./bin",
        "./etc/",
        "./etc/motd",
        "./usr/",
        "./usr/b",
        "./usr/bin/",
        "./usr/bin/a",
        "./usr/bin/b",
        "./usr/bin/to-a",
        "./usr/lib/",
        "./usr-",
        "./usr.txt",
    ];
    assert_eq!(all, expected);
    // Through a link that is not itself requested; twice, and below another requested path.
    let some = exported(
        &place,
        image,
        &["/bin/to-a", "etc/", "usr/bin/b", "etc/motd", "usr/bin/b"],
    );
    let expected = [
        "./",
        "./etc/",
        "./etc/motd",
        "./usr/",
        "./usr/bin/",
        "./usr/bin/b",
        "./usr/bin/to-a",
    ];
    assert_eq!(names(&some), expected);
    // The first exported name contains the file.
    let out = unpack(GNU, &some);
    assert_eq!(
        fs::read(out.path().join("out/usr/bin/b")).unwrap(),
        b"#!/bin/sh\n"
    );
    let mode = fs::metadata(out.path().join("out/usr/bin")).unwrap().mode();
    assert_eq!(mode & 0o7777, 0o711, "that of the image");
    assert_eq!(names(&exported(&place, image, &["bin"])), ["./", "./bin"]);
    assert_eq!(names(&exported(&place, image, &["/", "etc"])), all);
}

#[test]
fn paths_that_are_not_there() {
    let place = Place::new();
    let image = layered();
    let found = export(
        &place,
        image.path(),
        &["etc/none", "usr/lib", "usr/bin/a/x"],
    );
    assert_eq!(found.status.code(), Some(1));
    let at = |path: &str, why: &str| format!("imgfs: {}: {path}: {why}\n", image.path().display());
    let said = at("etc/none", "no such file") + &at("usr/bin/a/x", "not a directory");
    assert_eq!(stderr(&found), said);
    assert_eq!(names(&found.stdout), ["./", "./usr/", "./usr/lib/"]);
    // Files that imgfs adds are not part of the image.
    for path in [".imgfs", ".imgfs/arch", "usr/bin/b.arch", "usr/lib/gone"] {
        let file = place.join("none.tar");
        let found = export(&place, image.path(), &[path, "-o", str(&file)]);
        assert_eq!(found.status.code(), Some(1), "{path}");
        assert_eq!(stderr(&found), at(path, "no such file"));
        assert!(!file.exists());
    }
}

#[test]
fn a_file_gets_its_name_when_it_is_complete() {
    let place = Place::new();
    let image = place.image();
    let bytes = exported(&place, &image, &[]);
    let file = place.file("out.tar", "old");
    let link = place.join("link.tar");
    symlink("out.tar", &link).unwrap();
    assert!(exported(&place, &image, &["-o", str(&link)]).is_empty());
    assert_eq!(fs::read(&file).unwrap(), bytes);
    assert!(link.is_symlink());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), mode(&image), "as the umask has it");
    assert!(exported(&place, &image, &["-o", "-"]) == bytes);

    // A device is written to, not replaced; this one is always full.
    let full = export(&place, &image, &["-o", "/dev/full"]);
    assert_eq!(full.status.code(), Some(1));
    assert_says(&stderr(&full), &["imgfs: /dev/full: ", "No space"]);
    assert!(!fs::symlink_metadata("/dev/full").unwrap().is_file());
    let mut pipe = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_imgfs");
    let line = format!(
        "'{program}' export --cache-limit 0 {} >/dev/full",
        image.display()
    );
    let full = output(pipe.args(["-c", &line]));
    assert_eq!(full.status.code(), Some(1));
    assert_says(&stderr(&full), &["standard output: ", "No space"]);

    let before = fs::read(&image).unwrap();
    for (target, words) in [
        (image.clone(), "is the image itself"),
        (place.join("state"), "is a directory"),
        (place.join("no/such/out.tar"), "No such file"),
    ] {
        let found = export(&place, &image, &["-o", str(&target)]);
        assert_eq!(found.status.code(), Some(1));
        assert_says(&stderr(&found), &[str(&target), words]);
    }
    assert!(fs::read(&image).unwrap() == before);
}

/// Returns the unfinished files that an export has left.
fn unfinished(place: &Place) -> Vec<PathBuf> {
    let files = fs::read_dir(place.join("")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let is_ours = |path: &PathBuf| str(path).contains(".imgfs-export-");
    files.filter(is_ours).collect()
}

#[test]
fn a_signal_leaves_nothing_behind() {
    let place = Place::new();
    let image = slow_image(&place, 2);
    let file = place.join("out.tar");
    let mut command = place.imgfs();
    let child = start(command.arg("export").arg(&image).arg("-o").arg(&file));
    let some = || {
        unfinished(&place)
            .iter()
            .any(|p| fs::metadata(p).is_ok_and(|m| m.len() > 0))
    };
    within(program::SOON * 12, "something to be written", some);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let ended = finish(child);
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&ended.status),
        Some(15)
    );
    assert_eq!(unfinished(&place), Vec::<PathBuf>::new());
    assert!(!file.exists());
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let place = Place::new();
    let image = slow_image(&place, 1);
    for format in ["--format=tar", "--format=mtree"] {
        let mut command = place.imgfs();
        let mut child = start(command.args(["export", format]).arg(&image));
        let mut out = child.stdout.take().unwrap();
        if format == "--format=tar" {
            out.read_exact(&mut [0; 1000]).unwrap();
        }
        drop(out);
        let ended = finish(child);
        assert_eq!(stderr(&ended), "");
        assert_eq!(ended.status.code(), Some(0));
    }
}

#[test]
fn an_archive_is_not_for_a_terminal() {
    let place = Place::new();
    let image = place.image();
    let run = |args: &str| {
        let program = env!("CARGO_BIN_EXE_imgfs");
        let line = format!("'{program}' export {} {args}", image.display());
        let mut command = place.command("script");
        output(command.args(["-qec", &line, "/dev/null"]))
    };
    let refused = run("");
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert_says(&said, &["standard output is a terminal", "-o FILE"]);
    assert!(!said.contains("ustar"));
    let shown = run("--format=mtree");
    assert_says(
        &String::from_utf8_lossy(&shown.stdout),
        &["#mtree", "./etc/motd type=file"],
    );

    let digests = export(&place, &image, &["--digests"]);
    assert_eq!(digests.status.code(), Some(1));
    assert_says(&stderr(&digests), &["--digests", "--format mtree"]);
}

/// Links of a layer lead to places deeper than any path may be. They are left out and reported.
#[test]
fn paths_longer_than_any_may_be() {
    let place = Place::new();
    let deep = vec!["d".repeat(250); 15].join("/");
    let layer = Layer::new()
        .dir(&deep)
        .symlink("s", &deep)
        .file(&format!("s/{}", "e".repeat(250)), "fits\n")
        .file(&format!("s/{0}/{0}/{0}", "f".repeat(250)), "does not\n")
        .file("z", "last\n");
    let image = oci_dir(&OciImage::plain(&[layer.tar()]));
    let found = export(&place, image.path(), &[]);
    assert_eq!(found.status.code(), Some(1));
    let said = stderr(&found);
    assert_says(&said, &["left out", "4095", "2 in total", "/fff"]);
    let names = names(&found.stdout);
    assert!(names.iter().all(|name| name.len() <= 4096));
    assert!(names.iter().any(|name| name.ends_with(&"e".repeat(250))));
    assert_eq!(names.last().unwrap(), "./z");
}

/// The image is an archive on standard input.
#[test]
fn from_a_pipe() {
    let place = Place::new();
    let archive = place.file("saved.tar", docker_archive(&sample(), &["sample:1"]));
    let mut command = place.imgfs();
    command
        .args(["export", "-"])
        .stdin(fs::File::open(&archive).unwrap());
    let found = output(&mut command);
    assert!(found.status.success(), "{}", stderr(&found));
    assert!(found.stdout == exported(&place, &archive, &[]));
}

#[test]
fn one_layer_as_shipped() {
    let place = Place::new();
    let image = layered();
    let image = image.path();
    let of = |n: &str| exported(&place, image, &["--layer", n]);
    let (lower, upper) = (of("0"), of("1"));
    // Its own entries only, without the directories above them.
    let expected = [
        "./etc/",
        "./etc/.wh..wh..opq",
        "./etc/motd",
        "./usr/b",
        "./usr/bin/b",
        "./usr/lib/.wh.gone",
    ];
    assert_eq!(names(&upper), expected);
    assert!(names(&lower).contains(&"./usr/lib/gone".to_owned()));
    // An image made of the exported layers equals the image.
    let again = oci_dir(&OciImage::plain(&[lower, upper]));
    let again = mount(str(again.path()), Sidecars::Off);
    let mounted = mounted(image);
    assert_eq!(judge(mounted.path(), again.path()), NONE);
    assert!(again.image.problems.is_empty());

    let some = exported(&place, image, &["--layer=1", "/usr/b", "etc/.wh..wh..opq"]);
    assert_eq!(names(&some), ["./etc/", "./etc/.wh..wh..opq", "./usr/b"]);
    let text = exported(
        &place,
        image,
        &["--layer=1", "--format=mtree", "--digests", "usr/lib"],
    );
    let text = String::from_utf8(text).unwrap();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let expected = format!(
        "#mtree\n. type=dir\n./usr type=dir\n./usr/lib type=dir\n./usr/lib/.wh.gone type=file mode=0644 \
         uid=0 gid=0 nlink=1 time=1000000000.000000000 size=0 sha256digest={empty}\n"
    );
    assert_eq!(text, expected);

    let none = export(&place, image, &["--layer", "2"]);
    assert_eq!(none.status.code(), Some(1));
    let said = format!("imgfs: {} has layers 0 to 1\n", image.display());
    assert_eq!(stderr(&none), said);
}

/// An image that changes while it is exported: the error names the file, and the archive has no end
/// marker.
#[test]
fn bytes_that_change_are_an_error() {
    let mark = b"the bytes of the secret";
    let layer = Layer::new().file("a", "a\n").file("d/secret", mark).tar();
    let at = layer.windows(mark.len()).position(|w| w == mark).unwrap();
    let dir = oci_dir(&OciImage::plain(&[layer]));
    let view = ImageFs::new(open_image(str(dir.path())).into(), Sidecars::Hidden);
    let blobs = fs::read_dir(dir.path().join("blobs/sha256")).unwrap();
    let blobs = blobs.map(|blob| blob.unwrap().path());
    let blob = blobs.max_by_key(|path| fs::metadata(path).unwrap().len());
    let blob = fs::OpenOptions::new().write(true).open(blob.unwrap());
    blob.unwrap().write_all_at(b"THE", at as u64).unwrap();
    let all = Selection::merged(&view).unwrap();
    for format in [Format::Tar, Format::Mtree { digests: true }] {
        let mut out = Vec::new();
        let error =
            imgfs::internals::query::export::export(&view, &all, format, &mut out).unwrap_err();
        assert!(matches!(error, ExportError::Read { .. }), "{error}");
        assert!(!out.ends_with(&[0; 1024]));
    }
    let mut out = Vec::new();
    let mut secret = all.clone();
    secret.pick(&view, b"d/secret").unwrap();
    let error =
        imgfs::internals::query::export::export(&view, &secret, Format::Tar, &mut out).unwrap_err();
    assert_says(&error.to_string(), &["/d/secret: ", "verified"]);
}
