"""Shared by all measurements: the available tools, the images, the record, the rounds."""
import os
import re
import shutil

import clock
import mounts
import trees
from clock import Failed

# The floors use two of the machine's cores, as the design requires.
FLOOR = "printf '%%s\\0' %s | xargs -0 -P2 -n1 %s >/dev/null"
COMMANDS = {"igzip": "igzip -dc", "zstd": "zstd -dcq", "cat": "cat"}


class Bench:
    def __init__(self, options, images, record):
        self.work = os.path.join(options.directory, "work")
        self.directory = options.directory
        self.runs, self.seconds = options.runs, options.seconds
        self.images, self.record = images, record
        os.makedirs(self.work, exist_ok=True)
        # Remains of an unpacking that was interrupted.
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
        """Returns where podman shows the release image. A failure is remembered, so podman is not
        tried again."""
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
            # The cost of reading the archive, including its layers.
            return clock.shell(FLOOR % ("'%s'" % image.path, COMMANDS[image.floor]))
        return self.over_layers(image, COMMANDS[image.floor])

    def over_layers(self, image, command):
        """Runs a command over each layer, two at a time, the largest first."""
        layers = sorted(image.layers, key=os.path.getsize, reverse=True)
        quoted = " ".join("'%s'" % layer for layer in layers)
        return clock.shell(FLOOR % (quoted, command))

    def cache_size(self):
        """Returns the budget of imgfs's cache of decoded spans, in MB, from its help."""
        found = re.search(
            r"--cache-size.*?\[default: ([0-9.]+) ?([kMG]?)i?B?\]",
            clock.text_of([self.imgfs.binary, "mount", "--help"]),
            re.DOTALL,
        )
        if not found:
            # The fixed size in versions without the option.
            return 64 * 1.048576
        number, prefix = found.groups()
        return float(number) * 1024 ** " kMG".index(prefix or " ") / 1e6

    def rounds(self, contenders):
        """Runs each contender once a round, in turn, each round beginning with another of them.

        A contender is a name, the rows it has figures for, and a function. If the function fails, the
        failure is recorded for those rows, and the contender is not tried again.
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
