//! Logins: what a registry wants to see, and who the user is.
//!
//! Nothing is sent until a registry asks by 401 and a challenge ([`challenge`]). Then the user's
//! [`credentials`] are looked up, and become either the header themselves (Basic) or, at the token server
//! that the challenge names, a [`token`]. What was had is kept for each host and repository, fetched by
//! one thread when several want it, renewed before it expires and when it is refused.

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

/// What is kept for a repository of a host. Its lock is held while a new pass is fetched.
#[derive(Default)]
struct Kept {
    pass: Option<Pass>,
    /// What the pass was given for, to have it renewed.
    challenge: Option<(Location, Challenge)>,
    /// How many there were, so that who was refused knows whether another thread has a new one.
    number: u64,
}

/// The value of an Authorization header. It has no `Debug`.
pub(super) struct Pass {
    header: String,
    /// When to ask for another.
    renew: Option<Instant>,
}

/// Who asks whom for what.
pub(super) struct Visit<'a> {
    pub wire: &'a Wire,
    pub endpoint: &'a Endpoint,
    pub asked: &'a Asked,
}

/// A pass to be sent.
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

    /// What to send with the next request.
    ///
    /// # Errors
    /// If a pass has expired and no other can be had.
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

    /// Answers a challenge to a request that was sent to `origin` with `shown`. When it returns, another
    /// try makes sense. `said` is what the registry said with it.
    ///
    /// # Errors
    /// If nothing can be shown that the registry has not refused already.
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
