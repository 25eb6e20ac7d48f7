//! The choice of an image: one of several by its name, one platform of an index. The real program mounts
//! it, and the test reads it. Expectations: DESIGN 4.1, the OCI image-spec (image-index.md), BuildKit's
//! description of attestations.

use std::path::Path;
use std::process::Command;
use std::str;

use crate::support::program::images::{
    annotated, image_of, layout, named, on_platform, reference, tar_layout,
};
use crate::support::program::{Place, output};
use crate::support::{INDEX, write_blob};
use serde_json::{Value, json};

/// Returns the content of the file `who` of an image, which identifies it.
#[track_caller]
fn who(place: &Place, options: &[&str], image: impl AsRef<Path>) -> String {
    place.mount(options, image);
    let who = place.text("who");
    place.umount();
    who
}

/// Writes an index as a blob, and returns its descriptor.
fn index_blob(dir: &Path, manifests: &[Value]) -> Value {
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
    let mut descriptor = write_blob(dir, index.to_string().as_bytes());
    descriptor["mediaType"] = INDEX.into();
    descriptor
}

/// Several images in one layout, each with a name.
#[test]
fn several_images_in_a_layout() {
    let place = Place::new();
    let dir = layout(&place, |dir| {
        let entry = |who: &str| named(image_of("amd64", who).write(dir), who);
        vec![entry("one"), entry("two")]
    });
    let archive = place.file("oci.tar", tar_layout(&dir));
    for name in ["one", "two"] {
        assert_eq!(
            who(&place, &[], reference("oci", &dir, &format!(":{name}"))),
            name
        );
        let archived = reference("oci-archive", &archive, &format!(":{name}"));
        assert_eq!(who(&place, &[], archived), name);
    }
}

/// The platforms of an index; the host's is neither first nor last.
const PLATFORMS: [(&str, Option<&str>); 8] = [
    ("s390x", None),
    ("arm", Some("v6")),
    ("amd64", None),
    ("arm64", Some("v8")),
    ("arm", Some("v7")),
    ("riscv64", None),
    ("386", None),
    ("ppc64le", None),
];

fn platform_entries(dir: &Path) -> Vec<Value> {
    let entry = |&(arch, variant): &(&'static str, Option<&str>)| {
        let who = format!("{arch}{}", variant.unwrap_or_default());
        on_platform(image_of(arch, &who).write(dir), arch, variant)
    };
    PLATFORMS.iter().map(entry).collect()
}

/// Returns the attestation that BuildKit adds to an index for each image (moby/buildkit,
/// docs/attestations).
fn attestation(dir: &Path, of: &Value) -> Value {
    let descriptor = image_of("unknown", "an attestation").write(dir);
    let mut descriptor = annotated(
        descriptor,
        "vnd.docker.reference.type",
        "attestation-manifest",
    );
    descriptor["annotations"]["vnd.docker.reference.digest"] = of["digest"].clone();
    descriptor["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    descriptor
}

/// `--platform` chooses from an index: flat in `index.json`, or one or two levels down, with
/// attestations among the manifests. The default is the host's platform, according to `go env`.
#[test]
fn a_platform_of_an_index() {
    let go = output(Command::new("go").args(["env", "GOHOSTARCH"]));
    let host = str::from_utf8(&go.stdout).unwrap().trim();
    let host = PLATFORMS
        .iter()
        .find(|(arch, _)| *arch == host)
        .expect("a host of the list");
    let host = format!("{}{}", host.0, host.1.unwrap_or_default());
    for depth in 0..3 {
        let place = Place::new();
        let dir = layout(&place, |dir| {
            let mut entries = platform_entries(dir);
            entries.insert(0, attestation(dir, &entries[0]));
            entries.push(attestation(dir, &entries[1]));
            for _ in 0..depth {
                entries = vec![index_blob(dir, &entries)];
            }
            entries
        });
        for (platform, expected) in [
            ("linux/arm64", "arm64v8"),
            ("linux/arm64/v8", "arm64v8"),
            ("linux/arm/v7", "armv7"),
            ("linux/arm/v6", "armv6"),
            ("linux/amd64", "amd64"),
            ("linux/s390x", "s390x"),
            ("linux/386", "386"),
        ] {
            assert_eq!(who(&place, &["--platform", platform], &dir), expected);
        }
        assert_eq!(who(&place, &[], &dir), host, "depth {depth}");
    }
}

/// A single image needs no choice, regardless of its platform; an attestation beside it does not count.
#[test]
fn a_single_image_needs_no_choice() {
    for beside in [false, true] {
        let place = Place::new();
        let dir = layout(&place, |dir| {
            let image = on_platform(image_of("mips64", "it").write(dir), "mips64", None);
            let mut entries = vec![image.clone()];
            if beside {
                entries.push(attestation(dir, &image));
            }
            vec![index_blob(dir, &entries)]
        });
        assert_eq!(who(&place, &[], &dir), "it");
    }
}
