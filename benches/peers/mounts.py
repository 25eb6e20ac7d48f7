"""Mounts of imgfs and its peers, each with the process that serves it. All end with this program."""
import contextlib
import os
import shutil
import signal
import time

import clock
from clock import Failed

_open = []


def table():
    """Returns the mountpoints of this system."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        points = [line.split()[4] for line in file]
    return {point.encode("utf-8", "surrogateescape").decode("unicode_escape") for point in points}


def servers(mountpoint):
    """Returns the processes that have the mountpoint among their arguments."""
    wanted = os.fsencode(mountpoint)
    pids = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                with open("/proc/%s/cmdline" % entry, "rb") as file:
                    if wanted in file.read().split(b"\0"):
                        pids.append(int(entry))
            except OSError:
                pass
    return pids


def until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.0005)
    return True


class Mount:
    """A mount made by a command that returns while a background process serves it."""

    def __init__(self, name, path, mount, umount, env=None):
        self.name, self.path, self.umount, self.env = name, path, umount, env
        os.makedirs(path, exist_ok=True)
        _open.append(self)
        started = time.monotonic()
        try:
            front = clock.run(mount, env=env)
            # ratarmount returns shortly before the mount is ready.
            if not until(lambda: path in table(), 10):
                raise Failed("%s mounted nothing" % name)
            clock.run(["ls", path])
        except BaseException:
            self.close()
            raise
        # From the start of the command to the end of the first ls.
        self.seconds = time.monotonic() - started
        self.pids = servers(path)
        self.front_peak = front.peak

    def memory(self):
        """Memory of the serving process; the peak also covers the command that started it."""
        if not self.pids:
            raise Failed("no process of %s names %s" % (self.name, self.path))
        each = [clock.memory_of(pid) for pid in self.pids]
        total = {name: sum(one[name] for one in each) for name in each[0]}
        total["peak"] = max(total["VmHWM"], self.front_peak)
        return total

    def close(self):
        """Unmounts, and waits until the process has ended, so that the next measurement starts on
        an idle machine."""
        if self in _open:
            _open.remove(self)
        pids = servers(self.path)
        if self.path in table():
            with contextlib.suppress(Failed):
                clock.run(self.umount + [self.path], env=self.env)
        # In case the program's own unmount failed.
        while self.path in table():
            clock.run(["umount", "-l", self.path])
        for pid in pids:
            if not until(lambda: pid not in servers(self.path), 10):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def close_all():
    for mount in list(_open):
        mount.close()


def empty(directory):
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)


def disk(directory):
    """Returns the bytes on disk below a directory, hard links counted once; None if there is none."""
    if not os.path.isdir(directory):
        return None
    blocks = {}
    for below, _, names in os.walk(directory):
        for name in names:
            status = os.lstat(os.path.join(below, name))
            blocks[status.st_dev, status.st_ino] = status.st_blocks
    return sum(blocks.values()) * 512


class Imgfs:
    """The program under test, used through its command line only, with its own cache directory."""

    def __init__(self, binary, work):
        self.binary, self.work = binary, work
        self.cache = os.path.join(work, "xdg-cache")
        self.env = {"XDG_CACHE_HOME": self.cache, "XDG_STATE_HOME": os.path.join(work, "xdg-state")}
        self.index = os.path.join(self.cache, "imgfs")
        os.makedirs(self.cache, exist_ok=True)
        self.made = set()

    def mount(self, image, first=False):
        """If `first`, the cache is empty. Otherwise it has everything about this image."""
        path = os.path.join(self.work, "mnt-imgfs")
        command = [self.binary, "mount", image, path]
        umount = [self.binary, "umount"]
        if first:
            shutil.rmtree(self.index, ignore_errors=True)
            self.made.clear()
        elif image not in self.made:
            Mount("imgfs", path, command, umount, self.env).close()
        self.made.add(image)
        return Mount("imgfs", path, command, umount, self.env)

    def forget_what_was_read(self):
        """Layers of one zstd frame are decoded again, once, when they are first read."""
        empty(os.path.join(self.index, "v1", "aside"))


class Ratarmount:
    """A union of layers, which ratarmount makes from the archives it is given."""

    def __init__(self, binary, work):
        self.binary, self.work = binary, work
        self.index = os.path.join(work, "ratarmount-index")
        os.makedirs(self.index, exist_ok=True)
        self.made = set()

    def mount(self, layers, first=False):
        path = os.path.join(self.work, "mnt-ratarmount")
        command = [self.binary, "--index-folders", self.index, *layers, path]
        umount = ["fusermount3", "-u"]
        if first:
            empty(self.index)
            self.made.clear()
        elif tuple(layers) not in self.made:
            Mount("ratarmount", path, command, umount).close()
        self.made.add(tuple(layers))
        return Mount("ratarmount", path, command, umount)
