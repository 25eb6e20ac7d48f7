//! Logins: which one a registry requires, and which one the user has.
//!
//! Nothing is sent until a registry answers 401 with a challenge ([`challenge`]). Then the user's
//! [`credentials`] are looked up. They are sent directly (Basic), or exchanged for a [`token`] at
//! the token server that the challenge names (Bearer). The result is cached for each host and
//! repository. If several threads need it, one of them fetches it. It is renewed before it expires
//! and when it is refused.

mod auth_file;
mod challenge;
mod context;
mod credential;
mod credentials;
mod helper;
mod token;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::endpoint::Endpoint;
use super::location::Location;
use super::options::ClientOptions;
use super::retry::FailedRequest;
use challenge::Challenge;
use context::AuthHeader;
pub(super) use context::LoginContext;
use credentials::Credentials;

/// The logins of all hosts.
pub(super) struct Logins {
    credentials: Credentials,
    /// By host and repository.
    kept: Mutex<HashMap<(String, String), SharedPass>>,
}

type SharedPass = Arc<Mutex<CachedPass>>;

/// The cached login for a repository on a host. Its lock is held while a new pass is fetched.
#[derive(Default)]
struct CachedPass {
    pass: Option<AuthHeader>,
    /// The challenge that the pass answers, needed to renew it.
    challenge: Option<(Location, Challenge)>,
    /// Incremented with each new pass. A thread whose pass was refused can see whether another
    /// thread has fetched a new one.
    number: u64,
}

/// The pass to send with a request.
pub(super) struct SentPass {
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
    pub(super) fn current(&self, login: &LoginContext<'_>) -> Result<SentPass, FailedRequest> {
        let kept = self.kept(login.endpoint);
        let mut kept = lock(&kept);
        let expired = |pass: &AuthHeader| pass.renew.is_some_and(|renew| renew <= Instant::now());
        if kept.pass.as_ref().is_some_and(expired)
            && let Some((origin, challenge)) = kept.challenge.clone()
        {
            self.renew(&mut kept, login, &origin, challenge, "")?;
        }
        Ok(SentPass {
            header: kept.pass.as_ref().map(|pass| pass.header.clone()),
            number: kept.number,
        })
    }

    /// Answers a challenge to a request that was sent to `origin` with the pass `shown`. If this
    /// succeeds, the request can be retried. `server_message` is the registry's error text.
    ///
    /// # Errors
    /// If there is no login that the registry has not refused already.
    pub(super) fn challenged(
        &self,
        login: &LoginContext<'_>,
        origin: &Location,
        challenges: &[&str],
        shown: &SentPass,
        server_message: &str,
    ) -> Result<(), FailedRequest> {
        let context = login.context;
        let kept = self.kept(login.endpoint);
        let mut kept = lock(&kept);
        if kept.number != shown.number {
            return Ok(());
        }
        let challenge = Challenge::choose(challenges).ok_or_else(|| {
            if challenges.is_empty() {
                return context.status(401, server_message.to_owned());
            }
            context.answer("it asks for a login in a way that is neither Basic nor Bearer")
        })?;
        if shown.header.is_some() && challenge == Challenge::Basic {
            return Err(context.login_refused(server_message.to_owned()).into());
        }
        self.renew(&mut kept, login, origin, challenge, server_message)
    }

    fn renew(
        &self,
        kept: &mut CachedPass,
        login: &LoginContext<'_>,
        origin: &Location,
        challenge: Challenge,
        server_message: &str,
    ) -> Result<(), FailedRequest> {
        let credential = self.credentials.of(login.endpoint)?;
        let pass = match &challenge {
            Challenge::Basic => match credential.as_ref().and_then(|c| c.basic()) {
                Some(header) => AuthHeader {
                    header,
                    renew: None,
                },
                None => return Err(login.context.status(401, server_message.to_owned()).into()),
            },
            Challenge::Bearer(bearer) => {
                let request = token::TokenRequest {
                    login,
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

    fn kept(&self, endpoint: &Endpoint) -> SharedPass {
        let key = (endpoint.host.clone(), endpoint.repository.clone());
        lock(&self.kept).entry(key).or_default().clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
