"""The table in markdown, from the raw figures; missing figures and why; the machine and the tools."""
import os
import platform
import statistics
import time

import clock
from clock import Failed
from table import ANONYMOUS, ROWS


def shown(value, unit):
    if unit == "%":
        return "%.2g %%" % value
    if value >= 100:
        return "{:,.0f} {}".format(value, unit)
    # Three digits at most, since a run is not more repeatable than that.
    digits = 2 if value < 1 and unit == "s" else 1
    if unit == "s" and value < 10:
        digits = 2 if value >= 0.1 else 3
    return "%.*f %s" % (digits, value, unit)


def times(ratio):
    return "%.2g" % ratio if ratio < 10 else "%.0f" % ratio


class Line:
    """A row of the table, from the medians of its contenders."""

    def __init__(self, row, figures):
        self.row = row
        self.medians = {name: statistics.median(values) for name, (values, _) in figures.items() if values}
        self.reasons = [(name, why[0]) for name, (_, why) in figures.items() if why]
        self.rounds = max((len(values) for values, _ in figures.values()), default=0)
        limits = {bar.limit for bar in row.bars}
        self.peers = [name for name in figures if name not in (row.subject, "all", *limits)]
        self.mine = self.medians.get(row.subject)

    def bars(self):
        """(the bar's text, whether it is met; None if that is unknown)"""
        for bar in self.row.bars:
            limit = self.medians.get(bar.limit) if isinstance(bar.limit, str) else bar.limit
            if limit is None:
                yield bar.limit, None
                continue
            text = bar.text(self.row, round(limit) if isinstance(bar.limit, str) else limit)
            against = self.medians.get(bar.peer) if bar.peer else 1
            if self.mine is None or against is None:
                yield text, None
            elif self.row.more_is_better:
                yield text, self.mine >= limit * against
            else:
                yield text, self.mine <= limit * against

    def cells(self):
        unit = self.row.unit
        yield self.row.title
        mine = "-" if self.mine is None else shown(self.mine, unit)
        yield mine if self.row.subject == "imgfs" else "%s: %s" % (self.row.subject, mine)
        cell = lambda name: shown(self.medians[name], unit) if name in self.medians else "-"
        yield "<br>".join("%s: %s" % (name, cell(name)) for name in self.peers) or " "
        ratios = []
        for name in self.peers:
            if self.mine is not None and self.medians.get(name) and name != ANONYMOUS:
                ratios.append("%s × %s" % (times(self.mine / self.medians[name]), name))
        yield "<br>".join(ratios) or " "
        bars = list(self.bars())
        yield "<br>".join(text for text, _ in bars) or "none"
        yield "<br>".join({True: "yes", False: "**no**", None: "-"}[met] for _, met in bars) or " "


def lines_of(figures):
    return [Line(row, figures[row.name]) for row in ROWS if row.name in figures]


def table(figures):
    lines = lines_of(figures)
    out = ["| what | imgfs | peers | ratio | bar | met? |", "|---|---|---|---|---|---|"]
    out += ["| " + " | ".join(line.cells()) + " |" for line in lines]
    missing = {}
    for line in lines:
        for name, why in line.reasons:
            missing.setdefault((name, why), []).append(line.row.name)
    if missing:
        out += ["", "Missing:", ""]
        out += ["- %s (%s): %s" % (name, ", ".join(rows), why) for (name, why), rows in missing.items()]
    bars = [met for line in lines for _, met in line.bars()]
    out += [
        "",
        "Of %d bars, %d are met, %d are not, and %d could not be measured."
        % (len(bars), bars.count(True), bars.count(False), bars.count(None)),
    ]
    return "\n".join(out)


NOTES = """\
- Medians of %d rounds, in each of which imgfs and its peers took turns; ratios are of these medians.
  MB are millions of bytes.
- First mounts: page cache warm, no index, until the end of the first `ls`. Peak memory is that of the
  process that serves, or of the command that started it if that is more.
- Cold: a fresh mount, then `sync; echo 3 >/proc/sys/vm/drop_caches`. The programs find, tar and the floors
  are read into the page cache again before they are timed.
- imgfs lists its sidecars, so they are part of its walks. ratarmount gets the layers as files and merges
  them without whiteouts. ext4 is the image unpacked by umoci, on %s.
- lstat of everything is `find -printf '%%s\\n'`. Random reads take %g s and read each page at most once, with
  the layer in the page cache; the bytes are compared with the plain file afterwards.
- A floor is a plain tool that reads or decodes all layers, two at a time, and does nothing else."""


def first_line(command):
    try:
        return clock.text_of(command).splitlines()[0]
    except (Failed, IndexError) as failure:
        return "- (%s)" % failure


def machine(options):
    """Versions and the machine, one line each."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with open("/etc/os-release", encoding="utf-8") as file:
        system = dict(line.rstrip().split("=", 1) for line in file if "=" in line)
    ratarmount = os.path.join(options.directory, "venv", "bin", "ratarmount")
    versions = [
        ["imgfs", options.imgfs, "--version"],
        ["ratarmount", ratarmount, "--version"],
        ["umoci", "umoci", "--version"],
        ["podman", "podman", "--version"],
        ["skopeo", "skopeo", "--version"],
        ["igzip", "igzip", "--version"],
        ["zstd", "zstd", "--version"],
        ["file", "file", "--version"],
        ["find", "find", "--version"],
        ["tar", "tar", "--version"],
        ["grep", "grep", "--version"],
        ["python3", "python3", "--version"],
    ]
    out = [
        "date: " + time.strftime("%Y-%m-%d %H:%M %Z"),
        "kernel: %s %s" % (platform.system(), platform.release()),
        "system: " + system.get("PRETTY_NAME", "unknown").strip('"'),
        "CPU: %d × %s" % (os.cpu_count(), models[0] if models else platform.machine()),
        "memory: %.0f GiB" % (memory / (1 << 30)),
    ]
    return out + ["%s: %s" % (name, first_line(command)) for name, *command in versions]


def document(figures, options, ext4, image_figures):
    head = NOTES % (options.runs, ext4, options.seconds)
    lists = "\n".join("- " + line for line in image_figures + machine(options))
    return "\n\n".join((table(figures), head, lists)) + "\n"
