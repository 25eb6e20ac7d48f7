//! The pull half of the OCI distribution-spec: manifests and blobs out of a registry, over HTTP.
//!
//! [`Client`] is all of it. It is shared by threads, and each call of it lasts until the bytes are there
//! or it is certain that they will not come: what is between them is in the files below.
//!
//! | file | one idea |
//! |---|---|
//! | `client.rs` | the two questions, manifest and blob: which host is asked next, and when again |
//! | `name.rs` | what a user writes: host, repository, tag, digest |
//! | `endpoint.rs`, `registries_conf.rs` | which hosts have a repository: mirrors first, the registry last |
//! | `fetch.rs` | one question to one host: https or http, a login, redirects, the status |
//! | `auth/` | what a challenge wants, who the user is, tokens that are kept and renewed |
//! | `wire.rs`, `connector.rs`, `tls.rs`, `verifier.rs`, `proxy.rs` | connections: time limits, TLS, whom to trust, proxies |
//! | `retry.rs` | how long to wait, and when to give up |
//! | `body.rs`, `document.rs` | what comes back: a blob from an offset on, a document of limited length |
//!
//! Every byte of an answer may be hostile. Nothing here believes a length, a place or an encoding that a
//! server tells, documents have limits, and a blob is never longer than its descriptor says. Secrets are
//! in no error, no log and no `Debug` text.
//!
//! Where this follows a specification the comment names it: "distribution-spec" is
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>, and "token spec"
//! <https://distribution.github.io/distribution/spec/auth/token/>.

mod auth;
mod body;
mod client;
mod connector;
mod document;
mod endpoint;
mod environment;
mod error;
mod fetch;
mod location;
mod name;
mod options;
mod proxy;
mod registries_conf;
mod retry;
mod said;
mod tls;
mod verifier;
mod wire;

pub use client::Client;
pub use document::Fetched;
pub use environment::Environment;
pub use error::RegistryError;
pub use name::{NameError, parse_name};
pub use oci_spec::distribution::Reference;
pub use options::{ClientOptions, Patience};
