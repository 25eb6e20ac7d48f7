//! containers-registries.conf(5), version 2: the configuration of registries and mirrors that
//! podman, buildah and skopeo share. Short names and aliases are not used. Unknown keys are
//! ignored, as in those programs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::environment::read_limited;
use super::host::login_name;
use super::{Environment, RegistryError, RegistryReference};

/// The maximum size of a file in bytes.
const LONGEST: u64 = 4 << 20;

/// The entries of all files.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RegistriesConf {
    registry: Vec<Registry>,
}

/// `[[registry]]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Registry {
    /// The prefix of the names that the entry applies to. Defaults to `location`.
    pub prefix: String,
    /// What replaces the prefix.
    pub location: String,
    pub insecure: bool,
    pub blocked: bool,
    mirror_by_digest_only: bool,
    #[serde(rename = "mirror")]
    pub mirrors: Vec<Mirror>,
}

/// `[[registry.mirror]]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Mirror {
    pub location: String,
    pub insecure: bool,
    #[serde(rename = "pull-from-mirror")]
    pub when: When,
}

/// `pull-from-mirror`: which requests a mirror serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum When {
    #[default]
    #[serde(alias = "")]
    All,
    DigestOnly,
    TagOnly,
}

impl RegistriesConf {
    /// Reads the files that containers-registries.conf(5) lists under "FILES": one main file, the
    /// user's if it exists, else the system's, and then the directories. A later entry replaces an
    /// earlier one with the same prefix. If the user has a main file, the system's directory is not
    /// read.
    ///
    /// If a file exists but cannot be read or parsed, or if the file that
    /// `CONTAINERS_REGISTRIES_CONF` names does not exist.
    pub(super) fn load(environment: &Environment) -> Result<Self, RegistryError> {
        let system = environment.etc().join("containers");
        let user = environment.config_home().map(|dir| dir.join("containers"));
        let own = user.as_ref().map(|dir| dir.join("registries.conf"));
        let own = own.filter(|path| path.exists());
        let named = environment.path("CONTAINERS_REGISTRIES_CONF");

        let mut conf = Self::default();
        let system_wide = named.is_some() || own.is_none();
        match (named, own) {
            (Some(named), _) => conf.read(&named, true)?,
            (None, Some(own)) => conf.read(&own, true)?,
            (None, None) => conf.read(&system.join("registries.conf"), false)?,
        }
        let directories = system_wide.then_some(system).into_iter().chain(user);
        for directory in directories {
            for path in listed(&directory.join("registries.conf.d")) {
                conf.read(&path, false)?;
            }
        }
        Ok(conf)
    }

    fn read(&mut self, path: &Path, needed: bool) -> Result<(), RegistryError> {
        let wrong = |detail: String| RegistryError::File {
            path: path.to_owned(),
            detail,
        };
        let text = match read_limited(path, LONGEST) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound && !needed => return Ok(()),
            Err(e) => return Err(wrong(e.to_string())),
        };
        let text = String::from_utf8(text).map_err(|_| wrong("not UTF-8".to_owned()))?;
        let more = Self::parse(&text).map_err(wrong)?;
        for entry in more.registry {
            self.registry.retain(|old| old.prefix != entry.prefix);
            self.registry.push(entry);
        }
        Ok(())
    }

    /// Parses one file.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut conf: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        for entry in &mut conf.registry {
            let end = |text: &str| text.trim_end_matches('/').to_owned();
            entry.location = end(&entry.location);
            entry.prefix = end(&entry.prefix);
            if entry.prefix.is_empty() {
                entry.prefix.clone_from(&entry.location);
            }
            if entry.prefix.is_empty() {
                return Err("a [[registry]] has neither prefix nor location".to_owned());
            }
            for mirror in &mut entry.mirrors {
                mirror.location = end(&mirror.location);
                if mirror.location.is_empty() {
                    return Err(format!("a mirror of {} has no location", entry.prefix));
                }
                if entry.mirror_by_digest_only {
                    mirror.when = When::DigestOnly;
                }
            }
        }
        Ok(conf)
    }

    /// Returns the entry with the longest prefix that matches a name.
    pub(super) fn find(&self, name: &RegistryReference) -> Option<&Registry> {
        let place = format!("{}/{}", name.registry(), name.repository());
        let whole = name.whole();
        let of = self.registry.iter().filter(|entry| {
            matches(&entry.prefix, name.registry(), &place) || entry.prefix == whole
        });
        of.max_by_key(|entry| entry.prefix.len())
    }
}

/// Whether a "prefix" matches a name. It is a host, a host with a path, or `*.` and the end of host
/// names. All names of Docker Hub are equivalent.
fn matches(prefix: &str, host: &str, place: &str) -> bool {
    if let Some(end) = prefix.strip_prefix('*') {
        let bare = host.split_once(':').map_or(host, |(bare, _)| bare);
        return end.starts_with('.') && (bare.ends_with(end) || host.ends_with(end));
    }
    let rest = place.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        || (login_name(prefix) == host && prefix != host)
}

/// Returns the `*.conf` files of a directory, sorted by name.
fn listed(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|e| e.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "conf"));
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(conf: &str, name: &str) -> Option<String> {
        let conf = RegistriesConf::parse(conf).unwrap();
        conf.find(&name.parse().unwrap()).map(|e| e.prefix.clone())
    }

    #[test]
    fn the_longest_prefix_that_ends_where_a_name_part_ends() {
        let conf = r#"
            unqualified-search-registries = ["docker.io"]
            [[registry]]
            location = "a.org"
            [[registry]]
            prefix = "a.org/x/"
            location = "b.org"
            [[registry]]
            prefix = "*.c.org"
            [aliases]
            "x" = "y"
        "#;
        let is = |name| found(conf, name).unwrap_or_default();
        assert_eq!(is("a.org/y"), "a.org");
        assert_eq!(is("a.org/x/y"), "a.org/x");
        assert_eq!(is("a.org/xx"), "a.org");
        assert_eq!(is("a.org.evil.com/x"), "");
        assert_eq!(is("a.org:5000/x"), "");
        assert_eq!(is("d.c.org/x"), "*.c.org");
        assert_eq!(is("c.org/x"), "");
    }

    #[test]
    fn what_is_wrong_is_told() {
        for bad in [
            "[[registry]]\ninsecure = true",
            "[[registry]]\nlocation = 'a'\n[[registry.mirror]]\ninsecure = true",
            "[[registry]]\nlocation = 1",
            "[[registry",
            "[[registry]]\nlocation='a'\n[[registry.mirror]]\nlocation='b'\npull-from-mirror='never'",
        ] {
            assert!(RegistriesConf::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn files_and_directories_in_their_order() {
        let dir = tempfile::tempdir().unwrap();
        let (root, home) = (dir.path(), dir.path().join("home"));
        let etc = root.join("etc");
        let write = |path: PathBuf, text: &str| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let entry =
            |location: &str| format!("[[registry]]\nprefix='p.org'\nlocation='{location}'\n");
        let variables = [("HOME", home.to_str().unwrap())];
        let location = || {
            let conf = RegistriesConf::load(&Environment::new(variables, root)).unwrap();
            let name = "p.org/x".parse().unwrap();
            conf.find(&name).map(|e| e.location.clone())
        };
        assert_eq!(location(), None);
        write(etc.join("containers/registries.conf"), &entry("system"));
        assert_eq!(location().as_deref(), Some("system"));
        write(etc.join("containers/registries.conf.d/a.conf"), &entry("a"));
        write(etc.join("containers/registries.conf.d/b.conf"), &entry("b"));
        write(etc.join("containers/registries.conf.d/c.txt"), &entry("c"));
        assert_eq!(location().as_deref(), Some("b"));
        write(
            home.join(".config/containers/registries.conf"),
            &entry("own"),
        );
        assert_eq!(location().as_deref(), Some("own"));
        write(
            home.join(".config/containers/registries.conf.d/z.conf"),
            "[[registry",
        );
        let error = RegistriesConf::load(&Environment::new(variables, root)).unwrap_err();
        assert!(error.to_string().contains("z.conf"), "{error}");
    }

    #[test]
    fn a_file_that_is_named_must_be_there() {
        let named = Environment::new(
            [("CONTAINERS_REGISTRIES_CONF", "/nonexistent/r.conf")],
            "/x",
        );
        assert!(RegistriesConf::load(&named).is_err());
    }
}
