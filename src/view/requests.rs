//! Counts requests that reach the process. Requests that the kernel answers from its caches are not
//! seen here, so the counts show how much work is left to the process.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // Each counts the FUSE requests of that name.
pub enum Counter {
    Lookup,
    Getattr,
    Readlink,
    Open,
    Opendir,
    Read,
    Readdir,
    Readdirplus,
    Statfs,
    Getxattr,
    Listxattr,
    Forget,
    /// Bytes returned by reads.
    ReadBytes,
    /// Reads that had to wait for a span to be decoded.
    ReadWaits,
    /// Stores of unrequested pages into the kernel's page cache, one span at a time.
    Store,
}

impl Counter {
    /// All counters.
    pub const ALL: [Self; 15] = [
        Self::Lookup,
        Self::Getattr,
        Self::Readlink,
        Self::Open,
        Self::Opendir,
        Self::Read,
        Self::Readdir,
        Self::Readdirplus,
        Self::Statfs,
        Self::Getxattr,
        Self::Listxattr,
        Self::Forget,
        Self::ReadBytes,
        Self::ReadWaits,
        Self::Store,
    ];

    /// The name of the counter in listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Getattr => "getattr",
            Self::Readlink => "readlink",
            Self::Open => "open",
            Self::Opendir => "opendir",
            Self::Read => "read",
            Self::Readdir => "readdir",
            Self::Readdirplus => "readdirplus",
            Self::Statfs => "statfs",
            Self::Getxattr => "getxattr",
            Self::Listxattr => "listxattr",
            Self::Forget => "forget",
            Self::ReadBytes => "read.bytes",
            Self::ReadWaits => "read.waits",
            Self::Store => "store",
        }
    }
}

/// The counts since the start of a mount.
#[derive(Debug, Default)]
pub struct Requests {
    counts: [AtomicU64; Counter::ALL.len()],
}

impl Requests {
    /// Adds one to a counter.
    pub fn count(&self, what: Counter) {
        self.add(what, 1);
    }

    /// Adds `n` to a counter.
    pub fn add(&self, what: Counter, n: u64) {
        if let Some(count) = self.counts.get(what as usize) {
            count.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// Returns the value of a counter.
    pub fn get(&self, what: Counter) -> u64 {
        let count = self.counts.get(what as usize);
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Returns all counters that are not zero, in one line.
    pub fn line(&self) -> String {
        let mut line = String::new();
        for what in Counter::ALL {
            match self.get(what) {
                0 => {}
                n => line.push_str(&format!(" {}={n}", what.name())),
            }
        }
        line.trim_start().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_place_of_its_own() {
        let requests = Requests::default();
        for (n, what) in (1..).zip(Counter::ALL) {
            requests.add(what, n);
        }
        for (n, what) in (1..).zip(Counter::ALL) {
            assert_eq!(requests.get(what), n, "{}", what.name());
        }
        assert!(requests.line().starts_with("lookup=1 getattr=2 "));
    }
}
