//! A request that follows redirects, and the errors of connections.

use ureq::Body;
use ureq::http::Response;

use super::connections::{ConnectionError, Connections, Headers};
use super::error::{RegistryError, RequestContext};
use super::location::Location;
use super::retry::{FailedRequest, Retry};

/// The maximum number of redirects of a request. Real registries need two or three.
const MOST_REDIRECTS: usize = 10;

/// A GET request that follows redirects. The login is sent only to the origin it is meant for.
pub(super) struct RedirectingRequest<'a> {
    pub connections: &'a Connections,
    pub context: &'a RequestContext,
    pub insecure: bool,
    pub headers: Headers<'a>,
    pub authorization: Option<&'a str>,
    /// Whether a redirect may lead from TLS to plain HTTP. The login is never sent there.
    pub plain: bool,
}

impl RedirectingRequest<'_> {
    /// Sends the request to `at` and follows redirects. Returns the response and the location that
    /// gave it.
    pub(super) fn go(&self, at: Location) -> Result<(Response<Body>, Location), FailedRequest> {
        let first = self.hop(&at, self.authorization);
        let first = first.map_err(|broken| connection_failed(self.context, &at.host, broken))?;
        self.on(at, first)
    }

    /// Sends one request to `at` and follows no redirect.
    pub(super) fn hop(
        &self,
        at: &Location,
        authorization: Option<&str>,
    ) -> Result<Response<Body>, ConnectionError> {
        let mut headers = self.headers.to_vec();
        headers.extend(authorization.map(|value| ("authorization", value)));
        self.connections.get(at, self.insecure, &headers)
    }

    /// Follows the redirects that `first`, the response of `origin`, begins.
    pub(super) fn on(
        &self,
        origin: Location,
        first: Response<Body>,
    ) -> Result<(Response<Body>, Location), FailedRequest> {
        let context = self.context;
        let (mut at, mut response) = (origin.clone(), first);
        for _ in 0..MOST_REDIRECTS {
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok((response, at));
            }
            let target = header(&response, "location");
            let target = target.ok_or_else(|| context.answer("it redirects without an address"))?;
            let next = at
                .join(target)
                .map_err(|why| context.answer(format!("it redirects {why}")))?;
            if at.tls && !next.tls && !self.plain {
                let detail = format!(
                    "it redirects to {} without TLS, which is not safe",
                    next.host
                );
                return Err(context.answer(detail).into());
            }
            tracing::debug!(
                "{}: {}: redirected to {}",
                context.place,
                context.what,
                next.host
            );
            let own = origin.same_origin(&next);
            let login = if own { self.authorization } else { None };
            let answered = self.hop(&next, login);
            response = answered.map_err(|broken| connection_failed(context, &next.host, broken))?;
            at = next;
        }
        Err(context.answer("it redirects too many times").into())
    }
}

/// Returns a header of a response, if its value is text.
pub(super) fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// Converts a connection error into a failed request.
pub(super) fn connection_failed(
    context: &RequestContext,
    host: &str,
    broken: ConnectionError,
) -> FailedRequest {
    let (error, again, unreachable) = match broken {
        ConnectionError::PlainHttp => {
            let (place, host) = (context.place.clone(), host.to_owned());
            (RegistryError::PlainHttp { place, host }, Retry::Never, true)
        }
        ConnectionError::Certificate(detail) => {
            let (place, host) = (context.place.clone(), host.to_owned());
            (
                RegistryError::Certificate {
                    place,
                    host,
                    detail,
                },
                Retry::Never,
                true,
            )
        }
        ConnectionError::Connection(detail) | ConnectionError::Silent(detail) => (
            context.connection(format!("{host}: {detail}")),
            Retry::Later(None),
            true,
        ),
        ConnectionError::Hopeless(detail) => (
            context.connection(format!("{host}: {detail}")),
            Retry::Never,
            true,
        ),
        ConnectionError::Answer(detail) => (context.answer(detail), Retry::Never, false),
        ConnectionError::Setup(error) => (error, Retry::Never, false),
    };
    FailedRequest {
        error: Box::new(error),
        again,
        unreachable,
    }
}
