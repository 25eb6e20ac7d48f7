//! `imgfs cache` and the cache options of `imgfs mount`, through the real program: what is shown,
//! checked and cleared, and the effect of a directory in a bad state on either. The library makes the
//! files.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Barrier;
use std::time::{Duration, SystemTime};

use crate::support::needs;
use crate::support::program::{Place, assert_says, fail, output, stderr, str, succeed};
use imgfs::internals::cache::{CacheDir, CacheKey, CacheKind, FileState};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::mount::{MountFlags, mount};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A cache with files in it.
struct Cache {
    place: Place,
    dir: CacheDir,
}

fn digest(n: u8) -> String {
    format!("sha256:{n:064x}")
}

/// Writes a file of at least that many bytes.
fn write(dir: &CacheDir, key: &CacheKey, len: usize) {
    let mut writer = dir.create(key.kind()).unwrap();
    writer.section(1).unwrap();
    writer.append(&vec![7; len]).unwrap();
    writer.finish(key).unwrap().publish().unwrap();
}

fn set_used(path: &Path, ago: Duration) {
    let file = fs::File::open(path).unwrap();
    file.set_modified(SystemTime::now() - ago).unwrap();
}

impl Cache {
    /// Makes three layers that were last used 1, 2 and 3 days ago, and a tree that was used just now.
    fn new() -> Self {
        let place = Place::new();
        let dir = CacheDir::open(&place.join("cache/imgfs")).unwrap();
        let cache = Self { place, dir };
        for n in 1..=3 {
            write(&cache.dir, &CacheKey::layer(&digest(n)), 100_000);
            set_used(&cache.layer(n), u32::from(n) * DAY);
        }
        let tree = CacheKey::tree([digest(1), digest(2)].iter().map(String::as_str));
        write(&cache.dir, &tree, 10);
        cache
    }

    /// Returns the path of the layer's file.
    fn layer(&self, n: u8) -> PathBuf {
        let name = digest(n).replace(':', "-");
        self.place.join("cache/imgfs/v1/layer").join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.place.imgfs();
        command.arg("cache").args(args);
        command
    }

    /// Runs a command that must succeed, and returns its output.
    fn run(&self, args: &[&str]) -> String {
        let output = output(&mut self.command(args));
        assert!(output.status.success(), "{output:?}");
        assert_eq!(stderr(&output), "");
        stdout(&output)
    }

    fn count(&self) -> usize {
        self.dir.list().unwrap().len()
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn it_lists_what_was_used_last_first() {
    let cache = Cache::new();
    let said = cache.run(&[]);
    let lines: Vec<_> = said.lines().collect();
    assert_says(lines[0], &["KIND", "SIZE", "LAST USED", "NAME"]);
    assert_says(lines[1], &["tree ", "B  just now"]);
    for n in 1..=3_u8 {
        let age = if n == 1 {
            "24 hours"
        } else {
            &format!("{n} days")
        };
        let words = ["layer ", "KiB", age, " ago", &digest(n)];
        assert_says(lines[1 + usize::from(n)], &words);
    }
    let dir = cache.place.join("cache/imgfs");
    assert_says(
        &said,
        &["4 files, ", str(&dir), "4.00 GiB", "--cache-limit"],
    );
    assert_eq!(cache.run(&["show"]), said, "`show` is the default");

    for args in [
        ["--json"].as_slice(),
        &["show", "--json"],
        &["--json", "show"],
    ] {
        let objects: Vec<serde_json::Value> = cache
            .run(args)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(objects.len(), 4);
        assert_eq!(objects[0]["kind"], "tree");
        assert_eq!(objects[1]["name"], digest(1));
        let path = objects[1]["path"].as_str().unwrap();
        assert_eq!(objects[1]["size"], fs::metadata(path).unwrap().len());
        let used = objects[1]["used"].as_str().unwrap();
        assert!(used.starts_with("20") && used.ends_with('Z'), "{used}");
    }
}

/// A missing directory is not created and is not an error.
#[test]
fn a_directory_that_is_not_there_holds_nothing() {
    let place = Place::new();
    let dir = place.join("none/cache");
    for command in ["show", "verify", "clear"] {
        let mut command_line = place.imgfs();
        command_line
            .args(["cache", command, "--cache-dir"])
            .arg(&dir);
        let output = output(&mut command_line);
        assert!(output.status.success(), "{output:?}");
        assert_says(&stdout(&output), &["Nothing is cached", str(&dir)]);
        assert!(!place.join("none").exists());
    }
    let mut json = place.imgfs();
    succeed(json.args(["cache", "--json", "--cache-dir"]).arg(&dir));
    // An existing empty directory gives the same result.
    let empty = place.join("cache");
    for command in ["show", "verify", "clear"] {
        let mut command_line = place.imgfs();
        command_line
            .args(["cache", command, "--cache-dir"])
            .arg(&empty);
        let said = stdout(&output(&mut command_line));
        assert_says(&said, &["Nothing is cached", str(&empty)]);
    }
    assert_eq!(fs::read_dir(&empty).unwrap().count(), 0);
}

#[test]
fn verify_finds_a_flipped_byte_and_removes_the_file() {
    let cache = Cache::new();
    assert_says(&cache.run(&["verify"]), &["4 files sound, none bad"]);
    let path = cache.layer(2);
    let mut bytes = fs::read(&path).unwrap();
    bytes[90_000] ^= 1;
    fs::write(&path, bytes).unwrap();
    let cut = cache.layer(3);
    fs::File::options()
        .write(true)
        .open(&cut)
        .unwrap()
        .set_len(9)
        .unwrap();
    let used = fs::metadata(cache.layer(1)).unwrap().mtime();

    let output = output(&mut cache.command(&["verify"]));
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert_says(
        &said,
        &[str(&path), "do not match their checksums; removed"],
    );
    assert_says(
        &said,
        &[str(&cut), "does not have the expected length; removed"],
    );
    assert_eq!(said.lines().count(), 2, "{said}");
    assert_says(&stdout(&output), &["2 files sound, 2 bad"]);
    assert!(!path.exists() && !cut.exists());
    assert_eq!(
        fs::metadata(cache.layer(1)).unwrap().mtime(),
        used,
        "no use"
    );
    assert_says(&cache.run(&["verify"]), &["2 files sound, none bad"]);
}

#[test]
fn clear_empties_it_and_says_how_much_that_was() {
    let cache = Cache::new();
    let said = cache.run(&["clear", "--older-than", "36h"]);
    assert_says(&said, &["Freed 19", "KiB (2 files)", "kept 2 files"]);
    assert!(cache.layer(1).exists() && !cache.layer(2).exists());
    let said = cache.run(&["clear"]);
    assert_says(
        &said,
        &[
            "Freed ",
            "KiB (2 files)",
            str(&cache.place.join("cache/imgfs")),
        ],
    );
    assert_eq!(cache.count(), 0);
    assert_says(&cache.run(&["clear"]), &["Nothing is cached"]);
    let said = fail(&mut cache.command(&["--json", "clear"]));
    assert_says(&said, &["--json", "show"]);
}

/// Option, variable and XDG directory in their order of precedence: each is used as it is, or refused
/// with a message.
#[test]
fn the_directory_is_named_by_option_then_variable_then_xdg() {
    let cache = Cache::new();
    let (one, two) = (cache.place.join("one"), cache.place.join("two"));
    let says = |command: &mut Command, dir: &Path| {
        let said = stdout(&output(command));
        assert_says(&said, &[str(dir)]);
    };
    let mut command = cache.command(&["--cache-dir", str(&one)]);
    says(command.env("IMGFS_CACHE_DIR", &two), &one);
    says(cache.command(&[]).env("IMGFS_CACHE_DIR", &two), &two);
    let default = cache.place.join("cache/imgfs");
    says(cache.command(&[]).env("IMGFS_CACHE_DIR", ""), &default);
    let home = cache.place.join("home");
    let mut command = cache.command(&[]);
    command.env("XDG_CACHE_HOME", "relative").env("HOME", &home);
    says(&mut command, &home.join(".cache/imgfs"));
    for home in [None, Some("relative")] {
        let mut command = cache.command(&[]);
        command.env_remove("XDG_CACHE_HOME").env_remove("HOME");
        let said = fail(command.envs(home.map(|home| ("HOME", home))));
        assert_says(&said, &["XDG_CACHE_HOME", "HOME", "--cache-dir"]);
    }
}

/// Returns directories that are not trusted, each with words of the reason.
fn bad_directories(place: &Place) -> Vec<(PathBuf, Vec<&'static str>)> {
    let made = |name: &str| {
        let path = place.join(name);
        CacheDir::open(&path).unwrap();
        path
    };
    let foreign = made("foreign");
    chown(&foreign, Some(1000), Some(1000)).unwrap();
    let open = made("open");
    fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).unwrap();
    let inner = made("inner");
    let mode = PermissionsExt::from_mode(0o775);
    fs::set_permissions(inner.join("v1/layer"), mode).unwrap();
    let in_the_way = made("in-the-way");
    fs::remove_dir(in_the_way.join("v1/tree")).unwrap();
    fs::write(in_the_way.join("v1/tree"), "").unwrap();
    vec![
        (foreign, vec!["belongs to another user", "1000"]),
        (open, vec!["other users may write", "chmod go-w"]),
        (inner, vec!["v1/layer: other users may write"]),
        (in_the_way, vec!["v1/tree: it is not a directory"]),
        (place.file("file", ""), vec!["not a directory"]),
    ]
}

#[test]
fn a_directory_of_others_is_refused() {
    if !(needs::root() && needs::fuse()) {
        return;
    }
    let place = Place::new();
    for (dir, words) in bad_directories(&place) {
        for command in ["show", "verify", "clear"] {
            let mut command_line = place.imgfs();
            command_line
                .args(["cache", command, "--cache-dir"])
                .arg(&dir);
            let said = fail(&mut command_line);
            assert_says(&said, &[&[str(&dir)], words.as_slice()].concat());
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }
}

/// An unusable cache gives one line of warning, and the mount works without it.
#[test]
fn a_mount_goes_on_without_a_cache() {
    if !(needs::root() && needs::fuse()) {
        return;
    }
    let place = Place::new();
    let mut states = bad_directories(&place);
    let disk = place.join("disk");
    fs::create_dir(&disk).unwrap();
    mount("none", &disk, "tmpfs", MountFlags::RDONLY, None).unwrap();
    states.push((disk.join("cache"), vec!["Read-only file system"]));
    fs::create_dir(place.join("home")).unwrap();
    chown(place.join("home"), Some(1000), Some(1000)).unwrap();
    states.push((
        place.join("home/.cache/imgfs"),
        vec!["not made by root", "1000"],
    ));
    for (dir, words) in states {
        let options = ["--cache-dir", str(&dir)];
        let said = place.mount(&options, place.image());
        assert_says(
            &said,
            &["imgfs: warning: ", str(&dir), "decodes all layers again"],
        );
        assert_says(&said, &words);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert_eq!(place.text("etc/motd"), "hello\n");
        place.umount();
    }
    assert_eq!(fs::read_dir(place.join("home")).unwrap().count(), 0);
    // There is no directory for a cache.
    let mut command = place.mount_command(&[], place.image());
    let said = succeed(command.env_remove("XDG_CACHE_HOME").env_remove("HOME"));
    assert_says(
        &said,
        &[
            "neither XDG_CACHE_HOME nor HOME",
            "decodes all layers again",
        ],
    );
    place.umount();
    // A cache is not wanted either: nothing is printed, and nothing is created.
    let options = ["--cache-limit", "0"];
    let mut command = place.mount_command(&options, place.image());
    let said = succeed(command.env_remove("XDG_CACHE_HOME").env_remove("HOME"));
    assert_eq!(said, "");
    place.umount();
    assert_eq!(place.mount(&options, place.image()), "");
    assert_eq!(fs::read_dir(place.join("cache")).unwrap().count(), 0);
}

/// The background process does not stay in the directory that the command was started in.
#[test]
fn a_relative_directory_is_below_where_the_command_was_started() {
    if !needs::fuse() {
        return;
    }
    let place = Place::new();
    let options = ["--cache-dir", "here/it/is", "--cache-size", "1M"];
    let mut command = place.mount_command(&options, place.image());
    assert_eq!(succeed(command.current_dir(place.join(""))), "");
    assert!(place.join("here/it/is/v1/layer").is_dir());
    assert_eq!(place.text("etc/motd"), "hello\n");
    place.umount();
    let mut command = place.imgfs();
    command.args(["cache", "verify", "--cache-dir", "here/it/is"]);
    assert!(output(command.current_dir(place.join(""))).status.success());
}

/// Without memory for decoded spans, reads are slow but correct.
#[test]
fn a_mount_without_memory_for_spans_reads_the_same() {
    if !needs::fuse() {
        return;
    }
    let place = Place::new();
    for size in ["0", "1", "20T", "18446744073709551615"] {
        assert_eq!(place.mount(&["--cache-size", size], place.image()), "");
        assert_eq!(place.text("etc/motd"), "hello\n");
        place.umount();
    }
    for size in ["-1", "12x", "1.5G", "99999999T", ""] {
        for option in ["--cache-size", "--cache-limit"] {
            let mut command = place.mount_command(&[option, size], place.image());
            let output = output(&mut command);
            assert_eq!(output.status.code(), Some(2), "{size:?}");
            assert_says(&stderr(&output), &[option]);
        }
    }
}

/// A pipe, a link or a directory under the name of a file: it is neither waited for nor followed.
#[test]
fn what_is_no_file_is_neither_followed_nor_waited_for() {
    let cache = Cache::new();
    let victim = cache.place.file("victim", "precious");
    let key = CacheKey::layer(&digest(9));
    let path = cache.layer(9);
    let pipe = || mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let plants: [&dyn Fn(); 4] = [
        &pipe,
        &|| symlink(&victim, &path).unwrap(),
        &|| symlink("/nowhere", &path).unwrap(),
        &|| fs::create_dir(&path).unwrap(),
    ];
    for plant in plants {
        plant();
        assert_says(
            &cache.run(&[]),
            &["4 files", "Not a file of imgfs", str(&path)],
        );
        let output = output(&mut cache.command(&["verify"]));
        assert_eq!(output.status.code(), Some(1));
        assert_says(&stderr(&output), &[str(&path), "; removed"]);
        assert_says(&stdout(&output), &["4 files sound, 1 bad"]);
        plant();
        assert!(cache.dir.load(&key).is_none(), "it was loaded");
        write(&cache.dir, &key, 10);
        assert!(cache.dir.load(&key).is_some());
        cache.dir.remove(&key);
    }
    // A user's files in a directory are kept.
    fs::create_dir(&path).unwrap();
    fs::write(path.join("mine"), "").unwrap();
    let output = output(&mut cache.command(&["clear"]));
    assert_eq!(output.status.code(), Some(1));
    assert_says(&stdout(&output), &["Freed ", "4 files"]);
    assert_says(&stderr(&output), &[str(&path), "not empty", "by hand"]);
    assert!(path.join("mine").exists());
    assert_eq!(fs::read(victim).unwrap(), b"precious");
}

/// Several writers of the same key at once, and readers of others: one good file results, and no other
/// file remains.
#[test]
fn writers_at_once_leave_one_good_file() {
    const WRITERS: u8 = 8;
    let cache = Cache::new();
    let key = CacheKey::layer(&digest(77));
    let start = Barrier::new(2 * usize::from(WRITERS));
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            // Each opens the directory separately, as a process does.
            scope.spawn(|| {
                let dir = CacheDir::open(&cache.place.join("cache/imgfs")).unwrap();
                start.wait();
                for _ in 0..20 {
                    write(&dir, &key, 200_000);
                    dir.clone().with_limit(1 << 30).evict().unwrap();
                }
            });
            scope.spawn(|| {
                let dir = CacheDir::open(&cache.place.join("cache/imgfs")).unwrap();
                start.wait();
                for _ in 0..200 {
                    if let Some(file) = dir.load(&key) {
                        assert_eq!(file.part(1).get(199_999, 1), [7]);
                        assert!(file.verify());
                    }
                }
            });
        }
    });
    assert_eq!(cache.count(), 5);
    assert!(cache.dir.strays().unwrap().is_empty());
    let mut files = cache.dir.list().unwrap().into_iter();
    assert!(files.all(|file| matches!(file.verify(), FileState::Sound)));
}

/// A writer that dies leaves a file that is never used, and that is removed after a day.
#[test]
fn what_a_killed_writer_leaves_is_cleaned_up() {
    let cache = Cache::new();
    let begin = || {
        let mut writer = cache.dir.create(CacheKind::Layer).unwrap();
        writer.section(1).unwrap();
        writer.append(&[7; 100_000]).unwrap();
        writer
    };
    let key = CacheKey::layer(&digest(9));
    drop(begin());
    drop(begin().finish(&key).unwrap());
    assert!(
        cache.dir.strays().unwrap().is_empty(),
        "dropped, not killed"
    );
    // As after SIGKILL: no clean-up runs.
    std::mem::forget(begin());
    std::mem::forget(begin().finish(&key).unwrap());
    assert_says(&cache.run(&[]), &["4 files", "Incomplete: 2 files", "KiB"]);
    assert_says(&cache.run(&["verify"]), &["4 files sound, none bad"]);
    assert!(cache.dir.load(&key).is_none());
    let left = cache.dir.strays().unwrap();
    set_used(&left[0].path, 2 * DAY);
    cache.dir.clone().with_limit(u64::MAX).evict().unwrap();
    assert!(!left[0].path.exists() && left[1].path.exists());
    cache.run(&["clear"]);
    assert!(!left[1].path.exists());
}

#[test]
fn the_least_recently_used_are_removed_first() {
    let cache = Cache::new();
    let size = fs::metadata(cache.layer(1)).unwrap().len();
    // A use makes the oldest of them the most recently used.
    assert!(cache.dir.load(&CacheKey::layer(&digest(3))).is_some());
    cache
        .dir
        .clone()
        .with_limit(2 * size + 1000)
        .evict()
        .unwrap();
    let left = [1, 2, 3].map(|n| cache.layer(n).exists());
    assert_eq!(left, [true, false, true]);
    cache.dir.clone().with_limit(size + 1000).evict().unwrap();
    let left = [1, 2, 3].map(|n| cache.layer(n).exists());
    assert_eq!(left, [false, false, true]);
}

/// Clearing the cache while a mount reads an image loses only the file.
#[test]
fn a_file_that_is_cleared_while_it_is_written_is_still_read() {
    let cache = Cache::new();
    let key = CacheKey::layer(&digest(9));
    let mut writer = cache.dir.create(CacheKind::Layer).unwrap();
    writer.section(1).unwrap();
    writer.append(&[7; 1000]).unwrap();
    cache.run(&["clear"]);
    writer.append(&[8; 1000]).unwrap();
    let new = writer.finish(&key).unwrap();
    let file = new.file.clone();
    new.publish().unwrap();
    assert_eq!(cache.count(), 0);
    assert_eq!(file.part(1).get(999, 2), [7, 8]);
    // The same for the whole directory.
    let mut writer = cache.dir.create(CacheKind::Layer).unwrap();
    writer.section(1).unwrap();
    fs::remove_dir_all(cache.place.join("cache/imgfs")).unwrap();
    writer.finish(&key).unwrap().publish().unwrap();
    write(&cache.dir, &key, 10);
    assert_eq!(cache.count(), 0);
}

/// On a full disk a file loses its name: writing continues in the directory for temporary files.
#[test]
fn a_full_disk_is_left() {
    if !needs::root() {
        return;
    }
    let place = Place::new();
    let disk = place.join("disk");
    fs::create_dir(&disk).unwrap();
    mount("none", &disk, "tmpfs", MountFlags::empty(), c"size=512k").unwrap();
    let dir = CacheDir::open(&disk.join("cache")).unwrap();
    let key = CacheKey::layer(&digest(1));
    write(&dir, &key, 100_000);
    let mut writer = dir.create(CacheKind::Layer).unwrap();
    writer.section(1).unwrap();
    for i in 0..500_000_u32 {
        writer.append(&i.to_le_bytes()).unwrap();
    }
    let new = writer.finish(&CacheKey::layer(&digest(2))).unwrap();
    let file = new.file.clone();
    assert!(file.verify());
    let part = file.part(1);
    for i in [0, 77_777, 499_999_u32] {
        assert_eq!(part.record(i.into()), Some(&i.to_le_bytes()));
    }
    new.publish().unwrap();
    assert_eq!(dir.list().unwrap().len(), 1, "the other file is gone");
    assert!(dir.strays().unwrap().is_empty());
    assert!(dir.load(&key).is_some());
    // A full disk without any space: the directory opens, and its files can be used.
    let fill = fs::write(disk.join("fill"), vec![0; 1 << 20]);
    assert!(fill.is_err());
    let dir = CacheDir::open(&disk.join("cache")).unwrap();
    write(&dir, &CacheKey::layer(&digest(3)), 200_000);
    assert!(dir.load(&key).is_some());
}

/// A cache on a disk that was remounted read-only can be read.
#[test]
fn a_read_only_cache_is_used() {
    if !(needs::root() && needs::fuse()) {
        return;
    }
    let place = Place::new();
    let disk = place.join("disk");
    fs::create_dir(&disk).unwrap();
    mount("none", &disk, "tmpfs", MountFlags::empty(), None).unwrap();
    let path = disk.join("cache");
    let key = CacheKey::layer(&digest(1));
    write(&CacheDir::open(&path).unwrap(), &key, 1000);
    rustix::mount::mount_remount(&disk, MountFlags::RDONLY, "").unwrap();
    let dir = CacheDir::open(&path).unwrap();
    assert!(dir.load(&key).is_some());
    write(&dir, &CacheKey::layer(&digest(2)), 1000);
    assert_eq!(dir.list().unwrap().len(), 1);
    let options = ["--cache-dir", str(&path)];
    place.mount(&options, place.image());
    assert_eq!(place.text("etc/motd"), "hello\n");
    let mut command = place.imgfs();
    command.args(["cache", "clear"]).args(options);
    let said = fail(&mut command);
    assert_says(&said, &[str(&path), "Read-only file system"]);
}

/// A closed output pipe is not reported.
#[test]
fn a_closed_pipe_ends_it_quietly() {
    let cache = Cache::new();
    for args in ["show", "show --json", "verify", "clear"] {
        let args: Vec<_> = args.split(' ').collect();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = cache.command(&args);
        let output = command.stdout(writer).output().unwrap();
        assert_eq!(stderr(&output), "");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
    }
}
