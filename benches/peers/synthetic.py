#!/usr/bin/env python3
"""Images that no build produces but that a mount must handle, each written as an OCI layout:

  synthetic.py small-files LAYOUT FILES     a tree of FILES small files, from 40 layers that overlap
  synthetic.py one-layer LAYOUT GIB         one gzip member of GIB decoded
  synthetic.py one-file LAYOUT gzip|zstd FILE   one layer with FILE in it
  synthetic.py join-elf TREE MIB OUT        MIB of the executables of TREE, end to end

The tar streams are written here, header by header, and go straight into the compressor: nothing is
unpacked, and a million files take a minute. The same arguments give the same bytes.
"""
import os
import random
import shutil
import stat
import sys

import content
import oci

LAYERS = 40
PER_DIRECTORY = 100
# The number of 100 entries that the layers above leave: files, without the replaced and the removed
# ones.
LEFT = 92
MTIME = b"%011o\0" % 1_700_000_000
MAGIC = b"ustar\x0000"


def header(name, size, kind=b"0", link=b"", mode=0o644):
    """A ustar header; names over 100 bytes do not occur here."""
    before = b"%s%07o\0%07o\0%07o\0%011o\0%s" % (name.ljust(100, b"\0"), mode, 0, 0, size, MTIME)
    after = b"%s%s%s" % (kind, link.ljust(100, b"\0"), MAGIC)
    checksum = sum(before) + sum(after) + 8 * 32
    return b"%s%06o\0 %s" % (before, checksum, after.ljust(512 - 156, b"\0"))


def padding(size):
    return b"\0" * (-size % 512)


END = b"\0" * 1024


class Stream:
    """Collects small writes, since each goes through two digests and a pipe."""

    def __init__(self, layer):
        self.layer, self.parts, self.length, self.entries = layer, [], 0, 0

    def put(self, *parts):
        self.parts += parts
        self.length += sum(map(len, parts))
        if self.length > 1 << 20:
            self.flush()

    def flush(self):
        self.layer.write(b"".join(self.parts))
        self.parts, self.length = [], 0

    def directory(self, name):
        self.entries += 1
        self.put(header(name + b"/", 0, b"5", mode=0o755))

    def file(self, name, data):
        self.entries += 1
        self.put(header(name, len(data)), data, padding(len(data)))

    def symlink(self, name, target):
        self.entries += 1
        self.put(header(name, 0, b"2", target, 0o777))

    def finish(self):
        self.put(END)
        self.flush()
        return self.layer.finish()


def small_files(layout, files):
    """Each layer brings directories of 100 below parents that all layers share. Of 100 entries 2
    are symbolic links, 3 replace a file of an earlier layer, and 1 removes one; each 200th
    directory makes one of an earlier layer opaque. So no layer can be merged without the others."""
    rng = random.Random(files)
    text = content.Text(1).block(4 << 20)
    directories = files // LAYERS // LEFT + 1
    name_of = lambda layer, i: b"srv/part%02d/l%02d-d%04d" % (i % 50, layer, i)
    layers, entries = [], 0
    for number in range(LAYERS):
        out = Stream(oci.LayerWriter(layout, "fast-gzip"))
        out.directory(b"srv")
        for part in range(min(50, directories)):
            out.directory(b"srv/part%02d" % part)
        again, taken = set(), set()
        for i in range(directories):
            directory = name_of(number, i)
            out.directory(directory)
            for j in range(PER_DIRECTORY):
                name = b"%s/file-%02d.conf" % (directory, j)
                start, size = rng.randrange(len(text) - 1024), rng.randint(60, 900)
                if j < 94 or number == 0 and j >= 96:
                    out.file(name, text[start : start + size])
                elif j < 96:
                    out.symlink(name, b"file-%02d.conf" % rng.randrange(94))
                else:
                    earlier = name_of(rng.randrange(number), rng.randrange(directories))
                    if earlier not in again:
                        again.add(earlier)
                        out.directory(earlier)
                        if rng.randrange(800) == 0:
                            out.file(earlier + b"/.wh..wh..opq", b"")
                    # Half of a directory each, so that no file is both replaced and removed.
                    pick = rng.randrange(47)
                    if (earlier, pick, j < 99) in taken:
                        continue
                    taken.add((earlier, pick, j < 99))
                    if j < 99:
                        replacement = text[start : start + size]
                        out.file(b"%s/file-%02d.conf" % (earlier, pick), replacement)
                    else:
                        out.file(b"%s/.wh.file-%02d.conf" % (earlier, 47 + pick), b"")
        layers.append(out.finish())
        entries += out.entries
    return layers, entries


def one_layer(layout, gib):
    """Files of 64 MiB of words."""
    text = content.Text(2)
    out = Stream(oci.LayerWriter(layout, "fast-gzip"))
    size, block = 64 << 20, 1 << 20
    for number in range(gib * 16):
        out.entries += 1
        out.put(header(b"words-%04d.txt" % number, size))
        for _ in range(size // block):
            out.put(text.block(block))
    return [out.finish()], out.entries


def one_file(layout, compression, path):
    out = Stream(oci.LayerWriter(layout, compression))
    size = os.path.getsize(path)
    out.put(header(b"big.bin", size))
    with open(path, "rb") as file:
        while data := file.read(1 << 20):
            out.put(data)
    out.put(padding(size))
    return [out.finish()], 1


def join_elf(tree, mib, out):
    """Bytes like a program's text and data, independent of the image's content. They begin with
    words, so that the whole file is not an executable to imgfs."""
    left = mib << 20
    with open(out, "wb") as joined:
        left -= joined.write(content.Text(3).block(64 << 10))
        for directory, below, names in os.walk(os.fsencode(tree)):
            below.sort()
            for name in sorted(names):
                path = os.path.join(directory, name)
                status = os.lstat(path)
                if left == 0 or not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                    continue
                with open(path, "rb") as file:
                    if file.read(4) == b"\x7fELF":
                        file.seek(0)
                        left -= joined.write(file.read(min(left, 8 << 20)))
    if left:
        raise SystemExit("%s has too few executables: %d bytes short" % (tree, left))


def main():
    what, target, *rest = sys.argv[1:]
    if what == "join-elf":
        join_elf(target, int(rest[0]), rest[1] + ".part")
        os.rename(rest[1] + ".part", rest[1])
        return
    # Written under another name until it is complete.
    part = target + ".part"
    shutil.rmtree(part, ignore_errors=True)
    if what == "small-files":
        layers, entries = small_files(part, int(rest[0]))
    elif what == "one-layer":
        layers, entries = one_layer(part, int(rest[0]))
    elif what == "one-file":
        layers, entries = one_file(part, *rest)
    else:
        raise SystemExit(__doc__)
    oci.finish_layout(part, "bench", layers)
    with open(os.path.join(part, "entries"), "w", encoding="utf-8") as file:
        file.write("%d\n" % entries)
    os.rename(part, target)


if __name__ == "__main__":
    main()
