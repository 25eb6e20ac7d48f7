//! `imgfs cache`: shows, checks and clears the cache on disk.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Subcommand;
use indicatif::{HumanBytes, HumanDuration};
use jiff::Timestamp;

use crate::cache::{CacheDir, FileState, ListedFile};

use super::options::{CacheDirOption, DEFAULT_CACHE_LIMIT};
use super::pipe::closed;
use super::units::Age;

#[derive(Debug, clap::Args)]
pub(crate) struct CacheArgs {
    #[command(flatten)]
    pub dir: CacheDirOption,

    #[command(flatten)]
    pub show: CacheShowArgs,

    #[command(subcommand)]
    pub command: Option<CacheCommand>,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// List the files, most recently used first (the default).
    Show(CacheShowArgs),
    /// Check the checksums of every file and remove damaged files.
    ///
    /// The exit code is 1 if a file was damaged.
    Verify,
    /// Remove all files.
    ///
    /// Mounted images stay readable.
    Clear(CacheClearArgs),
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct CacheShowArgs {
    /// Print one JSON object per line: kind, name, size in bytes, time of last use, path.
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct CacheClearArgs {
    /// Remove only files that were not used for this long.
    ///
    /// A number followed by s, m, h, d or w, such as 30d.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    pub older_than: Option<Age>,
}

pub(crate) fn run(args: &CacheArgs) -> anyhow::Result<ExitCode> {
    let command = match args.command {
        None => CacheCommand::Show(args.show),
        Some(CacheCommand::Show(show)) => CacheCommand::Show(CacheShowArgs {
            json: show.json || args.show.json,
        }),
        Some(_) if args.show.json => anyhow::bail!("only imgfs cache show has the option --json"),
        Some(command) => command,
    };
    let path = args.dir.path();
    let path = path.map_err(|error| anyhow::anyhow!("{error}; name one with --cache-dir"))?;
    let Some(cache) = CacheDir::existing(&path)? else {
        if !matches!(command, CacheCommand::Show(show) if show.json) {
            nothing(&mut io::stdout().lock(), &path).or_else(closed)?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    match command {
        CacheCommand::Show(show) if show.json => {
            write_json(&cache.list()?).or_else(closed)?;
            Ok(ExitCode::SUCCESS)
        }
        CacheCommand::Show(_) => {
            write_table(&cache, &path)?;
            Ok(ExitCode::SUCCESS)
        }
        CacheCommand::Verify => verify(&cache, &path),
        CacheCommand::Clear(clear) => {
            let unused = clear.older_than.map_or(Duration::ZERO, |age| age.0);
            self::clear(&cache, &path, unused)
        }
    }
}

fn nothing(out: &mut impl Write, path: &Path) -> io::Result<()> {
    writeln!(out, "Nothing is cached in {}.", path.display())
}

fn files(count: usize) -> String {
    match count {
        1 => "1 file".to_owned(),
        n => format!("{n} files"),
    }
}

fn write_table(cache: &CacheDir, path: &Path) -> anyhow::Result<()> {
    let listed = cache.list()?;
    let strays = cache.strays()?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut write = || {
        if listed.is_empty() {
            nothing(&mut out, path)?;
        } else {
            // The name is last, because it is long: only it wraps on a narrow terminal.
            writeln!(
                out,
                "{:<8} {:>11}  {:<14}  NAME",
                "KIND", "SIZE", "LAST USED"
            )?;
        }
        let mut total = 0;
        for file in &listed {
            total += file.size;
            let size = HumanBytes(file.size).to_string();
            let (kind, used) = (file.kind.name(), ago(file.used));
            writeln!(out, "{kind:<8} {size:>11}  {used:<14}  {}", file.name)?;
        }
        if !listed.is_empty() {
            let (files, total) = (files(listed.len()), HumanBytes(total));
            let path = path.display();
            writeln!(out, "\n{files}, {total}, in {path}")?;
            let limit = HumanBytes(DEFAULT_CACHE_LIMIT.0);
            writeln!(
                out,
                "A mount that writes to it keeps at most {limit} (imgfs mount --cache-limit)."
            )?;
        }
        let (unfinished, others): (Vec<_>, Vec<_>) = strays.iter().partition(|s| s.is_unfinished);
        if !unfinished.is_empty() {
            let (count, size) = (unfinished.len(), unfinished.iter().map(|s| s.size).sum());
            let (files, size) = (files(count), HumanBytes(size));
            writeln!(
                out,
                "Incomplete: {files}, {size}, of mounts that are still reading an image or were killed."
            )?;
        }
        for stray in others {
            let path = stray.path.display();
            writeln!(
                out,
                "Not a file of imgfs: {path} (imgfs cache clear removes it)"
            )?;
        }
        out.flush()
    };
    Ok(write().or_else(closed)?)
}

fn write_json(listed: &[ListedFile]) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for file in listed {
        let object = serde_json::json!({
            "kind": file.kind.name(),
            "name": file.name,
            "size": file.size,
            "used": rfc3339(file.used),
            "path": file.path.to_string_lossy(),
        });
        writeln!(out, "{object}")?;
    }
    out.flush()
}

/// Formats the time since `time` in one unit, such as "3 days ago".
fn ago(time: SystemTime) -> String {
    let age = time.elapsed().unwrap_or_default();
    match age.as_secs() {
        0 => "just now".to_owned(),
        _ => format!("{} ago", HumanDuration(age)),
    }
}

/// Formats a time in UTC, as in RFC 3339, in whole seconds.
fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    let seconds = i64::try_from(since.unwrap_or_default().as_secs()).unwrap_or(i64::MAX);
    // A file that was used after the year 9999 has a damaged time.
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    time.to_string()
}

fn verify(cache: &CacheDir, path: &Path) -> anyhow::Result<ExitCode> {
    let (mut sound, mut stale, mut bad) = (0, 0, 0);
    let mut tell = |path: &Path, reason: &dyn std::fmt::Display, removed: io::Result<()>| {
        bad += 1;
        let path = path.display();
        match removed {
            Ok(()) => eprintln!("imgfs: {path}: {reason}; removed"),
            Err(error) => eprintln!("imgfs: {path}: {reason}; cannot remove it: {error}"),
        }
    };
    for file in cache.list()? {
        match file.verify() {
            FileState::Sound => sound += 1,
            FileState::Stale => stale += 1,
            FileState::Gone => {}
            FileState::Bad(reason) => tell(&file.path, &reason, file.remove()),
        }
    }
    for stray in cache.strays()? {
        if !stray.is_unfinished {
            tell(&stray.path, &"it is not a file of imgfs", stray.remove());
        }
    }
    let mut out = io::stdout().lock();
    if sound + stale + bad == 0 {
        nothing(&mut out, path).or_else(closed)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut said = format!("{} sound", files(sound));
    if stale > 0 {
        said += &format!(", {stale} from another version of imgfs");
    }
    said += &match bad {
        0 => ", none bad".to_owned(),
        n => format!(", {n} bad; the next mount creates them again"),
    };
    writeln!(out, "{}: {said}", path.display()).or_else(closed)?;
    Ok(match bad {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn clear(cache: &CacheDir, path: &Path, unused: Duration) -> anyhow::Result<ExitCode> {
    let removed = cache.remove_unused(unused)?;
    let mut out = io::stdout().lock();
    let said = if removed.files == 0 && removed.bytes == 0 && removed.kept == 0 {
        nothing(&mut out, path)
    } else {
        let (bytes, count) = (HumanBytes(removed.bytes), files(removed.files));
        let kept = match removed.kept {
            0 => String::new(),
            n => format!("; kept {} that were used since then", files(n)),
        };
        writeln!(out, "Freed {bytes} ({count}) in {}{kept}.", path.display())
    };
    said.or_else(closed)?;
    for error in &removed.failed {
        eprintln!("imgfs: {error}; remove it by hand");
    }
    Ok(match removed.failed.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_735_689_600, "2025-01-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(rfc3339(time), text);
        }
    }
}
