//! Counts what reaches the process. What the kernel answers from its caches is not seen here, so the
//! counts say how much of the work it does.

use std::sync::atomic::{AtomicU64, Ordering};

/// Something that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // Each is a request of that name in the FUSE protocol.
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
    /// Bytes that were read.
    ReadBytes,
    /// Reads that had to wait for a span to be decoded.
    ReadWaits,
    /// Pages given to the kernel that it had not asked for, a span at a time.
    Store,
}

impl Counter {
    /// All of them.
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

    /// Its name in lists.
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

/// The counts since a mount began.
#[derive(Debug, Default)]
pub struct Requests {
    counts: [AtomicU64; Counter::ALL.len()],
}

impl Requests {
    /// Counts one.
    pub fn count(&self, what: Counter) {
        self.add(what, 1);
    }

    /// Counts several.
    pub fn add(&self, what: Counter, n: u64) {
        if let Some(count) = self.counts.get(what as usize) {
            count.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// How many there were.
    pub fn get(&self, what: Counter) -> u64 {
        let count = self.counts.get(what as usize);
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Those that there were, in one line.
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
