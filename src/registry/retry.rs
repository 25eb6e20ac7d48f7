//! What is tried again, and when: waits that double from a quarter of a second on, or as long as the
//! server asks for (Retry-After, RFC 9110, 10.2.3).

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::error::Asked;
use super::{Patience, RegistryError};

/// A question that failed, and whether it makes sense to ask again.
#[derive(Debug)]
pub(super) struct Failed {
    pub error: Box<RegistryError>,
    pub again: Again,
    /// Whether nothing at all came back, so that the host is better left alone for a while.
    pub unreachable: bool,
}

/// Whether it makes sense to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    Never,
    /// The server may have asked to wait.
    Later(Option<Duration>),
}

impl Failed {
    /// What will not get better.
    pub(super) fn for_good(error: RegistryError) -> Self {
        Self {
            error: Box::new(error),
            again: Again::Never,
            unreachable: false,
        }
    }

    /// What may be better next time.
    pub(super) fn for_now(error: RegistryError) -> Self {
        Self {
            error: Box::new(error),
            again: Again::Later(None),
            unreachable: false,
        }
    }

    /// A status that is no success. 408, 429 and the 500s that proxies and overloaded servers send pass.
    pub(super) fn status(asked: &Asked, status: u16, said: String, after: Option<&str>) -> Self {
        let again = match status {
            408 | 429 | 500 | 502 | 503 | 504 => {
                Again::Later(after.and_then(|text| retry_after(text, SystemTime::now())))
            }
            _ => Again::Never,
        };
        Self {
            error: Box::new(asked.status(status, said)),
            again,
            unreachable: false,
        }
    }
}

impl From<RegistryError> for Failed {
    fn from(error: RegistryError) -> Self {
        Self::for_good(error)
    }
}

/// Retry-After: seconds, or a date.
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    // A date that has passed means now.
    Some(until.duration_since(now).unwrap_or_default())
}

impl Patience {
    /// How long to wait before attempt `n + 1`, after `n` that brought nothing (1, 2, …).
    pub(super) fn wait(&self, n: u32, asked: Option<Duration>) -> Duration {
        if let Some(asked) = asked {
            return asked.min(self.longest_asked);
        }
        let doubled = 2u32.saturating_pow(n.saturating_sub(1).min(16));
        let wait = self
            .first_wait
            .saturating_mul(doubled)
            .min(self.longest_wait);
        // From half of it up to all of it, so that many clients do not come back at once.
        let random = RandomState::new().hash_one(n) % 1024;
        let half = wait / 2;
        half + half.mul_f64(random as f64 / 1024.0)
    }
}

/// A wait that can be ended.
#[derive(Default)]
pub(super) struct Pause {
    ended: Mutex<bool>,
    changed: Condvar,
}

impl Pause {
    /// Waits; at once if it was ended, by whomever. Says whether to go on.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .changed
            .wait_timeout_while(ended, time, |ended| !*ended);
        let (ended, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !*ended
    }

    /// Ends all waits, those to come too.
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
        let asked = |s| patience.wait(1, Some(Duration::from_secs(s)));
        assert_eq!(asked(7), Duration::from_secs(7));
        assert_eq!(asked(3600), Duration::from_secs(60));
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
