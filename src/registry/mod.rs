//! The pull half of the OCI distribution-spec: fetches manifests and blobs from registries over
//! HTTP.
//!
//! [`Client`] is the entry point. It can be shared by threads. Each call blocks until the bytes
//! have arrived or the request has finally failed. The files of this module:
//!
//! | file | contents |
//! |---|---|
//! | `client.rs` | the two requests, manifest and blob: which host to try next, and when to retry |
//! | `endpoint.rs`, `registries_conf.rs` | which hosts serve a repository: mirrors first, the registry last |
//! | `fetch.rs`, `redirect.rs` | one request to one host: HTTPS or HTTP, login, redirects, status |
//! | `host.rs` | names of hosts: Docker Hub's, and those of this machine |
//! | `auth/` | challenges, credentials, and tokens, which are cached and renewed |
//! | `connections.rs`, `connector.rs`, `tls.rs`, `verifier.rs`, `proxy.rs` | connections: timeouts, TLS, trust, proxies |
//! | `retry.rs` | how long to wait, and when to give up |
//! | `body.rs`, `document.rs` | responses: a blob from an offset on, a document of limited length |
//! | `error_body.rs` | the error text in a response body |
//!
//! Every byte of a response may be hostile. No length, address or encoding that a server declares
//! is trusted, documents have size limits, and a blob is never longer than its descriptor says.
//! Secrets never appear in errors, logs or `Debug` output.
//!
//! Comments name the specification that the code follows. "distribution-spec" is
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>, and "token spec" is
//! <https://distribution.github.io/distribution/spec/auth/token/>.

mod auth;
mod body;
mod client;
mod connections;
mod connector;
mod document;
mod endpoint;
mod environment;
mod error;
mod error_body;
mod fetch;
mod host;
mod location;
mod options;
mod proxy;
mod redirect;
mod registries_conf;
mod retry;
mod tls;
mod verifier;

pub use client::Client;
pub use environment::Environment;
pub use error::RegistryError;
pub use oci_spec::distribution::Reference as RegistryReference;
pub use options::{ClientOptions, Patience};
