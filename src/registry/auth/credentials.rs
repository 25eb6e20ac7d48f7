//! The user's credentials for a registry, and where they are stored. These sources are tried in
//! order, and the first one with a login is used:
//!
//! - the credentials in the client options
//! - `$REGISTRY_AUTH_FILE`
//! - `${XDG_RUNTIME_DIR}/containers/auth.json` (or `/run/containers/UID/auth.json`) and
//!   `~/.config/containers/auth.json`, the files of podman and skopeo (containers-auth.json(5))
//! - `config.json` in `$DOCKER_CONFIG` or `~/.docker`, the file of docker
//!
//! The crate `docker_credential` reads such files too. But it supports only host keys, while podman
//! also has `HOST/NAMESPACE/NAME`. It waits for a helper without a time limit. And it treats every
//! failure of a helper as "no login", so that a user is told that an image does not exist when a
//! helper is not installed.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::auth_file::{AuthFile, LoginSource};
use super::credential::Credential;
use super::helper;
use crate::registry::endpoint::Endpoint;
use crate::registry::environment::read_limited;
use crate::registry::{ClientOptions, Environment, RegistryError};

/// The maximum size of a file of logins in bytes.
const LONGEST: u64 = 4 << 20;

/// All sources of logins.
pub(super) struct Credentials {
    explicit: Option<Credential>,
    auth_file: Option<PathBuf>,
    environment: Environment,
    patience: Duration,
    /// The results of lookups by host and repository, so that helpers are not run for each token.
    found: Mutex<HashMap<(String, String), Option<Credential>>>,
}

impl Credentials {
    pub(super) fn new(options: &ClientOptions) -> Self {
        let explicit = options.credentials.clone();
        Self {
            explicit: explicit.map(|(user, password)| Credential::Password { user, password }),
            auth_file: options.auth_file.clone(),
            environment: options.environment.clone(),
            patience: options.patience.helper,
            found: Mutex::default(),
        }
    }

    /// Returns the login for a repository, if there is one.
    ///
    /// # Errors
    /// If a file or a helper that may contain it fails.
    pub(super) fn of(&self, endpoint: &Endpoint) -> Result<Option<Credential>, RegistryError> {
        if let Some(explicit) = &self.explicit
            && !endpoint.mirror
        {
            return Ok(Some(explicit.clone()));
        }
        let key = (endpoint.login.clone(), endpoint.repository.clone());
        if let Some(found) = self.found().get(&key) {
            return Ok(found.clone());
        }
        let found = self.search(&endpoint.login, &endpoint.repository)?;
        self.found().insert(key, found.clone());
        Ok(found)
    }

    fn found(&self) -> MutexGuard<'_, HashMap<(String, String), Option<Credential>>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn search(&self, host: &str, repository: &str) -> Result<Option<Credential>, RegistryError> {
        let files = match &self.auth_file {
            Some(only) => vec![only.clone()],
            None => self.files(),
        };
        for path in files {
            let Some(file) = self.read(&path)? else {
                continue;
            };
            let found = file
                .find(host, repository)
                .map_err(|detail| RegistryError::File {
                    path: path.clone(),
                    detail,
                })?;
            let found = match found {
                Some(LoginSource::Here(credential)) => Some(credential),
                Some(LoginSource::Helper { name, servers }) => {
                    helper::ask(&name, &servers, host, &self.environment, self.patience)?
                }
                None => None,
            };
            if found.is_some() {
                tracing::debug!("login for {host} from {}", path.display());
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn files(&self) -> Vec<PathBuf> {
        let environment = &self.environment;
        let mut files = Vec::new();
        files.extend(environment.path("REGISTRY_AUTH_FILE"));
        let uid = rustix::process::getuid().as_raw();
        let run = environment
            .path("XDG_RUNTIME_DIR")
            .map(|dir| dir.join("containers"));
        let run = run.unwrap_or_else(|| environment.run().join(format!("containers/{uid}")));
        files.push(run.join("auth.json"));
        files.extend(
            environment
                .config_home()
                .map(|dir| dir.join("containers/auth.json")),
        );
        let docker = environment.path("DOCKER_CONFIG");
        let docker = docker.or_else(|| environment.home().map(|home| home.join(".docker")));
        files.extend(docker.map(|dir| dir.join("config.json")));
        files
    }

    fn read(&self, path: &Path) -> Result<Option<AuthFile>, RegistryError> {
        let wrong = |detail: String| RegistryError::File {
            path: path.to_owned(),
            detail,
        };
        match read_limited(path, LONGEST) {
            Ok(bytes) => AuthFile::parse(&bytes).map(Some).map_err(wrong),
            Err(e) if e.kind() == io::ErrorKind::NotFound && self.auth_file.is_none() => Ok(None),
            Err(e) => Err(wrong(e.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn endpoint(host: &str, repository: &str, mirror: bool) -> Endpoint {
        Endpoint {
            host: host.to_owned(),
            login: host.to_owned(),
            repository: repository.to_owned(),
            insecure: false,
            mirror,
        }
    }

    #[test]
    fn basic_is_that_of_the_rfc() {
        // The example of RFC 7617, section 2.
        let credential = Credential::Password {
            user: "Aladdin".to_owned(),
            password: "open sesame".to_owned(),
        };
        assert_eq!(
            credential.basic().unwrap(),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
        assert!(!format!("{credential:?}").contains("sesame"));
    }

    #[test]
    fn files_in_their_order_and_mirrors_without_what_was_told() {
        let dir = tempfile::tempdir().unwrap();
        // `printf USER:p | base64`; each file has another user.
        let users = [
            ("named.json", "named", "bmFtZWQ6cA=="),
            ("run/containers/auth.json", "run", "cnVuOnA="),
            ("home/.config/containers/auth.json", "conf", "Y29uZjpw"),
            ("home/.docker/config.json", "docker", "ZG9ja2VyOnA="),
        ];
        let at = |path: &str| dir.path().join(path);
        for (path, _, auth) in users {
            fs::create_dir_all(at(path).parent().unwrap()).unwrap();
            fs::write(
                at(path),
                format!(r#"{{"auths":{{"h":{{"auth":"{auth}"}}}}}}"#),
            )
            .unwrap();
        }
        let variables = [
            ("REGISTRY_AUTH_FILE", at("named.json")),
            ("XDG_RUNTIME_DIR", at("run")),
            ("HOME", at("home")),
        ];
        let mut options = ClientOptions {
            environment: Environment::new(variables, dir.path().join("none")),
            ..ClientOptions::default()
        };
        let who = |options: &ClientOptions, mirror| match Credentials::new(options)
            .of(&endpoint("h", "a/b", mirror))
            .unwrap()
        {
            Some(Credential::Password { user, .. }) => user,
            other => format!("{other:?}"),
        };
        for (path, user, _) in users {
            assert_eq!(who(&options, false), user);
            fs::remove_file(at(path)).unwrap();
        }
        assert_eq!(who(&options, false), "None");
        options.credentials = Some(("told".to_owned(), "p".to_owned()));
        assert_eq!(who(&options, false), "told");
        assert_eq!(who(&options, true), "None");
    }

    #[test]
    fn a_file_that_is_named_or_broken_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("auth.json");
        let options = ClientOptions {
            auth_file: Some(path.clone()),
            environment: Environment::new::<&str, &str>([], dir.path()),
            ..ClientOptions::default()
        };
        let error = || {
            Credentials::new(&options)
                .of(&endpoint("h", "a", false))
                .unwrap_err()
                .to_string()
        };
        assert!(error().contains("auth.json"));
        fs::write(&path, r#"{"auths":{"h":{"auth":"c2VzYW1l"}}}"#).unwrap();
        assert!(
            error().contains("auth.json")
                && !error().contains("sesame")
                && !error().contains("c2VzYW1l")
        );
    }
}
