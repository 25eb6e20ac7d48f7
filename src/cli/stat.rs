//! `imgfs stat`: prints everything that is known about files of an image, with their versions that later
//! layers hid.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use serde_json::{Map, Value as Json};

use super::options::SourceOptions;
use super::paths::{Spelling, bytes, complain};
use super::pipe;
use crate::image::Reference;
use crate::layer::printable;
use crate::query::{Entry, clean, join, locate, permissions, time};
use crate::view::{HiddenName, ImageFs, View, ViewError};

#[derive(Debug, clap::Args)]
pub(crate) struct StatArgs {
    /// The image, in any form that imgfs mount accepts.
    pub image: Reference,

    /// Paths of files in the image.
    #[arg(required = true)]
    pub paths: Vec<OsString>,

    /// Follow symbolic links.
    #[arg(short = 'L', long)]
    pub dereference: bool,

    /// Print one JSON object per line.
    #[arg(long)]
    pub json: bool,

    /// Print the SHA-256 of regular files too.
    #[arg(long)]
    pub digests: bool,

    #[command(flatten)]
    pub source: SourceOptions,
}

pub(crate) fn run(args: &StatArgs) -> anyhow::Result<ExitCode> {
    let view = args.source.open(&args.image)?;
    let hidden = match view.hidden() {
        Ok(hidden) => hidden,
        Err(error) => anyhow::bail!("{}: {error}", view.image().name),
    };
    let spelling = Spelling::of_stdout();
    pipe::to_stdout(|out| {
        let (mut code, mut first) = (ExitCode::SUCCESS, true);
        for path in bytes(&args.paths) {
            match look(&view, args, &path, &hidden) {
                Ok(file) if args.json => writeln!(out, "{}", file.json())?,
                Ok(file) => {
                    // An empty line between files.
                    let separator: &[u8] = if first { b"" } else { b"\n" };
                    out.write_all(separator)?;
                    file.write(spelling, out)?;
                }
                Err(error) => {
                    match last_hidden_version(&view, &path, &hidden) {
                        Some(version) if matches!(error, ViewError::NotFound) => {
                            gone(&view, &path, version);
                        }
                        _ => complain(&view, &path, &error),
                    }
                    code = ExitCode::FAILURE;
                    continue;
                }
            }
            first = false;
        }
        Ok(code)
    })
}

/// A file, and its versions in lower layers.
struct FileReport<'a> {
    view: &'a ImageFs,
    entry: Entry<'a>,
    hidden: Vec<&'a HiddenName>,
    /// The lowest layer with the same content at this path.
    content_layer: Option<u32>,
}

fn look<'a>(
    view: &'a ImageFs,
    args: &StatArgs,
    path: &[u8],
    hidden: &'a [HiddenName],
) -> Result<FileReport<'a>, ViewError> {
    let found = locate(view, path, args.dereference)?;
    let of_path = hidden.iter().filter(|name| name.path == found.path);
    let entry = Entry::read(view, &clean(path), found.attr, args.digests)?;
    Ok(FileReport {
        view,
        entry,
        hidden: of_path.collect(),
        content_layer: view.content_layer(found.attr.ino)?,
    })
}

/// Returns the last version of a path that is no longer in the merged image.
fn last_hidden_version<'a>(
    view: &ImageFs,
    path: &[u8],
    hidden: &'a [HiddenName],
) -> Option<&'a HiddenName> {
    let path = clean(path);
    let at = path.iter().rposition(|&b| b == b'/')?;
    let (parent, name) = path.split_at_checked(at + 1)?;
    // The parent directories may contain links that still exist.
    let real = locate(view, parent, true).map(|found| join(&found.path, name));
    let real = real.ok();
    let is = |found: &&HiddenName| found.path == path || Some(&found.path) == real.as_ref();
    hidden.iter().filter(is).max_by_key(|found| found.layer)
}

/// Returns the path of a hidden file in `/.imgfs`.
fn where_hidden(name: &HiddenName) -> Vec<u8> {
    [
        format!("/.imgfs/hidden/{}", name.layer).as_bytes(),
        &name.path,
    ]
    .concat()
}

fn gone(view: &ImageFs, path: &[u8], version: &HiddenName) {
    eprintln!(
        "imgfs: {}: {}: no such file; layer {} removed it, and the version of layer {} is {}",
        view.image().name,
        printable(path),
        version.by,
        version.layer,
        printable(&where_hidden(version)),
    );
}

impl FileReport<'_> {
    fn json(&self) -> Json {
        let mut object = self.entry.json();
        if let Some(layer) = self.content_layer {
            object.insert("content_layer".to_owned(), layer.into());
        }
        let versions = self.hidden.iter().map(|name| {
            let mut version = Map::new();
            let mut add = |name: &str, value: Json| version.insert(name.to_owned(), value);
            add("layer", name.layer.into());
            add("by", name.by.into());
            add("how", name.how.name().into());
            if let Ok(attr) = self.view.getattr(name.ino) {
                add("type", attr.kind.name().into());
                add("size", attr.size.into());
                add("mtime", time::rfc3339(attr.mtime).into());
            }
            add("path", crate::view::json::bytes(&where_hidden(name)));
            Json::Object(version)
        });
        let versions: Vec<Json> = versions.collect();
        if !versions.is_empty() {
            object.insert("hidden".to_owned(), versions.into());
        }
        Json::Object(object)
    }

    fn write(&self, spelling: Spelling, out: &mut impl Write) -> std::io::Result<()> {
        let entry = &self.entry;
        let mut line = |key: &[u8], value: &[u8]| {
            let key = spelling.of(key);
            out.write_all(&[key.as_slice(), b": ", value, b"\n"].concat())
        };
        let attr = &entry.attr;
        let text = |value: &[u8]| spelling.of(value);
        line(b"path", &text(&entry.path))?;
        line(b"type", attr.kind.name().as_bytes())?;
        line(b"mode", format!("{:04o}", attr.mode).as_bytes())?;
        line(b"permissions", permissions(attr).as_bytes())?;
        line(b"uid", attr.uid.to_string().as_bytes())?;
        line(b"gid", attr.gid.to_string().as_bytes())?;
        line(b"size", attr.size.to_string().as_bytes())?;
        line(b"nlink", attr.nlink.to_string().as_bytes())?;
        line(b"mtime", time::rfc3339(attr.mtime).as_bytes())?;
        if let Some(target) = entry.target {
            line(b"target", &text(target))?;
        }
        if let Some((major, minor)) = entry.device() {
            line(b"device", format!("{major}, {minor}").as_bytes())?;
        }
        if let Some(layer) = entry.layer {
            line(b"layer", layer.to_string().as_bytes())?;
        }
        if let Some(digest) = &entry.layer_digest {
            line(b"layer_digest", digest.as_bytes())?;
        }
        if let Some(created_by) = entry.created_by {
            line(b"created_by", &text(created_by.as_bytes()))?;
        }
        if let Some(layer) = self.content_layer {
            line(b"content_layer", layer.to_string().as_bytes())?;
        }
        if let Some(digest) = &entry.sha256 {
            line(b"sha256", digest.as_bytes())?;
        }
        for xattr in &entry.xattrs {
            line(&[&b"xattr "[..], xattr.name].concat(), &text(xattr.value))?;
        }
        for name in &self.hidden {
            let place = where_hidden(name);
            let version = format!(
                "layer {}, {} by layer {}: ",
                name.layer,
                name.how.name(),
                name.by
            );
            line(b"hidden", &[version.as_bytes(), &text(&place)].concat())?;
        }
        for fact in &entry.facts {
            line(fact.key.as_bytes(), &spelling.value(&fact.value))?;
        }
        Ok(())
    }
}
