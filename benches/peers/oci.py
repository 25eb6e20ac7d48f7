#!/usr/bin/env python3
"""OCI layouts: oci.py LAYOUT REF LAYER.tar... writes one with `gzip -6 -n` layers.

As a module it also streams layers into a layout while they are generated, so that a layer of 10 GB is
never stored uncompressed.
"""
import concurrent.futures
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading

MEDIA = "application/vnd.oci.image."
COMPRESSORS = {
    "gzip": ["gzip", "-6", "-n", "-c"],
    # From a pipe, so one member or frame without a recorded length, as builders write them.
    "fast-gzip": ["igzip", "-1", "-c"],
    "zstd": ["zstd", "-3", "-q", "-c"],
}


class LayerWriter:
    """Receives one layer's raw bytes through write(); finish() stores the compressed blob in the
    layout."""

    def __init__(self, layout, compression):
        self.blobs = os.path.join(layout, "blobs", "sha256")
        os.makedirs(self.blobs, exist_ok=True)
        self.media = MEDIA + "layer.v1.tar+" + compression.removeprefix("fast-")
        command = COMPRESSORS[compression]
        if compression == "fast-gzip" and not shutil.which(command[0]):
            command = ["gzip", "-1", "-n", "-c"]
        self.raw, self.raw_size = hashlib.sha256(), 0
        self.blob, self.blob_size = hashlib.sha256(), 0
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.part = os.path.join(self.blobs, "part.%d" % self.process.pid)
        self.reader = threading.Thread(target=self._store)
        self.reader.start()

    def _store(self):
        with open(self.part, "wb") as out:
            while data := self.process.stdout.read(1 << 20):
                self.blob.update(data)
                self.blob_size += len(data)
                out.write(data)

    def write(self, data):
        self.raw.update(data)
        self.raw_size += len(data)
        self.process.stdin.write(data)

    def finish(self):
        self.process.stdin.close()
        self.reader.join()
        if self.process.wait() != 0:
            raise SystemExit("%s failed" % self.process.args[0])
        digest = self.blob.hexdigest()
        os.rename(self.part, os.path.join(self.blobs, digest))
        return {
            "diff_id": "sha256:" + self.raw.hexdigest(),
            "descriptor": {
                "mediaType": self.media,
                "digest": "sha256:" + digest,
                "size": self.blob_size,
            },
        }


def from_tar(layout, compression, path):
    layer = LayerWriter(layout, compression)
    with open(path, "rb") as file:
        while data := file.read(1 << 20):
            layer.write(data)
    return layer.finish() | {"created_by": "ADD " + os.path.basename(path)}


def put_json(layout, media, value):
    data = json.dumps(value).encode()
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(layout, "blobs", "sha256", digest), "wb") as file:
        file.write(data)
    return {"mediaType": media, "digest": "sha256:" + digest, "size": len(data)}


def finish_layout(layout, ref, layers):
    """Writes the config, the manifest and the index for the stored layers; the index comes last."""
    created = "2025-01-01T00:00:00Z"
    config = {
        "created": created,
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": [layer["diff_id"] for layer in layers]},
        "history": [
            {"created": created, "created_by": layer.get("created_by", "made by a script")}
            for layer in layers
        ],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MEDIA + "manifest.v1+json",
        "config": put_json(layout, MEDIA + "config.v1+json", config),
        "layers": [layer["descriptor"] for layer in layers],
    }
    described = put_json(layout, MEDIA + "manifest.v1+json", manifest)
    described["annotations"] = {"org.opencontainers.image.ref.name": ref}
    described["platform"] = {"architecture": "amd64", "os": "linux"}
    with open(os.path.join(layout, "oci-layout"), "w", encoding="utf-8") as file:
        json.dump({"imageLayoutVersion": "1.0.0"}, file)
    with open(os.path.join(layout, "index.json"), "w", encoding="utf-8") as file:
        json.dump({"schemaVersion": 2, "manifests": [described]}, file)


def main():
    layout, ref, *tars = sys.argv[1:]
    os.makedirs(layout)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        layers = list(pool.map(lambda tar: from_tar(layout, "gzip", tar), tars))
    finish_layout(layout, ref, layers)


if __name__ == "__main__":
    main()
