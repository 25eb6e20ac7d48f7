"""Mounting: the first time, again, its memory and disk space; and what the peers do instead."""
import os
import shutil

import clock
import mounts
import trees
from table import ANONYMOUS, FEWER, FLOORS, HASHING, MILLION, ONE, TEN


def first_mounts(bench, kind):
    """The page cache holds the image. The first mount has no index, later mounts have a complete
    one."""
    record = bench.record
    time, memory, index, again = (
        name + kind for name in ("first-mount-", "first-memory-", "index-", "remount-")
    )
    if not record.wants(time, memory, index, again):
        return
    image = bench.images.release(kind)

    def mounter(name, program, argument, warm):
        def measure():
            tool = program()
            clock.warm(warm)
            with tool.mount(argument, first=True) as mount:
                record.value(time, name, mount.seconds)
                record.value(memory, name, mount.memory()["peak"])
            size = mounts.disk(tool.index)
            if size is None:
                record.missing(index, name, "%s keeps none" % name)
            else:
                record.value(index, name, 100 * size / image.layer_bytes)
            if record.wants(again):
                with tool.mount(argument) as mount:
                    record.value(again, name, mount.seconds * 1e3)

        return name, [time, memory, index, again], measure

    def floor():
        clock.warm([image.path] if kind == "docker" else image.layers)
        record.value(time, FLOORS[kind], bench.floor(image).seconds)

    def hashing():
        clock.has("openssl")
        clock.warm(image.layers)
        record.value(time, HASHING, bench.over_layers(image, HASHING).seconds)

    contenders = [
        mounter("imgfs", lambda: bench.imgfs, image.path, [image.path]),
        mounter("ratarmount", bench.ratarmount, image.layers, image.layers),
        (FLOORS[kind], [time], floor),
    ]
    if kind == "docker":
        contenders.append((HASHING, [time], hashing))
    bench.rounds(contenders)


def unpacking(bench):
    """What umoci and podman do before the first file can be read, in the turn of imgfs."""
    record = bench.record
    names = ["unpack-time", "unpack-memory", "unpack-disk"]
    if not record.wants(*names):
        return
    image = bench.images.release("gzip")
    layout = bench.images.at("release-oci")
    bundle = os.path.join(bench.work, "bundle")
    storage = os.path.join(bench.work, "podman-load")

    def note(name, seconds, peak, size):
        record.value("unpack-time", name, seconds)
        record.value("unpack-memory", name, peak)
        record.value("unpack-disk", name, (size or 0) / 1e6)

    def imgfs():
        clock.warm([image.path])
        with bench.imgfs.mount(image.path, first=True) as mount:
            note("imgfs", mount.seconds, mount.memory()["peak"], mounts.disk(bench.imgfs.index))

    def umoci():
        clock.warm(image.layers)
        shutil.rmtree(bundle, ignore_errors=True)
        try:
            ran = trees.unpack(layout, bundle)
            note("umoci unpack", ran.seconds, ran.peak, mounts.disk(bundle))
        finally:
            shutil.rmtree(bundle, ignore_errors=True)

    def podman():
        tool = trees.Podman(storage)
        tool.clear()
        clock.warm([image.path])
        try:
            ran = tool.load(image.path)
            size = mounts.disk(storage)
            mounted = clock.run(tool.command + ["image", "mount", "localhost/release:latest"])
            note("podman load", ran.seconds + mounted.seconds, max(ran.peak, mounted.peak), size)
        finally:
            tool.clear()

    tools = {"imgfs": imgfs, "umoci unpack": umoci, "podman load": podman}
    bench.rounds([(name, names, measure) for name, measure in tools.items()])


def small_files(bench):
    """Measures whether the cost of a mount grows only linearly with the files, and how large it
    is."""
    record = bench.record
    names = ["small-first", "small-remount", "small-memory", "small-resident"]
    if not record.wants(*names):
        return

    def measure_of(label, image_name):
        def measure():
            path, entries = bench.images.made(image_name), bench.images.entries(image_name)
            clock.warm([path])
            with bench.imgfs.mount(path, first=True) as mount:
                record.value("small-first", label, mount.seconds * 1e6 / entries)
                record.value("small-memory", label, mount.memory()["peak"])
            if record.wants("small-remount", "small-resident"):
                with bench.imgfs.mount(path) as mount:
                    record.value("small-remount", label, mount.seconds * 1e3)
                    if record.wants("small-resident"):
                        clock.run(["find", mount.path])
                        memory = mount.memory()
                        record.value("small-resident", label, memory["VmRSS"])
                        if label == MILLION:
                            record.value("small-resident", ANONYMOUS, memory["RssAnon"])

        return label, names, measure

    bench.rounds([measure_of(MILLION, "files-1m"), measure_of(FEWER, "files-100k")])


def huge_layer(bench):
    """Measures whether memory stays constant for a very long layer."""
    record = bench.record
    names = ["huge-memory", "huge-first"]
    if not record.wants(*names):
        return

    def measure_of(label, image_name):
        def measure():
            path = bench.images.made(image_name)
            clock.warm([path])
            with bench.imgfs.mount(path, first=True) as mount:
                record.value("huge-memory", label, mount.memory()["peak"])
                record.value("huge-first", label, mount.seconds)

        return label, names, measure

    def floor():
        image = bench.images.layout("layer-10g")
        clock.warm(image.layers)
        record.value("huge-first", "igzip -dc of 10 GiB", bench.floor(image).seconds)

    bench.rounds([
        measure_of(TEN, "layer-10g"),
        measure_of(ONE, "layer-1g"),
        ("igzip -dc of 10 GiB", ["huge-first"], floor),
    ])
