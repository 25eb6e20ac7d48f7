"""Reading from mounts: trees, the large file, and the question that sidecars answer."""
import os
import sys

import clock
from bench import COMMANDS
from clock import Failed
from table import ANONYMOUS, FLOORS, READ_BEFORE

PROBE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "probe.py")
FIND = "find . >/dev/null"
# Prints each size, so that it has to query the attributes of each name.
LSTAT = "find . -printf '%s\\n' >/dev/null"
TAR = "tar cf - . | cat >/dev/null"
GREP = "grep -rl '^GOARCH=arm64' --include='*.arch' ."
FILE = "find . -type f -exec file {} +"


def mounted(program, argument):
    """A fresh mount, and its root."""

    def enter():
        mount = program().mount(argument)
        return mount, mount.path

    return enter


def standing(root):
    """A tree that exists without a mount."""

    class Nothing:
        def close(self):
            pass

    return lambda: (Nothing(), root())


def trees_of(bench, image):
    """The release image in all its forms, by the name of the program that shows it."""
    return {
        "imgfs": mounted(lambda: bench.imgfs, image.path),
        "ext4": standing(lambda: bench.ext4().root),
        "ratarmount": mounted(bench.ratarmount, image.layers),
        "podman": standing(bench.podman_mount),
    }


def cold(command, root):
    clock.drop_caches()
    return clock.shell(command, cwd=root).seconds


def walks(bench):
    """find, and find with all attributes; each in a fresh mount, cold and then warm."""
    record = bench.record
    image = bench.images.release("gzip")
    for what, command in (("find", FIND), ("lstat", LSTAT)):
        names = [what + "-cold", what + "-warm"]
        if not record.wants(*names):
            continue

        def measure_of(name, enter, names=names, command=command):
            def measure():
                mount, root = enter()
                try:
                    record.value(names[0], name, cold(command, root))
                    record.value(names[1], name, clock.shell(command, cwd=root).seconds)
                finally:
                    mount.close()

            return name, names, measure

        bench.rounds([measure_of(*tree) for tree in trees_of(bench, image).items()])


def whole_trees(bench, kind):
    """All contents through tar, cold; then the memory of the process that served them."""
    record = bench.record
    time, resident = "tar-cold-" + kind, "resident-" + kind
    if not record.wants(time, resident):
        return
    image = bench.images.release(kind)
    shown = trees_of(bench, image)
    if kind != "gzip":
        # The tree is the same regardless of the compression of layers.
        del shown["podman"]

    def measure_of(name, enter):
        def measure():
            if name == "ratarmount" and kind == "zstd":
                raise Failed("not run: a step back decodes the frame from its start, see random-zstd")
            if name == "imgfs" and kind == "zstd":
                mount, root = enter()
                try:
                    clock.shell(TAR, cwd=root)
                finally:
                    mount.close()
                mount, root = enter()
                try:
                    record.value(time, READ_BEFORE, cold(TAR, root))
                finally:
                    mount.close()
                bench.imgfs.forget_what_was_read()
            mount, root = enter()
            try:
                record.value(time, name, cold(TAR, root))
                if name == "imgfs":
                    memory = mount.memory()
                    record.value(resident, name, memory["VmRSS"])
                    record.value(resident, ANONYMOUS, memory["RssAnon"])
                    record.value(resident, "cache and 64 MB", bench.cache_size() + 64)
                elif name == "ratarmount":
                    record.value(resident, name, mount.memory()["VmRSS"])
            finally:
                mount.close()

        rows = [time] if name in ("ext4", "podman") else [time, resident]
        return name, rows, measure

    bench.rounds([measure_of(*tree) for tree in shown.items()])


def large_file(bench, kind):
    """One file of 256 MiB alone in a layer: read sequentially, again, and at random offsets."""
    record = bench.record
    first, again, random = "file-cold-" + kind, "file-again-" + kind, "random-" + kind
    if not record.wants(first, again, random):
        return
    plain = bench.images.big_file(bench.ext4().root)
    image = bench.images.layout("bigfile-" + kind)
    cat = "cat big.bin >/dev/null"

    def sequential(name, program, argument):
        def measure():
            if name == "imgfs" and kind == "zstd":
                with program().mount(argument) as mount:
                    clock.shell(cat, cwd=mount.path)
                with program().mount(argument) as mount:
                    record.value(first, READ_BEFORE, cold(cat, mount.path))
                bench.imgfs.forget_what_was_read()
            with program().mount(argument) as mount:
                record.value(first, name, cold(cat, mount.path))
                record.value(again, name, clock.shell(cat, cwd=mount.path).seconds)

        return name, [first, again], measure

    def floor():
        clock.drop_caches()
        command = "%s '%s' >/dev/null" % (COMMANDS[image.floor], image.layers[0])
        record.value(first, FLOORS[kind], clock.shell(command).seconds)

    def ext4():
        root = os.path.dirname(plain)
        record.value(first, "ext4", cold(cat, root))
        record.value(again, "ext4", clock.shell(cat, cwd=root).seconds)

    def here_and_there(name, program, argument):
        def measure():
            clock.warm(image.layers)
            with program().mount(argument) as mount:
                file = os.path.join(mount.path, "big.bin")
                # All contenders use the same offsets in a round.
                probe = [sys.executable, PROBE, file, str(bench.seconds), str(record.round), plain]
                record.value(random, name, float(clock.text_of(probe)))

        return name, [random], measure

    programs = [
        ("imgfs", lambda: bench.imgfs, image.path),
        ("ratarmount", bench.ratarmount, image.layers),
    ]
    through = [sequential(*program) for program in programs]
    bench.rounds(through + [(FLOORS[kind], [first], floor), ("ext4", [first, again], ext4)])
    bench.rounds([here_and_there(*program) for program in programs])


def which_are_arm64(bench):
    """grep over the sidecars of a fresh mount, against file(1) over the unpacked tree. The page
    cache is warm, since file(1) only reads."""
    record = bench.record
    wanted = [kind for kind in FLOORS if record.wants("arm64-" + kind)]
    if not wanted:
        return
    names = ["arm64-" + kind for kind in wanted]
    answers = os.path.join(bench.work, "answers")

    def imgfs():
        for kind in wanted:
            image = bench.images.release(kind)
            clock.warm([image.path])
            with bench.imgfs.mount(image.path) as mount:
                seconds = clock.shell(GREP, cwd=mount.path, output=answers).seconds
            with open(answers, "rb") as file:
                if not file.read():
                    raise Failed("grep found no arm64 executable")
            record.value("arm64-" + kind, "imgfs", seconds)

    def file():
        root = bench.ext4().root
        clock.shell("tar cf - . | cat >/dev/null", cwd=root)
        seconds = clock.shell(FILE, cwd=root, output=answers).seconds
        for name in names:
            record.value(name, "find and file", seconds)

    bench.rounds([("imgfs", names, imgfs), ("find and file", names, file)])
