#!/usr/bin/env python3
"""Contents that are the same on every machine: content.py half-random MIB OUT

half-random is MIB times 512 KiB of random bytes and 512 KiB of words, so that half of it compresses.
"""
import random
import sys

LETTERS = b"abcdefghijklmnopqrstuvwxyz"


def words(rng, count):
    return [bytes(rng.choices(LETTERS, k=rng.randint(2, 10))) for _ in range(count)]


class Text:
    """Yields words without end, fast: 2,000 paragraphs of 16 KiB, generated once and drawn at
    random. gzip, with its window of 32 KiB, hardly ever sees one twice, and compresses them to a
    third."""

    PARAGRAPH = 16 << 10

    def __init__(self, seed):
        self.rng = random.Random(seed)
        vocabulary = words(self.rng, 2000)
        # A few words are frequent and most are rare, as in any language.
        weights = [1 / rank for rank in range(1, len(vocabulary) + 1)]
        sentences = [
            b" ".join(self.rng.choices(vocabulary, weights, k=self.rng.randint(20, 60))) + b".\n"
            for _ in range(10_000)
        ]
        self.paragraphs = [
            b"".join(self.rng.choices(sentences, k=200))[: self.PARAGRAPH] for _ in range(2000)
        ]

    def block(self, size):
        drawn = self.rng.choices(self.paragraphs, k=-(-size // self.PARAGRAPH))
        return b"".join(drawn)[:size]


def half_random(mib, out):
    rng = random.Random(7)
    vocabulary = words(rng, 5000)
    half = 512 << 10
    with open(out, "wb") as file:
        for _ in range(mib):
            text = b" ".join(rng.choices(vocabulary, k=100_000))[:half]
            file.write(rng.randbytes(half))
            file.write(text.ljust(half, b"."))


if __name__ == "__main__":
    half_random(int(sys.argv[2]), sys.argv[3])
