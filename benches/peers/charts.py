#!/usr/bin/env python3
"""Charts of the raw figures: charts.py RESULTS.tsv DIRECTORY

One SVG for each row, or for rows that belong together (cold and warm, the forms of the image):
horizontal bars of the medians, a line from the minimum to the maximum of the rounds, names and
figures as text. The colours work on light and dark backgrounds; nothing is loaded from elsewhere.
"""
import os
import re
import statistics
import sys
from xml.sax.saxutils import escape

import record
import report
from table import ROWS

# Rows whose names begin with one of these share a chart.
GROUPS = (
    ("first-mount", "First mount, until the first ls"),
    ("first-memory", "First mount, peak memory"),
    ("index", "Cache on disk, share of the layers"),
    ("remount", "Remount, until the first ls"),
    ("find", "find over the whole tree"),
    ("lstat", "lstat of everything"),
    ("tar-cold", "tar cf - . | cat, cold"),
    ("resident", "Resident memory after reading everything"),
    ("file", "A file of 256 MiB, alone in its layer"),
    ("random", "Random reads of 4 KiB a second"),
    ("arm64", "Which executables are arm64?"),
)

WIDTH, LABEL, FIGURE, BAR, GAP = 720, 190, 110, 18, 6
OURS, THEIRS = "#2f7ed8", "#8a8f98"
# One grey that is readable on white and on black: the page may have its own dark mode setting, which the
# browser does not know.
STYLE = (
    "text{font:13px sans-serif;fill:#717a85}.head{font-weight:bold;font-size:15px}"
    ".sub{font-style:italic}.tick{stroke:#e3b341;stroke-width:2}"
)


class Chart:
    def __init__(self, title):
        self.title, self.parts, self.y = title, [], 30
        self.text(0, 18, title, "head")

    def text(self, x, y, text, kind="", anchor="start"):
        self.parts.append(
            '<text x="%d" y="%d" class="%s" text-anchor="%s">%s</text>' % (x, y, kind, anchor, escape(text))
        )

    def section(self, title):
        self.y += 28
        self.text(0, self.y - 8, title, "sub")

    def bar(self, name, values, unit, most, ours):
        median = statistics.median(values)
        room = WIDTH - LABEL - FIGURE
        scale = lambda value: LABEL + room * value / most
        self.text(LABEL - 8, self.y + 13, name, "", "end")
        self.parts.append(
            '<rect x="%d" y="%d" width="%.1f" height="%d" rx="2" fill="%s"/>'
            % (LABEL, self.y, max(1, scale(median) - LABEL), BAR, OURS if ours else THEIRS)
        )
        middle = self.y + BAR / 2
        if len(values) > 1:
            self.parts.append(
                '<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" class="tick"/>'
                % (scale(min(values)), scale(max(values)), middle, middle)
            )
        self.text(scale(max(values)) + 6, self.y + 13, report.shown(median, unit))
        self.y += BAR + GAP

    def save(self, path):
        height = self.y + 4
        with open(path, "w", encoding="utf-8") as file:
            file.write(
                '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}" '
                'role="img">\n<title>{2}</title>\n<style>{3}</style>\n{4}\n</svg>\n'.format(
                    WIDTH, height, escape(self.title), STYLE, "\n".join(self.parts)
                )
            )


def plain(title):
    return title.replace("`", "").replace("\\|", "|")


def bars_of(row, figures):
    """Returns the contenders that have figures, the subject first; limits are not contenders."""
    limits = {bar.limit for bar in row.bars}
    names = sorted(figures, key=lambda name: name != row.subject)
    return [(name, figures[name][0]) for name in names if figures[name][0] and name not in limits]


def write(raw, directory):
    figures = record.read(raw)
    os.makedirs(directory, exist_ok=True)
    charts = {}
    for row in ROWS:
        if row.name in figures:
            group = next((group for group in GROUPS if re.match(group[0] + "(-|$)", row.name)), None)
            charts.setdefault(group or (row.name, plain(row.title)), []).append(row)
    for (name, title), rows in charts.items():
        chart = Chart(title)
        # One scale for all forms, so that they can be compared.
        drawn = [(row, bars_of(row, figures[row.name])) for row in rows]
        most = max((max(values) for _, bars in drawn for _, values in bars), default=0) or 1
        for row, bars in drawn:
            if len(rows) > 1:
                chart.section(plain(row.title))
            for contender, values in bars:
                chart.bar(contender, values, row.unit, most, contender == row.subject)
        chart.save(os.path.join(directory, name + ".svg"))


if __name__ == "__main__":
    write(*sys.argv[1:])
