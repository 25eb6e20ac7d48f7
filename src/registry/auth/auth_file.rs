//! A file of logins: docker's `config.json` or podman's `auth.json` (containers-auth.json(5)). Both
//! have the same format, but docker's keys are hosts or old URLs, and podman's may include a path.

use std::collections::BTreeMap;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

use super::credential::Credential;
use crate::registry::host::login_name;

/// Docker's key for Docker Hub. Credential helpers use it too.
const DOCKER_KEY: &str = "https://index.docker.io/v1/";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The parts of the file that are used.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct AuthFile {
    auths: Option<BTreeMap<String, LoginEntry>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LoginEntry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

/// Where a login was found.
pub(super) enum LoginSource {
    Here(Credential),
    /// In a credential helper. `servers` are the names to ask it for, in order.
    Helper {
        name: String,
        servers: Vec<String>,
    },
}

impl AuthFile {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        // serde's message contains a position and at most a type, never a value.
        serde_json::from_slice(bytes)
            .map_err(|e| format!("not a login file: line {}, column {}", e.line(), e.column()))
    }

    /// Finds the login for a repository on a host. A helper for this host takes precedence, then
    /// the entries, longest key first, then the helper for all hosts.
    ///
    /// # Errors
    /// If the matching entry is invalid.
    pub(super) fn find(&self, host: &str, repository: &str) -> Result<Option<LoginSource>, String> {
        let helpers = self.cred_helpers.iter().flatten();
        let mut helpers = helpers.filter(|(key, name)| is_of(key, host) && !name.is_empty());
        if let Some((key, name)) = helpers.next() {
            return Ok(Some(LoginSource::Helper {
                name: name.clone(),
                servers: vec![key.clone()],
            }));
        }
        for entry in self.entries(host, repository) {
            if let Some(credential) = entry.credential()? {
                return Ok(Some(LoginSource::Here(credential)));
            }
        }
        let store = self.creds_store.clone().filter(|name| !name.is_empty());
        let mut servers = vec![host.to_owned()];
        if host == login_name("index.docker.io") {
            servers.insert(0, DOCKER_KEY.to_owned());
        }
        Ok(store.map(|name| LoginSource::Helper { name, servers }))
    }

    fn entries<'a>(
        &'a self,
        host: &'a str,
        repository: &str,
    ) -> impl Iterator<Item = &'a LoginEntry> {
        let auths = self.auths.as_ref();
        let mut key = format!("{host}/{repository}");
        let mut found = Vec::new();
        loop {
            found.extend(auths.and_then(|auths| auths.get(&key)));
            match key.rfind('/') {
                Some(at) => key.truncate(at),
                None => break,
            }
        }
        let others = auths.into_iter().flatten();
        let others = others.filter(move |(key, _)| key.as_str() != host && is_of(key, host));
        found.into_iter().chain(others.map(|(_, entry)| entry))
    }
}

/// Whether a key without podman's path refers to a host: `HOST` or `https://HOST/v1/`.
fn is_of(key: &str, host: &str) -> bool {
    let without = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"));
    let bare = match without {
        Some(rest) => rest.split('/').next().unwrap_or(rest),
        None => {
            let rest = key.trim_end_matches('/');
            rest.strip_suffix("/v1")
                .or_else(|| rest.strip_suffix("/v2"))
                .unwrap_or(rest)
        }
    };
    login_name(bare) == host
}

impl LoginEntry {
    fn credential(&self) -> Result<Option<Credential>, String> {
        let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = set(&self.identitytoken) {
            return Ok(Some(Credential::IdentityToken(token)));
        }
        if let Some(auth) = set(&self.auth) {
            let wrong =
                || "an `auth` in it is not the base64 of USER:PASSWORD; log in again".to_owned();
            let text = BASE64.decode(auth.trim()).map_err(|_| wrong())?;
            let text = String::from_utf8(text).map_err(|_| wrong())?;
            let (user, password) = text.split_once(':').ok_or_else(wrong)?;
            return Ok(Some(Credential::Password {
                user: user.to_owned(),
                // Docker pads passwords with NUL bytes and strips them when it reads them.
                password: password.trim_end_matches('\0').to_owned(),
            }));
        }
        let both = set(&self.username).zip(set(&self.password));
        Ok(both.map(|(user, password)| Credential::Password { user, password }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the login that is found, as `user:password`, `token:…` or `helper NAME SERVERS`.
    fn found(json: &str, host: &str, repository: &str) -> String {
        match AuthFile::parse(json.as_bytes())
            .unwrap()
            .find(host, repository)
            .unwrap()
        {
            Some(LoginSource::Here(Credential::Password { user, password })) => {
                format!("{user}:{password}")
            }
            Some(LoginSource::Here(Credential::IdentityToken(token))) => format!("token:{token}"),
            Some(LoginSource::Helper { name, servers }) => {
                format!("helper {name} {}", servers.join(" "))
            }
            None => "nothing".to_owned(),
        }
    }

    #[test]
    fn podmans_keys_the_longest_first() {
        // base64 of a:1, b:2, c:3, by base64(1).
        let json = r#"{"auths":{"h.io":{"auth":"YToxCg=="},"h.io/x":{"auth":"YjoyCg"},"h.io/x/y":{"auth":"YzozCg=="}}}"#;
        assert_eq!(found(json, "h.io", "z/y"), "a:1\n");
        assert_eq!(found(json, "h.io", "x/z"), "b:2\n");
        assert_eq!(found(json, "h.io", "x/y"), "c:3\n");
        assert_eq!(found(json, "h.io", "xx/y"), "a:1\n");
        assert_eq!(found(json, "h.io:5000", "x/y"), "nothing");
        let other = r#"{"auths":{"h.io/x":{"auth":"YjoyCg=="}}}"#;
        assert_eq!(found(other, "h.io", "y"), "nothing");
    }

    #[test]
    fn dockers_keys() {
        let json = r#"{"auths":{"https://index.docker.io/v1/":{"auth":"YTox"},"https://h.io":{"auth":"Yjoy"},"k.io/v1/":{"auth":"YzozAAA="}}}"#;
        assert_eq!(found(json, "docker.io", "library/alpine"), "a:1");
        assert_eq!(found(json, "h.io", "x"), "b:2");
        assert_eq!(found(json, "k.io", "x"), "c:3");
    }

    #[test]
    fn tokens_and_empty_entries() {
        let json = r#"{"auths":{"h":{"auth":"YTox","identitytoken":"t"},"i":{},"j":{"username":"u","password":"p"}}}"#;
        assert_eq!(found(json, "h", "x"), "token:t");
        assert_eq!(found(json, "i", "x"), "nothing");
        assert_eq!(found(json, "j", "x"), "u:p");
    }

    #[test]
    fn helpers() {
        let json = r#"{"auths":{"h":{"auth":"YTox"},"k":{"auth":"Yjoy"}},"credHelpers":{"h":"one"},"credsStore":"all"}"#;
        assert_eq!(found(json, "h", "x"), "helper one h");
        assert_eq!(found(json, "k", "x"), "b:2");
        assert_eq!(found(json, "l:5000", "x"), "helper all l:5000");
        let hub = "helper all https://index.docker.io/v1/ docker.io";
        assert_eq!(found(json, "docker.io", "library/x"), hub);
    }

    #[test]
    fn what_cannot_be_understood_is_told_without_what_is_in_it() {
        for bad in [
            "{",
            "[1]",
            r#"{"auths":{"h":{"auth":1234}}}"#,
            r#"{"auths":[]}"#,
        ] {
            let error = AuthFile::parse(bad.as_bytes()).err().unwrap();
            assert!(
                error.contains("line 1") && !error.contains("1234"),
                "{error}"
            );
        }
        assert_eq!(found("", "h", "x"), "nothing");
        assert_eq!(found(r#"{"auths":null}"#, "h", "x"), "nothing");
        // base64 of "sesame", without a colon.
        for auth in ["c2VzYW1l", "!!", "/////w=="] {
            let json = format!(r#"{{"auths":{{"h":{{"auth":"{auth}"}}}}}}"#);
            let file = AuthFile::parse(json.as_bytes()).unwrap();
            let error = file.find("h", "x").err().unwrap();
            assert!(!error.contains(auth), "{error}");
        }
    }
}
