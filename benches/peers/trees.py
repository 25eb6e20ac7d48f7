"""The release image as trees that need no imgfs: unpacked on ext4, and as podman mounts it."""
import json
import os
import shutil

import clock
import mounts
from clock import Failed


class Ext4:
    """The image unpacked by umoci on ext4: on the file system of the cache directory if it is
    ext4, otherwise in a file that is mounted through a loop device."""

    def __init__(self, directory, layout):
        self.layout = layout
        self.base = os.path.join(directory, "ext4")
        os.makedirs(self.base, exist_ok=True)
        kind = clock.text_of(["findmnt", "-n", "-o", "FSTYPE", "-T", directory])
        self.loop = kind != "ext4"
        if self.loop:
            self._mount_loop(os.path.join(directory, "ext4.img"))
        self.root = os.path.join(self.base, "bundle", "rootfs")
        self._unpack()

    def _mount_loop(self, image):
        if not os.path.exists(image):
            with open(image + ".part", "wb") as file:
                file.truncate(8 << 30)
            clock.run(["mkfs.ext4", "-q", "-F", image + ".part"])
            os.rename(image + ".part", image)
        mounts.Mount("ext4", self.base, ["mount", "-o", "loop", image, self.base], ["umount"])

    def _unpack(self):
        with open(os.path.join(self.layout, "index.json"), encoding="utf-8") as file:
            digest = json.load(file)["manifests"][0]["digest"]
        mark = os.path.join(self.base, "unpacked-from")
        if os.path.exists(mark):
            with open(mark, encoding="utf-8") as file:
                if file.read() == digest:
                    return
            os.remove(mark)
        bundle = os.path.dirname(self.root)
        shutil.rmtree(bundle, ignore_errors=True)
        unpack(self.layout, bundle)
        with open(mark, "w", encoding="utf-8") as file:
            file.write(digest)

    def where(self):
        return "a loop-mounted file" if self.loop else "the disk of the cache directory"


def unpack(layout, bundle):
    return clock.run(["umoci", "unpack", "--image", layout + ":release", bundle])


class Podman:
    """podman with its own storage, so that nothing else on the machine is touched."""

    def __init__(self, storage):
        clock.has("podman")
        self.storage = storage
        self.command = ["podman", "--root", storage + "/root", "--runroot", storage + "/run"]
        self.command += ["--storage-driver", "overlay", "--cgroup-manager", "cgroupfs"]

    def load(self, archive):
        return clock.run(self.command + ["load", "-q", "-i", archive])

    def mount(self):
        image = clock.text_of(self.command + ["images", "-q", "--no-trunc"]).splitlines()[-1]
        return clock.text_of(self.command + ["image", "mount", image]).splitlines()[-1]

    def loaded_mount(self, archive):
        """Returns the mounted image; loads it if necessary."""
        try:
            return self.mount()
        except (Failed, IndexError):
            self.clear()
            self.load(archive)
            return self.mount()

    def release(self):
        clock.run(self.command + ["image", "umount", "-a"], may_fail=True)
        # podman leaves its directory of layers mounted onto itself.
        for point in sorted(mounts.table(), reverse=True):
            if point.startswith(self.storage + "/"):
                clock.run(["umount", "-l", point], may_fail=True)

    def clear(self):
        self.release()
        shutil.rmtree(self.storage, ignore_errors=True)
