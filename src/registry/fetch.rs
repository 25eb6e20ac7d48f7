//! One question to one host: https or http, a login where it is asked for, redirects, and what a status
//! means. What is tried again, and where, is `client.rs`'s.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ureq::Body;
use ureq::http::{Response, header as names};

use super::auth::{Logins, Visit};
use super::endpoint::{Endpoint, is_loopback};
use super::error::Asked;
use super::location::Location;
use super::retry::{Again, Failed};
use super::said::said;
use super::wire::{Broken, Headers, Wire};
use super::{ClientOptions, RegistryError};

/// Real ones need two or three.
const MOST_REDIRECTS: usize = 10;
/// One for a token, one for a new one in the place of one that was kept.
const MOST_CHALLENGES: usize = 2;

/// What is asked of a repository.
pub(super) struct Question<'a> {
    pub asked: &'a Asked,
    /// Behind `/v2/NAME/`.
    pub path: &'a str,
    pub headers: Headers<'a>,
    /// Whether the answer is compared with a digest, so that it may come from anywhere.
    pub addressed: bool,
}

/// Asks hosts.
pub(super) struct Fetcher {
    pub wire: Wire,
    logins: Logins,
    /// Whether a host speaks TLS, as far as it was found out.
    tls: Mutex<HashMap<String, bool>>,
}

impl Fetcher {
    /// # Errors
    /// If the options cannot be used.
    pub(super) fn new(options: &ClientOptions) -> Result<Self, RegistryError> {
        Ok(Self {
            wire: Wire::new(options)?,
            logins: Logins::new(options),
            tls: Mutex::default(),
        })
    }

    /// Asks an endpoint; returns a response of 200 or 206, whose body has not been read.
    ///
    /// # Errors
    /// Whatever else it is.
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
                    let said = said(body.into_reader());
                    self.logins
                        .challenged(&visit, &origin, &texts, &shown, &said)?;
                }
                _ => {
                    let after = header(&response, "retry-after").map(str::to_owned);
                    let said = said(response.into_body().into_reader());
                    if own {
                        return Err(Failed::status(asked, status, said, after.as_deref()));
                    }
                    // A signed link that has expired: the registry gives a new one.
                    let detail = format!(
                        "{}, where the registry sends for it, answered {status}{said}",
                        last.host
                    );
                    return Err(Failed::for_now(asked.connection(detail)));
                }
            }
        }
    }

    /// By TLS, or without where that is allowed and the host has none.
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
                // Servers with TLS answer 400 to who has none; then its TLS was only cut.
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

/// A GET that follows redirects. The login goes to the host that it is for, and to no other.
pub(super) struct Trip<'a> {
    pub wire: &'a Wire,
    pub asked: &'a Asked,
    pub insecure: bool,
    pub headers: Headers<'a>,
    pub authorization: Option<&'a str>,
    /// Whether a redirect may lead from TLS to plain HTTP. The login never goes there.
    pub plain: bool,
}

impl Trip<'_> {
    /// From the first request on; returns the answer and who gave it.
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
            let target = target.ok_or_else(|| asked.answer("it redirects to nowhere"))?;
            let next = at
                .join(target)
                .map_err(|why| asked.answer(format!("it redirects {why}")))?;
            if at.tls && !next.tls && !self.plain {
                let detail = format!(
                    "it redirects to {} without TLS, where anything could answer",
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
        Err(asked.answer("it redirects without end").into())
    }
}

/// A header of an answer, if it is text.
pub(super) fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// What a connection without an answer means for who asked.
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
