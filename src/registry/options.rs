//! Options of the client.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::Environment;

/// Options of a [`Client`](super::Client). The defaults suit most users.
#[derive(Clone, Default)]
pub struct ClientOptions {
    /// Accepts any certificate, and plain HTTP if a host has no TLS. Applies to every host.
    pub insecure: bool,
    /// Files of certificates (PEM) to trust in addition to those of the system.
    pub roots: Vec<PathBuf>,
    /// The only file in which to look for logins, like `--authfile` of podman and skopeo.
    pub auth_file: Option<PathBuf>,
    /// User and password for the registry. They take precedence over all files, and are not sent to
    /// mirrors.
    pub credentials: Option<(String, String)>,
    /// Mirrors, `HOST[:PORT][/PATH]`, that are tried first for the images of every registry.
    pub mirrors: Vec<String>,
    /// Timeouts and retries.
    pub patience: Patience,
    /// The environment, which determines where the user's configuration is.
    pub environment: Environment,
}

/// Timeouts and retries.
#[derive(Clone, Debug)]
pub struct Patience {
    /// How long a server may send nothing before the connection counts as broken: 30 seconds.
    pub silence: Duration,
    /// The time limit for connecting, over all addresses of a host: 30 seconds.
    pub connect: Duration,
    /// The wait before the first retry: 250 ms. It doubles with each further retry.
    pub first_wait: Duration,
    /// The longest of these waits: 8 seconds.
    pub longest_wait: Duration,
    /// The longest wait that a server may request with Retry-After: 60 seconds.
    pub longest_asked: Duration,
    /// The maximum number of attempts in a row without new bytes: 6.
    pub attempts: u32,
    /// The time limit for a credential helper: 10 seconds.
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
