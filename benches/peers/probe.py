#!/usr/bin/env python3
"""Random reads of 4 KiB: probe.py FILE SECONDS SEED [COPY]

Prints the number of reads per second. Each page is read at most once, so earlier reads help only if
the file system stored nearby pages. Afterwards the bytes are compared with COPY's.
"""
import os
import random
import sys
import time

PAGE = 4096


def main():
    path, seconds, seed, *copies = sys.argv[1:]
    file = os.open(path, os.O_RDONLY)
    pages = list(range(os.fstat(file).st_size // PAGE))
    random.Random(int(seed)).shuffle(pages)
    kept, done = [], 0
    end = time.monotonic() + float(seconds)
    started = now = time.monotonic()
    for page in pages:
        data = os.pread(file, PAGE, page * PAGE)
        now = time.monotonic()
        done += 1
        if done <= 2000:
            kept.append((page, data))
        if now >= end:
            break
    for copy in copies:
        other = os.open(copy, os.O_RDONLY)
        for page, data in kept:
            if os.pread(other, PAGE, page * PAGE) != data:
                raise SystemExit("%s: page %d is not that of %s" % (path, page, copy))
    print(done / (now - started))


if __name__ == "__main__":
    main()
