"""The rows of the table: title, unit, and the bars that each has to meet."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Bar:
    """The subject's figure must be at most (or, if more is better, at least) `limit`, or that many
    times the peer's. If the limit is a text, it is the name of a figure that the measurement
    records."""

    limit: float | str
    peer: str = ""

    def text(self, row, limit):
        sign = "≥" if row.more_is_better else "≤"
        if self.peer:
            shown = "1/%d" % round(1 / limit) if limit < 0.1 else "%g" % limit
            return "%s %s × %s" % (sign, shown, self.peer)
        return "%s %g %s" % (sign, limit, row.unit)


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    title: str
    unit: str
    bars: tuple = ()
    more_is_better: bool = False
    # The contender that the row is about; all others are peers.
    subject: str = "imgfs"


ROWS = []

# For layers that cannot be read in the middle: after a mount has read them once.
READ_BEFORE = "imgfs, read before"

# The part of resident memory that the kernel cannot reclaim by dropping pages of files.
ANONYMOUS = "of which anonymous"


def row(*arguments, **options):
    ROWS.append(Row(*arguments, **options))


FLOORS = {"gzip": "igzip -dc", "zstd": "zstd -dc", "docker": "cat"}
HASHING = "openssl dgst -sha256"
IMAGES = {"gzip": "gzip layers", "zstd": "zstd layers", "docker": "docker-archive"}

for kind, floor in FLOORS.items():
    of = IMAGES[kind]
    # For a docker-archive the digests of the raw layers are checked; HASHING is the cost of that alone.
    row("first-mount-" + kind, "first mount and `ls`, " + of, "s", (Bar(1.8, floor), Bar(0.4, "ratarmount")))
    row("first-memory-" + kind, "first mount, peak memory, " + of, "MB", (Bar(256),))
    row("index-" + kind, "cache on disk, share of the layers, " + of, "%", (Bar(2),))
    row("remount-" + kind, "remount and `ls`, " + of, "ms", (Bar(60),))

THEN_INDEXED = "skopeo copy, then the first `imgfs ls`"
for kind in ("gzip", "zstd"):
    of = IMAGES[kind]
    row("pull-" + kind, "pull from a registry, indexed, " + of, "s", (Bar(1.15, "skopeo copy"),))
    row("pulled-mount-" + kind, "mount and `ls` after that, " + of, "ms", (Bar(60),))

row("unpack-time", "first tree by unpacking: time", "s")
row("unpack-memory", "first tree by unpacking: peak memory", "MB")
row("unpack-disk", "first tree by unpacking: disk", "MB")

row("find-cold", "`find`, cold", "s", (Bar(1.0, "ext4"),))
row("find-warm", "`find`, warm", "s", (Bar(1.2, "ext4"),))
row("lstat-cold", "lstat of everything, cold", "s", (Bar(1.0, "ext4"),))
row("lstat-warm", "lstat of everything, warm", "s", (Bar(1.2, "ext4"),))

for kind in FLOORS:
    of = IMAGES[kind]
    row("tar-cold-" + kind, "`tar cf - . \\| cat`, cold, " + of, "s", (Bar(1.0, "ext4"), Bar(0.35, "ratarmount")))
    row("resident-" + kind, "resident after reading everything, " + of, "MB", (Bar("cache and 64 MB"),))

for kind, floor in (("gzip", "igzip -dc"), ("zstd", "zstd -dc")):
    row("file-cold-" + kind, "256 MiB file, cold, %s layer" % kind, "s", (Bar(1.3, floor),))
    row("file-again-" + kind, "256 MiB file, again, %s layer" % kind, "s", (Bar(1.2, "ext4"),))
    row(
        "random-" + kind,
        "random 4 KiB reads a second in that file, %s layer" % kind,
        "/s",
        (Bar(20, "ratarmount"),),
        more_is_better=True,
    )

for kind in FLOORS:
    row(
        "arm64-" + kind,
        "which executables are arm64, after a remount, " + IMAGES[kind],
        "s",
        (Bar(1.5), Bar(1 / 15, "find and file")),
    )

MILLION, FEWER = "a million files", "100,000 files"
row("small-first", "40 layers of small files: first mount, per entry", "µs", (Bar(1.3, FEWER),), subject=MILLION)
row("small-remount", "40 layers of small files: remount and `ls`", "ms", (Bar(150),), subject=MILLION)
row("small-memory", "40 layers of small files: first mount, peak memory", "MB", (Bar(300),), subject=MILLION)
row(
    "small-resident",
    "40 layers of small files: resident after a remount and `find`",
    "MB",
    (Bar(300),),
    subject=MILLION,
)

TEN, ONE = "10 GiB", "1 GiB"
row("huge-memory", "one gzip member: first mount, peak memory", "MB", (Bar(1.1, ONE),), subject=TEN)
row("huge-first", "one gzip member: first mount", "s", subject=TEN)
