#!/usr/bin/env python3
"""Measures the requested rows, and writes results.tsv, table.md and charts/."""
import argparse
import os
import signal
import sys
import time

import bench
import charts
import clock
import images
import measure_mount
import measure_pull
import measure_read
import mounts
import record
import report
from clock import Failed
from table import FLOORS, ROWS


def arguments():
    parser = argparse.ArgumentParser(prog="benches/peers.sh", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="ROW", help="these rows, or all that begin so")
    parser.add_argument("--output", metavar="DIR", help="where the results go")
    parser.add_argument("--runs", type=int, default=int(os.environ.get("RUNS", "5")))
    parser.add_argument("--seconds", type=float, default=5, help="of random reads (default 5)")
    parser.add_argument("--imgfs", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--images", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--directory", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    wanted = options.only or [""]
    options.rows = [row.name for row in ROWS if row.name.startswith(tuple(wanted))]
    for name in wanted:
        if not any(row.name.startswith(name) for row in ROWS):
            parser.error("there is no row %s; --list names them" % name)
    options.output = options.output or os.path.join(options.directory, "results")
    return options


def steps(run):
    """Yields the measurements in order, each with the prefix of its rows' names."""
    for kind in FLOORS:
        ends = tuple(name + kind for name in ("first-mount-", "first-memory-", "index-", "remount-"))
        yield ends, lambda kind=kind: measure_mount.first_mounts(run, kind)
    for kind in ("gzip", "zstd"):
        yield ("pull-" + kind, "pulled-mount-" + kind), lambda kind=kind: measure_pull.pulls(run, kind)
    yield ("unpack-",), lambda: measure_mount.unpacking(run)
    yield ("find-", "lstat-"), lambda: measure_read.walks(run)
    for kind in FLOORS:
        ends = ("tar-cold-" + kind, "resident-" + kind)
        yield ends, lambda kind=kind: measure_read.whole_trees(run, kind)
    for kind in ("gzip", "zstd"):
        ends = ("file-cold-" + kind, "file-again-" + kind, "random-" + kind)
        yield ends, lambda kind=kind: measure_read.large_file(run, kind)
    yield ("arm64-",), lambda: measure_read.which_are_arm64(run)
    yield ("small-",), lambda: measure_mount.small_files(run)
    yield ("huge-",), lambda: measure_mount.huge_layer(run)


def measure(run, rows):
    for begins, step in steps(run):
        names = [name for name in rows if name.startswith(begins)]
        if names:
            started = time.monotonic()
            print(", ".join(names), file=sys.stderr)
            try:
                step()
            except Failed as failure:
                # Their image could not be made.
                for name in names:
                    run.record.missing(name, "all", failure)
            print("  took %.0f s" % (time.monotonic() - started), file=sys.stderr)


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupted(number, _):
    # The clean-up must not be interrupted again.
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


def main():
    options = arguments()
    for number in SIGNALS:
        signal.signal(number, interrupted)
    os.makedirs(options.output, exist_ok=True)
    raw = os.path.join(options.output, "results.tsv")
    own = os.path.join(options.directory, "images")
    run = bench.Bench(options, images.Images(options.images, own), record.Record(raw, options.rows))
    try:
        measure(run, options.rows)
        figures = record.read(raw)
        text = report.document(figures, options, run.ext4_place(), run.images.figures())
    finally:
        clock.end_all()
        mounts.close_all()
        run.close()
    with open(os.path.join(options.output, "table.md"), "w", encoding="utf-8") as file:
        file.write(text)
    charts.write(raw, os.path.join(options.output, "charts"))
    print(text)
    print("Raw figures: %s" % raw, file=sys.stderr)
    unmeasured = [line.row.name for line in report.lines_of(figures) if line.mine is None]
    if unmeasured:
        print("imgfs itself has no figure for: " + ", ".join(unmeasured), file=sys.stderr)
    return 1 if unmeasured else 0


if __name__ == "__main__":
    sys.exit(main())
