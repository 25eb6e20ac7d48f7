//! `imgfs pull`, the command, against Debian's docker-registry. The expected results come from skopeo,
//! from the way an image was made, and from the counters of a proxy in front of the registry.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Command;

use crate::pull_support::{image, layers_of, noise, push};
use crate::support;
use crate::support::platforms;
use crate::support::program::{
    Place, SOON, assert_says, fail, finish, output, start, stderr, str, succeed, within,
};
use crate::support::proxy::{Act, Faults, Tokens};
use crate::support::registry::{Registry, Setup, free_port};
use crate::support::store::*;
use crate::support::{OciImage, TAR, oci_dir, sha256};
use rustix::process::{Signal, kill_process};
use serde_json::json;

/// `printf ann:sesame | base64`.
const LOGIN: &str = "YW5uOnNlc2FtZQ==";

/// Returns `imgfs pull` for a user whose home is in the place, without any other configuration of
/// logins.
fn pull(place: &Place, args: &[&str]) -> Command {
    let mut command = place.imgfs();
    command.arg("pull").args(args);
    at_home(place, command)
}

fn at_home(place: &Place, mut command: Command) -> Command {
    fs::create_dir_all(place.join("home")).unwrap();
    command.env("HOME", place.join("home"));
    for name in ["REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "DOCKER_CONFIG"] {
        command.env_remove(name);
    }
    command
}

/// Returns `NAME DIGEST`, which every such command prints for its image.
#[track_caller]
fn pulled(place: &Place, args: &[&str]) -> (String, String) {
    let said = says(&mut pull(place, args));
    let line = said.strip_suffix('\n').unwrap();
    let (name, digest) = line.split_once(' ').unwrap();
    (name.to_owned(), digest.to_owned())
}

/// Returns the digest that skopeo finds in a registry without TLS.
#[track_caller]
fn in_registry(place: &Place, name: &str, more: &[&str]) -> String {
    let mut skopeo = place.command("skopeo");
    skopeo.args(["inspect", "--raw", "--tls-verify=false"]);
    let raw = output(skopeo.args(more).arg(format!("docker://{name}")));
    assert!(raw.status.success(), "{}", stderr(&raw));
    sha256(&raw.stdout)
}

/// Pushes two images that share the lowest of their three layers, as `a:1` and `b:1`.
fn two(registry: &Registry) -> (OciImage, OciImage) {
    let of = |name| image(&[("base", 300_000), (name, 90_000), ("top", 1000)]);
    let (a, b) = (of("a"), of("b"));
    push(registry, &a, "a:1");
    push(registry, &b, "b:1");
    (a, b)
}

#[test]
fn what_is_pulled_is_what_skopeo_sees_and_comes_once() {
    let (place, registry) = (Place::new(), Registry::plain());
    let (a, b) = two(&registry);
    let proxy = Faults::before(registry.address(), |_| Act::pass());
    let (host, size) = (proxy.host(), |image: &OciImage, n: usize| {
        image.layers[n].0.len() as u64
    });
    let name = format!("{host}/a:1");
    let (said, digest) = pulled(&place, &[&format!("docker://{name}")]);
    assert_eq!(said, name);
    assert_eq!(digest, in_registry(&place, &name, &[]));
    assert_eq!(digest, skopeo_digest(&place, &oci(&place, &name)));
    let mut expected = named_by(&blob(&place, &digest));
    assert_eq!(expected[1..], layers_of(&a));
    expected.push(digest.clone());
    expected.sort();
    assert_eq!(blobs(&place), expected);
    assert_blobs_are_right(&place);
    // Three layers and a config, each once.
    assert_eq!(proxy.count("/v2/a/blobs/"), 4);

    // The second image: the shared layers are not fetched.
    let (_, other) = pulled(&place, &[&format!("{host}/b:1")]);
    assert_eq!(
        proxy.count("/v2/b/blobs/"),
        2,
        "config and layer of its own"
    );
    let config = b.config().to_string().len() as u64;
    assert_eq!(proxy.bytes("/v2/b/blobs/"), config + size(&b, 1));
    assert_eq!(blobs(&place).len(), 5 + 3);

    // Again: nothing is fetched.
    let before = proxy.requests().iter().filter(|r| r.is_blob()).count();
    assert_eq!(pulled(&place, &[&name]).1, digest);
    let after = proxy.requests().iter().filter(|r| r.is_blob()).count();
    assert_eq!(after, before);
    assert_eq!(names(&place), [format!("{host}/b:1"), name.clone()]);
    for (name, text) in [("a:1", "this is a\n"), ("b:1", "this is b\n")] {
        let file = format!("{}.txt", &name[..1]);
        let full = format!("{host}/{name}");
        assert_eq!(imgfs(&place, ["cat", &full, &file]), text);
        assert_says(&imgfs(&place, ["verify", &full]), &["ok"]);
    }
    assert_ne!(digest, other);
}

#[test]
fn a_blob_that_was_damaged_is_brought_again() {
    let (place, registry) = (Place::new(), Registry::plain());
    let (a, _) = two(&registry);
    let proxy = Faults::before(registry.address(), |_| Act::pass());
    let name = format!("{}/a:1", proxy.host());
    let (_, digest) = pulled(&place, &[&name]);
    let (layer, config) = (&layers_of(&a)[1], &named_by(&blob(&place, &digest))[0]);
    // Modified without a change of length, a byte longer, and truncated; a layer, the config and the
    // manifest.
    type Damage = fn(Vec<u8>) -> Vec<u8>;
    let damage: [(&str, Damage); 3] = [
        ("a byte is another", |mut bytes| {
            bytes[100] ^= 1;
            bytes
        }),
        ("longer", |mut bytes| {
            bytes.push(0);
            bytes
        }),
        ("shorter", |bytes| bytes[..bytes.len() / 2].to_vec()),
    ];
    for (how, change) in damage {
        for (digest, kind) in [(layer, "layer"), (config, "config"), (&digest, "manifest")] {
            let before = proxy.count(digest);
            let path = blob(&place, digest);
            let right = fs::read(&path).unwrap();
            fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
            fs::write(&path, change(right.clone())).unwrap();
            pulled(&place, &[&name]);
            assert!(fs::read(&path).unwrap() == right, "{kind}, {how}");
            if kind != "manifest" {
                assert_eq!(proxy.count(digest), before + 1, "{kind}, {how}");
            }
        }
    }
    assert_blobs_are_right(&place);
    assert_says(&imgfs(&place, ["verify", &name]), &["ok"]);
}

#[test]
fn tls_needs_an_authority_that_is_known() {
    let (place, registry) = (Place::new(), Registry::start(&Setup::tls()));
    let (a, _) = two(&registry);
    let name = format!("{}/a:1", registry.host());
    let said = fail(&mut pull(&place, &[&name]));
    assert_says(
        &said,
        &[&registry.host(), "certificate", "not trusted", "--ca"],
    );
    assert_eq!(images(&place).len(), 0);
    let ca = registry.ca();
    let (_, digest) = pulled(&place, &["--ca", str(&ca), &name]);
    assert_eq!(named_by(&blob(&place, &digest))[1..], layers_of(&a));
    // With a setting that trusts the network.
    let other = Place::new();
    assert_eq!(pulled(&other, &["--insecure", &name]).1, digest);
    // A file that is not a certificate.
    let none = place.file("none.pem", "nothing\n");
    let said = fail(&mut pull(&place, &["--ca", str(&none), &name]));
    assert_says(&said, &[str(&none)]);
}

#[test]
fn a_login_by_each_way_and_a_wrong_one() {
    let registry = Registry::start(&Setup::login("ann", "sesame"));
    two(&registry);
    let (host, name) = (registry.host(), format!("{}/a:1", registry.host()));
    let place = Place::new();
    let expected = in_registry(&place, &name, &["--creds", "ann:sesame"]);
    let file = place.file(
        "auth.json",
        json!({"auths": {&host: {"auth": LOGIN}}}).to_string(),
    );

    let said = fail(&mut pull(&place, &[&name]));
    assert_says(
        &said,
        &[
            &name[..name.len() - 2],
            "log in",
            &format!("docker login {host}"),
        ],
    );
    assert_eq!(
        pulled(&place, &["--creds", "ann:sesame", &name]).1,
        expected
    );
    // Each in a separate store, so that something has to be fetched.
    let ways: [(&str, &[&str]); 3] = [
        ("home", &[]),
        ("variable", &[]),
        ("option", &["--authfile", str(&file)]),
    ];
    for (way, args) in ways {
        let place = Place::new();
        let mut command = pull(&place, &[args, &[&name]].concat());
        match way {
            "home" => {
                fs::create_dir(place.join("home/.docker")).unwrap();
                fs::copy(&file, place.join("home/.docker/config.json")).unwrap();
            }
            "variable" => {
                command.env("REGISTRY_AUTH_FILE", &file);
            }
            _ => {}
        }
        assert_eq!(says(&mut command), format!("{name} {expected}\n"), "{way}");
    }

    let place = Place::new();
    let wrong = ["--creds", "ann:open-barley", &name];
    let said = fail(&mut pull(&place, &wrong));
    assert_says(&said, &["refused", "log in again", &host]);
    assert!(!said.contains("barley"), "{said}");
    // The most verbose log does not contain it either. `printf ann:open-barley | base64`.
    let said = stderr(&output(&mut pull(&place, &[&wrong[..], &["-vv"]].concat())));
    assert!(!said.contains("barley"), "{said}");
    assert!(!said.contains("YW5uOm9wZW4tYmFybGV5"), "{said}");
    let said = fail(&mut pull(&place, &["--creds", "ann", &name]));
    assert_says(&said, &["--creds", "USER:PASSWORD"]);
    let none = place.join("none.json");
    let said = fail(&mut pull(&place, &["--authfile", str(&none), &name]));
    assert_says(&said, &[str(&none)]);
    assert_eq!(blobs(&place), [""; 0]);
}

#[test]
fn tokens_that_end_in_the_middle_are_renewed() {
    let (place, registry) = (Place::new(), Registry::plain());
    two(&registry);
    // Each token is valid for one request, and there are five: the manifest, the config, three layers.
    let login = format!("Basic {LOGIN}");
    let proxy = Faults::before(registry.address(), |_| Act::pass())
        .with_tokens(Tokens::of(1).for_login(&login));
    let name = format!("{}/a:1", proxy.host());
    // One at a time: parallel requests would use up each other's tokens.
    let args = ["--jobs", "1", "--creds", "ann:sesame", &name];
    let (_, digest) = pulled(&place, &args);
    let plain = format!("{}/a:1", registry.host());
    assert_eq!(digest, in_registry(&place, &plain, &[]));
    assert_eq!(proxy.tokens_given(), 5);
    assert_says(&imgfs(&place, ["verify", &name]), &["ok"]);

    let said = fail(&mut pull(&place, &["--creds", "ann:barley", &name]));
    assert_says(&said, &["refused", "log in again"]);
    assert!(!said.contains("barley"), "{said}");
    let said = fail(&mut pull(&place, &[&name]));
    assert_says(&said, &["login"]);
}

/// Received bytes are written as they arrive, in pieces of up to 512 KiB that the client collects. At
/// most this many bytes may be lost.
const PIECE: u64 = 512 << 10;

/// Returns N of `bytes=N-` for each request for a blob, 0 if there is no range.
fn ranges(proxy: &Faults, digest: &str) -> Vec<u64> {
    let requests = proxy.requests();
    let asked = requests.iter().filter(|r| r.path.ends_with(digest));
    asked
        .map(|r| match r.header("range") {
            None => 0,
            Some(range) => range["bytes=".len()..range.len() - 1].parse().unwrap(),
        })
        .collect()
}

#[test]
fn a_pull_that_was_killed_is_gone_on_with() {
    let (place, registry) = (Place::new(), Registry::plain());
    let image = image(&[("small", 1000), ("large", 3_000_000)]);
    push(&registry, &image, "a:1");
    let large = layers_of(&image)[1].clone();
    let sent = large.clone();
    let proxy = Faults::before(registry.address(), move |r| {
        match r.path.ends_with(&sent) && r.nth < 2 {
            true => Act::pass().stall_after(1_200_000),
            false => Act::pass(),
        }
    });
    let name = format!("{}/a:1", proxy.host());
    let part = store(&place)
        .join("arriving")
        .join(large.replacen(':', "-", 1));
    // Twice, so that one pull continues a continued one.
    for arrived in [1_200_000 - PIECE, 2 * (1_200_000 - PIECE)] {
        let mut child = start(&mut pull(&place, &[&name]));
        within(SOON, "the layer to arrive", || {
            fs::metadata(&part).is_ok_and(|meta| meta.len() > arrived)
        });
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(images(&place).len(), 0, "an incomplete image has a name");
        assert!(!blob(&place, &large).exists());
        let said = imgfs(&place, ["df", "--json"]);
        assert!(!said.contains(r#""what":"unfinished","count":0"#), "{said}");
    }
    let (_, digest) = pulled(&place, &[&name]);
    let plain = format!("{}/a:1", registry.host());
    assert_eq!(digest, in_registry(&place, &plain, &[]));
    let ranges = ranges(&proxy, &large);
    assert_eq!(ranges.len(), 3);
    assert!(
        ranges[0] == 0 && ranges[1] > 0 && ranges[2] > ranges[1],
        "{ranges:?}"
    );
    let size = image.layers[1].0.len() as u64;
    let served = proxy.bytes(&large);
    assert!(
        (size..=size + 2 * PIECE).contains(&served),
        "{served} of {size}"
    );
    assert!(!part.exists());
    assert_says(&imgfs(&place, ["verify", &name]), &["ok"]);
}

#[test]
fn a_connection_that_is_cut_for_good_is_told_and_gone_on_with() {
    let (place, registry) = (Place::new(), Registry::plain());
    let image = image(&[("large", 3_000_000)]);
    push(&registry, &image, "a:1");
    let large = layers_of(&image)[0].clone();
    // After a megabyte the connection stalls, until the next pull: the client tries six times.
    let proxy = Faults::before(registry.address(), |r| match r.nth {
        0 if r.is_blob() => Act::pass().cut_after(1_000_000),
        1..=6 if r.is_blob() => Act::pass().cut_after(0),
        _ => Act::pass(),
    });
    let name = format!("{}/a:1", proxy.host());
    let said = fail(&mut pull(&place, &[&name]));
    assert_says(&said, &["/a", &large, "cut", "tried 6 times", "again"]);
    assert_eq!(images(&place).len(), 0);
    pulled(&place, &[&name]);
    assert_eq!(*ranges(&proxy, &large).last().unwrap(), 1_000_000);
    assert_eq!(proxy.bytes(&large), image.layers[0].0.len() as u64);
    assert_blobs_are_right(&place);
}

#[test]
fn mounting_by_a_name_of_a_registry_pulls() {
    let (place, registry) = (Place::new(), Registry::plain());
    let (a, _) = two(&registry);
    let proxy = Faults::before(registry.address(), |_| Act::pass());
    let name = format!("docker://{}/a:1", proxy.host());
    let mount = || {
        let mut command = place.imgfs();
        command.arg("mount").arg(&name).arg(place.mnt());
        at_home(&place, command)
    };
    succeed(&mut mount());
    assert_eq!(place.text("a.txt"), "this is a\n");
    assert_eq!(
        fs::read(place.mnt().join("base.bin")).unwrap().len(),
        300_000
    );
    assert_eq!(place.only_mount().source, name);
    place.umount();
    place.assert_gone();
    // Once the blob is in the store, the registry is not asked again.
    let before = proxy.requests().len();
    succeed(&mut mount());
    assert_eq!(place.text("top.txt"), "this is top\n");
    assert_eq!(proxy.requests().len(), before);
    place.umount();
    assert_eq!(blobs(&place).len(), 2 + a.layers.len());
    let absent = format!("docker://{}/c:1", proxy.host());
    let mut command = place.imgfs();
    command.arg("mount").arg(&absent).arg(place.mnt());
    let said = fail(&mut at_home(&place, command));
    assert_says(&said, &["not found", "docker login"]);
    place.assert_gone();
}

/// Returns the bytes that the mount's process has read with read(2) and similar calls (proc(5),
/// `rchar`).
fn read_by(place: &Place) -> u64 {
    let pid = place.daemon().as_raw_nonzero();
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    let line = io.lines().find_map(|l| l.strip_prefix("rchar: "));
    line.unwrap().parse().unwrap()
}

#[test]
fn a_mount_right_after_a_pull_reads_no_layer() {
    let (place, registry) = (Place::new(), Registry::plain());
    // Plain and compressed.
    let image = image(&[("zipped", 3_000_000), ("plain", 3_000_000)]);
    push(&registry, &image, "a:1");
    let name = format!("{}/a:1", registry.host());
    pulled(&place, &[&name]);
    let mounted = |options: &[&str]| {
        place.mount(options, &name);
        let read = read_by(&place);
        place.umount();
        place.assert_gone();
        read
    };
    let warm = mounted(&[]);
    // A mount without any index, to show that this measures something.
    let cold = mounted(&["--cache-limit", "0"]);
    assert!(cold > 6_000_000, "{cold}");
    assert!(warm < 500_000, "{warm} where {cold} is all");
}

/// An index of three platforms in a registry, behind a proxy that counts requests.
struct Three {
    place: Place,
    registry: Registry,
    dir: PathBuf,
    proxy: Faults,
    name: String,
}

impl Three {
    fn pushed() -> Self {
        let (place, registry) = (Place::new(), Registry::plain());
        let dir = place.join("three");
        platforms::write(&dir);
        all(&registry, &dir, "app:1");
        let proxy = Faults::before(registry.address(), |_| Act::pass());
        let name = format!("{}/app:1", proxy.host());
        Self {
            place,
            registry,
            dir,
            proxy,
            name,
        }
    }
}

#[test]
fn one_platform_of_several() {
    let Three {
        place,
        registry,
        dir,
        proxy,
        name,
    } = Three::pushed();
    let (_, digest) = pulled(&place, &["--platform", "linux/arm/v7", &name]);
    let index = fs::read(dir.join("index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    let arm = &index["manifests"][3];
    assert_eq!(arm["platform"]["variant"], "v7");
    assert_eq!(digest, arm["digest"].as_str().unwrap());
    assert_eq!(blobs(&place).len(), 4, "manifest, config, two layers");
    assert_eq!(proxy.count("/blobs/"), 3);
    assert_eq!(images(&place)[0]["platforms"], json!(["linux/arm/v7"]));
    assert_eq!(imgfs(&place, ["cat", &name, "who"]), "linux_arm_v7");

    let said = fail(&mut pull(&place, &["--platform", "linux/s390x", &name]));
    let all = ["linux/amd64", "linux/arm64", "linux/arm/v7"];
    assert_says(&said, &[&["linux/s390x", "--platform"], &all[..]].concat());
    assert!(
        !said.contains("unknown"),
        "an attestation is no platform: {said}"
    );
    // The same for an image for one platform.
    two(&registry);
    let name = format!("{}/a:1", proxy.host());
    let said = fail(&mut pull(&place, &["--platform", "linux/s390x", &name]));
    assert_says(&said, &["linux/s390x", "linux/amd64"]);
    // The host's platform is the default.
    let app = format!("{}/app:1", proxy.host());
    pulled(&place, &[&app]);
    let host = if cfg!(target_arch = "aarch64") { 1 } else { 0 };
    assert_eq!(imgfs(&place, ["cat", &app, "who"]), platforms::NAMES[host]);
}

/// Pushes a layout's index as one image, with everything that it names.
fn all(registry: &Registry, dir: &std::path::Path, name: &str) {
    // `oci:DIR` is the only image of a layout, which must be the index itself here.
    let index = fs::read(dir.join("index.json")).unwrap();
    let mut index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    index["mediaType"] = support::INDEX.into();
    let outer = tempfile::tempdir().unwrap();
    fs::create_dir_all(outer.path().join("blobs/sha256")).unwrap();
    for entry in fs::read_dir(dir.join("blobs/sha256")).unwrap() {
        let entry = entry.unwrap();
        let to = outer.path().join("blobs/sha256").join(entry.file_name());
        fs::copy(entry.path(), to).unwrap();
    }
    let mut descriptor = support::write_blob(outer.path(), index.to_string().as_bytes());
    descriptor["mediaType"] = support::INDEX.into();
    support::write_index(outer.path(), &[descriptor]);
    let source = format!("oci:{}", outer.path().display());
    registry.copy(&source, name, &["--all", "--preserve-digests"]);
}

#[test]
fn all_platforms_without_and_with_what_is_said_about_them() {
    let Three {
        place,
        registry,
        dir,
        proxy,
        name,
    } = Three::pushed();
    let (_, digest) = pulled(&place, &["--platform", "all", &name]);
    let plain = format!("{}/app:1", registry.host());
    assert_eq!(digest, in_registry(&place, &plain, &[]));
    assert_eq!(digest, skopeo_digest(&place, &oci(&place, &name)));
    // The index, three manifests, three configs, three layers of the platforms and the shared one.
    assert_eq!(blobs(&place).len(), 11);
    let base = sha256(&platforms::image(0).layers[0].0);
    assert_eq!(
        proxy.count(&base),
        1,
        "the shared layer was not fetched exactly once"
    );
    let index: serde_json::Value =
        serde_json::from_slice(&fs::read(blob(&place, &digest)).unwrap()).unwrap();
    let attestation = index["manifests"][1]["digest"].as_str().unwrap();
    let about = named_by(&dir.join("blobs").join(attestation.replacen(':', "/", 1)));
    for digest in about.iter().map(String::as_str).chain([attestation]) {
        assert!(!blob(&place, digest).exists(), "{digest}");
        assert_eq!(proxy.count(digest), 0, "{digest}");
    }
    assert_says(&imgfs(&place, ["verify", &name]), &["ok"]);
    assert_eq!(images(&place)[0]["platforms"], json!(platforms::PLATFORMS));
    // Nothing that the image needs is treated as unreferenced.
    assert_eq!(imgfs(&place, ["prune"]), "freed 0 B (0 files)\n");

    place.mount(&["--platform", "all"], &name);
    let entries = fs::read_dir(place.mnt()).unwrap();
    let mut shown: Vec<_> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    shown.sort();
    let mut expected = platforms::NAMES;
    expected.sort_unstable();
    assert_eq!(shown, expected);
    for name in platforms::NAMES {
        assert_eq!(place.text(&format!("{name}/who")), name);
    }
    place.umount();

    let args = ["--platform", "all", "--attestations", &name];
    assert_eq!(pulled(&place, &args).1, digest, "the same index");
    assert_eq!(blobs(&place).len(), 11 + 1 + about.len());
    assert_eq!(proxy.count(&base), 1, "an existing layer was fetched again");
    let to = format!("dir:{}", str(&place.join("copied")));
    let mut skopeo = place.command("skopeo");
    says(skopeo.args(["copy", "-q", "--all", &oci(&place, &name), &to]));
    let copied = fs::read(place.join("copied/manifest.json")).unwrap();
    assert_eq!(sha256(&copied), digest);
    assert_blobs_are_right(&place);
}

#[test]
fn a_layer_that_is_no_tar_is_kept_as_it_is() {
    let (place, registry) = (Place::new(), Registry::plain());
    let odd = noise(5, 70_000);
    let mut image = image(&[("base", 1000)]);
    image.layers.push((odd.clone(), TAR, sha256(&odd)));
    push(&registry, &image, "a:1");
    let name = format!("{}/a:1", registry.host());
    let done = output(&mut pull(&place, &[&name]));
    assert!(done.status.success(), "{}", stderr(&done));
    let said = stderr(&done);
    assert_says(
        &said,
        &["warning", &name, "in the store", "cannot be mounted"],
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(fs::read(blob(&place, &sha256(&odd))).unwrap() == odd);
    assert_eq!(names(&place), [name.as_str()]);
    let said = fail(&mut place.mount_command(&[], &name));
    assert_says(&said, &[&name, "layer"]);
    place.assert_gone();
}

#[test]
fn what_is_not_there_says_what_to_do() {
    let (place, registry) = (Place::new(), Registry::plain());
    two(&registry);
    let host = registry.host();
    for name in ["a:2", "c:1"] {
        let said = fail(&mut pull(&place, &[&format!("{host}/{name}")]));
        let tag = &name[2..];
        let words = [
            &host,
            &format!("manifest {tag}"),
            "not found",
            "check the name",
        ];
        assert_says(&said, &words);
        assert_says(&said, &[&format!("docker login {host}")]);
    }
    let denied = Faults::alone(|_| {
        Act::reply(403).body(r#"{"errors":[{"code":"DENIED","message":"not for you"}]}"#)
    });
    let said = fail(&mut pull(&place, &[&format!("{}/a:1", denied.host())]));
    assert_says(&said, &["no right", "not for you", "docker login"]);
    for bad in ["a b", "", "localhost:1/", "a@sha256:12"] {
        let said = fail(&mut pull(&place, &[bad]));
        assert_says(&said, &["HOST/NAME:TAG"]);
    }
    let nobody = format!("localhost:{}/a:1", free_port());
    let child = start(&mut pull(&place, &[&nobody]));
    // The program retries for some seconds; Ctrl-C ends that at once.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let pid = rustix::process::Pid::from_child(&child);
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(finish(child).status.signal(), Some(Signal::INT.as_raw()));
    assert_eq!(names(&place), [""; 0]);
}

#[test]
fn the_store_is_where_the_user_says() {
    let (place, registry) = (Place::new(), Registry::plain());
    two(&registry);
    let name = format!("{}/a:1", registry.host());
    let (by_option, by_variable) = (place.join("option"), place.join("variable"));
    pulled(&place, &["--store", str(&by_option), &name]);
    assert!(by_option.join("index.json").exists());
    let with = |command: &mut Command| says(command.env("IMGFS_STORE_DIR", &by_variable));
    with(&mut pull(&place, &[&name]));
    assert!(by_variable.join("index.json").exists());
    assert!(!store(&place).exists());
    // The option takes precedence over the variable.
    let mut rm = place.imgfs();
    with(rm.args(["rm", &name, "--store", str(&by_option)]));
    let shown = |args: &[&str]| with(place.imgfs().args(["images", "-q"]).args(args));
    assert_eq!(shown(&["--store", str(&by_option)]), "");
    assert_eq!(shown(&[]), format!("{name}\n"));
    let mut cat = place.imgfs();
    assert_eq!(with(cat.args(["cat", &name, "a.txt"])), "this is a\n");
    for dir in [&by_option, &by_variable] {
        assert_eq!(
            fs::metadata(dir).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
}

/// The digest takes precedence (containers' docs: if both are given, the tag is ignored).
#[test]
fn a_name_with_a_digest_and_with_both() {
    let (place, registry) = (Place::new(), Registry::plain());
    two(&registry);
    let host = registry.host();
    let a = in_registry(&place, &format!("{host}/a:1"), &[]);
    let pinned = format!("{host}/a@{a}");
    assert_eq!(pulled(&place, &[&pinned]), (pinned.clone(), a.clone()));
    let both = format!("{host}/a:1@{a}");
    let (name, digest) = pulled(&place, &[&both]);
    assert_eq!(digest, a);
    for name in [&name, &pinned, &both] {
        assert_eq!(
            imgfs(&place, ["cat", name, "a.txt"]),
            "this is a\n",
            "{name}"
        );
    }
    // The digest of another image: the result is an error and never a different image.
    let b = in_registry(&place, &format!("{host}/b:1"), &[]);
    let said = fail(&mut pull(&place, &[&format!("{host}/a:1@{b}")]));
    assert_says(&said, &[&b, "not found"]);
    // A name that moved is looked up again, and the old image can still be found by its digest.
    let dir = oci_dir(&image(&[("new", 100)]));
    registry.push(dir.path(), "a:1");
    let tag = format!("{host}/a:1");
    let (_, new) = pulled(&place, &[&tag]);
    assert_ne!(new, a);
    assert_eq!(imgfs(&place, ["cat", &tag, "new.txt"]), "this is new\n");
    assert_eq!(imgfs(&place, ["cat", &pinned, "a.txt"]), "this is a\n");
}
