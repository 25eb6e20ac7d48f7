//! The finding `ambiguous-archive`: if other readers interpret a layer differently, it is shown and
//! `imgfs check` warns. A limit of imgfs is reported as a limit. The output of ordinary tools is never
//! ambiguous.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support;
use crate::support::program::images::layout;
use crate::support::program::{Place, output, stderr};
use crate::support::{Layer, OciImage, TAR, TAR_GZIP, TAR_ZSTD, gzip, run};
use crate::tar_support;
use crate::tar_support::facts::Reading;
use crate::tar_support::make::{Archive, Format, Header};
use imgfs::internals::cache::CacheDir;

/// Returns an image with one layer, given as stored.
fn image(
    place: &Place,
    bytes: Vec<u8>,
    media_type: &'static str,
    tar: &[u8],
) -> std::path::PathBuf {
    let mut image = OciImage::plain(&[tar.to_vec()]);
    (image.layers[0].0, image.layers[0].1) = (bytes, media_type);
    layout(place, |dir| vec![image.write(dir)])
}

/// Returns the output of `imgfs check` for an image.
fn check(place: &Place, image: &Path) -> String {
    let output = output(place.imgfs().arg("check").arg(image));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.code() == Some(0), "{text}{}", stderr(&output));
    text
}

/// Returns the lines of the output with the finding.
fn findings(tar: &[u8]) -> Vec<String> {
    let place = Place::new();
    let image = image(&place, tar.to_vec(), TAR, tar);
    let text = check(&place, &image);
    // The second time, the result comes from the cache.
    assert_eq!(check(&place, &image), text);
    let lines = text
        .lines()
        .filter(|line| line.contains("ambiguous-archive"));
    lines.map(str::to_owned).collect()
}

fn assert_found(tar: &[u8], words: &[&str]) {
    let found = findings(tar);
    let [line] = &found[..] else {
        panic!("{found:#?}");
    };
    for word in [&["warn"], words].concat() {
        assert!(line.contains(word), "{word}: {line}");
    }
}

#[test]
fn a_global_pax_header_that_sets_a_path() {
    let mut archive = Archive::default();
    archive
        .pax(b'g', &[("path", "etc/shadow")])
        .file("etc/motd", "hello");
    let tar = archive.end().bytes;
    assert_found(
        &tar,
        &[
            "/etc/motd",
            "global PAX header sets path",
            "GNU tar",
            "Go's",
        ],
    );
    let mounted = mount(&tar);
    assert_eq!(mounted.text("etc/motd"), "hello");
}

#[test]
fn a_global_comment_as_git_writes_it_is_harmless() {
    let mut archive = Archive::default();
    archive
        .pax(b'g', &[("comment", "0123456789")])
        .file("a", "a");
    assert_eq!(findings(&archive.end().bytes), [""; 0]);
}

fn mount(tar: &[u8]) -> support::Mounted {
    let dir = support::oci_dir(&OciImage::plain(&[tar.to_vec()]));
    support::mount(
        dir.path().to_str().unwrap(),
        imgfs::internals::view::Sidecars::Off,
    )
}

#[test]
fn entries_after_a_lone_zero_block_are_shown() {
    let mut archive = Archive::default();
    archive
        .file("a", "a")
        .zeros(1)
        .file("hidden", "found")
        .file("c", "c");
    let tar = archive.end().bytes;
    assert_found(
        &tar,
        &["/hidden", "single block of zeros at byte 1024", "refuses"],
    );
    assert_eq!(mount(&tar).text("hidden"), "found");
}

#[test]
fn an_archive_after_the_end_is_not_shown_but_reported() {
    let mut archive = Archive::default();
    archive.file("a", "a").zeros(2).file("hidden", "hidden");
    let tar = archive.end().bytes;
    assert_found(&tar, &["tar header at byte 2048", "after the end"]);
    assert!(!mount(&tar).exists("hidden"));
}

#[test]
fn a_prefix_as_go_1_7_wrote_it() {
    let mut archive = Archive::default();
    let mut header = Header::new(Format::Gnu, b'0', "file");
    header.put(345, b"some/directory");
    archive.entry(header, b"data");
    let tar = archive.end().bytes;
    assert_found(&tar, &["/some/directory/file", "prefix"]);
    assert_eq!(mount(&tar).text("some/directory/file"), "data");
}

/// gzip(1) ignores zeros after a member. Go's compress/gzip reports them as an invalid header.
#[test]
fn zeros_after_a_gzip_member() {
    let tar = Layer::new().file("a", "some text ".repeat(100)).tar();
    let good = gzip(&tar);
    let padded = [&good[..], &[0; 512]].concat();
    let place = Place::new();
    let files = [
        place.file("good.gz", &good),
        place.file("padded.gz", &padded),
    ];
    let readings = tar_support::go(&files);
    assert!(matches!(readings[0], Reading::Read(..)));
    assert!(
        matches!(readings[1], Reading::Refused(_)),
        "{:?}",
        readings[1]
    );
    let unpacked = output(Command::new("gzip").arg("-dc").arg(&files[1]));
    assert!(unpacked.stdout == tar, "{}", stderr(&unpacked));

    let text = check(&place, &image(&place, padded, TAR_GZIP, &tar));
    let at = format!("byte {}", good.len());
    for word in [
        "warn",
        "ambiguous-archive",
        "zeros follow the last gzip member",
        &at,
    ] {
        assert!(text.contains(word), "{text}");
    }
    let place = Place::new();
    let text = check(&place, &image(&place, good, TAR_GZIP, &tar));
    assert!(!text.contains("ambiguous-archive"), "{text}");
}

/// zstd(1) has the same limit by default. The layer is not damaged.
#[test]
fn a_zstd_window_that_is_too_large_is_called_a_limit() {
    let tar = Layer::new().file("a", support::text(1, 300_000)).tar();
    let compress = |long: &str| {
        let place = Place::new();
        let file = place.file("layer.tar", &tar);
        // The input is a pipe, so that zstd does not know its size and uses the largest window.
        let mut cat = Command::new("cat")
            .arg(file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut zstd = Command::new("zstd");
        let stdin = cat.stdout.take().unwrap();
        let bytes = run(zstd.args(["-c", long]).stdin(stdin)).stdout;
        cat.wait().unwrap();
        bytes
    };
    let place = Place::new();
    let text = check(
        &place,
        &image(&place, compress("--long=27"), TAR_ZSTD, &tar),
    );
    assert!(!text.contains("fail"), "{text}");

    let place = Place::new();
    let bytes = compress("--long=28");
    let zstd = output(
        Command::new("zstd")
            .args(["-dc", "-"])
            .stdin(fs::File::open(place.file("a", &bytes)).unwrap()),
    );
    assert!(!zstd.status.success());
    let output = output(
        place
            .imgfs()
            .arg("check")
            .arg(image(&place, bytes, TAR_ZSTD, &tar)),
    );
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for word in ["window of 268435456 bytes", "limit of imgfs", "134217728"] {
        assert!(said.contains(word), "{said}");
    }
    assert!(!said.contains("damaged"), "{said}");
}

/// Fills the directory `src` with files of all kinds, and `sparse/src` with sparse files.
fn fill(dir: &Path) {
    let functions = include_str!("../support/everything.sh");
    let all = "plain; special; large; prefix; pax";
    let sparse = "mkdir sparse; cd sparse; plain; sparse";
    for parts in [all, sparse] {
        let script = format!("{functions}\n{parts}\n");
        run(Command::new("bash").args(["-ec", &script]).current_dir(dir));
    }
}

/// Covers GNU tar, libarchive, Python and busybox in all formats. Some formats cannot store all files,
/// which is not an error here.
#[test]
fn what_ordinary_tools_write_is_never_ambiguous() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    let mut commands: Vec<String> = Vec::new();
    for format in ["gnu", "oldgnu", "pax", "ustar", "v7"] {
        let more = match format {
            "pax" => "--xattrs --xattrs-include=* --acls",
            _ => "",
        };
        commands.push(format!("tar --format={format} {more} -cf- -C src ."));
    }
    for format in ["gnu", "oldgnu"] {
        commands.push(format!("tar --format={format} -Scf- -C sparse/src ."));
    }
    for version in ["0.0", "0.1", "1.0"] {
        let options = format!("--format=pax --sparse-version={version} -Scf-");
        commands.push(format!("tar {options} -C sparse/src ."));
    }
    for format in ["pax", "ustar", "gnutar", "v7"] {
        commands.push(format!("bsdtar --format={format} -cf- -C src ."));
    }
    commands.push("bsdtar --format=pax -cf- -C sparse/src .".to_owned());
    for format in ["PAX", "GNU", "USTAR"] {
        let script = format!(
            "import sys, tarfile\n\
             t = tarfile.open(fileobj=sys.stdout.buffer, mode=\"w|\", format=tarfile.{format}_FORMAT)\n\
             t.add(\"src/dir\")\n\
             t.add(\"src/link\")\n\
             t.close()"
        );
        commands.push(format!("python3 -c '{script}'"));
    }
    commands.push("busybox tar -cf- -C src dir".to_owned());
    let cache = CacheDir::open(&dir.path().join("cache")).unwrap();
    for command in commands {
        let mut bash = Command::new("bash");
        let packed = output(bash.args(["-c", &command]).current_dir(&dir)).stdout;
        let (reading, ambiguous) = tar_support::imgfs(&packed, &cache);
        let Reading::Read(entries, _) = reading else {
            panic!("{command}: {reading:?}");
        };
        assert!(entries.len() > 3, "{command}: {}", entries.len());
        assert_eq!(ambiguous, [""; 0], "{command}");
    }
}
