//! Determines which hosts to ask for a repository, and in which order: the mirrors of the options,
//! those of registries.conf, and last the registry itself.

use ureq::http::Uri;

use super::host::{DOCKER, DOCKER_HOST, login_name};
use super::registries_conf::{Mirror, RegistriesConf, Registry, When};
use super::{ClientOptions, RegistryError, RegistryReference};

/// A repository on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// The host and port to connect to.
    pub host: String,
    /// The name under which logins for the host are stored.
    pub login: String,
    /// The name of the repository on that host.
    pub repository: String,
    /// Whether any certificate is accepted, and plain HTTP.
    pub insecure: bool,
    /// Whether the host is a mirror of another registry. The credentials that the user gave for the
    /// registry are not sent to a mirror.
    pub mirror: bool,
}

/// How a document or blob is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestKind {
    Tag,
    Digest,
    /// A blob, by digest. Unlike for [`RequestKind::Digest`], a mirror for tags may be asked too, because
    /// the manifest may have come from it.
    Blob,
}

/// The configuration that determines the endpoints.
pub(super) struct Endpoints {
    mirrors: Vec<(String, Option<String>, bool)>,
    conf: RegistriesConf,
    insecure: bool,
}

impl Endpoints {
    /// # Errors
    /// If a mirror is not a valid host, or a registries.conf cannot be read.
    pub(super) fn new(options: &ClientOptions) -> Result<Self, RegistryError> {
        let mirrors = options.mirrors.iter().map(|text| mirror(text));
        Ok(Self {
            mirrors: mirrors.collect::<Result<_, _>>()?,
            conf: RegistriesConf::load(&options.environment)?,
            insecure: options.insecure,
        })
    }

    /// Returns the endpoints for `name`, in the order in which to try them. The list is never
    /// empty.
    ///
    /// # Errors
    /// If registries.conf blocks the image.
    pub(super) fn of(
        &self,
        name: &RegistryReference,
        by: RequestKind,
    ) -> Result<Vec<Endpoint>, RegistryError> {
        let mut found: Vec<Endpoint> = Vec::new();
        let mut add = |endpoint: Endpoint| {
            let same =
                |e: &Endpoint| e.host == endpoint.host && e.repository == endpoint.repository;
            if !found.iter().any(same) {
                found.push(endpoint);
            }
        };
        let own = RepositoryName::of(name);
        let (place, entry) = match self.conf.find(name) {
            Some(entry) if entry.blocked => {
                return Err(RegistryError::Blocked {
                    place: own.to_string(),
                    prefix: entry.prefix.clone(),
                });
            }
            Some(entry) => (own.rewritten(entry, &entry.location), Some(entry)),
            None => (own.clone(), None),
        };
        for (host, path, insecure) in &self.mirrors {
            let repository = match path {
                Some(path) => format!("{path}/{}", own.repository),
                None => own.repository.clone(),
            };
            let place = RepositoryName {
                host: host.clone(),
                repository,
            };
            add(place.endpoint(self.insecure || *insecure, true));
        }
        for mirror in entry.map_or(&[][..], |e| &e.mirrors) {
            if let Some(entry) = entry
                && serves(mirror, by)
            {
                let place = own.rewritten(entry, &mirror.location);
                add(place.endpoint(self.insecure || mirror.insecure, true));
            }
        }
        let insecure = self.insecure || entry.is_some_and(|e| e.insecure);
        let last = place.endpoint(insecure, false);
        found.retain(|e| e.host != last.host || e.repository != last.repository);
        found.push(last);
        Ok(found)
    }
}

/// Whether a mirror serves this kind of request (containers-registries.conf(5),
/// "pull-from-mirror").
fn serves(mirror: &Mirror, by: RequestKind) -> bool {
    match mirror.when {
        When::All => true,
        When::DigestOnly => by != RequestKind::Tag,
        When::TagOnly => by != RequestKind::Digest,
    }
}

/// The name of a repository, split into host and path.
#[derive(Clone, Debug)]
struct RepositoryName {
    host: String,
    repository: String,
}

impl RepositoryName {
    fn of(name: &RegistryReference) -> Self {
        Self {
            host: name.registry().to_owned(),
            repository: name.repository().to_owned(),
        }
    }

    /// Returns this name with the prefix of the entry replaced by `location`
    /// (containers-registries.conf(5), "Remapping references"). A wildcard prefix without a
    /// location changes nothing.
    fn rewritten(&self, entry: &Registry, location: &str) -> Self {
        if location.is_empty() {
            return self.clone();
        }
        let whole = self.to_string();
        let rest = match entry.prefix.strip_prefix('*') {
            // The wildcard covers only the host.
            Some(_) => whole.get(self.host.len()..),
            None => whole.strip_prefix(&entry.prefix),
        };
        let new = format!("{location}{}", rest.unwrap_or_default());
        match new.split_once('/') {
            Some((host, repository)) => Self {
                host: host.to_owned(),
                repository: repository.to_owned(),
            },
            None => self.clone(),
        }
    }

    fn endpoint(self, insecure: bool, mirror: bool) -> Endpoint {
        let login = login_name(&self.host).to_owned();
        let host = match login.as_str() {
            DOCKER => DOCKER_HOST.to_owned(),
            _ => self.host,
        };
        Endpoint {
            host,
            login,
            repository: self.repository,
            insecure,
            mirror,
        }
    }
}

impl std::fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)
    }
}

/// Returns `HOST/REPOSITORY`, for messages.
pub(super) fn place(name: &RegistryReference) -> String {
    RepositoryName::of(name).to_string()
}

/// Parses a mirror as users write it. Returns the host, the path, and whether it was written with
/// `http://`.
fn mirror(text: &str) -> Result<(String, Option<String>, bool), RegistryError> {
    let (rest, plain) = match text.split_once("://") {
        Some(("https", rest)) => (rest, false),
        Some(("http", rest)) => (rest, true),
        Some(_) => return Err(no_host(text)),
        None => (text, false),
    };
    let (host, path) = match rest.trim_end_matches('/').split_once('/') {
        Some((host, path)) => (host, Some(path.to_owned())),
        None => (rest.trim_end_matches('/'), None),
    };
    let whole = format!("https://{host}/{}", path.as_deref().unwrap_or_default());
    let uri: Uri = whole.parse().map_err(|_| no_host(text))?;
    if uri
        .authority()
        .is_none_or(|a| a.as_str() != host || host.contains('@'))
        || uri.query().is_some()
    {
        return Err(no_host(text));
    }
    Ok((host.to_owned(), path, plain))
}

fn no_host(text: &str) -> RegistryError {
    RegistryError::Options(format!(
        "mirror {text:?}: expected HOST, HOST:PORT or HOST:PORT/PATH"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Environment;

    fn endpoints(mirrors: &[&str], conf: &str) -> Endpoints {
        Endpoints {
            mirrors: mirrors.iter().map(|m| mirror(m).unwrap()).collect(),
            conf: RegistriesConf::parse(conf).unwrap(),
            insecure: false,
        }
    }

    /// Returns `HOST/REPOSITORY` of each endpoint, followed by `!` if it is insecure.
    fn of(endpoints: &Endpoints, name: &str, by: RequestKind) -> Vec<String> {
        let found = endpoints.of(&name.parse().unwrap(), by).unwrap();
        let show = |e: Endpoint| {
            let mark = if e.insecure { "!" } else { "" };
            format!("{}/{}{mark}", e.host, e.repository)
        };
        found.into_iter().map(show).collect()
    }

    #[test]
    fn docker_hub_has_another_host_and_official_images_a_namespace() {
        let none = endpoints(&[], "");
        assert_eq!(
            of(&none, "alpine", RequestKind::Tag),
            ["registry-1.docker.io/library/alpine"]
        );
        assert_eq!(
            of(&none, "localhost:5000/a/b:1", RequestKind::Tag),
            ["localhost:5000/a/b"]
        );
        let hub = none
            .of(&"alpine".parse().unwrap(), RequestKind::Tag)
            .unwrap();
        assert_eq!(hub[0].login, "docker.io");
    }

    #[test]
    fn mirrors_come_first_and_the_registry_last() {
        let some = endpoints(&["one:5000", "http://two/cache"], "");
        assert_eq!(
            of(&some, "quay.io/a/b:1", RequestKind::Tag),
            ["one:5000/a/b", "two/cache/a/b!", "quay.io/a/b"]
        );
        for bad in ["", "ftp://a", "a b", "u:p@h", "h?q"] {
            assert!(mirror(bad).is_err(), "{bad}");
        }
    }

    // The examples of containers-registries.conf(5), "EXAMPLES" and "Remapping".
    #[test]
    fn what_registries_conf_says() {
        let conf = endpoints(
            &[],
            r#"
            [[registry]]
            prefix = "example.com/foo"
            insecure = false
            location = "internal-registry-for-example.com/bar"
            [[registry.mirror]]
            location = "example-mirror-0.local/mirror-for-foo"
            [[registry.mirror]]
            location = "example-mirror-1.local/mirrors/foo"
            insecure = true
            pull-from-mirror = "digest-only"
            [[registry]]
            prefix = "*.wild.org"
            location = "one.example.org"
            [[registry]]
            location = "bad.org/x"
            blocked = true
            "#,
        );
        assert_eq!(
            of(&conf, "example.com/foo/image:latest", RequestKind::Digest),
            [
                "example-mirror-0.local/mirror-for-foo/image",
                "example-mirror-1.local/mirrors/foo/image!",
                "internal-registry-for-example.com/bar/image"
            ]
        );
        assert_eq!(
            of(&conf, "example.com/foo/image:latest", RequestKind::Tag).len(),
            2
        );
        assert_eq!(
            of(&conf, "example.com/food:1", RequestKind::Tag),
            ["example.com/food"]
        );
        assert_eq!(
            of(&conf, "a.wild.org/x/y:1", RequestKind::Tag),
            ["one.example.org/x/y"]
        );
        let error = conf
            .of(&"bad.org/x/y".parse().unwrap(), RequestKind::Tag)
            .unwrap_err();
        assert!(error.to_string().contains("blocked"), "{error}");
    }

    #[test]
    fn a_mirror_that_is_the_registry_is_asked_once() {
        let both = endpoints(&["quay.io", "quay.io"], "");
        assert_eq!(of(&both, "quay.io/a/b", RequestKind::Tag), ["quay.io/a/b"]);
    }

    #[test]
    fn a_mirror_that_cannot_be_one_is_told() {
        let options = ClientOptions {
            mirrors: vec!["ftp://x".to_owned()],
            environment: Environment::new::<&str, &str>([], "/nonexistent"),
            ..ClientOptions::default()
        };
        let error = Endpoints::new(&options).err().unwrap();
        assert!(error.to_string().contains("ftp://x"), "{error}");
    }
}
