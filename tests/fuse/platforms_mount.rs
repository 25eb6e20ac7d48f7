//! `imgfs mount --platform all` through the real kernel: a directory for each platform, each with the
//! content of a mount of that platform alone. Names are those of BuildKit's local exporter
//! (docs.docker.com/build/exporters/local-tar/): `linux_amd64`, `linux_arm_v7`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support;
use crate::support::platforms;
use crate::support::platforms::walk::walk;
use crate::support::platforms::{BIG, MANY, NAMES, PLATFORMS, damage, stored, write};
use crate::support::program;
use crate::support::program::{Place, assert_says, fail, images, output, stderr, succeed, within};
use crate::support::{run, text, write_index};
use rustix::fs::statvfs;
use serde_json::json;

const ALL: [&str; 2] = ["--platform", "all"];

/// Writes the layout at that place and mounts all platforms.
fn mounted(place: &Place) -> PathBuf {
    let dir = place.join("layout");
    write(&dir);
    assert_eq!(place.mount(&ALL, &dir), "");
    dir
}

/// Returns the names in the root, in byte order.
fn listed(place: &Place) -> Vec<String> {
    let names = fs::read_dir(place.mnt()).unwrap();
    let mut names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn is_missing(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound)
}

#[test]
fn the_root_holds_the_platforms_and_nothing_else() {
    let place = Place::new();
    let dir = mounted(&place);
    let mnt = place.mnt();
    assert_eq!(listed(&place), NAMES);
    // In the order of the index, with the inode numbers of stat: `ls -U -a -i`.
    let shown = run(Command::new("ls").args(["-U", "-a", "-i"]).arg(&mnt));
    let shown = String::from_utf8(shown.stdout).unwrap();
    let shown: Vec<(u64, &str)> = shown
        .lines()
        .map(|line| line.trim().split_once(' ').unwrap())
        .map(|(ino, name)| (ino.parse().unwrap(), name))
        .collect();
    let names: Vec<&str> = shown.iter().map(|(_, name)| *name).collect();
    assert_eq!(names, [".", "..", NAMES[0], NAMES[1], NAMES[2]]);
    for (ino, name) in &shown[2..] {
        assert_eq!(fs::metadata(mnt.join(name)).unwrap().ino(), *ino, "{name}");
    }

    let root = fs::metadata(&mnt).unwrap();
    assert_eq!(root.mode(), 0o40755);
    assert_eq!((root.uid(), root.gid()), (0, 0));
    // As on ext4: 2, and 1 for each directory in it.
    assert_eq!(root.nlink(), 5);
    // All have the time that the base layer gives them.
    assert_eq!((root.mtime(), root.mtime_nsec()), (1_000_000_000, 0));
    assert_eq!(xattr::list(&mnt).unwrap().count(), 0);
    assert_eq!(xattr::get(&mnt, "user.imgfs.layer").unwrap(), None);
    for name in NAMES {
        let above = fs::metadata(mnt.join(name).join("..")).unwrap();
        assert_eq!((above.ino(), above.dev()), (root.ino(), root.dev()));
        let entries = run(Command::new("ls")
            .args(["-a", "-i", "-U"])
            .arg(mnt.join(name)));
        let text = String::from_utf8(entries.stdout).unwrap();
        let dotdot = text.lines().find(|line| line.ends_with(" .."));
        let number = dotdot.unwrap().trim().split(' ').next().unwrap();
        assert_eq!(number, root.ino().to_string());
    }
    // A missing name, twice: the kernel gives the second answer.
    for _ in 0..2 {
        for name in [
            ".imgfs",
            "linux",
            "linux_amd64.arch",
            "linux_amd64.2",
            "linux_arm",
            "LINUX_AMD64",
            "etc",
            "unknown_unknown",
            "linux_amd64/nothing",
            "linux_amd64/linux_amd64",
            "linux_arm64/etc/issue",
        ] {
            assert!(is_missing(&mnt.join(name)), "{name}");
        }
    }
    let error = fs::write(mnt.join("new"), "").unwrap_err();
    assert_eq!(
        error.raw_os_error(),
        Some(rustix::io::Errno::ROFS.raw_os_error())
    );
    let line = place.only_mount();
    assert_eq!(line.source, dir.to_str().unwrap());
    assert_eq!(line.kind, "fuse.imgfs");
    assert_eq!(place.umount(), "");
    place.assert_gone();
}

/// The main property: names, attributes, links, contents and xattrs, including sidecars and `/.imgfs`,
/// one by one, and by rsync(1).
#[test]
fn each_is_what_a_mount_of_that_platform_alone_shows() {
    let place = Place::new();
    let dir = mounted(&place);
    let mut sums = (0, 0);
    let mut bytes = BTreeSet::new();
    for ((name, platform), number) in NAMES.into_iter().zip(PLATFORMS).zip(0..) {
        let alone = Place::new();
        assert_eq!(alone.mount(&["--platform", platform], &dir), "");
        let (here, there) = (place.mnt().join(name), alone.mnt());
        let (shown, wanted) = (walk(&here), walk(&there));
        // The many names of one directory, and all others.
        assert!(wanted.len() > MANY + 50, "{}", wanted.len());
        for (shown, wanted) in shown.iter().zip(&wanted) {
            assert_eq!(shown, wanted, "{name}");
        }
        assert_eq!(shown.len(), wanted.len(), "{name}");
        let differences = run(Command::new("rsync")
            .args([
                "-aHAXnc",
                "--delete",
                "--itemize-changes",
                "--modify-window=-1",
            ])
            .arg(format!("{}/", here.display()))
            .arg(format!("{}/", there.display())));
        assert_eq!(String::from_utf8_lossy(&differences.stdout), "", "{name}");
        assert_eq!(fs::read_to_string(here.join("who")).unwrap(), name);
        // The findings are those of its own platform; one of them is about the other platform's program.
        let findings = fs::read_to_string(here.join(".imgfs/findings.tsv")).unwrap();
        let mismatch = findings.lines().find(|l| l.contains("arch-mismatch"));
        assert!(mismatch.unwrap().contains("/usr/bin/other"), "{findings}");
        let sidecar = fs::read_to_string(here.join("usr/bin/app.arch")).unwrap();
        let goarch = ["amd64", "arm64", "arm"][number];
        assert_says(&sidecar, &[&format!("\nGOARCH={goarch}\n")]);
        bytes.insert(sidecar);
        let stats = statvfs(&there).unwrap();
        sums.0 += stats.f_blocks * stats.f_frsize;
        sums.1 += stats.f_files;
        alone.umount();
    }
    assert_eq!(bytes.len(), 3);
    let stats = statvfs(place.mnt()).unwrap();
    assert_eq!((stats.f_blocks * stats.f_frsize, stats.f_files), sums);
    assert_eq!((stats.f_bfree, stats.f_ffree), (0, 0));
    place.umount();
}

#[test]
fn every_inode_is_one_file() {
    let place = Place::new();
    mounted(&place);
    let found =
        run(Command::new("find")
            .arg(place.mnt())
            .args(["-xdev", "-printf", "%D %i %y %n %P\\n"]));
    let found = String::from_utf8(found.stdout).unwrap();
    let mut devices = BTreeSet::new();
    let mut files: BTreeMap<u64, Vec<(&str, &str)>> = BTreeMap::new();
    for line in found.lines() {
        let fields: Vec<&str> = line.splitn(5, ' ').collect();
        devices.insert(fields[0]);
        let file = (fields[3], fields[4]);
        files
            .entry(fields[1].parse().unwrap())
            .or_default()
            .push(file);
    }
    assert_eq!(devices.len(), 1);
    // Files with several names, by hand: in each platform the two hard links of the layers.
    let several: Vec<_> = files.values().filter(|names| names.len() > 1).collect();
    let mut shown: Vec<Vec<&str>> = several
        .iter()
        .map(|names| {
            assert!(names.iter().all(|(nlink, _)| *nlink == "2"), "{names:?}");
            let mut names: Vec<&str> = names.iter().map(|(_, name)| *name).collect();
            names.sort_unstable();
            names
        })
        .collect();
    shown.sort();
    let wanted: Vec<Vec<String>> = NAMES
        .iter()
        .flat_map(|name| {
            [
                ("usr/bin/app", "usr/bin/app2"),
                ("usr/share/big", "usr/share/same"),
            ]
            .map(|(a, b)| vec![format!("{name}/{a}"), format!("{name}/{b}")])
        })
        .collect();
    assert_eq!(shown, wanted);
    // Each platform has the same number of names; `-xdev` descended into all of them.
    let of = |name: &str| {
        let names = files.values().flatten();
        names.filter(|(_, path)| path.starts_with(name)).count()
    };
    assert!(of(NAMES[0]) > MANY + 20);
    // `linux_arm` is a prefix of two names.
    assert_eq!(
        [of("linux_amd64"), of("linux_arm64"), of("linux_arm_v7")],
        [of(NAMES[0]); 3]
    );
    place.umount();
}

/// Returns the bytes that the process of the mount has read from files (proc(5)).
fn read_by_daemon(place: &Place) -> u64 {
    let pid = place.daemon().as_raw_nonzero();
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    let line = io.lines().find_map(|l| l.strip_prefix("rchar: ")).unwrap();
    line.parse().unwrap()
}

/// Returns a value of a status file.
fn status(place: &Place, name: &str, key: &str) -> u64 {
    let text = place.text(&format!("{name}/.imgfs/status"));
    let line = text
        .lines()
        .find_map(|l| l.strip_prefix(key)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("{key}: {text}"))
        .parse()
        .unwrap()
}

#[test]
fn the_common_layer_is_read_and_decoded_once() {
    let all: u64 = stored(0)[0] + (0..3).map(|n| stored(n)[1]).sum::<u64>();
    for options in [&[][..], &["--cache-limit", "0"]] {
        let place = Place::new();
        let dir = place.join("layout");
        write(&dir);
        // The base layer is nearly all of the image: reading it twice would exceed the limit by far.
        let options = [&ALL, options].concat();
        assert_eq!(place.mount(&options, &dir), "");
        let read = read_by_daemon(&place);
        assert!(
            (all..all * 3 / 2).contains(&read),
            "{options:?}: {read} of {all}"
        );
        let mut decoded = Vec::new();
        for name in NAMES {
            let big = fs::read(place.mnt().join(name).join("usr/share/big")).unwrap();
            assert!(big == text(1, BIG), "{name}");
            // The counters are those of the whole mount, in each platform's status.
            let spans =
                |at| status(&place, at, "CACHE_DECODED") + status(&place, at, "CACHE_PREFETCHED");
            assert_eq!(spans(name), spans(NAMES[0]));
            decoded.push(spans(name));
        }
        assert!(decoded[0] > 1 && decoded == [decoded[0]; 3], "{decoded:?}");
        let bytes = NAMES.map(|name| status(&place, name, "REQUESTS_READ_BYTES"));
        assert!(bytes.iter().all(|&n| n >= 3 * BIG as u64), "{bytes:?}");
        place.umount();
    }
}

/// After a random read in a large file, the rest of the span is stored in the page cache, under the
/// number that the file has in this mount: a read next to it causes no request.
#[test]
fn pages_go_to_the_files_of_their_platform() {
    let place = Place::new();
    mounted(&place);
    let wanted = text(1, BIG);
    for name in [NAMES[1], NAMES[2]] {
        let file = fs::File::open(place.mnt().join(name).join("usr/share/big")).unwrap();
        // No readahead, so that pages that are there later were stored by imgfs.
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Random).unwrap();
        let mut page = [0; 4096];
        let stored = status(&place, name, "REQUESTS_STORE");
        // For the first platform nothing of the file is decoded yet; for the second it is, so the offset
        // differs.
        let at = if name == NAMES[1] { 1 << 20 } else { 5 << 20 };
        file.read_exact_at(&mut page, at).unwrap();
        assert!(page[..] == wanted[at as usize..][..4096]);
        within(program::SOON, "the store", || {
            status(&place, name, "REQUESTS_STORE") > stored
        });
        let mut near = at;
        within(program::SOON, "a page that is there", || {
            // A different offset each time, since a page that was requested stays in the cache.
            near += 8 << 10;
            let before = status(&place, name, "REQUESTS_READ");
            file.read_exact_at(&mut page, near).unwrap();
            assert!(page[..] == wanted[near as usize..][..4096]);
            // One request is that of the status itself.
            status(&place, name, "REQUESTS_READ") == before + 1
        });
    }
    place.umount();
}

/// In an archive all layers are in one file, and the verified digests of that file are one list.
#[test]
fn the_second_mount_of_an_archive_reads_no_layer() {
    let place = Place::new();
    let dir = place.join("layout");
    write(&dir);
    let archive = place.file("all.tar", images::tar_layout(&dir));
    // A file that was just written to is not recognised by its identity.
    std::thread::sleep(std::time::Duration::from_millis(2100));
    for mount in 0..2 {
        assert_eq!(place.mount(&ALL, &archive), "");
        let read = read_by_daemon(&place);
        assert_eq!(read > stored(0)[0], mount == 0, "{read} bytes");
        assert_eq!(listed(&place), NAMES);
        place.umount();
        within(program::SOON, "the end", || place.processes().is_empty());
    }
}

#[test]
fn a_platform_that_cannot_be_opened_is_named_and_the_others_are_there() {
    let place = Place::new();
    let dir = place.join("layout");
    write(&dir);
    damage(&dir, 1);
    let said = place.mount(&ALL, &dir);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_says(&said, &["warning", "linux/arm64 is left out", "layer 1"]);
    assert_eq!(listed(&place), ["linux_amd64", "linux_arm_v7"]);
    assert_eq!(place.text("linux_arm_v7/who"), "linux_arm_v7");
    assert_eq!(fs::metadata(place.mnt()).unwrap().nlink(), 4);
    place.umount();
    // No platform is left.
    damage(&dir, 0);
    damage(&dir, 2);
    let output = output(&mut place.mount_command(&ALL, &dir));
    assert!(!output.status.success());
    let said = stderr(&output);
    for platform in PLATFORMS {
        assert_says(&said, &[&format!("{platform} is left out")]);
    }
    let last = said.lines().last().unwrap();
    assert!(
        last.starts_with("imgfs: ") && !last.contains("warning"),
        "{said}"
    );
    assert_says(last, &["none of its platforms can be opened"]);
    place.assert_gone();
}

/// The values in documents are not always valid as directory names. Two manifests for the same platform
/// get two directories.
#[test]
fn names_of_hostile_documents() {
    let place = Place::new();
    let dir = place.join("layout");
    let windows =
        |version| json!({"os": "windows", "architecture": "amd64", "os.version": version});
    let long = "x".repeat(300);
    let given = [
        (windows("10.0.17763.1"), "windows_amd64"),
        (windows("10.0.20348.1"), "windows_amd64.2"),
        (
            json!({"os": "linux", "architecture": "arm64", "variant": "v8"}),
            "linux_arm64",
        ),
        (
            json!({"os": "../..", "architecture": "etc/passwd"}),
            ".._.._etc_passwd",
        ),
        (json!({"os": "a\0b", "architecture": "c\nd"}), "a_b_c_d"),
        // No platform is named, so the config is used.
        (json!({"os": "", "architecture": ""}), "linux_amd64"),
        (json!({"os": "..", "architecture": ""}), ".._"),
        (
            json!({"os": long, "architecture": "arm"}),
            &*"x".repeat(240),
        ),
        (
            json!({"os": long, "architecture": "386"}),
            &*format!("{}.2", "x".repeat(240)),
        ),
        (
            json!({"os": "linux_arm64", "architecture": "", "variant": ""}),
            "linux_arm64_",
        ),
    ];
    let entries: Vec<_> = given
        .iter()
        .enumerate()
        .map(|(n, (platform, _))| platforms::claimed(&dir, &n.to_string(), platform.clone()))
        .collect();
    write_index(&dir, &[platforms::nested(&dir, &entries)]);
    place.mount(&ALL, &dir);
    let mut wanted: Vec<&str> = given.iter().map(|(_, name)| *name).collect();
    for (n, name) in wanted.iter().enumerate() {
        assert_eq!(place.text(&format!("{name}/who")), n.to_string());
    }
    wanted.sort_unstable();
    assert_eq!(listed(&place), wanted);
    place.umount();
}

/// All platforms of an image that has one: a docker-archive, from a file and from a pipe; a layout.
#[test]
fn an_image_of_one_platform_gets_one_directory() {
    let place = Place::new();
    let archive = place.image();
    let layout = support::oci_dir(&images::sample());
    let check = |place: &Place| {
        assert_eq!(listed(place), ["linux_amd64"]);
        assert_eq!(place.text("linux_amd64/etc/motd"), "hello\n");
        assert_says(
            &place.text("linux_amd64/.imgfs/status"),
            &["PLATFORM=linux/amd64\n"],
        );
        place.umount();
    };
    for image in [&archive, layout.path()] {
        assert_eq!(place.mount(&ALL, image), "");
        check(&place);
    }
    let mut piped = place.mount_command(&ALL, "-");
    piped.stdin(Stdio::from(fs::File::open(&archive).unwrap()));
    assert_eq!(succeed(&mut piped), "");
    check(&place);
    // If there is only one, its error is reported.
    let blobs = layout.path().join("blobs/sha256");
    let tar = &images::sample().layers[1].0;
    fs::write(blobs.join(&support::sha256(tar)[7..]), vec![1; tar.len()]).unwrap();
    let said = fail(&mut place.mount_command(&ALL, layout.path()));
    assert_says(&said, &["layer 1"]);
    assert!(!said.contains("left out"), "{said}");
}

/// A signal ends such a mount like any other, and `--platform` still chooses one.
#[test]
fn it_ends_like_any_other_and_the_choice_of_one_is_as_before() {
    let place = Place::new();
    let dir = mounted(&place);
    let pid = place.daemon();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    place.assert_gone();
    assert_eq!(place.mount(&["--platform", "linux/arm/v7"], &dir), "");
    assert_eq!(place.text("who"), "linux_arm_v7");
    place.umount();
    let said = stderr(&output(
        &mut place.mount_command(&["--platform", "every"], &dir),
    ));
    assert_says(&said, &["every", "OS/ARCH"]);
}
