//! A login of the user for a registry.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// The user's credentials for a registry.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Credential {
    Password {
        user: String,
        password: String,
    },
    /// A token that a token server issues once for a password, to be exchanged for access tokens.
    IdentityToken(String),
}

impl Credential {
    /// Returns the Authorization header for Basic authentication (RFC 7617), if this is a password.
    pub(super) fn basic(&self) -> Option<String> {
        match self {
            Self::Password { user, password } => Some(format!(
                "Basic {}",
                BASE64_STANDARD.encode(format!("{user}:{password}"))
            )),
            Self::IdentityToken(_) => None,
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password { .. } => "Password(hidden)",
            Self::IdentityToken(_) => "IdentityToken(hidden)",
        })
    }
}
