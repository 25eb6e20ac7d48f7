//! `imgfs prune`: removes unreferenced blobs and unfinished transfers from the store.

use std::io::{self, Write};
use std::process::ExitCode;

use indicatif::HumanBytes;

use crate::cli::options::{CacheOptions, StoreOption};
use crate::cli::pipe::closed;
use crate::store::Pruned;
use crate::transfer;

#[derive(Debug, clap::Args)]
pub(crate) struct PruneArgs {
    /// Remove nothing; only print what would be freed.
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// List each removed blob.
    #[arg(short, long)]
    pub verbose: bool,

    #[command(flatten)]
    pub store: StoreOption,

    #[command(flatten)]
    pub cache: CacheOptions,
}

pub(crate) fn run(args: &PruneArgs) -> anyhow::Result<ExitCode> {
    let pruned = match args.store.existing()? {
        Some(store) => transfer::prune(&store, &args.cache.open(), args.dry_run)?,
        None => Pruned::default(),
    };
    write(&mut io::stdout().lock(), &pruned, args).or_else(closed)?;
    Ok(ExitCode::SUCCESS)
}

fn write(out: &mut dyn Write, pruned: &Pruned, args: &PruneArgs) -> io::Result<()> {
    if args.verbose {
        for taken in &pruned.taken {
            let size = HumanBytes(taken.size);
            match &taken.digest {
                Some(digest) => writeln!(out, "{digest} {size}")?,
                None => writeln!(out, "unfinished {size}")?,
            }
        }
    }
    let verb = match args.dry_run {
        true => "would free",
        false => "freed",
    };
    let (count, size) = (pruned.taken.len(), HumanBytes(pruned.bytes()));
    write!(out, "{verb} {size} ({count} files)")?;
    if pruned.in_use > 0 {
        let (count, size) = (pruned.in_use, HumanBytes(pruned.in_use_bytes));
        write!(
            out,
            "; {count} more ({size}) are in use, by a mount or a pull"
        )?;
    }
    writeln!(out)
}
