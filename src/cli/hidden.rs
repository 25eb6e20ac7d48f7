//! `imgfs hidden`: lists the paths that later layers hide, one per line.

use std::io::Write;
use std::process::ExitCode;

use super::options::SourceOptions;
use super::pipe;
use crate::image::Reference;
use crate::query;
use crate::view::{FileType, HiddenName, ImageFs, View, json};
use serde_json::{Map, Value};

#[derive(Debug, clap::Args)]
pub(crate) struct HiddenArgs {
    /// The image, in any form that imgfs mount accepts.
    pub image: Reference,

    /// List only files that this layer added.
    #[arg(long, value_name = "N")]
    pub layer: Option<u32>,

    /// List only files that this layer removed or replaced.
    #[arg(long, value_name = "N")]
    pub by: Option<u32>,

    /// List directories too.
    #[arg(long)]
    pub directories: bool,

    /// Print one JSON object per line (see docs/commands.md).
    #[arg(long)]
    pub json: bool,

    /// Print the SHA-256 of each regular file too.
    #[arg(long)]
    pub digests: bool,

    #[command(flatten)]
    pub source: SourceOptions,
}

pub(crate) fn run(args: &HiddenArgs) -> anyhow::Result<ExitCode> {
    let source = args.source.open(&args.image)?;
    let mut list = source.hidden()?;
    list.retain(|name| args.layer.is_none_or(|layer| name.layer == layer));
    list.retain(|name| args.by.is_none_or(|by| name.by == by));
    pipe::to_stdout(|out| {
        for name in &list {
            let attr = source.getattr(name.ino)?;
            if attr.kind == FileType::Directory && !args.directories {
                continue;
            }
            let digest = match args.digests {
                true => query::sha256(&source, name.ino)?,
                false => None,
            };
            let line = match args.json {
                true => object(&source, name, digest)?.into_bytes(),
                false => text(name, attr.size, args.digests.then_some(digest)),
            };
            out.write_all(&line)?;
            out.write_all(b"\n")?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Returns a line with the columns layer, hiding layer, how, size, digest (if wanted; `-` for files that
/// have none) and path, separated by tabs.
fn text(name: &HiddenName, size: u64, digest: Option<Option<String>>) -> Vec<u8> {
    let (layer, by, how) = (name.layer, name.by, name.how.name());
    let mut line = format!("{layer}\t{by}\t{how}\t{size}\t").into_bytes();
    if let Some(digest) = digest {
        line.extend_from_slice(digest.as_deref().unwrap_or("-").as_bytes());
        line.push(b'\t');
    }
    crate::view::facts::escape(&name.path, false, &mut line);
    line
}

fn object(view: &ImageFs, name: &HiddenName, digest: Option<String>) -> anyhow::Result<String> {
    let attr = view.getattr(name.ino)?;
    let layers = &view.image().layers;
    let line = |layer: u32| {
        layers
            .get(layer as usize)
            .and_then(|l| l.created_by.clone())
    };
    let mut object = Map::new();
    object.insert("path".into(), json::bytes(&name.path));
    object.insert("type".into(), attr.kind.name().into());
    object.insert("size".into(), attr.size.into());
    object.insert("layer".into(), name.layer.into());
    object.insert("created_by".into(), line(name.layer).into());
    object.insert("hidden_by".into(), name.by.into());
    object.insert("hidden_by_created_by".into(), line(name.by).into());
    object.insert("how".into(), name.how.name().into());
    object.insert(
        "readable_at".into(),
        json::bytes(
            &[
                format!("/.imgfs/hidden/{}", name.layer).as_bytes(),
                &name.path,
            ]
            .concat(),
        ),
    );
    if let Some(digest) = digest {
        object.insert("sha256".into(), digest.into());
    }
    Ok(Value::Object(object).to_string())
}
