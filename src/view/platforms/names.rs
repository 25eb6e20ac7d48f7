//! The names of directories for platforms. They are the names that BuildKit's local exporter uses, such
//! as `linux_amd64` and `linux_arm_v7`. As in BuildKit, a default variant is left out and a missing
//! variant of `arm` is added: `linux/arm64/v8` becomes `linux_arm64`, `linux/arm` becomes
//! `linux_arm_v7`.
//!
//! Documents may contain arbitrary strings. Characters that a name cannot contain, or that would be
//! misleading in a listing, become `_`. A name always contains a `_`, so it is never `.`, `..`, `.imgfs`
//! or empty. A name that is taken gets a number, as for several versions of one system: `windows_amd64`,
//! `windows_amd64.2`.

use std::collections::{HashMap, HashSet};

use crate::image::Platform;

/// The maximum length of a name without its number, in bytes. A file name has at most 255 bytes.
const LONGEST: usize = 240;

/// Returns a unique name for each platform. The names depend only on the list of platforms, not on
/// whether an image can be opened.
pub fn names(platforms: &[Platform]) -> Vec<String> {
    let mut taken = HashSet::new();
    // The last number used for each name.
    let mut last: HashMap<String, usize> = HashMap::new();
    let mut names = Vec::with_capacity(platforms.len());
    for platform in platforms {
        let plain = plain(platform);
        let number = last.entry(plain.clone()).or_insert(0);
        let name = loop {
            *number += 1;
            let name = match *number {
                1 => plain.clone(),
                n => format!("{plain}.{n}"),
            };
            // The numbered name may be the plain name of another platform.
            if taken.insert(name.clone()) {
                break name;
            }
        };
        names.push(name);
    }
    names
}

fn plain(platform: &Platform) -> String {
    let variant = match (platform.arch.as_str(), platform.variant.as_deref()) {
        ("arm64", Some("v8")) | ("amd64", Some("v1")) => None,
        ("arm", None) => Some("v7"),
        (_, variant) => variant,
    };
    let mut name = format!("{}_{}", platform.os, platform.arch);
    if let Some(variant) = variant {
        name.push('_');
        name.push_str(variant);
    }
    let mut name = name.replace(|c: char| c == '/' || c.is_control(), "_");
    while name.len() > LONGEST {
        name.pop();
    }
    name
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn platform(os: &str, arch: &str, variant: Option<&str>) -> Platform {
        Platform {
            os: os.to_owned(),
            arch: arch.to_owned(),
            variant: variant.map(str::to_owned),
        }
    }

    #[test]
    fn names_are_those_of_buildkit() {
        for (given, name) in [
            (platform("linux", "amd64", None), "linux_amd64"),
            (platform("linux", "amd64", Some("v1")), "linux_amd64"),
            (platform("linux", "amd64", Some("v3")), "linux_amd64_v3"),
            (platform("linux", "arm64", Some("v8")), "linux_arm64"),
            (platform("linux", "arm64", Some("v9")), "linux_arm64_v9"),
            (platform("linux", "arm", None), "linux_arm_v7"),
            (platform("linux", "arm", Some("v6")), "linux_arm_v6"),
            (platform("linux", "riscv64", None), "linux_riscv64"),
        ] {
            assert_eq!(names(&[given]), [name]);
        }
    }

    #[test]
    fn a_name_that_is_taken_gets_the_next_number_that_is_free() {
        let windows = platform("windows", "amd64", None);
        let given = [
            windows.clone(),
            // Its plain name is the numbered name of the next one.
            platform("windows", "amd64.2", None),
            windows.clone(),
            platform("linux", "arm/v7", None),
            platform("linux", "arm", Some("v7")),
            windows,
        ];
        let wanted = [
            "windows_amd64",
            "windows_amd64.2",
            "windows_amd64.3",
            "linux_arm_v7",
            "linux_arm_v7.2",
            "windows_amd64.4",
        ];
        assert_eq!(names(&given), wanted);
    }

    #[test]
    fn what_cannot_stand_in_a_name() {
        for (given, name) in [
            (platform("", "", None), "_"),
            (platform(".", "", None), "._"),
            (platform("..", "/..", Some("/")), ".._.._"),
            (platform("../..", "a\0b\n", None), ".._.._a_b_"),
            (platform("\u{85}", "\u{7f}", Some("")), "____"),
        ] {
            let got = names(std::slice::from_ref(&given));
            assert_eq!(got.len(), 1);
            // The number of consecutive `_` does not matter.
            let squeeze = |text: &str| {
                let mut text = text.to_owned();
                while text.contains("__") {
                    text = text.replace("__", "_");
                }
                text
            };
            assert_eq!(squeeze(&got[0]), squeeze(name), "{given:?}");
        }
        let long = platform(&"ä".repeat(300), "amd64", None);
        let names = names(&[long.clone(), long]);
        assert_eq!(names, ["ä".repeat(120), format!("{}.2", "ä".repeat(120))]);
    }

    proptest! {
        #[test]
        fn any_document_gives_names_that_a_directory_can_hold(
            given in proptest::collection::vec((".{0,300}", "[./\0a]{0,3}", any::<Option<char>>()), 0..20),
        ) {
            let platforms: Vec<_> = given
                .iter()
                .map(|(os, arch, variant)| {
                    platform(os, arch, variant.map(String::from).as_deref())
                })
                .collect();
            let all = names(&platforms);
            prop_assert_eq!(all.len(), platforms.len());
            let different: HashSet<_> = all.iter().collect();
            prop_assert_eq!(different.len(), all.len());
            for name in &all {
                prop_assert!(!["", ".", "..", ".imgfs"].contains(&name.as_str()));
                prop_assert!(name.len() <= 255 && !name.contains(['/', '\0']), "{:?}", name);
            }
        }
    }
}
