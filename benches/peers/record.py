"""The raw figures, as they are measured, in a TSV: row, title, unit, contender, round, value, why.

A figure that could not be measured is a line with the value `-` and the reason.
"""
import sys

from table import ROWS

HEAD = ("row", "title", "unit", "contender", "round", "value", "why")


class Record:
    def __init__(self, path, wanted):
        self.rows = {row.name: row for row in ROWS}
        self.wanted = set(wanted)
        self.file = open(path, "w", encoding="utf-8")
        self.round = 0
        self._line(HEAD)

    def _line(self, fields):
        self.file.write("\t".join(map(str, fields)) + "\n")
        self.file.flush()

    def _put(self, name, contender, value, why=""):
        row = self.rows[name]
        why = " ".join(why.split())
        self._line((name, row.title, row.unit, contender, self.round, value, why))

    def wants(self, *names):
        return any(name in self.wanted for name in names)

    def value(self, name, contender, value):
        if name in self.wanted:
            self._put(name, contender, "%.6g" % value)
            print("  %s, %s: %.4g %s" % (name, contender, value, self.rows[name].unit), file=sys.stderr)

    def missing(self, name, contender, why):
        if name in self.wanted:
            self._put(name, contender, "-", str(why))
            print("  %s, %s: %s" % (name, contender, why), file=sys.stderr)


def read(path):
    """Returns {row: {contender: ([values], why)}} in the order of the file."""
    figures = {}
    with open(path, encoding="utf-8") as file:
        lines = [line.rstrip("\n").split("\t") for line in file]
    for name, _, _, contender, _, value, why in lines[1:]:
        values, reasons = figures.setdefault(name, {}).setdefault(contender, ([], []))
        if value == "-":
            reasons.append(why)
        else:
            values.append(float(value))
    return figures
