//! Benchmarks of single modules on generated data: how fast a layer is decoded, scanned and merged, and
//! how fast names and bytes are looked up. For whole images compared with other tools, see
//! docs/performance.md.
//!
//! ```console
//! $ cargo bench
//! ```

use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use imgfs::internals::blob::{Pass, ReadAt, SpanCache, SpanReader, SpanTable};
use imgfs::internals::cache::{CacheDir, CacheKey, CacheKind};
use imgfs::internals::layer::{Data, EntryKind, LayerEntry, LayerInput, Mtime, scan};
use imgfs::internals::open::{self, OpenOptions};
use imgfs::internals::tree::{Merger, Tree};
use imgfs::internals::view::{ImageFs, Sidecars, View};

/// A blob in memory.
struct Memory(Vec<u8>);

impl ReadAt for Memory {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let from = &self.0[(offset as usize).min(self.0.len())..];
        let n = buf.len().min(from.len());
        buf[..n].copy_from_slice(&from[..n]);
        Ok(n)
    }
}

/// Returns a tar of `files` small files in directories of 50, and this program itself as an executable.
/// The texts compress about as well as real ones.
fn layer(files: usize) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o755);
    let program = std::fs::read(std::env::current_exe().expect("the path of this program"))
        .expect("this program can be read");
    let program = &program[..program.len().min(8 << 20)];
    header.set_size(program.len() as u64);
    builder
        .append_data(&mut header, "bin/program", program)
        .expect("memory");
    let mut state = 1_u64;
    for i in 0..files {
        let mut text = Vec::new();
        while text.len() < 3000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            text.extend_from_slice(format!("word{} ", (state >> 33) % 5000).as_bytes());
        }
        header.set_size(text.len() as u64);
        let path = format!("usr/share/d{}/file{i}", i / 50);
        builder
            .append_data(&mut header, path, text.as_slice())
            .expect("memory");
    }
    builder.into_inner().expect("memory")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn input(stored: &[u8]) -> LayerInput {
    LayerInput {
        source: Arc::new(Memory(stored.to_vec())),
        digest: None,
        diff_id: None,
        size: None,
    }
}

/// Decodes a blob from front to back, and returns its spans.
fn spans(source: &Arc<dyn ReadAt>) -> SpanTable {
    let writer = CacheDir::none().create(CacheKind::Layer);
    let mut writer = writer.expect("disk space");
    let pass = Pass::new(source.clone(), None, None, &mut writer);
    let mut pass = pass.expect("a valid blob");
    std::io::copy(&mut pass, &mut std::io::sink()).expect("valid data");
    pass.finish().expect("the pass finishes");
    let file = writer.finish(&CacheKey::layer("sha256:00"));
    SpanTable::of(&file.expect("disk space").file)
}

fn decode_and_scan(c: &mut Criterion) {
    let tar = layer(10_000);
    let zstd = zstd::encode_all(tar.as_slice(), 3).expect("memory");
    for (name, stored) in [("plain", tar.clone()), ("gzip", gzip(&tar)), ("zstd", zstd)] {
        let mut group = c.benchmark_group(name);
        // Throughput is measured in bytes of the decoded layer.
        group
            .throughput(Throughput::Bytes(tar.len() as u64))
            .sample_size(10);
        let source: Arc<dyn ReadAt> = Arc::new(Memory(stored.clone()));
        group.bench_function("decode", |b| {
            b.iter(|| spans(&source).size());
        });
        let input = input(&stored);
        group.bench_function("scan", |b| {
            b.iter(|| {
                let scanned = scan(&input, &CacheDir::none(), &mut |_| {});
                scanned.expect("a valid layer").index.entry_count()
            });
        });
        group.finish();
    }
}

/// Returns layers that add `entries` files in total, in directories of 50. Each layer has its own
/// directories. As in a real image, layers also replace, remove and link some files of the layers below.
fn layers(number: usize, entries: usize) -> Vec<Vec<LayerEntry>> {
    let each = entries / number;
    let layer = |layer: usize| {
        let entry = |path: String, kind| {
            let size = u64::from(kind == EntryKind::Regular) * 3000;
            LayerEntry {
                path: path.into_bytes().into(),
                kind,
                mode: 0o644,
                uid: 0,
                gid: 0,
                mtime: Mtime::default(),
                size,
                xattrs: Vec::new(),
                data: if size > 0 {
                    Data::Whole(512)
                } else {
                    Data::None
                },
                format: None,
            }
        };
        let path = |layer, i| {
            let part = i / 2500;
            let module = i / 50;
            format!("usr/lib/node_modules/part{layer}-{part}/module{module}/source-file-{i}.js")
        };
        let entries = (0..each).map(|i| match i % 50 {
            0 => entry(
                path(layer, i)
                    .rsplit_once('/')
                    .expect("it has one")
                    .0
                    .into(),
                EntryKind::Directory,
            ),
            1 if layer > 0 => entry(path(layer - 1, i), EntryKind::Regular),
            2 if layer > 0 => {
                let below = path(layer - 1, i);
                entry(below.replace("source", ".wh.source"), EntryKind::Regular)
            }
            3 => {
                let target = format!("source-file-{}.js", i + 1);
                entry(
                    path(layer, i),
                    EntryKind::Symlink(target.into_bytes().into()),
                )
            }
            _ => entry(path(layer, i), EntryKind::Regular),
        });
        entries.collect()
    };
    (0..number).map(layer).collect()
}

fn merged(layers: &[Vec<LayerEntry>]) -> Tree {
    let mut merger = Merger::new();
    for entries in layers {
        merger.apply(Vec::new(), entries).expect("not too much");
    }
    let writer = CacheDir::none().create(CacheKind::Tree).expect("a file");
    let key = CacheKey::tree(std::iter::empty());
    let written = merger.finish(writer, &key).expect("disk space");
    Tree::open(&written.file).expect("a tree")
}

/// The time for an entry must not depend on the number of entries.
fn merge(c: &mut Criterion) {
    let mut group = c.benchmark_group("merge");
    for (name, entries) in [("100,000", 100_000), ("1,000,000", 1_000_000)] {
        let layers = layers(40, entries);
        group
            .throughput(Throughput::Elements(entries as u64))
            .sample_size(10);
        group.bench_function(format!("{name} entries in 40 layers"), |b| {
            b.iter(|| merged(&layers).nodes().len());
        });
    }
    group.finish();
}

fn read(c: &mut Criterion) {
    let tar = layer(10_000);
    let source: Arc<dyn ReadAt> = Arc::new(Memory(gzip(&tar)));
    let table = spans(&source);
    let mut group = c.benchmark_group("read");
    for (name, budget) in [("cached", 1 << 30), ("cold", 0)] {
        let reader = SpanReader::new(
            source.clone(),
            table.clone(),
            Arc::new(SpanCache::new(budget, CacheDir::none())),
        );
        let mut offset = 0_u64;
        group.bench_function(format!("4 KiB of gzip, {name}"), |b| {
            b.iter(|| {
                offset = (offset + 7_777_777) % (tar.len() as u64 - 4096);
                let mut buf = [0; 4096];
                reader
                    .read_exact_at(&mut buf, offset)
                    .expect("a range of the blob");
                black_box(buf[0])
            });
        });
    }
    group.finish();
}

/// Writes an image of one layer as a docker-archive.
fn image(tar: &[u8]) -> tempfile::TempDir {
    let mut hasher = imgfs::internals::blob::Hasher::sha256();
    hasher.update(tar);
    let config = format!(
        r#"{{"os":"linux","architecture":"amd64","rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
        hasher.finish()
    );
    let dir = tempfile::tempdir().expect("a directory");
    let manifest = r#"[{"Config":"config.json","Layers":["layer.tar"]}]"#;
    for (name, bytes) in [
        ("manifest.json", manifest.as_bytes()),
        ("config.json", config.as_bytes()),
        ("layer.tar", tar),
    ] {
        std::fs::write(dir.path().join(name), bytes).expect("disk space");
    }
    dir
}

fn lookup(c: &mut Criterion) {
    let dir = image(&layer(10_000));
    let reference = dir.path().to_str().expect("text").parse().expect("a path");
    let opened = open::open(&reference, &OpenOptions::default(), &()).expect("an image");
    let view = ImageFs::new(Arc::new(opened), Sidecars::Listed);
    let walk = |path: &str| {
        let names = path.split('/');
        names.fold(1, |dir, name| {
            view.lookup(dir, name.as_bytes()).expect("there").ino
        })
    };
    let dir = walk("usr/share/d100");
    let mut group = c.benchmark_group("view");
    group.bench_function("lookup of a file", |b| {
        b.iter(|| {
            view.lookup(dir, black_box(b"file5025"))
                .expect("there")
                .size
        });
    });
    let bin = walk("bin");
    group.bench_function("lookup of a sidecar", |b| {
        b.iter(|| {
            view.lookup(bin, black_box(b"program.arch"))
                .expect("there")
                .size
        });
    });
    group.bench_function("list of 50 names", |b| {
        b.iter(|| {
            let mut names = 0;
            view.list(dir, 0, &mut |_, _| {
                names += 1;
                true
            })
            .expect("a directory");
            names
        });
    });
    group.finish();
}

criterion_group!(benches, decode_and_scan, merge, read, lookup);
criterion_main!(benches);
