//! The limits on the memory that compressed data may ask for.

/// The maximum window of a zstd frame, in bytes. It is the default limit of zstd(1) too, and what
/// `--long` (27) uses. Each decoder holds its window in memory, and several decoders run at the same
/// time.
pub(super) const MAX_ZSTD_WINDOW: u64 = 1 << 27;

/// The maximum length of the dictionary of an xz block, in bytes. Blocks that need a larger one are
/// not decoded, since a header of twelve bytes could otherwise ask for 4 GiB. `xz -9` needs 64 MiB.
/// zstd's limit is as large (`ZSTD_WINDOWLOG_LIMIT_DEFAULT`).
pub(super) const MAX_XZ_DICTIONARY: u64 = 128 << 20;
