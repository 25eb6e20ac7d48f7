//! One request to one host: HTTPS or HTTP, login if the registry requires it, redirects, and the
//! meaning of the status. Retries are the task of `client.rs`.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ureq::Body;
use ureq::http::{Response, header as names};

use super::auth::{LoginContext, Logins};
use super::connections::{ConnectionError, Connections, Headers};
use super::endpoint::Endpoint;
use super::error::RequestContext;
use super::error_body::error_text;
use super::host::is_loopback;
use super::location::Location;
use super::redirect::{RedirectingRequest, connection_failed, header};
use super::retry::FailedRequest;
use super::{ClientOptions, RegistryError};

/// One to get a token, and one to replace a cached token that has been refused.
const MOST_CHALLENGES: usize = 2;

/// A request to a repository.
pub(super) struct RepositoryRequest<'a> {
    pub context: &'a RequestContext,
    /// The part of the path after `/v2/NAME/`.
    pub path: &'a str,
    pub headers: Headers<'a>,
    /// Whether the response is checked against a digest. If so, it may come from any host.
    pub addressed: bool,
}

/// Sends requests to hosts.
pub(super) struct Fetcher {
    pub connections: Connections,
    logins: Logins,
    /// Whether a host speaks TLS, for the hosts where this is known.
    tls: Mutex<HashMap<String, bool>>,
}

impl Fetcher {
    /// # Errors
    /// If the options are invalid.
    pub(super) fn new(options: &ClientOptions) -> Result<Self, RegistryError> {
        Ok(Self {
            connections: Connections::new(options)?,
            logins: Logins::new(options),
            tls: Mutex::default(),
        })
    }

    /// Sends a request to an endpoint. Returns a response with status 200 or 206, whose body has
    /// not been read.
    ///
    /// # Errors
    /// If there is no response, or it has any other status.
    pub(super) fn fetch(
        &self,
        endpoint: &Endpoint,
        question: &RepositoryRequest<'_>,
    ) -> Result<Response<Body>, FailedRequest> {
        let context = question.context;
        let path = format!("/v2/{}/{}", endpoint.repository, question.path);
        let login = LoginContext {
            connections: &self.connections,
            endpoint,
            context,
        };
        let mut challenges = 0;
        loop {
            let shown = self.logins.current(&login)?;
            let (response, origin, last) =
                self.ask(endpoint, &path, question, shown.header.as_deref())?;
            let status = response.status().as_u16();
            let own = origin.same_origin(&last);
            match status {
                200 | 206 => return Ok(response),
                401 if own && challenges < MOST_CHALLENGES => {
                    challenges += 1;
                    let (parts, body) = response.into_parts();
                    let all = parts.headers.get_all(names::WWW_AUTHENTICATE);
                    let texts: Vec<_> =
                        all.iter().filter_map(|value| value.to_str().ok()).collect();
                    let server_message = error_text(body.into_reader());
                    self.logins
                        .challenged(&login, &origin, &texts, &shown, &server_message)?;
                }
                _ => {
                    let after = header(&response, "retry-after").map(str::to_owned);
                    let server_message = error_text(response.into_body().into_reader());
                    if own {
                        return Err(FailedRequest::status(
                            context,
                            status,
                            server_message,
                            after.as_deref(),
                        ));
                    }
                    // A signed link may have expired. On a retry the registry sends a new one.
                    let detail = format!(
                        "{}, to which the registry redirects, answered {status}{server_message}",
                        last.host
                    );
                    return Err(FailedRequest::for_now(context.connection(detail)));
                }
            }
        }
    }

    /// Sends the request over TLS, or over plain HTTP if that is allowed and the host has no TLS.
    /// Returns the response, the first location, and the location that gave the response.
    fn ask(
        &self,
        endpoint: &Endpoint,
        path: &str,
        question: &RepositoryRequest<'_>,
        authorization: Option<&str>,
    ) -> Result<(Response<Body>, Location, Location), FailedRequest> {
        let may_be_plain = endpoint.insecure || is_loopback(&endpoint.host);
        let known = self.lock().get(&endpoint.host).copied();
        let context = question.context;
        let trip = RedirectingRequest {
            connections: &self.connections,
            context,
            insecure: endpoint.insecure,
            headers: question.headers,
            authorization,
            plain: endpoint.insecure || question.addressed,
        };
        let try_by = |tls: bool| {
            let origin = Location::new(tls, &endpoint.host, path.to_owned());
            (trip.hop(&origin, authorization), origin)
        };
        let (mut first, mut origin) = try_by(known.unwrap_or(true) || !may_be_plain);
        if known.is_none() && may_be_plain && origin.tls {
            let no_tls = matches!(
                first,
                Err(ConnectionError::PlainHttp
                    | ConnectionError::Connection(_)
                    | ConnectionError::Silent(_))
            );
            if no_tls {
                tracing::debug!("{}: no TLS, asking by plain HTTP", endpoint.host);
                let (plain, at) = try_by(false);
                // A TLS server answers a plain HTTP request with status 400. In that case the TLS
                // connection was only interrupted.
                let answered = matches!(&plain, Ok(answer) if answer.status().as_u16() != 400);
                if answered || matches!(first, Err(ConnectionError::PlainHttp)) {
                    (first, origin) = (plain, at);
                }
            }
        }
        let first = first.map_err(|broken| connection_failed(context, &endpoint.host, broken))?;
        if known.is_none() {
            self.lock().insert(endpoint.host.clone(), origin.tls);
        }
        let (response, last) = trip.on(origin.clone(), first)?;
        Ok((response, origin, last))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, bool>> {
        self.tls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
