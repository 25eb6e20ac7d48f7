//! The store through its commands: images are loaded from archives, get names, are mounted by these
//! names, and are saved again. The expected results come from skopeo and umoci, or from the way an image
//! was made.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

use crate::support;
use crate::support::program::images::{
    docker_archive, layout, named, oci_archive, on_platform, sample, tar_layout,
};
use crate::support::program::{
    Place, SOON, assert_says, fail, output, stderr, str, succeed, within,
};
use crate::support::store::*;
use crate::support::{Layer, OciImage, gzip, sha256, write_index, xz};
use serde_json::json;

/// Writes two images that share their lower layer, gzipped, in one layout under the names `a:1` and
/// `b:1`.
fn two_that_share(place: &Place) -> PathBuf {
    let base = Layer::new().dir("etc").file("etc/base", "base\n").tar();
    let of = |who: &str| OciImage::gzip(&[base.clone(), Layer::new().file("who", who).tar()]);
    layout(place, |dir| {
        vec![
            named(of("a").write(dir), "a:1"),
            named(of("b").write(dir), "b:1"),
        ]
    })
}

#[test]
fn every_kind_of_archive_is_loaded_with_its_digests() {
    let place = Place::new();
    let dir = layout(&place, |dir| vec![named(sample().write(dir), "sample:1")]);
    let digest = skopeo_digest(&place, &format!("oci:{}:sample:1", str(&dir)));
    let tar = tar_layout(&dir);
    let archive = place.file("oci.tar", &tar);
    let compressed = place.file("oci.tar.gz", gzip(&tar));
    let by_xz = place.file("oci.tar.xz", xz(&[], &tar));
    for (n, image) in [&dir, &archive, &compressed, &by_xz]
        .into_iter()
        .enumerate()
    {
        let place = Place::new();
        let said = imgfs(&place, ["load", str(image)]);
        assert_eq!(said, format!("sample:1 {digest}\n"), "{n}");
        assert_eq!(skopeo_digest(&place, &oci(&place, "sample:1")), digest);
        let mut expected = named_by(&blob(&place, &digest));
        expected.push(digest.clone());
        expected.sort();
        assert_eq!(blobs(&place), expected);
        assert_blobs_are_right(&place);
        let umoci = format!("{}:sample:1", str(&store(&place)));
        let to = place.join("unpacked");
        let args = ["raw", "unpack", "--image", &umoci, str(&to)];
        says(place.command("umoci").args(args));
        assert_eq!(fs::read(to.join("etc/motd")).unwrap(), b"hello\n");
    }
    let mut piped = place.imgfs();
    piped.args(["load", "-"]);
    piped.stdin(Stdio::from(fs::File::open(&archive).unwrap()));
    assert_eq!(says(&mut piped), format!("sample:1 {digest}\n"));
}

/// A docker-archive has no manifest: its layers keep their diff_ids, and its config keeps the image ID.
#[test]
fn a_docker_archive_keeps_its_image_id_and_layers() {
    let place = Place::new();
    let image = sample();
    let archive = place.file(
        "d.tar",
        docker_archive(&image, &["sample:1", "other/app:2"]),
    );
    let said = imgfs(&place, ["load", str(&archive)]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert_eq!(names(&place), ["sample:1", "other/app:2"]);
    let digest = lines[0].rsplit(' ').next().unwrap();
    assert_eq!(lines[1].rsplit(' ').next().unwrap(), digest);
    let mut expected = vec![sha256(image.config().to_string().as_bytes())];
    expected.extend(image.layers.iter().map(|layer| layer.2.clone()));
    assert_eq!(named_by(&blob(&place, digest)), expected);
    assert_eq!(skopeo_digest(&place, &oci(&place, "other/app:2")), digest);
    // The same archive gives the same image.
    let again = Place::new();
    assert_eq!(imgfs(&again, ["load", str(&archive)]), said);
}

/// No media type names xz, and few programs that read layouts know it: such layers are stored plain.
#[test]
fn xz_layers_of_a_docker_archive_are_stored_plain() {
    let place = Place::new();
    let plain = docker_archive(&sample(), &["sample:1"]);
    let said = imgfs(&place, ["load", str(&place.file("plain.tar", plain))]);
    let mut image = sample();
    for layer in &mut image.layers {
        layer.0 = xz(&["-C", "crc32"], &layer.0);
    }
    let other = Place::new();
    let archive = place.file("xz.tar", docker_archive(&image, &["sample:1"]));
    assert_eq!(imgfs(&other, ["load", str(&archive)]), said);
    assert_eq!(blobs(&other), blobs(&place));
    assert_blobs_are_right(&other);
    // What cannot be decompressed is not stored.
    let half = image.layers[0].0.len() / 2;
    image.layers[0].0.truncate(half);
    let archive = place.file("cut.tar", docker_archive(&image, &["cut:1"]));
    let mut load = other.imgfs();
    let said = fail(load.arg("load").arg(&archive));
    assert_says(&said, &["cut off"]);
    assert_eq!(blobs(&other), blobs(&place));
}

#[test]
fn what_is_saved_loads_elsewhere_with_the_same_digests() {
    let place = Place::new();
    let dir = two_that_share(&place);
    let said = imgfs(&place, ["load", str(&dir)]);
    let digests: Vec<&str> = said
        .lines()
        .map(|l| l.rsplit(' ').next().unwrap())
        .collect();
    let saved = place.join("both.tar");
    imgfs(&place, ["save", "a:1", "b:1", "-o", str(&saved)]);
    for (name, digest) in ["a:1", "b:1"].into_iter().zip(&digests) {
        let from = format!("oci-archive:{}:{name}", str(&saved));
        assert_eq!(&skopeo_digest(&place, &from), digest);
        let to = format!("dir:{}", str(&place.join(name)));
        says(place.command("skopeo").args(["copy", "-q", &from, &to]));
        let copied = fs::read(place.join(name).join("manifest.json")).unwrap();
        assert_eq!(&sha256(&copied), digest);
        // The archive's `manifest.json` leads to the same config and layers.
        let docker = format!("docker-archive:{}:{name}", str(&saved));
        let config = place
            .command("skopeo")
            .args(["inspect", "--config", "--raw", &docker])
            .output();
        let config = sha256(&config.unwrap().stdout);
        assert_eq!(named_by(&blob(&place, digest))[0], config);
    }
    let piped = output(place.imgfs().args(["save", "a:1", "b:1"]));
    assert_eq!(
        piped.stdout,
        fs::read(&saved).unwrap(),
        "twice the same bytes"
    );
    let other = Place::new();
    assert_eq!(imgfs(&other, ["load", str(&saved)]), said);
    let mode = fs::metadata(&saved).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & 0o600, 0o600);
}

#[test]
fn a_docker_archive_that_is_saved_has_plain_layers() {
    let place = Place::new();
    let dir = two_that_share(&place);
    imgfs(&place, ["load", str(&dir)]);
    let saved = place.join("d.tar");
    imgfs(
        &place,
        [
            "save",
            "--format",
            "docker-archive",
            "a:1",
            "b:1",
            "-o",
            str(&saved),
        ],
    );
    let member = |name: &str| {
        let mut tar = place.command("tar");
        output(tar.arg("-xOf").arg(&saved).arg(name)).stdout
    };
    let items: serde_json::Value = serde_json::from_slice(&member("manifest.json")).unwrap();
    for (n, name) in ["a:1", "b:1"].into_iter().enumerate() {
        let images = images(&place);
        let image = images.iter().find(|i| i["name"] == name).unwrap();
        let stored = named_by(&blob(&place, image["digest"].as_str().unwrap()));
        let from = format!("docker-archive:{}:{name}", str(&saved));
        let mut inspect = place.command("skopeo");
        let config = output(inspect.args(["inspect", "--config", "--raw", &from])).stdout;
        assert_eq!(sha256(&config), stored[0], "the image ID");
        let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
        let layers = items[n]["Layers"].as_array().unwrap().iter();
        let layers: Vec<String> = layers
            .map(|l| sha256(&member(l.as_str().unwrap())))
            .collect();
        assert_eq!(json!(layers), config["rootfs"]["diff_ids"]);
        assert_eq!(items[n]["RepoTags"], json!([name]));
        // Skopeo compares all layers with their diff_ids when it copies.
        let to = format!("dir:{}", str(&place.join(&name[..1])));
        says(place.command("skopeo").args(["copy", "-q", &from, &to]));
    }
    // The shared layer is stored once.
    let list = says(place.command("tar").arg("-tf").arg(&saved));
    assert_eq!(
        list.lines().filter(|l| l.ends_with(".tar")).count(),
        3,
        "{list}"
    );
}

#[test]
fn blobs_are_shared_and_names_are_taken_and_given() {
    let place = Place::new();
    let dir = two_that_share(&place);
    imgfs(&place, ["load", str(&dir)]);
    // Two manifests, two configs, three layers.
    assert_eq!(blobs(&place).len(), 7);
    let [a, b] = &images(&place)[..] else {
        panic!("{:?}", names(&place));
    };
    let number = |image: &serde_json::Value, key: &str| image[key].as_u64().unwrap();
    let shared = number(a, "size") - number(a, "unique_size");
    assert_eq!(shared, number(b, "size") - number(b, "unique_size"));
    let base = named_by(&blob(&place, a["digest"].as_str().unwrap())).remove(1);
    assert_eq!(shared, fs::metadata(blob(&place, &base)).unwrap().len());

    imgfs(&place, ["tag", "a:1", "docker.io/library/app"]);
    assert_eq!(
        names(&place),
        ["a:1", "b:1", "docker.io/library/app:latest"]
    );
    // In docker's syntax these are the same name.
    imgfs(&place, ["tag", "b:1", "app"]);
    assert_eq!(names(&place), ["a:1", "b:1", "app:latest"]);
    for name in ["app", "app:latest", "docker.io/library/app:latest"] {
        assert_eq!(imgfs(&place, ["cat", name, "who"]), "b", "{name}");
    }
    let digest = a["digest"].as_str().unwrap();
    for prefix in [digest, &digest[7..], &digest[7..19]] {
        assert_eq!(imgfs(&place, ["cat", prefix, "who"]), "a");
    }
    imgfs(&place, ["rm", "a:1", "b:1"]);
    assert_eq!(names(&place), ["app:latest"]);
    let said = imgfs(&place, ["prune", "-v"]);
    let gone: Vec<&str> = said.lines().filter(|l| l.starts_with("sha256:")).collect();
    assert_eq!(gone.len(), 3, "manifest, config and layer of a: {said}");
    assert!(said.contains(digest), "{said}");
    assert_eq!(blobs(&place).len(), 4);
    assert_eq!(imgfs(&place, ["cat", "app", "etc/base"]), "base\n");
    assert_says(&imgfs(&place, ["verify", "app"]), &["app: ok"]);
    assert_eq!(imgfs(&place, ["prune"]), "freed 0 B (0 files)\n");
}

#[test]
fn what_is_not_there_is_told_with_a_way_out() {
    let place = Place::new();
    for command in [
        vec!["cat", "app", "x"],
        vec!["verify", "app"],
        vec!["ls", "quay.io/a/b:1"],
    ] {
        let said = fail(place.imgfs().args(&command));
        assert_says(&said, &[command[1], "no such file", "imgfs pull"]);
    }
    assert!(!store(&place).exists(), "a read-only command made a store");
    assert_says(
        &fail(place.imgfs().args(["rm", "app"])),
        &["\"app\"", "imgfs pull"],
    );
    assert_eq!(imgfs(&place, ["images", "--json"]), "");
    assert_eq!(imgfs(&place, ["prune"]), "freed 0 B (0 files)\n");
    imgfs(&place, ["df"]);
    assert!(!store(&place).exists(), "a read-only command made a store");

    let image = place.image();
    imgfs(&place, ["load", str(&image)]);
    let said = fail(place.imgfs().args(["tag", "ample:1", "b"]));
    assert_says(&said, &["\"ample:1\"", "it has: sample:1"]);
    for bad in ["-x", "a b", "a//b", "", "../x"] {
        let said = fail(place.imgfs().args(["tag", "sample:1", "--", bad]));
        assert_says(&said, &["cannot be the name"]);
    }
    // An argument that is clearly a path is not looked up as a name.
    let said = fail(place.imgfs().args(["ls", "./app"]));
    assert!(!said.contains("pull"), "{said}");
    assert_eq!(names(&place), ["sample:1"]);
}

/// The path of an image takes precedence over a name of the store; the path of a directory without an
/// image does not.
#[test]
fn a_path_and_a_name() {
    let place = Place::new();
    let other = place.file(
        "other.tar",
        docker_archive(
            &OciImage::plain(&[Layer::new().file("who", "the store's").tar()]),
            &["app:latest"],
        ),
    );
    imgfs(&place, ["load", str(&other)]);
    let cat = |word: &str| {
        let mut command = place.imgfs();
        command
            .args(["cat", word, "who"])
            .current_dir(place.join("work"));
        says(&mut command)
    };
    fs::create_dir_all(place.join("work/app")).unwrap();
    fs::write(place.join("work/app/Dockerfile"), "FROM scratch\n").unwrap();
    assert_eq!(cat("app"), "the store's");
    let image = OciImage::plain(&[Layer::new().file("who", "the path's").tar()]);
    let descriptor = image.write(&place.join("work/app"));
    write_index(&place.join("work/app"), &[descriptor]);
    assert_eq!(cat("app"), "the path's");
    assert_eq!(cat("app:latest"), "the store's");
}

#[test]
fn a_mount_by_name_keeps_its_blobs_from_being_pruned() {
    let place = Place::new();
    let image = place.file("image.tar", oci_archive(&sample()));
    imgfs(&place, ["load", "--name", "app", str(&image)]);
    succeed(place.imgfs().args(["mount", "app"]).arg(place.mnt()));
    assert_eq!(place.only_mount().source, "app");
    imgfs(&place, ["rm", "app"]);
    let said = imgfs(&place, ["prune"]);
    assert_says(&said, &["2 more", "in use"]);
    assert_eq!(place.text("etc/motd"), "hello\n");
    place.umount();
    place.assert_gone();
    // An ending process gives back its memory, by which it is found, before its files.
    within(SOON, "the blobs are free", || {
        imgfs(&place, ["prune"]).contains("(2 files)")
    });
    assert_eq!(blobs(&place), [""; 0]);
}

/// The lock of a mount disappears with its process, for every way in which it ends.
#[test]
fn a_mount_that_is_killed_uses_nothing() {
    let place = Place::new();
    let image = place.image();
    imgfs(&place, ["load", str(&image)]);
    succeed(place.imgfs().args(["mount", "sample:1"]).arg(place.mnt()));
    imgfs(&place, ["rm", "sample:1"]);
    assert_says(&imgfs(&place, ["prune"]), &["in use"]);
    rustix::process::kill_process(place.daemon(), rustix::process::Signal::KILL).unwrap();
    // The environment of the process disappears a moment before its files are closed.
    within(SOON, "the lock to be gone", || {
        !imgfs(&place, ["prune"]).contains("in use")
    });
    assert_eq!(blobs(&place), [""; 0]);
}

#[test]
fn what_was_loaded_is_not_read_again_by_its_first_mount() {
    let place = Place::new();
    let dir = two_that_share(&place);
    imgfs(&place, ["load", str(&dir)]);
    let said = stderr(&run(&place, ["ls", "-vv", "a:1"]));
    assert!(!said.contains("decoded"), "{said}");
    // A layer's bytes are removed from the file, but the data in its index is still shown.
    for digest in blobs(&place) {
        let path = blob(&place, &digest);
        let meta = fs::metadata(&path).unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, 0o444, "{digest}");
    }
    let kept = imgfs(&place, ["cache", "show", "--json"]);
    for kind in ["\"layer\"", "\"tree\"", "\"seen\""] {
        assert!(kept.contains(kind), "{kind}: {kept}");
    }
    // The cache entries of pruned blobs are removed.
    imgfs(&place, ["rm", "a:1", "b:1"]);
    imgfs(&place, ["prune"]);
    assert_eq!(imgfs(&place, ["cache", "show", "--json"]), "");
}

#[test]
fn an_image_of_several_platforms_stays_one() {
    let place = Place::new();
    let base = Layer::new().dir("etc").file("etc/base", "base\n").tar();
    let of = |arch: &'static str| OciImage {
        os: "linux",
        arch,
        ..OciImage::gzip(&[base.clone(), Layer::new().file("who", arch).tar()])
    };
    let dir = layout(&place, |dir| {
        let one = |arch| on_platform(of(arch).write(dir), arch, None);
        let manifests = [one("amd64"), one("arm64"), one("riscv64")];
        let index =
            json!({"schemaVersion": 2, "mediaType": support::INDEX, "manifests": manifests});
        let mut index = support::write_blob(dir, index.to_string().as_bytes());
        index["mediaType"] = support::INDEX.into();
        vec![named(index, "app:1")]
    });
    let said = imgfs(&place, ["load", str(&dir)]);
    let digest = said.trim_end().rsplit(' ').next().unwrap();
    assert_eq!(skopeo_digest(&place, &oci(&place, "app:1")), digest);
    let image = &images(&place)[0];
    assert_eq!(
        image["platforms"],
        json!(["linux/amd64", "linux/arm64", "linux/riscv64"])
    );
    assert_eq!(
        imgfs(&place, ["cat", "--platform", "linux/arm64", "app:1", "who"]),
        "arm64"
    );
    let mut mount = place.imgfs();
    succeed(
        mount
            .args(["mount", "--platform", "all", "app:1"])
            .arg(place.mnt()),
    );
    for arch in ["amd64", "arm64", "riscv64"] {
        assert_eq!(place.text(&format!("linux_{arch}/who")), arch);
    }
    place.umount();
    let saved = place.join("saved.tar");
    imgfs(&place, ["save", "app:1", "-o", str(&saved)]);
    let copy = format!("dir:{}", str(&place.join("all")));
    let from = format!("oci-archive:{}", str(&saved));
    says(
        place
            .command("skopeo")
            .args(["copy", "-q", "--all", &from, &copy]),
    );
    let index = fs::read(place.join("all/manifest.json")).unwrap();
    assert_eq!(sha256(&index), digest);
    // One of the images alone.
    let one = place.join("one.tar");
    imgfs(
        &place,
        [
            "save",
            "--platform",
            "linux/arm64",
            "app:1",
            "-o",
            str(&one),
        ],
    );
    assert_eq!(imgfs(&place, ["cat", str(&one), "who"]), "arm64");
    let other = Place::new();
    imgfs(&other, ["load", "--platform", "linux/riscv64", str(&saved)]);
    assert_eq!(images(&other)[0]["platforms"], json!(["linux/riscv64"]));
    assert_eq!(imgfs(&other, ["cat", "app:1", "who"]), "riscv64");
    assert_says(&imgfs(&other, ["verify", "app:1"]), &["ok"]);
}

#[test]
fn df_adds_up() {
    let place = Place::new();
    let dir = two_that_share(&place);
    imgfs(&place, ["load", str(&dir)]);
    imgfs(&place, ["rm", "b:1"]);
    let part = place.join("data/imgfs/arriving/sha256-00");
    fs::write(part, vec![0; 1000]).unwrap();
    let text = imgfs(&place, ["df", "--json"]);
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let of = |what: &str| lines.iter().find(|l| l["what"] == what).unwrap().clone();
    let sizes: u64 = blobs(&place)
        .iter()
        .map(|d| fs::metadata(blob(&place, d)).unwrap().len())
        .sum();
    let bytes = |what: &str| of(what)["bytes"].as_u64().unwrap();
    assert_eq!(bytes("images") + bytes("unreferenced"), sizes);
    assert_eq!(of("unreferenced")["count"], 3);
    assert_eq!(bytes("unfinished"), 1000);
    let said = imgfs(&place, ["prune", "--dry-run"]);
    assert_says(&said, &["would free", "(4 files)"]);
    assert_eq!(blobs(&place).len(), 7);
    imgfs(&place, ["prune"]);
    assert_eq!(blobs(&place).len(), 4);
}
