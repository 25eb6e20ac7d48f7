//! Which failures are retried, and when. Waits start at a quarter of a second and double, or last
//! as long as the server requests (Retry-After, RFC 9110, section 10.2.3).

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::error::RequestContext;
use super::{Patience, RegistryError};

/// A failed request, and whether to retry it.
#[derive(Debug)]
pub(super) struct FailedRequest {
    pub error: Box<RegistryError>,
    pub again: Retry,
    /// Whether nothing at all was received, so that the host is better left alone for a while.
    pub unreachable: bool,
}

/// Whether to retry a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    Never,
    /// Retry, after the wait that the server requested, if it did.
    Later(Option<Duration>),
}

impl FailedRequest {
    /// A permanent failure.
    pub(super) fn for_good(error: RegistryError) -> Self {
        Self {
            error: Box::new(error),
            again: Retry::Never,
            unreachable: false,
        }
    }

    /// A temporary failure.
    pub(super) fn for_now(error: RegistryError) -> Self {
        Self {
            error: Box::new(error),
            again: Retry::Later(None),
            unreachable: false,
        }
    }

    /// The failure for an unsuccessful status. 408, 429 and the 5xx statuses that proxies and
    /// overloaded servers send are temporary.
    pub(super) fn status(
        context: &RequestContext,
        status: u16,
        server_message: String,
        after: Option<&str>,
    ) -> Self {
        let again = match status {
            408 | 429 | 500 | 502 | 503 | 504 => {
                Retry::Later(after.and_then(|text| retry_after(text, SystemTime::now())))
            }
            _ => Retry::Never,
        };
        Self {
            error: Box::new(context.status(status, server_message)),
            again,
            unreachable: false,
        }
    }
}

impl From<RegistryError> for FailedRequest {
    fn from(error: RegistryError) -> Self {
        Self::for_good(error)
    }
}

/// Parses Retry-After: a number of seconds, or a date.
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    // A date in the past means now.
    Some(until.duration_since(now).unwrap_or_default())
}

impl Patience {
    /// Returns how long to wait before attempt `n + 1`, after `n` attempts without new bytes (`n`
    /// starts at 1).
    pub(super) fn wait(&self, n: u32, context: Option<Duration>) -> Duration {
        if let Some(context) = context {
            return context.min(self.longest_asked);
        }
        let doubled = 2u32.saturating_pow(n.saturating_sub(1).min(16));
        let wait = self
            .first_wait
            .saturating_mul(doubled)
            .min(self.longest_wait);
        // A random value between half and all of the wait, so that many clients do not retry at the
        // same moment.
        let random = RandomState::new().hash_one(n) % 1024;
        let half = wait / 2;
        half + half.mul_f64(random as f64 / 1024.0)
    }
}

/// A wait that another thread can end.
#[derive(Default)]
pub(super) struct Pause {
    ended: Mutex<bool>,
    changed: Condvar,
}

impl Pause {
    /// Waits, and returns whether to continue. Returns false at once if [`end`](Self::end) was
    /// called, before or during the wait.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .changed
            .wait_timeout_while(ended, time, |ended| !*ended);
        let (ended, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !*ended
    }

    /// Ends all waits, including future ones.
    pub(super) fn end(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    pub(super) fn is_ended(&self) -> bool {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Instant, UNIX_EPOCH};

    #[test]
    fn retry_after_in_both_forms() {
        // RFC 9110's example date is 784111777 seconds after the epoch (date -d).
        let now = UNIX_EPOCH + Duration::from_secs(784_111_767);
        let of = |text| retry_after(text, now);
        assert_eq!(of("120"), Some(Duration::from_secs(120)));
        assert_eq!(
            of("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::from_secs(10))
        );
        assert_eq!(of("Sun, 06 Nov 1994 08:49:00 GMT"), Some(Duration::ZERO));
        assert_eq!(of("soon"), None);
        assert_eq!(of("-1"), None);
        assert_eq!(of("99999999999999999999999"), None);
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let patience = Patience::default();
        let between = |n, low, high| {
            let wait = patience.wait(n, None).as_millis();
            assert!((low..=high).contains(&wait), "{n}: {wait}");
        };
        between(1, 125, 250);
        between(2, 250, 500);
        between(5, 2000, 4000);
        between(40, 4000, 8000);
        between(u32::MAX, 4000, 8000);
        let context = |s| patience.wait(1, Some(Duration::from_secs(s)));
        assert_eq!(context(7), Duration::from_secs(7));
        assert_eq!(context(3600), Duration::from_secs(60));
    }

    #[test]
    fn a_wait_that_is_ended_ends() {
        let pause = Pause::default();
        assert!(pause.wait(Duration::from_millis(1)));
        let begun = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| pause.end());
            assert!(!pause.wait(Duration::from_secs(60)));
        });
        assert!(begun.elapsed() < Duration::from_secs(30));
        assert!(pause.is_ended());
    }
}
