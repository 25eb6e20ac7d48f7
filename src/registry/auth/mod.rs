//! Logins: which one a registry requires, and which one the user has.
//!
//! Nothing is sent until a registry answers 401 with a challenge ([`challenge`]). Then the user's
//! [`credentials`] are looked up. They are sent directly (Basic), or exchanged for a [`token`] at
//! the token server that the challenge names (Bearer). The result is cached for each host and
//! repository. If several threads need it, one of them fetches it. It is renewed before it expires
//! and when it is refused.

mod auth_file;
mod challenge;
mod credentials;
mod helper;
mod token;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::endpoint::Endpoint;
use super::error::Asked;
use super::location::Location;
use super::retry::Failed;
use super::wire::Wire;
use super::{ClientOptions, RegistryError};
use challenge::Challenge;
use credentials::Credentials;

/// The logins of all hosts.
pub(super) struct Logins {
    credentials: Credentials,
    /// By host and repository.
    kept: Mutex<HashMap<(String, String), Shared>>,
}

type Shared = Arc<Mutex<Kept>>;

/// The cached login for a repository on a host. Its lock is held while a new pass is fetched.
#[derive(Default)]
struct Kept {
    pass: Option<Pass>,
    /// The challenge that the pass answers, needed to renew it.
    challenge: Option<(Location, Challenge)>,
    /// Incremented with each new pass. A thread whose pass was refused can see whether another
    /// thread has fetched a new one.
    number: u64,
}

/// The value of an Authorization header. It does not implement `Debug`, because it is a secret.
pub(super) struct Pass {
    header: String,
    /// When to fetch a new one.
    renew: Option<Instant>,
}

/// The context in which a login is needed.
pub(super) struct Visit<'a> {
    pub wire: &'a Wire,
    pub endpoint: &'a Endpoint,
    pub asked: &'a Asked,
}

/// The pass to send with a request.
pub(super) struct Shown {
    pub header: Option<String>,
    number: u64,
}

impl Logins {
    pub(super) fn new(options: &ClientOptions) -> Self {
        Self {
            credentials: Credentials::new(options),
            kept: Mutex::default(),
        }
    }

    /// Returns the pass to send with the next request.
    ///
    /// # Errors
    /// If the pass has expired and cannot be renewed.
    pub(super) fn current(&self, visit: &Visit<'_>) -> Result<Shown, Failed> {
        let kept = self.kept(visit.endpoint);
        let mut kept = lock(&kept);
        let expired = |pass: &Pass| pass.renew.is_some_and(|renew| renew <= Instant::now());
        if kept.pass.as_ref().is_some_and(expired)
            && let Some((origin, challenge)) = kept.challenge.clone()
        {
            self.renew(&mut kept, visit, &origin, challenge, "")?;
        }
        Ok(Shown {
            header: kept.pass.as_ref().map(|pass| pass.header.clone()),
            number: kept.number,
        })
    }

    /// Answers a challenge to a request that was sent to `origin` with the pass `shown`. If this
    /// succeeds, the request can be retried. `said` is the registry's error text.
    ///
    /// # Errors
    /// If there is no login that the registry has not refused already.
    pub(super) fn challenged(
        &self,
        visit: &Visit<'_>,
        origin: &Location,
        challenges: &[&str],
        shown: &Shown,
        said: &str,
    ) -> Result<(), Failed> {
        let asked = visit.asked;
        let kept = self.kept(visit.endpoint);
        let mut kept = lock(&kept);
        if kept.number != shown.number {
            return Ok(());
        }
        let challenge = Challenge::choose(challenges).ok_or_else(|| {
            if challenges.is_empty() {
                return asked.status(401, said.to_owned());
            }
            asked.answer("it asks for a login in a way that is neither Basic nor Bearer")
        })?;
        if shown.header.is_some() && challenge == Challenge::Basic {
            return Err(asked.login_refused(said.to_owned()).into());
        }
        self.renew(&mut kept, visit, origin, challenge, said)
    }

    fn renew(
        &self,
        kept: &mut Kept,
        visit: &Visit<'_>,
        origin: &Location,
        challenge: Challenge,
        said: &str,
    ) -> Result<(), Failed> {
        let credential = self.credentials.of(visit.endpoint)?;
        let pass = match &challenge {
            Challenge::Basic => match credential.as_ref().and_then(|c| c.basic()) {
                Some(header) => Pass {
                    header,
                    renew: None,
                },
                None => return Err(visit.asked.status(401, said.to_owned()).into()),
            },
            Challenge::Bearer(bearer) => {
                let request = token::Request {
                    visit,
                    origin,
                    bearer,
                };
                request.fetch(credential.as_ref())?
            }
        };
        kept.pass = Some(pass);
        kept.number += 1;
        kept.challenge = Some((origin.clone(), challenge));
        Ok(())
    }

    fn kept(&self, endpoint: &Endpoint) -> Shared {
        let key = (endpoint.host.clone(), endpoint.repository.clone());
        lock(&self.kept).entry(key).or_default().clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn login_error(host: &str, detail: impl Into<String>) -> RegistryError {
    RegistryError::Login {
        host: host.to_owned(),
        detail: detail.into(),
    }
}
