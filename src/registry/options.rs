//! What a client may be told.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::Environment;

/// What a client may be told. All of it has a default that suits most people.
#[derive(Clone, Default)]
pub struct ClientOptions {
    /// Takes any certificate, and plain HTTP where a host has no TLS. Of every host.
    pub insecure: bool,
    /// Files of certificates (PEM) to trust beside those of the system.
    pub roots: Vec<PathBuf>,
    /// The only file to look for logins in, as `--authfile` of podman and skopeo.
    pub auth_file: Option<PathBuf>,
    /// User and password for the registry that is asked, before all files. Mirrors do not get them.
    pub credentials: Option<(String, String)>,
    /// Hosts, `HOST[:PORT][/PATH]`, that are asked first for the images of every registry.
    pub mirrors: Vec<String>,
    /// How long to wait for what.
    pub patience: Patience,
    /// Variables and directories that say where the user's configuration is.
    pub environment: Environment,
}

/// How long to wait for what.
#[derive(Clone, Debug)]
pub struct Patience {
    /// A server that sends nothing for so long has cut the connection: 30 seconds.
    pub silence: Duration,
    /// How long a connection may take to be made, for all addresses of a host: 30 seconds.
    pub connect: Duration,
    /// The first wait before something is tried again: 250 ms. Each further one is twice as long.
    pub first_wait: Duration,
    /// The longest of these waits: 8 seconds.
    pub longest_wait: Duration,
    /// The longest wait that a server may ask for by Retry-After: 60 seconds.
    pub longest_asked: Duration,
    /// How often something is tried while nothing new arrives: 6 times.
    pub attempts: u32,
    /// How long a credential helper may take: 10 seconds.
    pub helper: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(30),
            connect: Duration::from_secs(30),
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_secs(8),
            longest_asked: Duration::from_secs(60),
            attempts: 6,
            helper: Duration::from_secs(10),
        }
    }
}

impl fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientOptions")
            .field("insecure", &self.insecure)
            .field("roots", &self.roots)
            .field("auth_file", &self.auth_file)
            .field(
                "credentials",
                &self.credentials.as_ref().map(|_| "(hidden)"),
            )
            .field("mirrors", &self.mirrors)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shows_a_password() {
        let options = ClientOptions {
            credentials: Some(("ann".to_owned(), "sesame".to_owned())),
            environment: Environment::new([("HTTPS_PROXY", "http://u:sesame@p")], "/"),
            ..ClientOptions::default()
        };
        let text = format!("{options:?}");
        assert!(!text.contains("sesame") && !text.contains("ann"), "{text}");
    }
}
