#!/usr/bin/env python3
"""Converts an overlay's upper directory into a layer: layer_tar.py UPPER OUT.tar

Whiteouts and opaque markers as in the OCI image-spec, hard links, xattrs in PAX headers, names
sorted.
"""
import os
import stat
import sys
import tarfile

KINDS = {
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
}


def entry(name, status, kind=tarfile.REGTYPE):
    info = tarfile.TarInfo(name)
    info.mode = stat.S_IMODE(status.st_mode)
    info.uid, info.gid = status.st_uid, status.st_gid
    info.mtime = int(status.st_mtime)
    info.type = kind
    return info


def marker(name, status):
    info = tarfile.TarInfo(name)
    info.mtime = int(status.st_mtime)
    return info


def take_xattrs(path, info):
    """Puts the xattrs into the header; returns whether overlayfs marks the directory as opaque."""
    opaque = False
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        value = os.getxattr(path, name, follow_symlinks=False)
        if name == "trusted.overlay.opaque":
            opaque = value == b"y"
        elif not name.startswith("trusted.overlay"):
            info.pax_headers["SCHILY.xattr." + name] = value.decode("utf-8", "surrogateescape")
    return opaque


def walk(archive, directory, prefix, seen):
    for item in sorted(os.scandir(directory), key=lambda item: item.name):
        name, status = prefix + item.name, item.stat(follow_symlinks=False)
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFCHR and status.st_rdev == 0:
            archive.addfile(marker(prefix + ".wh." + item.name, status))
        elif kind == stat.S_IFDIR:
            info = entry(name, status, tarfile.DIRTYPE)
            opaque = take_xattrs(item.path, info)
            archive.addfile(info)
            if opaque:
                archive.addfile(marker(name + "/.wh..wh..opq", status))
            walk(archive, item.path, name + "/", seen)
        elif kind == stat.S_IFLNK:
            info = entry(name, status, tarfile.SYMTYPE)
            info.linkname = os.readlink(item.path)
            take_xattrs(item.path, info)
            archive.addfile(info)
        elif kind == stat.S_IFREG and status.st_ino in seen:
            info = entry(name, status, tarfile.LNKTYPE)
            info.linkname = seen[status.st_ino]
            archive.addfile(info)
        elif kind == stat.S_IFREG:
            if status.st_nlink > 1:
                seen[status.st_ino] = name
            info = entry(name, status)
            info.size = status.st_size
            take_xattrs(item.path, info)
            with open(item.path, "rb") as file:
                archive.addfile(info, file)
        elif kind in KINDS:
            info = entry(name, status, KINDS[kind])
            info.devmajor, info.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
            archive.addfile(info)


def main():
    upper, out = sys.argv[1:]
    with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as archive:
        walk(archive, upper, "", {})


if __name__ == "__main__":
    main()
