//! `imgfs images`: lists the images in the store.

use std::io::{self, Write};
use std::process::ExitCode;

use indicatif::HumanBytes;
use serde_json::json;

use crate::cli::options::StoreOption;
use crate::cli::pipe::closed;
use crate::cli::table;
use crate::image::{self, Image, Reference};
use crate::store::{ImageUsage, Store};

/// Number of hex digits of a shortened digest.
const SHORT: usize = 12;

#[derive(Debug, clap::Args)]
pub(crate) struct ImagesArgs {
    /// Print one JSON object per line: name, digest, media_type, platforms, layers, size, unique_size,
    /// created.
    #[arg(long)]
    pub json: bool,

    /// Print only the names, one per line.
    #[arg(short, long, conflicts_with = "json")]
    pub quiet: bool,

    #[command(flatten)]
    pub store: StoreOption,
}

/// The row of an image.
struct ImageRow {
    usage: ImageUsage,
    platforms: Vec<String>,
    layers: Option<usize>,
    created: Option<String>,
    /// Why the other values are unknown, if the image cannot be read.
    broken: Option<String>,
}

pub(crate) fn run(args: &ImagesArgs) -> anyhow::Result<ExitCode> {
    let mut rows = Vec::new();
    if let Some(store) = args.store.existing()? {
        for usage in store.usage()?.images {
            let row = row(&store, usage);
            // Skip an image that another process removed in the meantime: it is not broken.
            if row.broken.is_none() || is_there(&store, &row)? {
                rows.push(row);
            }
        }
    }
    let mut out = io::stdout().lock();
    write(&mut out, &rows, args).or_else(closed)?;
    let mut code = ExitCode::SUCCESS;
    for row in &rows {
        if let Some(broken) = &row.broken {
            eprintln!("imgfs: {broken}");
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

fn is_there(store: &Store, row: &ImageRow) -> anyhow::Result<bool> {
    let wanted = &row.usage.image;
    let mut images = store.images()?.into_iter();
    Ok(images.any(|image| (&image.name, &image.digest) == (&wanted.name, &wanted.digest)))
}

fn row(store: &Store, usage: ImageUsage) -> ImageRow {
    let mut row = ImageRow {
        platforms: Vec::new(),
        layers: None,
        created: None,
        broken: usage.broken.clone(),
        usage,
    };
    let digest = row.usage.image.digest.to_string();
    let shown = row.usage.image.shown();
    let reference = Reference::in_store(store.path(), &digest, &shown);
    let mut note = |image: &Image| {
        row.layers.get_or_insert(image.layers.len());
        if row.created.is_none() {
            row.created.clone_from(&image.config.created);
        }
    };
    match image::platforms(&reference) {
        Ok(offers) => {
            for (platform, image) in offers {
                match image {
                    Ok(image) => note(&image),
                    // This platform was not pulled.
                    Err(_) if row.usage.image.is_index() => continue,
                    Err(error) => row.broken = Some(error.to_string()),
                }
                if !platform.is_unknown() {
                    row.platforms.push(platform.to_string());
                }
            }
        }
        // Keep the error of the store, if any: it is more specific.
        Err(error) => {
            row.broken.get_or_insert_with(|| error.to_string());
        }
    }
    row
}

fn write(out: &mut dyn Write, rows: &[ImageRow], args: &ImagesArgs) -> io::Result<()> {
    if args.json {
        return rows
            .iter()
            .try_for_each(|row| writeln!(out, "{}", json(row)));
    }
    if args.quiet {
        return rows
            .iter()
            .try_for_each(|row| writeln!(out, "{}", row.usage.image.shown()));
    }
    let mut lines =
        vec![["NAME", "PLATFORM", "DIGEST", "LAYERS", "SIZE", "CREATED"].map(str::to_owned)];
    for row in rows {
        let image = &row.usage.image;
        let digest = image.digest.hex().get(..SHORT).unwrap_or_default();
        let platform = match row.broken {
            Some(_) => "broken".to_owned(),
            None if row.platforms.is_empty() => "-".to_owned(),
            None => row.platforms.join(","),
        };
        lines.push([
            image.name.clone().unwrap_or_else(|| "-".to_owned()),
            platform,
            digest.to_owned(),
            row.layers.map_or_else(|| "-".to_owned(), |n| n.to_string()),
            HumanBytes(row.usage.size).to_string(),
            // Only the date; --json has the full time.
            row.created
                .as_deref()
                .and_then(|created| created.get(..10))
                .unwrap_or("-")
                .to_owned(),
        ]);
    }
    table::write(out, &lines, &[3, 4])
}

fn json(row: &ImageRow) -> serde_json::Value {
    let image = &row.usage.image;
    json!({
        "name": image.name,
        "digest": image.digest.to_string(),
        "media_type": image.descriptor.media_type().to_string(),
        "platforms": row.platforms,
        "layers": row.layers,
        "size": row.usage.size,
        "unique_size": row.usage.unique,
        "created": row.created,
    })
}
