//! Errors of registry requests. Each message names the registry and repository, what is wrong, and
//! how to fix it. None contains a secret.

use std::io;
use std::path::PathBuf;

/// An error of a registry request.
///
/// `place` is `HOST/REPOSITORY`. `what` is the requested object, for example `manifest 1.0` or
/// `blob sha256:…`.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A client option is invalid.
    #[error("{0}")]
    Options(String),
    /// A configuration file cannot be read or parsed.
    #[error("{}: {detail}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// registries.conf blocks the image.
    #[error(
        "{place}: blocked by registries.conf (prefix {prefix}); remove `blocked = true` there to allow it"
    )]
    Blocked {
        /// The requested repository.
        place: String,
        /// The prefix of the entry that blocks it.
        prefix: String,
    },
    /// The credentials could not be obtained.
    #[error("login for {host}: {detail}")]
    Login {
        /// The registry.
        host: String,
        /// What is wrong, and what to do.
        detail: String,
    },
    /// No connection could be made, or connections kept breaking or timing out.
    #[error("{place}: {what}: {detail}{}", after(*attempts))]
    Connection {
        /// The repository.
        place: String,
        /// The requested object.
        what: String,
        /// What happened at the last attempt.
        detail: String,
        /// The number of attempts.
        attempts: u32,
    },
    /// The host does not speak TLS.
    #[error("{place}: {host} does not speak TLS; if you trust the network, use --insecure")]
    PlainHttp {
        /// The repository.
        place: String,
        /// The host and port that was contacted.
        host: String,
    },
    /// The host's certificate is not trusted.
    #[error(
        "{place}: the certificate of {host} is not trusted: {detail}; \
         put the certificate of its authority into /etc/docker/certs.d/{host}/ca.crt, \
         or name it with --ca (or a file of all to trust in SSL_CERT_FILE), or use --insecure"
    )]
    Certificate {
        /// The repository.
        place: String,
        /// The host and port that was contacted.
        host: String,
        /// What is wrong with the certificate.
        detail: String,
    },
    /// The registry answered 404.
    #[error(
        "{place}: {what}: not found{server_message}; check the name, it may also need a login: docker login {host}, or skopeo login {host}"
    )]
    NotFound {
        /// The repository.
        place: String,
        /// The requested object.
        what: String,
        /// The registry's error text as `: …`, or an empty string.
        server_message: String,
        /// The registry to log in to.
        host: String,
    },
    /// The registry answered 401 or 403.
    #[error(
        "{place}: {what}: no such image or no right to see it{server_message}; log in: docker login {host}, or skopeo login {host}"
    )]
    Denied {
        /// The repository.
        place: String,
        /// The requested object.
        what: String,
        /// The registry's error text as `: …`, or an empty string.
        server_message: String,
        /// The registry to log in to.
        host: String,
    },
    /// The registry refused the stored login.
    #[error(
        "{place}: {what}: the login for {host} was refused{server_message}; log in again: docker login {host}, or skopeo login {host}"
    )]
    LoginRefused {
        /// The repository.
        place: String,
        /// The requested object.
        what: String,
        /// The registry's error text as `: …`, or an empty string.
        server_message: String,
        /// The registry to log in to.
        host: String,
    },
    /// The registry answered any other error status.
    #[error("{place}: {what}: the registry answered {status}{server_message}{}", after(*attempts))]
    Status {
        /// The repository.
        place: String,
        /// The requested object.
        what: String,
        /// The status code.
        status: u16,
        /// The registry's error text as `: …`, or an empty string.
        server_message: String,
        /// The number of attempts.
        attempts: u32,
    },
    /// The response violates HTTP or the distribution-spec.
    #[error("{place}: {what}: {detail}; the registry, or a proxy on the way to it, is broken")]
    Answer {
        /// The repository.
        place: String,
        /// The requested object.
        what: String,
        /// What is wrong with the response.
        detail: String,
    },
    /// A document is not the one that was requested, or is of an unsupported kind.
    #[error("{place}: {what}: {detail}")]
    Document {
        /// The repository.
        place: String,
        /// The requested object.
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
    /// Sets the number of attempts.
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

/// The requested object and its repository, for messages.
#[derive(Clone, Debug)]
pub(super) struct RequestContext {
    /// `HOST/REPOSITORY` as the user wrote it.
    pub place: String,
    /// `manifest TAG` or `blob DIGEST`.
    pub what: String,
    /// The registry to log in to.
    pub login: String,
}

impl RequestContext {
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

    /// Returns the error for an unsuccessful status.
    pub(super) fn status(&self, status: u16, server_message: String) -> RegistryError {
        let (place, what, host) = (self.place.clone(), self.what.clone(), self.login.clone());
        match status {
            401 | 403 => RegistryError::Denied {
                place,
                what,
                server_message,
                host,
            },
            404 => RegistryError::NotFound {
                place,
                what,
                server_message,
                host,
            },
            _ => RegistryError::Status {
                place,
                what,
                status,
                server_message,
                attempts: 1,
            },
        }
    }

    pub(super) fn login_refused(&self, server_message: String) -> RegistryError {
        RegistryError::LoginRefused {
            place: self.place.clone(),
            what: self.what.clone(),
            server_message,
            host: self.login.clone(),
        }
    }
}
