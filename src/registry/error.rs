//! Why a registry did not give what was asked for. Each message names registry and repository, what is
//! wrong, and the way out; none holds a secret.

use std::io;
use std::path::PathBuf;

/// Why a registry did not give what was asked for.
///
/// `place` is `HOST/REPOSITORY`, `what` what was asked for there: `manifest 1.0`, `blob sha256:…`.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// What the client was told cannot be used.
    #[error("{0}")]
    Options(String),
    /// A configuration file cannot be read.
    #[error("{}: {detail}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// registries.conf forbids it.
    #[error(
        "{place}: blocked by registries.conf (prefix {prefix}); remove `blocked = true` there to allow it"
    )]
    Blocked {
        /// What was asked for.
        place: String,
        /// The prefix of the entry that blocks it.
        prefix: String,
    },
    /// No user and password could be had from where they are kept.
    #[error("login for {host}: {detail}")]
    Login {
        /// The registry.
        host: String,
        /// What is wrong, and what to do.
        detail: String,
    },
    /// No connection, or one that ends or falls silent too often.
    #[error("{place}: {what}: {detail}{}", after(*attempts))]
    Connection {
        /// Where.
        place: String,
        /// What was asked for.
        what: String,
        /// What happened the last time.
        detail: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The host has no TLS.
    #[error("{place}: {host} does not speak TLS; if you trust the network, use --insecure")]
    PlainHttp {
        /// Where.
        place: String,
        /// The host and port that was talked to.
        host: String,
    },
    /// The host's certificate is not trusted.
    #[error(
        "{place}: the certificate of {host} is not trusted: {detail}; \
         put the certificate of its authority into /etc/docker/certs.d/{host}/ca.crt, \
         or name it with --ca (or a file of all to trust in SSL_CERT_FILE), or use --insecure"
    )]
    Certificate {
        /// Where.
        place: String,
        /// The host and port that was talked to.
        host: String,
        /// What is wrong with it.
        detail: String,
    },
    /// 404.
    #[error(
        "{place}: {what}: not found{said}; check the name, it may also need a login: docker login {host}, or skopeo login {host}"
    )]
    NotFound {
        /// Where.
        place: String,
        /// What was asked for.
        what: String,
        /// What the registry said, as `: …`, or nothing.
        said: String,
        /// The registry to log in to.
        host: String,
    },
    /// 401 or 403.
    #[error(
        "{place}: {what}: no such image or no right to see it{said}; log in: docker login {host}, or skopeo login {host}"
    )]
    Denied {
        /// Where.
        place: String,
        /// What was asked for.
        what: String,
        /// What the registry said, as `: …`, or nothing.
        said: String,
        /// The registry to log in to.
        host: String,
    },
    /// The login that is kept for the registry was refused.
    #[error(
        "{place}: {what}: the login for {host} was refused{said}; log in again: docker login {host}, or skopeo login {host}"
    )]
    LoginRefused {
        /// Where.
        place: String,
        /// What was asked for.
        what: String,
        /// What the registry said, as `: …`, or nothing.
        said: String,
        /// The registry to log in to.
        host: String,
    },
    /// Any other status that is no success.
    #[error("{place}: {what}: the registry answered {status}{said}{}", after(*attempts))]
    Status {
        /// Where.
        place: String,
        /// What was asked for.
        what: String,
        /// The status.
        status: u16,
        /// What the registry said, as `: …`, or nothing.
        said: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The answer is not what HTTP or the distribution-spec allow.
    #[error("{place}: {what}: {detail}; the registry or something on the way to it is broken")]
    Answer {
        /// Where.
        place: String,
        /// What was asked for.
        what: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A document is not what was asked for, or of a kind that is not read.
    #[error("{place}: {what}: {detail}")]
    Document {
        /// Where.
        place: String,
        /// What was asked for.
        what: String,
        /// What is wrong with it, and what to do.
        detail: String,
    },
    /// The caller's `sink` returned this error.
    #[error("{0}")]
    Sink(#[source] io::Error),
    /// [`Client::cancel`](super::Client::cancel) was called.
    #[error("cancelled")]
    Cancelled,
}

impl RegistryError {
    /// The same error after so many attempts.
    pub(super) fn tried(mut self, n: u32) -> Self {
        if let Self::Connection { attempts, .. } | Self::Status { attempts, .. } = &mut self {
            *attempts = n;
        }
        self
    }
}

fn after(attempts: u32) -> String {
    match attempts {
        0 | 1 => String::new(),
        n => format!(" (tried {n} times; try again later)"),
    }
}

/// What was asked for and where, for messages.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// `HOST/REPOSITORY` as the user knows it.
    pub place: String,
    /// `manifest TAG`, `blob DIGEST`.
    pub what: String,
    /// The registry to log in to.
    pub login: String,
}

impl Asked {
    pub(super) fn connection(&self, detail: impl Into<String>) -> RegistryError {
        RegistryError::Connection {
            place: self.place.clone(),
            what: self.what.clone(),
            detail: detail.into(),
            attempts: 1,
        }
    }

    pub(super) fn answer(&self, detail: impl Into<String>) -> RegistryError {
        RegistryError::Answer {
            place: self.place.clone(),
            what: self.what.clone(),
            detail: detail.into(),
        }
    }

    pub(super) fn document(&self, detail: impl Into<String>) -> RegistryError {
        RegistryError::Document {
            place: self.place.clone(),
            what: self.what.clone(),
            detail: detail.into(),
        }
    }

    /// The error of a status that is no success.
    pub(super) fn status(&self, status: u16, said: String) -> RegistryError {
        let (place, what, host) = (self.place.clone(), self.what.clone(), self.login.clone());
        match status {
            401 | 403 => RegistryError::Denied {
                place,
                what,
                said,
                host,
            },
            404 => RegistryError::NotFound {
                place,
                what,
                said,
                host,
            },
            _ => RegistryError::Status {
                place,
                what,
                status,
                said,
                attempts: 1,
            },
        }
    }

    pub(super) fn login_refused(&self, said: String) -> RegistryError {
        RegistryError::LoginRefused {
            place: self.place.clone(),
            what: self.what.clone(),
            said,
            host: self.login.clone(),
        }
    }
}
