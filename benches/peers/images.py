"""The measured images: their paths, their layers as files, their figures. Images that scripts make
are made on first use."""
import json
import os
import shutil
import sys
import tarfile

import clock

MAKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "synthetic.py")
MADE = {
    "files-100k": ("small-files", "100000"),
    "files-1m": ("small-files", "1000000"),
    "layer-1g": ("one-layer", "1"),
    "layer-10g": ("one-layer", "10"),
}
BIG_FILE = {"bigfile-gzip": "gzip", "bigfile-zstd": "zstd"}


class Image:
    """`path` is the argument of mount; `layers` are the blobs as files, lowest first."""

    def __init__(self, kind, path, layers, floor):
        self.kind, self.path, self.layers = kind, path, layers
        # Reads all layers and does nothing else, two at a time, the largest first.
        self.floor = floor
        self.layer_bytes = sum(map(os.path.getsize, layers))


def blob(layout, digest):
    return os.path.join(layout, "blobs", *digest.split(":"))


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def manifest(layout):
    return load(blob(layout, load(os.path.join(layout, "index.json"))["manifests"][0]["digest"]))


def layout_layers(layout):
    return [blob(layout, layer["digest"]) for layer in manifest(layout)["layers"]]


def docker_layers(archive, directory):
    """Unpacks the layers of a docker-archive once, for peers that read layers only."""
    with tarfile.open(archive) as tar:
        names = json.load(tar.extractfile("manifest.json"))[0]["Layers"]
        paths = [os.path.join(directory, name.replace("/", "_")) for name in names]
        for name, path in zip(names, paths):
            member = tar.getmember(name)
            if not os.path.exists(path) or os.path.getsize(path) != member.size:
                os.makedirs(directory, exist_ok=True)
                tar.makefile(member, path)
    return paths


class Images:
    """The release image is in `ready`, all others in `own`."""

    def __init__(self, ready, own):
        self.ready, self.own = ready, own
        self.used = {}

    def at(self, name):
        return os.path.join(self.ready if name.startswith("release") else self.own, name)

    def release(self, kind):
        if kind not in self.used:
            self.used[kind] = self._release(kind)
        return self.used[kind]

    def _release(self, kind):
        if kind == "gzip":
            layers, floor = layout_layers(self.at("release-oci")), "igzip"
            return Image(kind, self.at("release.tar"), layers, floor)
        if kind == "zstd":
            layers, floor = layout_layers(self.at("release-zstd-oci")), "zstd"
            return Image(kind, self.at("release-zstd.tar"), layers, floor)
        archive = self.at("release-docker.tar")
        layers = docker_layers(archive, os.path.join(self.own, "docker-layers"))
        return Image(kind, archive, layers, "cat")

    def made(self, name):
        """Returns the layout of an image that a script makes."""
        path = self.at(name)
        if not os.path.isdir(path):
            print("making %s" % name, file=sys.stderr)
            what, size = MADE[name]
            clock.run([sys.executable, MAKER, what, path, size])
        return path

    def big_file(self, tree):
        """Makes the 256 MiB file beside the unpacked tree, from its executables, and the images of
        it."""
        plain = os.path.join(os.path.dirname(tree), "big.bin")
        if not os.path.exists(plain):
            print("making the 256 MiB file", file=sys.stderr)
            for name in BIG_FILE:
                shutil.rmtree(self.at(name), ignore_errors=True)
            clock.run([sys.executable, MAKER, "join-elf", tree, "256", plain])
        for name, compression in BIG_FILE.items():
            if not os.path.isdir(self.at(name)):
                command = [sys.executable, MAKER, "one-file", self.at(name), compression, plain]
                clock.run(command)
        return plain

    def layout(self, name):
        path = self.made(name) if name in MADE else self.at(name)
        if not os.path.isdir(path):
            raise clock.Failed("%s could not be made" % name)
        floor = "zstd" if name.endswith("zstd") else "igzip"
        return Image(name, path, layout_layers(path), floor)

    def entries(self, name):
        with open(os.path.join(self.at(name), "entries"), encoding="utf-8") as file:
            return int(file.read())

    def figures(self):
        """Describes each image in a line; for the release image, only the forms that were used."""
        lines = []
        for kind, image in self.used.items():
            lines.append(
                "release image, %s: %d layers, %d MB, in a file of %d MB"
                % (kind, len(image.layers), image.layer_bytes / 1e6, os.path.getsize(image.path) / 1e6)
            )
            if kind == "docker":
                entries = 0
                for layer in image.layers:
                    with tarfile.open(layer) as tar:
                        entries += sum(1 for _ in tar)
                lines[-1] += ", %d entries in all layers" % entries
        for name in [*MADE, *BIG_FILE]:
            if os.path.isdir(self.at(name)):
                image = self.layout(name)
                figures = (name, len(image.layers), image.layer_bytes / 1e6, self.entries(name))
                lines.append("%s: %d layer(s), %d MB compressed, %d entries" % figures)
        return lines
