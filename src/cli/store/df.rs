//! `imgfs df`: prints the disk usage of the store and the cache.

use std::io::{self, Write};
use std::process::ExitCode;

use indicatif::HumanBytes;
use serde_json::json;

use crate::cache::CacheDir;
use crate::cli::options::{CacheDirOption, StoreOption};
use crate::cli::pipe::closed;
use crate::cli::table;
use crate::store::Usage;

#[derive(Debug, clap::Args)]
pub(crate) struct DfArgs {
    /// Print one JSON object per line: what, count, bytes, reclaimable.
    ///
    /// reclaimable is the number of bytes that imgfs prune or imgfs cache clear would free if none of
    /// the files were in use.
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub store: StoreOption,

    #[command(flatten)]
    pub cache: CacheDirOption,
}

/// A line: what, count, bytes, and reclaimable bytes.
type Line = (&'static str, usize, u64, u64);

pub(crate) fn run(args: &DfArgs) -> anyhow::Result<ExitCode> {
    let usage = match args.store.existing()? {
        Some(store) => store.usage()?,
        None => Usage::default(),
    };
    let cache = args.cache.path().ok();
    let cache = cache.map(|path| CacheDir::existing(&path)).transpose()?;
    let files = cache.flatten().map(|cache| cache.list()).transpose()?;
    let files = files.unwrap_or_default();
    let known: u64 = files.iter().map(|file| file.size).sum();
    let named: u64 = usage.blobs - usage.unreferenced;
    let lines: [Line; 4] = [
        ("images", usage.images.len(), named, 0),
        (
            "unreferenced",
            usage.unreferenced_count,
            usage.unreferenced,
            usage.unreferenced,
        ),
        (
            "unfinished",
            usage.arriving_count,
            usage.arriving,
            usage.arriving,
        ),
        ("cache", files.len(), known, known),
    ];
    write(&mut io::stdout().lock(), &lines, args.json).or_else(closed)?;
    Ok(ExitCode::SUCCESS)
}

fn write(out: &mut dyn Write, lines: &[Line], json: bool) -> io::Result<()> {
    if json {
        return lines.iter().try_for_each(|(what, count, bytes, free)| {
            let line = json!({"what": what, "count": count, "bytes": bytes, "reclaimable": free});
            writeln!(out, "{line}")
        });
    }
    let mut rows = vec![["WHAT", "COUNT", "SIZE", "RECLAIMABLE"].map(str::to_owned)];
    for (what, count, bytes, free) in lines {
        rows.push([
            (*what).to_owned(),
            count.to_string(),
            HumanBytes(*bytes).to_string(),
            HumanBytes(*free).to_string(),
        ]);
    }
    table::write(out, &rows, &[1, 2, 3])
}
