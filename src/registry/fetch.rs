//! One request to one host: HTTPS or HTTP, login if the registry requires it, redirects, and the
//! meaning of the status. Retries are the task of `client.rs`.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ureq::Body;
use ureq::http::{Response, header as names};

use super::auth::{Logins, Visit};
use super::endpoint::{Endpoint, is_loopback};
use super::error::Asked;
use super::error_body::error_text;
use super::location::Location;
use super::retry::{Again, Failed};
use super::wire::{Broken, Headers, Wire};
use super::{ClientOptions, RegistryError};

/// Real registries need two or three.
const MOST_REDIRECTS: usize = 10;
/// One to get a token, and one to replace a cached token that has been refused.
const MOST_CHALLENGES: usize = 2;

/// A request to a repository.
pub(super) struct Question<'a> {
    pub asked: &'a Asked,
    /// The part of the path after `/v2/NAME/`.
    pub path: &'a str,
    pub headers: Headers<'a>,
    /// Whether the response is checked against a digest. If so, it may come from any host.
    pub addressed: bool,
}

/// Sends requests to hosts.
pub(super) struct Fetcher {
    pub wire: Wire,
    logins: Logins,
    /// Whether a host speaks TLS, for the hosts where this is known.
    tls: Mutex<HashMap<String, bool>>,
}

impl Fetcher {
    /// # Errors
    /// If the options are invalid.
    pub(super) fn new(options: &ClientOptions) -> Result<Self, RegistryError> {
        Ok(Self {
            wire: Wire::new(options)?,
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
        question: &Question<'_>,
    ) -> Result<Response<Body>, Failed> {
        let asked = question.asked;
        let path = format!("/v2/{}/{}", endpoint.repository, question.path);
        let visit = Visit {
            wire: &self.wire,
            endpoint,
            asked,
        };
        let mut challenges = 0;
        loop {
            let shown = self.logins.current(&visit)?;
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
                    let said = error_text(body.into_reader());
                    self.logins
                        .challenged(&visit, &origin, &texts, &shown, &said)?;
                }
                _ => {
                    let after = header(&response, "retry-after").map(str::to_owned);
                    let said = error_text(response.into_body().into_reader());
                    if own {
                        return Err(Failed::status(asked, status, said, after.as_deref()));
                    }
                    // A signed link may have expired. On a retry the registry sends a new one.
                    let detail = format!(
                        "{}, to which the registry redirects, answered {status}{said}",
                        last.host
                    );
                    return Err(Failed::for_now(asked.connection(detail)));
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
        question: &Question<'_>,
        authorization: Option<&str>,
    ) -> Result<(Response<Body>, Location, Location), Failed> {
        let may_be_plain = endpoint.insecure || is_loopback(&endpoint.host);
        let known = self.lock().get(&endpoint.host).copied();
        let asked = question.asked;
        let trip = Trip {
            wire: &self.wire,
            asked,
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
                Err(Broken::PlainHttp | Broken::Connection(_) | Broken::Silent(_))
            );
            if no_tls {
                tracing::debug!("{}: no TLS, asking by plain HTTP", endpoint.host);
                let (plain, at) = try_by(false);
                // A TLS server answers a plain HTTP request with status 400. In that case the TLS
                // connection was only interrupted.
                let answered = matches!(&plain, Ok(answer) if answer.status().as_u16() != 400);
                if answered || matches!(first, Err(Broken::PlainHttp)) {
                    (first, origin) = (plain, at);
                }
            }
        }
        let first = first.map_err(|broken| of_broken(asked, &endpoint.host, broken))?;
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

/// A GET request that follows redirects. The login is sent only to the origin it is meant for.
pub(super) struct Trip<'a> {
    pub wire: &'a Wire,
    pub asked: &'a Asked,
    pub insecure: bool,
    pub headers: Headers<'a>,
    pub authorization: Option<&'a str>,
    /// Whether a redirect may lead from TLS to plain HTTP. The login is never sent there.
    pub plain: bool,
}

impl Trip<'_> {
    /// Sends the request to `at` and follows redirects. Returns the response and the location that
    /// gave it.
    pub(super) fn go(&self, at: Location) -> Result<(Response<Body>, Location), Failed> {
        let first = self.hop(&at, self.authorization);
        let first = first.map_err(|broken| of_broken(self.asked, &at.host, broken))?;
        self.on(at, first)
    }

    fn hop(&self, at: &Location, authorization: Option<&str>) -> Result<Response<Body>, Broken> {
        let mut headers = self.headers.to_vec();
        headers.extend(authorization.map(|value| ("authorization", value)));
        self.wire.get(at, self.insecure, &headers)
    }

    fn on(
        &self,
        origin: Location,
        first: Response<Body>,
    ) -> Result<(Response<Body>, Location), Failed> {
        let asked = self.asked;
        let (mut at, mut response) = (origin.clone(), first);
        for _ in 0..MOST_REDIRECTS {
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok((response, at));
            }
            let target = header(&response, "location");
            let target = target.ok_or_else(|| asked.answer("it redirects without an address"))?;
            let next = at
                .join(target)
                .map_err(|why| asked.answer(format!("it redirects {why}")))?;
            if at.tls && !next.tls && !self.plain {
                let detail = format!(
                    "it redirects to {} without TLS, which is not safe",
                    next.host
                );
                return Err(asked.answer(detail).into());
            }
            tracing::debug!(
                "{}: {}: redirected to {}",
                asked.place,
                asked.what,
                next.host
            );
            let own = origin.same_origin(&next);
            let login = if own { self.authorization } else { None };
            let answered = self.hop(&next, login);
            response = answered.map_err(|broken| of_broken(asked, &next.host, broken))?;
            at = next;
        }
        Err(asked.answer("it redirects too many times").into())
    }
}

/// Returns a header of a response, if its value is text.
pub(super) fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// Converts a connection error into a failed request.
pub(super) fn of_broken(asked: &Asked, host: &str, broken: Broken) -> Failed {
    let (error, again, unreachable) = match broken {
        Broken::PlainHttp => {
            let (place, host) = (asked.place.clone(), host.to_owned());
            (RegistryError::PlainHttp { place, host }, Again::Never, true)
        }
        Broken::Certificate(detail) => {
            let (place, host) = (asked.place.clone(), host.to_owned());
            (
                RegistryError::Certificate {
                    place,
                    host,
                    detail,
                },
                Again::Never,
                true,
            )
        }
        Broken::Connection(detail) | Broken::Silent(detail) => (
            asked.connection(format!("{host}: {detail}")),
            Again::Later(None),
            true,
        ),
        Broken::Hopeless(detail) => (
            asked.connection(format!("{host}: {detail}")),
            Again::Never,
            true,
        ),
        Broken::Answer(detail) => (asked.answer(detail), Again::Never, false),
        Broken::Setup(error) => (error, Again::Never, false),
    };
    Failed {
        error: Box::new(error),
        again,
        unreachable,
    }
}
