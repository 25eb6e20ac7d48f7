//! What a login consists of: the context in which it is needed, and the header that it results in.

use std::time::Instant;

use crate::registry::connections::Connections;
use crate::registry::endpoint::Endpoint;
use crate::registry::error::RequestContext;

/// The value of an Authorization header. It does not implement `Debug`, because it is a secret.
pub(super) struct AuthHeader {
    /// The value.
    pub header: String,
    /// When to fetch a new one.
    pub renew: Option<Instant>,
}

/// The context in which a login is needed.
pub(in crate::registry) struct LoginContext<'a> {
    pub connections: &'a Connections,
    pub endpoint: &'a Endpoint,
    pub context: &'a RequestContext,
}
