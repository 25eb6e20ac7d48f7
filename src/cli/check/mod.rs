//! `imgfs check`: reports what will not run in images, as text or in a format for other programs, and
//! by its exit code.

mod args;
mod config;
mod expect;
mod explain;
mod host;
mod ignore;
mod json;
mod junit;
mod report;
mod sarif;
mod text;

use std::cmp::Reverse;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::findings::{Finding, Id};
use crate::image::{Platform, Reference, Transport};
use crate::layer::LayerProblem;
use crate::open::{self, OpenError, OpenImage, OpenOptions};

use super::colour;
use super::exit::NO_ANSWER;
use super::pipe::closed;
use super::platform::PlatformChoice;
use super::progress::Bar;
use super::source::{self, CACHE_WRITE_TIMEOUT};
pub(crate) use args::CheckArgs;
use args::Format;
use config::Settings;
use report::{PlatformRow, Report, ReportedFinding, ReportedLayer};

/// Exit code if there are findings that count; see also [`NO_ANSWER`].
const FOUND: u8 = 1;

pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    if let Some(id) = args.explain {
        let mut out = io::stdout().lock();
        writeln!(out, "{}", explain::section(id)).or_else(closed)?;
        return Ok(ExitCode::SUCCESS);
    }
    let stdin = |image: &&Reference| image.transport == Transport::Stdin;
    if args.images.iter().filter(stdin).count() > 1 {
        anyhow::bail!("standard input can be read only once");
    }
    for image in &args.images {
        source::refuse_terminal(image, "check -")?;
    }
    args.log.init();
    let settings = Settings::new(args)?;
    let host = settings.host.then(host::HostSupport::look).transpose()?;
    let options = OpenOptions {
        cache: args.cache.open(),
        ..OpenOptions::default()
    };
    let mut report = Report::new(settings.fail_on, settings.host);
    // The platforms to pull if an image is not in the store. Without --platform, this is the host's
    // platform.
    let pulled = match args.platform.as_slice() {
        [] => None,
        [choice] => Some(choice.clone()),
        _ => Some(PlatformChoice::All),
    };
    for image in &args.images {
        match source::locate(&args.store, image, pulled.as_ref(), &options.cache) {
            Ok(image) => look(&image, &options, &settings, host.as_ref(), &mut report),
            Err(error) => {
                eprintln!("imgfs: {error}");
                let mut row = PlatformRow::unseen(None, error.to_string());
                row.image = image.to_string();
                report.rows.push(row);
            }
        }
    }
    write(&report, &settings)?;
    Ok(match (report.unseen(), report.is_clean()) {
        (true, _) => ExitCode::from(NO_ANSWER),
        (false, false) => ExitCode::from(FOUND),
        (false, true) => ExitCode::SUCCESS,
    })
}

fn write(report: &Report, settings: &Settings) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = match settings.format {
        Format::Text => text::write(&mut out, report, colour::of_stdout()),
        Format::Json => writeln!(out, "{}", json::document(report)),
        Format::Sarif => writeln!(out, "{}", sarif::document(report)),
        Format::Junit => junit::write(&mut out, report),
    };
    written.and_then(|()| out.flush()).or_else(closed)
}

/// Checks the wanted platforms of one image, and adds their rows to the report.
fn look(
    reference: &Reference,
    options: &OpenOptions,
    settings: &Settings,
    host: Option<&host::HostSupport>,
    report: &mut Report,
) {
    let image = reference.to_string();
    let mut rows = Vec::new();
    let bar = Bar::new();
    let mut each = |platform: Platform, opened: Result<OpenImage, OpenError>| {
        bar.clear();
        let looked = opened.map_err(|error| error.to_string());
        let looked = looked.and_then(|opened| row(&platform, &opened, settings, host));
        rows.push(match looked {
            Ok(row) => row,
            Err(error) => {
                eprintln!("imgfs: {error}");
                PlatformRow::unseen(Some(platform), error)
            }
        });
    };
    let wanted = |platform: &Platform| settings.platforms.wants(platform);
    if let Err(error) = open::open_each(reference, options, &bar, &wanted, &mut each) {
        bar.clear();
        eprintln!("imgfs: {error}");
        rows.push(PlatformRow::unseen(None, error.to_string()));
    } else {
        rows.extend(expect::missing(&settings.wanted(), &rows));
    }
    for mut row in rows {
        row.image.clone_from(&image);
        report.rows.push(row);
    }
}

/// Returns the row of one platform of an image.
fn row(
    platform: &Platform,
    image: &OpenImage,
    settings: &Settings,
    host: Option<&host::HostSupport>,
) -> Result<PlatformRow, String> {
    for warning in &image.warnings {
        eprintln!("imgfs: warning: {}: {platform}: {warning}", image.name);
    }
    // All other problems are reported as findings.
    let odd = |problem: &&LayerProblem| Id::from_name(problem.kind.id()).is_none();
    for problem in image.problems.iter().filter(odd) {
        tracing::info!("{}: {platform}: {problem}", image.name);
    }
    let found = image.findings();
    let found = found.map_err(|error| format!("{}: {platform}: {error}", image.name))?;
    let mut list = found.list().to_vec();
    if let Some(finding) = host.and_then(|host| host.finding(&image.platform)) {
        // Insert it in the order of the list.
        let key = |finding: &Finding| (Reverse(finding.level), finding.id);
        let at = list.partition_point(|other| key(other) < key(&finding));
        list.insert(at, finding);
    }
    let all = list.len();
    list.retain(|finding| !settings.ignore.iter().any(|ignore| ignore.covers(finding)));
    let layers: Vec<ReportedLayer> = image
        .layers
        .iter()
        .map(|layer| ReportedLayer {
            digest: layer.digest.as_ref().map(ToString::to_string),
            created_by: layer.created_by.clone(),
        })
        .collect();
    let row = PlatformRow {
        platform: Some(platform.clone()),
        ignored: all - list.len(),
        found: list
            .into_iter()
            .map(|f| ReportedFinding::new(f, &layers))
            .collect(),
        ..PlatformRow::default()
    };
    image.wait_until_published(CACHE_WRITE_TIMEOUT);
    Ok(row)
}
