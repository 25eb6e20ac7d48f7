"""What all measurements share: the tools that are there, the images, the record, the rounds."""
import os
import re
import shutil

import clock
import mounts
import trees
from clock import Failed

# Of the machine's two cores or more, the floors use two, as the design has it.
FLOOR = "printf '%%s\\0' %s | xargs -0 -P2 -n1 %s >/dev/null"
COMMANDS = {"igzip": "igzip -dc", "zstd": "zstd -dcq", "cat": "cat"}


class Bench:
    def __init__(self, options, images, record):
        self.work = os.path.join(options.directory, "work")
        self.directory = options.directory
        self.runs, self.seconds = options.runs, options.seconds
        self.images, self.record = images, record
        os.makedirs(self.work, exist_ok=True)
        # What a run that was stopped left half unpacked.
        for scratch in ("bundle", "podman-load"):
            shutil.rmtree(os.path.join(self.work, scratch), ignore_errors=True)
        self.imgfs = mounts.Imgfs(options.imgfs, self.work)
        ratarmount = os.path.join(options.directory, "venv", "bin", "ratarmount")
        self.ratarmount_path = ratarmount if os.access(ratarmount, os.X_OK) else None
        self._ratarmount = self._ext4 = self._podman = None

    def ratarmount(self):
        if not self.ratarmount_path:
            raise Failed("ratarmount is not installed")
        if not self._ratarmount:
            self._ratarmount = mounts.Ratarmount(self.ratarmount_path, self.work)
        return self._ratarmount

    def ext4(self):
        if not self._ext4:
            self._ext4 = trees.Ext4(self.directory, self.images.at("release-oci"))
        return self._ext4

    def ext4_place(self):
        return self._ext4.where() if self._ext4 else "no disk in this run"

    def podman_mount(self):
        """Where podman shows the release image. A failure is remembered, not tried in each round."""
        if self._podman is None:
            try:
                podman = trees.Podman(os.path.join(self.work, "podman"))
                self._podman = (podman, podman.loaded_mount(self.images.at("release.tar")))
            except Failed as failure:
                self._podman = failure
        if isinstance(self._podman, Failed):
            raise self._podman
        return self._podman[1]

    def close(self):
        if isinstance(self._podman, tuple):
            self._podman[0].release()

    def floor(self, image):
        """Runs the decompressor over all layers, two at a time, the largest first."""
        clock.has(image.floor)
        if image.kind == "docker":
            # What it costs to read the archive, its layers included.
            return clock.shell(FLOOR % ("'%s'" % image.path, COMMANDS[image.floor]))
        return self.over_layers(image, COMMANDS[image.floor])

    def over_layers(self, image, command):
        """Runs a command over each layer, two at a time, the largest first."""
        layers = sorted(image.layers, key=os.path.getsize, reverse=True)
        quoted = " ".join("'%s'" % layer for layer in layers)
        return clock.shell(FLOOR % (quoted, command))

    def cache_size(self):
        """The budget of imgfs's cache of decoded spans, in MB, from its help."""
        found = re.search(
            r"--cache-size.*?\[default: ([0-9.]+) ?([kMG]?)i?B?\]",
            clock.text_of([self.imgfs.binary, "mount", "--help"]),
            re.DOTALL,
        )
        if not found:
            # What it is where it cannot be chosen.
            return 64 * 1.048576
        number, prefix = found.groups()
        return float(number) * 1024 ** " kMG".index(prefix or " ") / 1e6

    def rounds(self, contenders):
        """Runs each contender once a round, in turn, each round beginning with another of them.

        A contender is a name, the rows it has figures for, and a function. What the function cannot
        do is recorded as missing from those rows, and not tried again.
        """
        alive = [one for one in contenders if self.record.wants(*one[1])]
        for number in range(self.runs):
            self.record.round = number + 1
            shift = number % max(1, len(alive))
            for contender in alive[shift:] + alive[:shift]:
                name, rows, measure = contender
                try:
                    measure()
                except Failed as failure:
                    alive.remove(contender)
                    for row in rows:
                        self.record.missing(row, name, failure)
