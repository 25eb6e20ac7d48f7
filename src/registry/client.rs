//! The two questions, manifest and blob (distribution-spec, "Pull"), and how long they are asked: of the
//! mirrors first and of the registry last, again and again while something new arrives.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::body::Delivery;
use super::document::{self, ACCEPT, Fetched};
use super::endpoint::{By, Endpoint, Endpoints, login_name, place};
use super::error::Asked;
use super::fetch::{Fetcher, Question};
use super::retry::{Again, Failed, Pause};
use super::{ClientOptions, Patience, Reference, RegistryError};
use crate::blob::Digest;

/// A mirror is tried so often; there is another place to ask.
const MIRROR_ATTEMPTS: u32 = 2;
/// A mirror that could not be reached is left alone so long.
const DOWN: Duration = Duration::from_secs(60);

/// A client of registries. Threads share it: connections, tokens and what was found out about hosts are
/// kept for all of them.
pub struct Client {
    fetcher: Fetcher,
    endpoints: Endpoints,
    patience: Patience,
    pause: Pause,
    /// Mirrors that could not be reached, and when.
    down: Mutex<HashMap<String, Instant>>,
    /// Repositories that are not to be asked of mirrors any more.
    distrusted: Mutex<HashSet<String>>,
}

impl Client {
    /// A client. It reads registries.conf and the files of `options.roots`, and connects to nothing.
    ///
    /// # Errors
    /// If an option, a proxy's address or registries.conf cannot be used.
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

    /// The manifest or index that `name` stands for, or that with `digest` in its repository. A digest,
    /// this one or that of the name, has been verified; for a tag, that which the registry gives with it.
    ///
    /// # Errors
    /// If it is not there, may not be seen, is none, or the registry cannot be reached for long.
    pub fn manifest(
        &self,
        name: &Reference,
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
        let asked = asked(name, format!("manifest {wanted}"));
        let by = if digest.is_some() {
            By::Digest
        } else {
            By::Tag
        };
        let path = format!("manifests/{wanted}");
        let question = Question {
            asked: &asked,
            path: &path,
            headers: &[("accept", ACCEPT)],
            addressed: digest.is_some(),
        };
        self.each(
            name,
            by,
            &asked,
            || 0,
            |endpoint| {
                let response = self.fetcher.fetch(endpoint, &question)?;
                document::read(&self.fetcher.wire, &asked, &endpoint.host, response, digest)
            },
        )
    }

    /// Hands the bytes of a blob from `from` on to `sink`, in order, each once, in pieces of mostly
    /// 128 KiB to 512 KiB, and returns when `size` bytes, those before `from` counted, were handed on;
    /// never more than that. The digest is not verified: who calls hashes what arrives, and what was
    /// there before it.
    ///
    /// After a cut it goes on where it was, at a mirror's next place too, as often as anything new
    /// arrives in between. An error of `sink` ends it and is returned as [`RegistryError::Sink`]; it is
    /// called with nothing before each further attempt, so that who has lost interest need not wait for
    /// bytes to say so.
    ///
    /// # Errors
    /// If the blob is not there, has another length, or nothing new arrives for too long.
    pub fn blob(
        &self,
        name: &Reference,
        digest: &Digest,
        size: u64,
        from: u64,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), RegistryError> {
        let asked = asked(name, format!("blob {digest}"));
        if from > size {
            let detail = format!("{from} bytes are there, its descriptor says {size}");
            return Err(asked.document(detail));
        }
        if from == size {
            return Ok(());
        }
        let path = format!("blobs/{digest}");
        let arrived = Cell::new(from);
        let mut delivery = Delivery::new(&asked, size, from, sink);
        let mut again = false;
        self.each(
            name,
            By::Blob,
            &asked,
            || arrived.get(),
            |endpoint| {
                if std::mem::replace(&mut again, true) {
                    (delivery.sink)(&[]).map_err(RegistryError::Sink)?;
                }
                let range = format!("bytes={}-", delivery.at);
                let headers = [("range", range.as_str())];
                let question = Question {
                    asked: &asked,
                    path: &path,
                    headers: if delivery.at > 0 { &headers } else { &[] },
                    addressed: true,
                };
                let response = self.fetcher.fetch(endpoint, &question)?;
                let taken = delivery.take(&self.fetcher.wire, &endpoint.host, response);
                arrived.set(delivery.at);
                taken
            },
        )
    }

    /// Asks no mirror any more for this repository: for who found that a blob has not its digest, which
    /// this client does not look at.
    pub fn distrust_mirrors(&self, name: &Reference) {
        lock(&self.distrusted).insert(place(name));
    }

    /// Ends all that runs, in other threads, with [`RegistryError::Cancelled`]; what is asked later too.
    pub fn cancel(&self) {
        self.pause.end();
        self.fetcher.wire.end();
    }

    /// Asks one endpoint after the other until one answers.
    fn each<T>(
        &self,
        name: &Reference,
        by: By,
        asked: &Asked,
        arrived: impl Fn() -> u64,
        mut ask: impl FnMut(&Endpoint) -> Result<T, Failed>,
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
                        "{}: the next place is asked, since {}",
                        asked.what,
                        failed.error
                    );
                    if failed.unreachable {
                        lock(&self.down).insert(mirror.host.clone(), Instant::now());
                    }
                }
            }
        }
        // There is always the registry itself.
        let last = last.ok_or_else(|| asked.answer("there is nobody to ask"))?;
        self.patiently(&last, &arrived, &mut ask)
            .map_err(|failed| *failed.error)
    }

    /// Asks one endpoint until it answers, or too often nothing new arrived.
    fn patiently<T>(
        &self,
        endpoint: &Endpoint,
        arrived: &impl Fn() -> u64,
        ask: &mut impl FnMut(&Endpoint) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
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
            let Again::Later(wanted) = failed.again else {
                return Err(failed);
            };
            // Why wait for a mirror that is not there, or busy.
            let elsewhere = endpoint.mirror && !new && (failed.unreachable || wanted.is_some());
            if tries >= most || elsewhere {
                return Err(Failed {
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

/// Whether it is the caller who ended it.
fn is_over(error: &RegistryError) -> bool {
    matches!(error, RegistryError::Sink(_) | RegistryError::Cancelled)
}

fn asked(name: &Reference, what: String) -> Asked {
    Asked {
        place: place(name),
        what,
        login: login_name(name.registry()).to_owned(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
