//! `imgfs export`, the archive: the tree that tars unpack from it equals the mount, by rsync in both
//! directions and by our own walk. The tars are those of GNU and of BSD, Go's, Python's and our own.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::process::Command;

use crate::export_support::{
    BSD, GNU, NONE, everything, exported, forged, judge, mounted, packed, unpack, unpack_saying,
};
use crate::support::program::{Place, str};
use crate::support::tree::{differences, walk};
use crate::support::{Layer, OciImage, mount, oci_dir, run, write_index};
use imgfs::internals::view::Sidecars;

#[test]
fn gnu_tar_unpacks_what_a_mount_shows() {
    let place = Place::new();
    let image = everything();
    let tar = exported(&place, image.path(), &[]);
    let out = unpack(GNU, &tar);
    let out = out.path().join("out");
    let mounted = mounted(image.path());
    assert!(walk(mounted.path()).len() > 60);
    assert_eq!(forged(&out.join("file")).unwrap(), b"forged");
    assert_eq!(judge(mounted.path(), &out), NONE);
    // The comparison detects a difference.
    fs::write(out.join("dir/sub/more"), "MORE\n").unwrap();
    assert!(judge(mounted.path(), &out).len() >= 3);
}

/// bsdtar gets the same files: this checks the archive, not the leniency of one tar.
#[test]
fn bsdtar_unpacks_it_too() {
    let place = Place::new();
    let image = everything();
    let out = unpack(BSD, &exported(&place, image.path(), &[]));
    let out = out.path().join("out");
    let mounted = mounted(image.path());
    forged(&out.join("file")).unwrap();
    let found = differences(&walk(mounted.path()), &walk(&out));
    // See tests/oracles/attributes.rs on these. bsdtar writes %25 in the name of an xattr, and does not decode
    // it.
    let known = ["before: mtime ", ".: mtime ", "dir: xattr user.a%"];
    let known = |line: &String| known.iter().any(|start| line.starts_with(start));
    assert_eq!(found.iter().filter(|l| known(l)).count(), 4, "{found:#?}");
    let found: Vec<_> = found.iter().filter(|l| !known(l)).collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// The export is a layer: umoci unpacks it, and imgfs mounts it, with the same result as for the image.
#[test]
fn it_is_a_layer() {
    let place = Place::new();
    let image = everything();
    let tar = exported(&place, image.path(), &[]);
    let mounted = mounted(image.path());
    let ours = walk(mounted.path());
    let dir = tempfile::tempdir().unwrap();
    let mut manifest = OciImage::plain(&[tar]).write(dir.path());
    manifest["annotations"] = serde_json::json!({"org.opencontainers.image.ref.name": "test"});
    write_index(dir.path(), &[manifest]);

    let again = mount(str(dir.path()), Sidecars::Off);
    assert!(
        again.image.problems.is_empty(),
        "{:?}",
        again.image.problems
    );
    // GNU tar's escape in the name of an xattr is not Go's.
    let escaped = |line: &String| !line.starts_with("dir: xattr user.a%");
    let found = differences(&ours, &walk(again.path()));
    let found: Vec<_> = found.iter().filter(|l| escaped(l)).collect();
    assert!(found.is_empty(), "{found:#?}");

    let out = tempfile::tempdir().unwrap();
    let image = format!("{}:test", dir.path().display());
    run(Command::new("umoci")
        .args(["raw", "unpack", "--image", &image])
        .arg(out.path().join("out")));
    let root = out.path().join("out");
    forged(&root.join("file")).unwrap();
    let found = differences(&ours, &walk(&root));
    // umoci keeps whole seconds only. Go ignores an xattr with an empty value.
    let known = |l: &String| l.contains(": mtime ") || l.contains(": xattr user.empty ");
    let found: Vec<_> = found.iter().filter(|l| escaped(l) && !known(l)).collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// Python's tarfile reads it: a reader that shares no code with the others.
#[test]
fn python_reads_it() {
    let place = Place::new();
    let image = everything();
    let tar = place.file("out.tar", exported(&place, image.path(), &[]));
    let script = r#"
import hashlib, sys, tarfile
quote = lambda s: "".join(chr(b) if 33 <= b <= 126 and b != 92 else "\\x%02x" % b
                          for b in s.encode("utf-8", "surrogateescape"))
archive = tarfile.open(sys.argv[1])
for m in archive:
    data = hashlib.sha256(archive.extractfile(m).read()).hexdigest() if m.isreg() else "-"
    print(quote(m.name), m.type.decode(), "%04o" % m.mode, m.uid, m.gid, m.size, data,
          quote(m.linkname) or "-")
"#;
    let listed = run(Command::new("python3")
        .args(["-c", script, str(&tar)])
        .env("LC_ALL", "C.UTF-8"));
    let listed = String::from_utf8(listed.stdout).unwrap();
    let mounted = mounted(image.path());
    let theirs: BTreeMap<&str, Vec<&str>> = listed
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, rest)| (name, rest.split(' ').collect()))
        .collect();
    let ours = walk(mounted.path());
    assert_eq!(theirs.len(), ours.len());
    let escape = |bytes: &[u8]| -> String {
        let one = |b: &u8| match b {
            33..=126 if *b != b'\\' => char::from(*b).to_string(),
            b => format!("\\x{b:02x}"),
        };
        bytes.iter().map(one).collect()
    };
    for (path, attributes) in &ours {
        let name = match path.as_slice() {
            b"." => ".".to_owned(),
            path => format!("./{}", escape(path)),
        };
        let fields = &theirs[name.as_str()];
        if fields[0] == "1" {
            let first = escape(attributes["same file as"].as_bytes());
            assert_ne!(first, name);
            continue;
        }
        assert_eq!(fields[1], attributes["mode"], "{name}");
        assert_eq!(fields[2..4].join(":"), attributes["owner"], "{name}");
        let is_file = attributes["type"] == "file";
        assert_eq!(fields[0] == "0", is_file, "{name}");
        if is_file {
            assert_eq!(fields[4], attributes["size"], "{name}");
            assert_eq!(
                format!("sha256:{}", fields[5]),
                attributes["content"],
                "{name}"
            );
        }
    }
}

/// Holes stay holes: in the archive, and in the unpacked files.
#[test]
fn sparse_files() {
    let place = Place::new();
    let more =
        "truncate -s 100001 odd; printf x | dd of=odd bs=1 seek=70001 conv=notrunc status=none
        cp --sparse=always many $'m\\xc3\\xa4\\xff'; mkdir -p $(n d 90); mv odd $(n d 90)/odd
        setfattr -n user.on -v hole hole; ln hole hole-too; touch -d @5 . $(n d 90)";
    let image = oci_dir(&OciImage::plain(&[packed(&["sparse"], more)]));
    let tar = exported(&place, image.path(), &[]);
    assert!(tar.len() < 2 << 20, "{}", tar.len());
    let mounted = mounted(image.path());
    let ours = walk(mounted.path());
    for command in [GNU, BSD] {
        let (out, said) = unpack_saying(command, &tar);
        // GNU tar does not know the record `hdrcharset`, and may only warn of it.
        assert!(
            said.lines().all(|line| line.contains("hdrcharset")),
            "{said}"
        );
        let out = out.path().join("out");
        let mut found = differences(&ours, &walk(&out));
        // bsdtar does not set the time of the directory that it unpacks into.
        found.retain(|line| command == GNU || !line.starts_with(".: mtime "));
        assert_eq!(found, NONE, "{command:?}");
        for name in ["big", "many", "hole"] {
            let stored = fs::metadata(out.join(name)).unwrap().blocks() * 512;
            assert!(stored < 1 << 20, "{command:?}: {name} takes {stored}");
        }
    }
    // Go and Python support the format, too.
    let again = oci_dir(&OciImage::plain(std::slice::from_ref(&tar)));
    let again = mount(str(again.path()), Sidecars::Off);
    assert_eq!(differences(&ours, &walk(again.path())), NONE);
    let dir = tempfile::tempdir().unwrap();
    let mut manifest = OciImage::plain(&[tar]).write(dir.path());
    manifest["annotations"] = serde_json::json!({"org.opencontainers.image.ref.name": "test"});
    write_index(dir.path(), &[manifest]);
    let image = format!("{}:test", dir.path().display());
    let out = place.join("umoci");
    run(Command::new("umoci")
        .args(["raw", "unpack", "--image", &image])
        .arg(&out));
    let found = differences(&ours, &walk(&out));
    let found: Vec<_> = found.iter().filter(|l| !l.contains(": mtime ")).collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// A hole of 10 GiB takes a few blocks of an archive.
#[test]
fn a_large_hole() {
    let place = Place::new();
    let more = "mkdir src; cd src; truncate -s 10G far; printf end >>far";
    let image = oci_dir(&OciImage::gzip(&[packed(&[], more)]));
    let tar = exported(&place, image.path(), &[]);
    assert!(tar.len() < 100_000, "{}", tar.len());
    for command in [GNU, BSD] {
        let out = unpack(command, &tar);
        let far = fs::File::open(out.path().join("out/far")).unwrap();
        assert_eq!(far.metadata().unwrap().len(), (10 << 30) + 3);
        let mut end = [0; 5];
        far.read_exact_at(&mut end, (10 << 30) - 2).unwrap();
        assert_eq!(&end, b"\0\0end");
    }
}

/// Encodes an access control list as the kernel does: tag, permissions and id of each entry.
fn acl(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, can, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(can.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

/// Access control lists are those of the image, for each way in which a tar restores them.
#[test]
fn access_control_lists() {
    let place = Place::new();
    let none = u32::MAX;
    let entries = [
        (1, 7, none),
        (2, 5, 1000),
        (2, 0, 2_000_000_000),
        (4, 5, none),
        (8, 1, 7),
        (16, 5, none),
        (32, 1, none),
    ];
    let acl = acl(&entries);
    let access = ("SCHILY.xattr.system.posix_acl_access", acl.as_slice());
    let default = ("SCHILY.xattr.system.posix_acl_default", acl.as_slice());
    let layer = Layer::new()
        .pax(&[access, default])
        .dir_mode("d", 0o751)
        .pax(&[access])
        .file_mode("d/f", "f\n", 0o751)
        .file_mode("d/plain", "p\n", 0o640);
    let image = oci_dir(&OciImage::plain(&[layer.tar()]));
    let tar = exported(&place, image.path(), &[]);
    let lists = |root: &Path| -> Vec<Option<Vec<u8>>> {
        let names = ["system.posix_acl_access", "system.posix_acl_default"];
        let one = |path: &str, name| xattr::get(root.join(path), name).unwrap();
        let of = |path| names.map(|name| one(path, name));
        ["d", "d/f", "d/plain"].into_iter().flat_map(of).collect()
    };
    let some = || Some(acl.clone());
    let expected = [some(), some(), some(), None, None, None];
    let with_acls = [&["tar", "--acls"], &GNU[1..]].concat();
    for command in [GNU, &with_acls, BSD] {
        let out = unpack(command, &tar);
        let out = out.path().join("out");
        assert_eq!(lists(&out), expected, "{command:?}");
        for (path, mode) in [("d", 0o751), ("d/f", 0o751), ("d/plain", 0o640)] {
            let found = fs::metadata(out.join(path)).unwrap().mode() & 0o7777;
            assert_eq!(found, mode, "{command:?}: {path}");
        }
    }
    assert_eq!(lists(mounted(image.path()).path()), expected);
}

/// For a layer that describes everything in it, the export unpacks to the same tree as the layer itself.
#[test]
fn one_layer_of_everything() {
    let place = Place::new();
    let image = everything();
    let tar = exported(&place, image.path(), &["--layer=0"]);
    let out = unpack(GNU, &tar);
    let out = out.path().join("out");
    forged(&out.join("file")).unwrap();
    let mounted = mounted(image.path());
    let layer = mounted.join(".imgfs/layers/0");
    assert_eq!(differences(&walk(&layer), &walk(&out)), NONE);
}
