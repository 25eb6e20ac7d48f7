//! Layers written by real tars, GNU's in all its formats and libarchive's, of a directory with every
//! type and attribute of file. Each is mounted as the only layer of an image and compared with the files
//! that a tar unpacks from the same stream, attribute by attribute and byte by byte. Also tests that
//! nothing can be written, and the results of statfs(2) and du.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::process::Command;

use crate::support::tree::{differences, walk};
use crate::support::{Layer, Mounted, OciImage, mount, mount_layers, oci_dir, run, write_index};
use imgfs::internals::layer::{Ambiguity, ProblemKind};
use imgfs::internals::view::Sidecars;
use rustix::fs::{StatVfsMountFlags, statvfs};

/// Runs a script, which stops at the first command that fails.
fn bash(dir: &Path, script: &str) {
    run(Command::new("bash").args(["-ec", script]).current_dir(dir));
}

/// Makes files with functions of `tests/support/everything.sh`, which has a comment on each.
fn everything(dir: &Path, parts: &[&str]) {
    bash(
        dir,
        &[include_str!("../support/everything.sh"), &parts.join("\n")].concat(),
    );
}

fn mount_tar(tar: &[u8]) -> Mounted {
    let dir = oci_dir(&OciImage::plain(&[tar.to_vec()]));
    mount(dir.path().to_str().unwrap(), Sidecars::Off)
}

/// Packs the files of `parts` with `pack`, unpacks them with `unpack`, and compares them with a mount.
/// Differences that begin with one of `known` are accepted; the caller gives the reason. Returns the
/// number of compared files.
fn compare(parts: &[&str], pack: &[&str], unpack: &[&str], known: &[&str]) -> usize {
    let dir = tempfile::tempdir().unwrap();
    everything(dir.path(), parts);
    let packed = run(Command::new(pack[0]).args(&pack[1..]).current_dir(&dir)).stdout;
    let file = dir.path().join("layer.tar");
    fs::write(&file, &packed).unwrap();
    let out = dir.path().join("out");
    fs::create_dir(&out).unwrap();
    run(Command::new(unpack[0])
        .args(&unpack[1..])
        .arg(&file)
        .current_dir(&out));
    let mounted = mount_tar(&packed);
    let theirs = walk(&out);
    let mut found = differences(&theirs, &walk(mounted.path()));
    for start in known {
        let before = found.len();
        found.retain(|line| !line.starts_with(start));
        assert!(found.len() < before, "{start} is no difference any more");
    }
    assert_eq!(
        found,
        Vec::<String>::new(),
        "{pack:?}: {} | imgfs",
        unpack[0]
    );
    let problems = mounted.image.problems.iter();
    let (xattrs, others): (Vec<_>, Vec<_>) = problems.partition(|problem| {
        let kind = &problem.kind;
        matches!(
            kind,
            ProblemKind::Ambiguous(Ambiguity::LibarchiveXattr { .. })
        )
    });
    assert!(others.is_empty(), "{others:?}");
    // What only bsdtar reads is reported.
    assert_eq!(!xattrs.is_empty(), unpack[0] == "bsdtar", "{xattrs:?}");
    theirs.len()
}

const GNU_UNPACK: &[&str] = &[
    "tar",
    "--xattrs",
    "--xattrs-include=*",
    "--same-owner",
    "--delay-directory-restore",
    "--numeric-owner",
    "-pxf",
];

/// Like [`compare`], packed by GNU tar in one of its formats.
fn gnu(format: &str, parts: &[&str]) -> usize {
    let format = format!("--format={format}");
    let xattrs = ["--xattrs", "--xattrs-include=*"];
    let mut pack = vec!["tar", &format, "--numeric-owner"];
    // GNU tar refuses xattrs in the formats that have none.
    pack.extend(xattrs.iter().filter(|_| parts.contains(&"pax")));
    pack.extend(["-C", "src", "-cf-", "."]);
    compare(parts, &pack, GNU_UNPACK, &[])
}

#[test]
fn gnu_v7() {
    assert!(gnu("v7", &["plain"]) >= 25);
}

#[test]
fn gnu_ustar() {
    assert!(gnu("ustar", &["plain", "special", "prefix"]) > 30);
}

#[test]
fn gnu_oldgnu() {
    assert!(gnu("oldgnu", &["plain", "special", "large", "prefix"]) > 40);
}

#[test]
fn gnu_gnu() {
    assert!(gnu("gnu", &["plain", "special", "large", "prefix"]) > 40);
}

#[test]
fn gnu_posix() {
    assert!(gnu("posix", &["plain", "special", "large", "prefix", "pax"]) > 45);
}

/// Like [`compare`], packed by bsdtar.
fn bsd(options: &[&str], parts: &[&str]) -> usize {
    let pack = [&["bsdtar"], options, &["-C", "src", "-cf", "-", "."]].concat();
    compare(parts, &pack, GNU_UNPACK, &[])
}

/// bsdtar writes each xattr twice, as SCHILY and as LIBARCHIVE; GNU tar reads the former.
#[test]
fn bsd_pax() {
    let all = &["plain", "special", "large", "prefix", "pax"];
    assert!(bsd(&["--format=pax", "--xattrs"], all) > 45);
    let schily = [
        "--format=pax",
        "--xattrs",
        "--options=pax:xattrheader=SCHILY",
    ];
    assert!(bsd(&schily, all) > 45);
}

/// Only bsdtar itself reads the LIBARCHIVE form alone.
#[test]
fn bsd_pax_libarchive() {
    let form = "--options=pax:xattrheader=LIBARCHIVE";
    let pack = [
        "bsdtar",
        "--format=pax",
        "--xattrs",
        form,
        "-C",
        "src",
        "-cf",
        "-",
        ".",
    ];
    let unpack = ["bsdtar", "--xattrs", "--numeric-owner", "-pxf"];
    let known = [
        // bsdtar does not restore the time of the directory that it unpacks into; the spec (layer.md)
        // says "the existing path's attributes MUST be replaced by those of the entry".
        ".: mtime",
        // bsdtar writes 1.75 s before the epoch as `mtime=-2.25`, its seconds and its nanoseconds,
        // and reads it back like that. POSIX (pax, "mtime") and with it GNU tar and Go read a decimal number.
        "before: mtime -2.250000000 | -3.750000000",
    ];
    let all = &["plain", "special", "large", "prefix", "pax"];
    assert!(compare(all, &pack, &unpack, &known) > 45);
}

#[test]
fn bsd_other_formats() {
    assert!(bsd(&["--format=ustar"], &["plain", "special", "prefix"]) > 30);
    assert!(bsd(&["--format=gnutar"], &["plain", "special", "large"]) > 35);
}

/// GNU tar and libarchive write `=` and `%` in the name of an xattr as `%3D` and `%25`, and GNU tar
/// reads them back. The OCI image-spec does not mention this, and container runtimes, all of which use
/// Go's archive/tar, use the name as it is. So does imgfs: umoci is the oracle here.
#[test]
fn xattr_names_as_go_reads_them() {
    let dir = tempfile::tempdir().unwrap();
    let script = "mkdir src; echo f >src/f; setfattr -n 'user.a=b% c' -v 1 src/f";
    bash(dir.path(), script);
    let pack = ["--format=posix", "--xattrs", "-C", "src", "-cf-", "."];
    let packed = run(Command::new("tar").args(pack).current_dir(&dir)).stdout;
    let layout = tempfile::tempdir().unwrap();
    let mut manifest = OciImage::plain(&[packed]).write(layout.path());
    manifest["annotations"] = serde_json::json!({"org.opencontainers.image.ref.name": "test"});
    write_index(layout.path(), &[manifest]);
    let image = format!("{}:test", layout.path().display());
    let out = dir.path().join("out");
    run(Command::new("umoci")
        .args(["raw", "unpack", "--image", &image])
        .arg(&out));
    let mounted = mount(layout.path().to_str().unwrap(), Sidecars::Off);
    let found = differences(&walk(&out), &walk(mounted.path()));
    // umoci keeps whole seconds only.
    let found: Vec<_> = found.iter().filter(|l| !l.contains(": mtime ")).collect();
    assert!(found.is_empty(), "umoci | imgfs: {found:#?}");
}

const GIB: u64 = 1 << 30;

/// Returns the offsets at which tools look for data and holes, including both ends of each piece.
fn probes(file: &File, len: u64) -> Vec<u64> {
    let mut edges = vec![0, len];
    let mut at = 0;
    while let Ok(data) = rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at)) {
        let hole = rustix::fs::seek(file, rustix::fs::SeekFrom::Hole(data)).unwrap();
        edges.extend([data, hole]);
        at = hole;
    }
    edges
}

/// Reads across every edge of every piece after seeking, and then the whole file, with cmp.
fn same_bytes(theirs: &Path, ours: &Path) {
    let (a, b) = (File::open(theirs).unwrap(), File::open(ours).unwrap());
    let len = a.metadata().unwrap().len();
    for edge in probes(&a, len) {
        for before in [0, 1, 511, 513, 4096, 200_000] {
            let offset = edge.saturating_sub(before);
            for size in [1, 1024, 300_000] {
                let read = |file: &File| {
                    let mut buf = vec![0xaa; size];
                    let n = file.read_at(&mut buf, offset).unwrap();
                    buf.truncate(n);
                    buf
                };
                let equal = read(&a) == read(&b);
                assert!(equal, "{}: {size} bytes at {offset}", ours.display());
            }
        }
    }
    run(Command::new("cmp").args([theirs, ours]));
}

/// Compares sparse files. They must also be small to du.
fn sparse(pack: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    everything(dir.path(), &["sparse"]);
    let pack = [pack, &["-C", "src", "-cf", "-", "."]].concat();
    let packed = run(Command::new(pack[0]).args(&pack[1..]).current_dir(&dir)).stdout;
    // Otherwise it was not packed as sparse.
    assert!(packed.len() < 2 << 20, "{pack:?}: {} bytes", packed.len());
    let file = dir.path().join("layer.tar");
    fs::write(&file, &packed).unwrap();
    let out = dir.path().join("out");
    fs::create_dir(&out).unwrap();
    run(Command::new("tar")
        .arg("-pxSf")
        .arg(&file)
        .current_dir(&out));
    let mounted = mount_tar(&packed);
    for name in ["big", "many", "hole", "zz-after"] {
        let (theirs, ours) = (out.join(name), mounted.join(name));
        let meta = |path: &Path| {
            let m = fs::metadata(path).unwrap();
            (m.len(), m.mode(), m.mtime(), m.mtime_nsec())
        };
        assert_eq!(meta(&theirs), meta(&ours), "{pack:?}: {name}");
        same_bytes(&theirs, &ours);
    }
    let du = run(Command::new("du")
        .args(["-k", "big", "many", "hole"])
        .current_dir(mounted.path()));
    let text = String::from_utf8(du.stdout).unwrap();
    let sizes: Vec<u64> = text
        .lines()
        .map(|l| l.split('\t').next().unwrap().parse().unwrap())
        .collect();
    // 88 KB and 59 KB of data, in 4 and 61 pieces that tar may round up to its blocks or to pages.
    assert!(
        (80..200).contains(&sizes[0]) && (50..400).contains(&sizes[1]),
        "{text}"
    );
    assert!(sizes[2] <= 8, "{text}");
    assert_eq!(fs::metadata(mounted.join("big")).unwrap().len(), GIB);
}

#[test]
fn sparse_oldgnu() {
    sparse(&["tar", "--format=oldgnu", "--sparse"]);
    sparse(&["tar", "--format=gnu", "--sparse"]);
}

#[test]
fn sparse_posix_0() {
    sparse(&["tar", "--format=posix", "--sparse", "--sparse-version=0.0"]);
    sparse(&["tar", "--format=posix", "--sparse", "--sparse-version=0.1"]);
}

#[test]
fn sparse_posix_1() {
    sparse(&["tar", "--format=posix", "--sparse", "--sparse-version=1.0"]);
}

#[test]
fn sparse_bsd() {
    sparse(&["bsdtar", "--format=pax", "--read-sparse"]);
}

fn small() -> Mounted {
    mount_layers(vec![
        Layer::new()
            .dir("d")
            .file("d/f", vec![b'x'; 5000])
            .file("empty", "")
            .symlink("link", "d/f"),
        Layer::new()
            .hardlink("hard", "d/f")
            .file("one", "1")
            .fifo("fifo"),
    ])
}

/// statfs(2): a read-only file system, full, with names of up to 255 bytes, and as many inodes and
/// blocks as the image's files have.
#[test]
fn statfs() {
    let mounted = small();
    let s = statvfs(mounted.path()).unwrap();
    assert!(s.f_flag.contains(StatVfsMountFlags::RDONLY));
    assert!(
        s.f_flag
            .contains(StatVfsMountFlags::NOSUID | StatVfsMountFlags::NODEV)
    );
    assert_eq!((s.f_bfree, s.f_bavail, s.f_ffree, s.f_favail), (0, 0, 0, 0));
    assert_eq!(s.f_namemax, 255);
    // The root, d, f with its two names, empty, link, one, fifo.
    assert_eq!(s.f_files, 7);
    // f takes two blocks, one takes one; a link or a directory may take one or none.
    assert_eq!(s.f_frsize, 4096);
    assert!((3..=6).contains(&s.f_blocks), "{}", s.f_blocks);
}

/// Every call that would change something fails with EROFS, for root as well.
#[test]
fn nothing_can_be_written() {
    let mounted = small();
    let (f, d, new) = (mounted.join("d/f"), mounted.join("d"), mounted.join("new"));
    let open = |options: &mut OpenOptions, path: &Path| options.open(path).map(drop);
    let times = rustix::fs::Timestamps {
        last_access: rustix::fs::Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        },
        last_modification: rustix::fs::Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        },
    };
    let cwd = rustix::fs::CWD;
    let mode = rustix::fs::Mode::from_raw_mode(0o777);
    let utimes = rustix::fs::utimensat(cwd, &f, &times, rustix::fs::AtFlags::empty());
    let chmod = rustix::fs::chmodat(cwd, &f, mode, rustix::fs::AtFlags::empty());
    let fifo = rustix::fs::mknodat(cwd, &new, rustix::fs::FileType::Fifo, mode, 0);
    let results: [(&str, io::Result<()>); 17] = [
        ("create", File::create(&new).map(drop)),
        ("open for writing", open(OpenOptions::new().write(true), &f)),
        (
            "open for both",
            open(OpenOptions::new().read(true).write(true), &f),
        ),
        ("append", open(OpenOptions::new().append(true), &f)),
        (
            "truncate",
            open(OpenOptions::new().write(true).truncate(true), &f),
        ),
        ("mkdir", fs::create_dir(&new)),
        ("unlink", fs::remove_file(&f)),
        ("rmdir", fs::remove_dir(&d)),
        ("rename", fs::rename(&f, &new)),
        ("link", fs::hard_link(&f, &new)),
        ("symlink", std::os::unix::fs::symlink("x", &new)),
        ("mkfifo", fifo.map_err(Into::into)),
        ("chmod", chmod.map_err(Into::into)),
        ("chown", std::os::unix::fs::chown(&f, Some(1), None)),
        ("utimes", utimes.map_err(Into::into)),
        ("setxattr", xattr::set(&f, "user.x", b"1")),
        ("removexattr", xattr::remove(&f, "user.x")),
    ];
    for (name, result) in results {
        let error = result.expect_err(name);
        assert_eq!(
            error.kind(),
            io::ErrorKind::ReadOnlyFilesystem,
            "{name}: {error}"
        );
    }
    // The same applies to the files that imgfs adds.
    let control = mounted.join(".imgfs");
    let error = File::create(control.join("new")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ReadOnlyFilesystem);
    assert_eq!(mounted.read("d/f"), vec![b'x'; 5000]);
}
