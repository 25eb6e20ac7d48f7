//! Fetches a token from a token server: by GET, with user and password if there are any (token
//! spec), or by POST for an identity token (token spec, "OAuth2", which is RFC 6749, section 6).

use std::fmt::Write;
use std::io::Read;
use std::time::{Duration, Instant};

use serde::Deserialize;
use ureq::http::HeaderValue;

use super::challenge::Bearer;
use super::context::{AuthHeader, LoginContext};
use super::credential::Credential;
use crate::registry::error_body::error_text;
use crate::registry::location::Location;
use crate::registry::redirect::{RedirectingRequest, connection_failed, header};
use crate::registry::retry::FailedRequest;

/// The maximum length of an answer in bytes. Tokens have a few thousand.
const LONGEST: u64 = 1 << 20;
/// The default lifetime in seconds (token spec, "expires_in").
const DEFAULT_SECONDS: u64 = 60;
/// A token is renewed this long before it expires, or after three quarters of its lifetime,
/// whichever is later.
const MARGIN: Duration = Duration::from_secs(10);
/// The maximum lifetime in seconds. It is longer than any mount, and prevents overflow.
const MOST_SECONDS: u64 = 366 * 24 * 3600;

/// A request for a token.
pub(super) struct TokenRequest<'a> {
    pub login: &'a LoginContext<'a>,
    /// The registry that sent the challenge.
    pub origin: &'a Location,
    pub bearer: &'a Bearer,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenResponse {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<serde_json::Value>,
}

impl TokenRequest<'_> {
    /// Fetches a token.
    pub(super) fn fetch(
        &self,
        credential: Option<&Credential>,
    ) -> Result<AuthHeader, FailedRequest> {
        let LoginContext {
            connections,
            context,
            endpoint,
        } = *self.login;
        let server = Location::parse(&self.bearer.realm)
            .map_err(|why| context.answer(format!("it sends {why} for a token")))?;
        let insecure = endpoint.insecure;
        if self.origin.tls && !server.tls && !insecure {
            let detail = format!(
                "it wants the login to be sent without TLS, to {}",
                server.host
            );
            return Err(context.answer(detail).into());
        }
        tracing::debug!("{}: a token from {}", context.place, server.host);
        let response = match credential {
            Some(Credential::IdentityToken(token)) => connections
                .post(&server, insecure, self.form(token))
                .map_err(|e| connection_failed(context, &server.host, e))?,
            other => {
                let at = Location {
                    path: self.query(&server.path, other),
                    ..server.clone()
                };
                let basic = other.and_then(Credential::basic);
                let trip = RedirectingRequest {
                    connections,
                    context,
                    insecure,
                    headers: &[("accept", "application/json")],
                    authorization: basic.as_deref(),
                    plain: insecure,
                };
                trip.go(at)?.0
            }
        };
        let begun = Instant::now();
        let status = response.status().as_u16();
        let after = header(&response, "retry-after").map(str::to_owned);
        let body = response.into_body().into_reader();
        match status {
            200 => {}
            400 | 401 | 403 if credential.is_some() => {
                return Err(context.login_refused(error_text(body)).into());
            }
            400 | 401 | 403 => return Err(context.status(401, error_text(body)).into()),
            // A 404 from the token server says nothing about the image.
            404 => {
                return Err(context
                    .answer(format!("there is no token server at {}", server.host))
                    .into());
            }
            _ => {
                let text = error_text(body);
                return Err(FailedRequest::status(
                    context,
                    status,
                    text,
                    after.as_deref(),
                ));
            }
        }
        let mut bytes = Vec::new();
        let read = body.take(LONGEST).read_to_end(&mut bytes);
        read.map_err(|e| connection_failed(context, &server.host, connections.broken_io(e)))?;
        let pass = pass(&bytes, begun);
        pass.ok_or_else(|| {
            context
                .answer(format!(
                    "{} answered with something that is not a token",
                    server.host
                ))
                .into()
        })
    }

    fn scope(&self) -> String {
        let own = || format!("repository:{}:pull", self.login.endpoint.repository);
        self.bearer.scope.clone().unwrap_or_else(own)
    }

    fn query(&self, path: &str, credential: Option<&Credential>) -> String {
        let mut query = path.to_owned();
        let mut add = |name: &str, value: &str| {
            query.push(if query.contains('?') { '&' } else { '?' });
            query.push_str(name);
            query.push('=');
            encode(value, &mut query);
        };
        if let Some(service) = &self.bearer.service {
            add("service", service);
        }
        // Scopes in a challenge are separated by spaces. Each becomes a parameter of its own.
        for scope in self.scope().split(' ').filter(|s| !s.is_empty()) {
            add("scope", scope);
        }
        if let Some(Credential::Password { user, .. }) = credential {
            add("account", user);
        }
        query
    }

    fn form(&self, token: &str) -> String {
        let mut form = String::from("grant_type=refresh_token&client_id=imgfs");
        let service = self.bearer.service.clone().unwrap_or_default();
        for (name, value) in [
            ("service", &*service),
            ("scope", &self.scope()),
            ("refresh_token", token),
        ] {
            form.push('&');
            form.push_str(name);
            form.push('=');
            encode(value, &mut form);
        }
        form
    }
}

/// Parses an answer. Returns the token as a header.
fn pass(bytes: &[u8], begun: Instant) -> Option<AuthHeader> {
    let answer: TokenResponse = serde_json::from_slice(bytes).ok()?;
    let full = |token: &String| !token.is_empty();
    let token = answer
        .token
        .filter(full)
        .or(answer.access_token.filter(full))?;
    let header = format!("Bearer {token}");
    HeaderValue::from_str(&header).ok()?;
    let seconds = match &answer.expires_in {
        Some(serde_json::Value::Number(n)) => n.as_u64().or_else(|| n.as_f64().map(|f| f as u64)),
        Some(serde_json::Value::String(s)) => s.parse().ok(),
        _ => None,
    };
    let time = Duration::from_secs(seconds.unwrap_or(DEFAULT_SECONDS).min(MOST_SECONDS));
    Some(AuthHeader {
        header,
        renew: Some(begun + (time - MARGIN.min(time / 4))),
    })
}

/// Percent-encodes all characters that are not unreserved (RFC 3986, section 2.3).
fn encode(value: &str, into: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(byte.into());
        } else {
            // Writing to a String cannot fail.
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::ClientOptions;
    use crate::registry::connections::Connections;
    use crate::registry::endpoint::Endpoint;
    use crate::registry::error::RequestContext;

    fn request(scope: Option<&str>, test: impl Fn(&TokenRequest<'_>)) {
        let endpoint = Endpoint {
            host: "h".to_owned(),
            login: "h".to_owned(),
            repository: "a/b".to_owned(),
            insecure: false,
            mirror: false,
        };
        let context = RequestContext {
            place: "h/a/b".to_owned(),
            what: "manifest 1".to_owned(),
            login: "h".to_owned(),
        };
        let connections = Connections::new(&ClientOptions::default()).unwrap();
        let login = LoginContext {
            connections: &connections,
            endpoint: &endpoint,
            context: &context,
        };
        test(&TokenRequest {
            login: &login,
            origin: &Location::parse("https://h/").unwrap(),
            bearer: &Bearer {
                realm: "https://t/token".to_owned(),
                service: Some("r & s".to_owned()),
                scope: scope.map(str::to_owned),
            },
        });
    }

    #[test]
    fn what_is_asked() {
        request(None, |r| {
            assert_eq!(
                r.query("/t", None),
                "/t?service=r%20%26%20s&scope=repository%3Aa%2Fb%3Apull"
            );
            let form = "grant_type=refresh_token&client_id=imgfs&service=r%20%26%20s\
                        &scope=repository%3Aa%2Fb%3Apull&refresh_token=x%2By%3D";
            assert_eq!(r.form("x+y="), form);
        });
        request(Some("s:1 s:2"), |r| {
            let credential = Credential::Password {
                user: "ü".to_owned(),
                password: "p".to_owned(),
            };
            let query = "/t?x=1&service=r%20%26%20s&scope=s%3A1&scope=s%3A2&account=%C3%BC";
            assert_eq!(r.query("/t?x=1", Some(&credential)), query);
        });
    }

    #[test]
    fn what_is_answered() {
        let begun = Instant::now();
        let of = |json: &str| {
            let pass = pass(json.as_bytes(), begun)?;
            Some((pass.header, pass.renew?.duration_since(begun).as_secs()))
        };
        let is = |text: &str, seconds| Some((text.to_owned(), seconds));
        assert_eq!(of(r#"{"token":"a","expires_in":300}"#), is("Bearer a", 290));
        assert_eq!(of(r#"{"access_token":"b"}"#), is("Bearer b", 50));
        assert_eq!(
            of(r#"{"token":"","access_token":"b","expires_in":"20"}"#),
            is("Bearer b", 15)
        );
        assert_eq!(of(r#"{"token":"a","expires_in":-5}"#), is("Bearer a", 0));
        let long = (
            MOST_SECONDS - 10,
            r#"{"token":"a","expires_in":18446744073709551615}"#,
        );
        assert_eq!(of(long.1), is("Bearer a", long.0));
        for bad in ["", "[]", "{}", r#"{"token":"a\nb"}"#, r#"{"token":null}"#] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
