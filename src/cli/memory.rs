//! Allocator settings for large allocations.
#![allow(unsafe_code)]

/// Freed allocations of at least this size, in bytes, go back to the system. Examples are the windows of
/// zstd decoders and the bytes of large executables.
#[cfg(target_env = "gnu")]
const LARGE: libc::c_int = 4 << 20;

/// Makes the allocator return large allocations to the system when they are freed.
///
/// By default glibc raises its threshold when the first large allocation is freed: from then on it keeps
/// allocations up to that size (at most 32 MiB each) in the heap of each thread (mallopt(3),
/// `M_MMAP_THRESHOLD`). That matters because a mount lives for days.
pub(super) fn give_back_at_once() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt may be called at any time; no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}
