//! The two requests, manifest and blob (distribution-spec, "Pull"), and their retries. The mirrors
//! are tried first and the registry last. Only attempts in a row without new bytes count against the
//! limit of retries.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::body::Delivery;
use super::document::{self, ACCEPT, Fetched};
use super::endpoint::{Endpoint, Endpoints, RequestKind, place};
use super::error::RequestContext;
use super::fetch::{Fetcher, RepositoryRequest};
use super::host::login_name;
use super::retry::{FailedRequest, Pause, Retry};
use super::{ClientOptions, Patience, RegistryError, RegistryReference};
use crate::blob::Digest;

/// The maximum number of attempts at a mirror. It is low because there is another host to try.
const MIRROR_ATTEMPTS: u32 = 2;
/// How long a mirror is skipped after it could not be reached.
const DOWN: Duration = Duration::from_secs(60);

/// A client for registries. Threads can share it, and then also share connections, tokens and what
/// is known about hosts.
pub struct Client {
    fetcher: Fetcher,
    endpoints: Endpoints,
    patience: Patience,
    pause: Pause,
    /// The mirrors that could not be reached, and when.
    down: Mutex<HashMap<String, Instant>>,
    /// The repositories for which mirrors are no longer used.
    distrusted: Mutex<HashSet<String>>,
}

impl Client {
    /// Creates a client. Reads registries.conf and the files of `options.roots`; opens no
    /// connections.
    ///
    /// # Errors
    /// If an option, a proxy address or registries.conf is invalid.
    pub fn new(options: &ClientOptions) -> Result<Self, RegistryError> {
        Ok(Self {
            fetcher: Fetcher::new(options)?,
            endpoints: Endpoints::new(options)?,
            patience: options.patience.clone(),
            pause: Pause::default(),
            down: Mutex::default(),
            distrusted: Mutex::default(),
        })
    }

    /// Fetches the manifest or index that `name` refers to, or the one with `digest` in the same
    /// repository. The result has been verified against `digest` or the digest in the name, or, for
    /// a tag, against the digest that the registry sends with it.
    ///
    /// # Errors
    /// If it does not exist, access is denied, it is not a manifest or index, or the registry stays
    /// unreachable.
    pub fn manifest(
        &self,
        name: &RegistryReference,
        digest: Option<&Digest>,
    ) -> Result<Fetched, RegistryError> {
        let own = match name.digest() {
            Some(text) => Some(
                text.parse::<Digest>()
                    .map_err(|e| RegistryError::Options(e.to_string()))?,
            ),
            None => None,
        };
        let digest = digest.or(own.as_ref());
        let wanted = match digest {
            Some(digest) => digest.to_string(),
            None => name.tag().unwrap_or("latest").to_owned(),
        };
        let context = context(name, format!("manifest {wanted}"));
        let by = if digest.is_some() {
            RequestKind::Digest
        } else {
            RequestKind::Tag
        };
        let path = format!("manifests/{wanted}");
        let question = RepositoryRequest {
            context: &context,
            path: &path,
            headers: &[("accept", ACCEPT)],
            addressed: digest.is_some(),
        };
        self.each(
            name,
            by,
            &context,
            || 0,
            |endpoint| {
                let response = self.fetcher.fetch(endpoint, &question)?;
                document::read(
                    &self.fetcher.connections,
                    &context,
                    &endpoint.host,
                    response,
                    digest,
                )
            },
        )
    }

    /// Fetches a blob from offset `from` on and passes the bytes to `sink`, in order and each once,
    /// mostly in pieces of 128 KiB to 512 KiB. Returns when the blob is complete, that is `size`
    /// bytes including those before `from`. Never passes on more than that. The digest is not
    /// verified: the caller has to hash the bytes, including those before `from`.
    ///
    /// After a broken connection, the download resumes where it stopped, also at the next mirror,
    /// for as long as new bytes arrive between attempts. An error from `sink` ends the download and
    /// is returned as [`RegistryError::Sink`]. Before each further attempt `sink` is called with no
    /// bytes, so that the caller can cancel without waiting for data.
    ///
    /// # Errors
    /// If the blob does not exist, has another length, or no new bytes arrive for too long.
    pub fn blob(
        &self,
        name: &RegistryReference,
        digest: &Digest,
        size: u64,
        from: u64,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), RegistryError> {
        let context = context(name, format!("blob {digest}"));
        if from > size {
            let detail = format!("{from} bytes are there already, but its descriptor says {size}");
            return Err(context.document(detail));
        }
        if from == size {
            return Ok(());
        }
        let path = format!("blobs/{digest}");
        let arrived = Cell::new(from);
        let mut delivery = Delivery::new(&context, size, from, sink);
        let mut again = false;
        self.each(
            name,
            RequestKind::Blob,
            &context,
            || arrived.get(),
            |endpoint| {
                if std::mem::replace(&mut again, true) {
                    (delivery.sink)(&[]).map_err(RegistryError::Sink)?;
                }
                let range = format!("bytes={}-", delivery.at);
                let headers = [("range", range.as_str())];
                let question = RepositoryRequest {
                    context: &context,
                    path: &path,
                    headers: if delivery.at > 0 { &headers } else { &[] },
                    addressed: true,
                };
                let response = self.fetcher.fetch(endpoint, &question)?;
                let taken = delivery.take(&self.fetcher.connections, &endpoint.host, response);
                arrived.set(delivery.at);
                taken
            },
        )
    }

    /// Stops using mirrors for this repository. Call this when a blob does not match its digest,
    /// which this client does not check.
    pub fn distrust_mirrors(&self, name: &RegistryReference) {
        lock(&self.distrusted).insert(place(name));
    }

    /// Ends all requests running in other threads, and all later requests, with
    /// [`RegistryError::Cancelled`].
    pub fn cancel(&self) {
        self.pause.end();
        self.fetcher.connections.end();
    }

    /// Tries the endpoints in order until one answers.
    fn each<T>(
        &self,
        name: &RegistryReference,
        by: RequestKind,
        context: &RequestContext,
        arrived: impl Fn() -> u64,
        mut ask: impl FnMut(&Endpoint) -> Result<T, FailedRequest>,
    ) -> Result<T, RegistryError> {
        let mut endpoints = self.endpoints.of(name, by)?;
        let last = endpoints.pop();
        let distrusted = lock(&self.distrusted).contains(&place(name));
        for mirror in endpoints.iter().filter(|_| !distrusted) {
            if self.is_down(&mirror.host) {
                continue;
            }
            match self.patiently(mirror, &arrived, &mut ask) {
                Ok(answer) => return Ok(answer),
                Err(failed) if is_over(&failed.error) => return Err(*failed.error),
                Err(failed) => {
                    tracing::info!(
                        "{}: the next registry is tried, because {}",
                        context.what,
                        failed.error
                    );
                    if failed.unreachable {
                        lock(&self.down).insert(mirror.host.clone(), Instant::now());
                    }
                }
            }
        }
        // The registry itself is always in the list.
        let last = last.ok_or_else(|| context.answer("there is no registry to ask"))?;
        self.patiently(&last, &arrived, &mut ask)
            .map_err(|failed| *failed.error)
    }

    /// Tries one endpoint until it answers, or until too many attempts in a row brought no new
    /// bytes.
    fn patiently<T>(
        &self,
        endpoint: &Endpoint,
        arrived: &impl Fn() -> u64,
        ask: &mut impl FnMut(&Endpoint) -> Result<T, FailedRequest>,
    ) -> Result<T, FailedRequest> {
        let most = if endpoint.mirror {
            MIRROR_ATTEMPTS
        } else {
            self.patience.attempts
        };
        let mut tries = 0;
        loop {
            if self.pause.is_ended() {
                return Err(RegistryError::Cancelled.into());
            }
            let before = arrived();
            let failed = match ask(endpoint) {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            if self.pause.is_ended() && !matches!(*failed.error, RegistryError::Sink(_)) {
                return Err(RegistryError::Cancelled.into());
            }
            let new = arrived() > before;
            tries = if new { 1 } else { tries + 1 };
            let Retry::Later(wanted) = failed.again else {
                return Err(failed);
            };
            // Do not wait for a mirror that is unreachable or busy: try the next host.
            let elsewhere = endpoint.mirror && !new && (failed.unreachable || wanted.is_some());
            if tries >= most || elsewhere {
                return Err(FailedRequest {
                    error: Box::new(failed.error.tried(tries)),
                    ..failed
                });
            }
            let wait = self.patience.wait(tries, wanted);
            tracing::info!(
                "{}; trying again in {:.1} s",
                failed.error,
                wait.as_secs_f64()
            );
            if !self.pause.wait(wait) {
                return Err(RegistryError::Cancelled.into());
            }
        }
    }

    fn is_down(&self, host: &str) -> bool {
        lock(&self.down)
            .get(host)
            .is_some_and(|since| since.elapsed() < DOWN)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// Whether the caller ended the request.
fn is_over(error: &RegistryError) -> bool {
    matches!(error, RegistryError::Sink(_) | RegistryError::Cancelled)
}

fn context(name: &RegistryReference, what: String) -> RequestContext {
    RequestContext {
        place: place(name),
        what,
        login: login_name(name.registry()).to_owned(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
