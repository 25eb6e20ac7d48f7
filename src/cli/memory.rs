//! How the allocator treats large pieces.
#![allow(unsafe_code)]

/// From this size on, in bytes, memory that is freed goes back to the system: windows of zstd
/// decoders, the bytes of large executables.
#[cfg(target_env = "gnu")]
const LARGE: libc::c_int = 4 << 20;

/// Has large pieces of memory given back when they are freed. glibc does so too until the first one is
/// freed; from then on it keeps what is no larger than that, up to 32 MiB a piece, in each thread's
/// own heap (mallopt(3), `M_MMAP_THRESHOLD`). A mount lives for days.
pub(super) fn give_back_at_once() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt may be called at any time; no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}
