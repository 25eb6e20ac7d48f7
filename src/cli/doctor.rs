//! `imgfs doctor`: reports what this host lacks, with the command that fixes it.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::host::{ARCHES, Check, Host, Status};
use crate::image::Platform;

use super::colour::{self, Colour};
use super::exit::NO_ANSWER;
use super::options::{CacheDirOption, DEFAULT_CACHE_LIMIT};
use super::pipe::closed;

#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Check only whether programs of this platform run here; may be repeated.
    ///
    /// The default is every platform that images are commonly released for.
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub platform: Vec<Platform>,

    /// Print one JSON object per line: what, status (ok, note, lacking), found, and mend (the command
    /// that fixes it).
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub cache: CacheDirOption,
}

/// Exit code if something is lacking; see also [`NO_ANSWER`].
const LACKING: u8 = 1;

pub(crate) fn run(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let host = Host {
        root: PathBuf::from("/"),
        arch: Platform::host().arch,
        path: std::env::var_os("PATH")
            .map(|path| std::env::split_paths(&path).collect())
            .unwrap_or_default(),
        arches: arches(&args.platform)?,
        cache: args.cache.path().ok(),
        cache_limit: DEFAULT_CACHE_LIMIT.0,
    };
    let (mut lacking, mut unseen) = (false, false);
    let mut checks = Vec::new();
    for check in host.checks() {
        match check {
            Ok(check) => {
                lacking |= check.status == Status::Lacking;
                checks.push(check);
            }
            Err(error) => {
                eprintln!("imgfs: {error}");
                unseen = true;
            }
        }
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = match args.json {
        true => checks.iter().try_for_each(|c| writeln!(out, "{}", json(c))),
        false => write_text(&mut out, &checks, colour::of_stdout()),
    };
    written.and_then(|()| out.flush()).or_else(closed)?;
    Ok(match (unseen, lacking) {
        (true, _) => ExitCode::from(NO_ANSWER),
        (false, true) => ExitCode::from(LACKING),
        (false, false) => ExitCode::SUCCESS,
    })
}

/// Returns the architectures of `platforms`, or all of [`ARCHES`] if there are none. Fails for a
/// platform that is not among them.
fn arches(platforms: &[Platform]) -> anyhow::Result<Vec<String>> {
    if platforms.is_empty() {
        return Ok(ARCHES.map(str::to_owned).to_vec());
    }
    let known = |platform: &Platform| {
        if platform.os == "linux" && ARCHES.contains(&platform.arch.as_str()) {
            return Ok(platform.arch.clone());
        }
        let all = ARCHES.map(|arch| format!("linux/{arch}")).join(" ");
        Err(anyhow::anyhow!(
            "cannot check whether {platform} runs here; choose one of: {all}"
        ))
    };
    platforms.iter().map(known).collect()
}

fn json(check: &Check) -> serde_json::Value {
    let mut object = serde_json::json!({
        "what": check.what,
        "status": check.status.name(),
        "found": check.found,
        "mend": check.fix,
    });
    for (name, value) in &check.details {
        object[*name] = value.as_str().into();
    }
    object
}

fn write_text(out: &mut impl Write, checks: &[Check], colour: Colour) -> io::Result<()> {
    let width = checks.iter().map(|c| c.what.len()).max().unwrap_or(0);
    for check in checks {
        let name = check.status.name();
        let painted = match check.status {
            Status::Ok => colour.good(name),
            Status::Note => colour.plain(name),
            Status::Lacking => colour.bad(name),
        };
        // Padded here, since a format width would count the colour codes.
        let gap = " ".repeat(9_usize.saturating_sub(name.len()));
        writeln!(out, "{painted}{gap}{:<width$}  {}", check.what, check.found)?;
        if let Some(fix) = &check.fix {
            writeln!(out, "         {:<width$}  {fix}", "")?;
        }
    }
    Ok(())
}
