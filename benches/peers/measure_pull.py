"""Pulling: from a registry on this computer into an empty store, with indexing, compared with
skopeo."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import clock
import mounts
from table import THEN_INDEXED

CONFIG = """version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: %s}}
http: {addr: "127.0.0.1:%d"}
"""


@contextlib.contextmanager
def registry(work):
    """A registry of its own, and its address."""
    clock.has("docker-registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    storage = os.path.join(work, "registry")
    shutil.rmtree(storage, ignore_errors=True)
    os.makedirs(storage)
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as config:
        config.write(CONFIG % (storage, port))
        config.flush()
        process = subprocess.Popen(
            ["docker-registry", "serve", config.name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        host = "127.0.0.1:%d" % port
        try:
            if not mounts.until(lambda: _answers(host), 10):
                raise clock.Failed("docker-registry does not answer")
            yield host
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
            shutil.rmtree(storage, ignore_errors=True)


def _answers(host):
    try:
        with urllib.request.urlopen("http://%s/v2/" % host, timeout=1):
            return True
    except (urllib.error.URLError, OSError):
        return False


def pulls(bench, kind):
    """Afterwards both have written an OCI layout."""
    record = bench.record
    row = "pull-" + kind
    if not record.wants(row):
        return
    layout = bench.images.at("release-oci" if kind == "gzip" else "release-zstd-oci")
    store, copied = os.path.join(bench.work, "store"), os.path.join(bench.work, "copied")
    env = bench.imgfs.env | {"IMGFS_STORE_DIR": store}

    with registry(bench.work) as host:
        name = "%s/release:1" % host
        to = "docker://" + name
        push = ["skopeo", "copy", "-q", "--dest-tls-verify=false", "--preserve-digests"]
        clock.run(push + ["oci:%s:release" % layout, to])

        def imgfs():
            shutil.rmtree(store, ignore_errors=True)
            shutil.rmtree(bench.imgfs.index, ignore_errors=True)
            os.sync()
            record.value(row, "imgfs", clock.run([bench.imgfs.binary, "pull", name], env=env).seconds)
            if record.wants("pulled-mount-" + kind):
                path = os.path.join(bench.work, "mnt-imgfs")
                mount = [bench.imgfs.binary, "mount", name, path]
                with mounts.Mount("imgfs", path, mount, [bench.imgfs.binary, "umount"], env) as mount:
                    record.value("pulled-mount-" + kind, "imgfs", mount.seconds * 1e3)

        def skopeo():
            shutil.rmtree(copied, ignore_errors=True)
            os.sync()
            copy = ["skopeo", "copy", "-q", "--src-tls-verify=false", to, "oci:%s:release" % copied]
            record.value(row, "skopeo copy", clock.run(copy).seconds)

        def skopeo_and_mount():
            """The way without a store: copies, and has the copy indexed by its first mount."""
            shutil.rmtree(copied, ignore_errors=True)
            shutil.rmtree(bench.imgfs.index, ignore_errors=True)
            os.sync()
            started = time.monotonic()
            copy = ["skopeo", "copy", "-q", "--src-tls-verify=false", to, "oci:%s:release" % copied]
            clock.run(copy)
            clock.run([bench.imgfs.binary, "ls", "oci:%s:release" % copied], env=bench.imgfs.env)
            record.value(row, THEN_INDEXED, time.monotonic() - started)

        try:
            bench.rounds([
                ("imgfs", [row, "pulled-mount-" + kind], imgfs),
                ("skopeo copy", [row], skopeo),
                (THEN_INDEXED, [row], skopeo_and_mount),
            ])
        finally:
            shutil.rmtree(store, ignore_errors=True)
            shutil.rmtree(copied, ignore_errors=True)
