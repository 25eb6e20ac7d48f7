"""Reads archives with libarchive and prints the results, in the form that facts.rs parses.

The names of the archives come from standard input, one per line.
"""

import ctypes
import hashlib
import locale
import sys
from ctypes import byref, c_char_p, c_int, c_int64, c_long, c_size_t, c_void_p

CONTENT_LIMIT = 1 << 20

# The types of files, from archive_entry.h.
FLAGS = {0o100000: "0", 0o120000: "2", 0o020000: "3", 0o060000: "4", 0o040000: "5", 0o010000: "6"}

lib = ctypes.CDLL("libarchive.so.13")


def declare(name, result, *arguments):
    function = getattr(lib, name)
    function.restype, function.argtypes = result, arguments
    return function


new = declare("archive_read_new", c_void_p)
free = declare("archive_read_free", c_int, c_void_p)
support_tar = declare("archive_read_support_format_tar", c_int, c_void_p)
support_empty = declare("archive_read_support_format_empty", c_int, c_void_p)
open_memory = declare("archive_read_open_memory", c_int, c_void_p, c_void_p, c_size_t)
next_header = declare("archive_read_next_header", c_int, c_void_p, c_void_p)
data_block = declare("archive_read_data_block", c_int, c_void_p, c_void_p, c_void_p, c_void_p)
error_string = declare("archive_error_string", c_char_p, c_void_p)
pathname = declare("archive_entry_pathname", c_char_p, c_void_p)
hardlink = declare("archive_entry_hardlink", c_char_p, c_void_p)
symlink = declare("archive_entry_symlink", c_char_p, c_void_p)
filetype = declare("archive_entry_filetype", c_int, c_void_p)
perm = declare("archive_entry_perm", c_int, c_void_p)
size_of = declare("archive_entry_size", c_int64, c_void_p)
uid = declare("archive_entry_uid", c_int64, c_void_p)
gid = declare("archive_entry_gid", c_int64, c_void_p)
mtime = declare("archive_entry_mtime", c_int64, c_void_p)
mtime_nsec = declare("archive_entry_mtime_nsec", c_long, c_void_p)
major = declare("archive_entry_rdevmajor", ctypes.c_uint64, c_void_p)
minor = declare("archive_entry_rdevminor", ctypes.c_uint64, c_void_p)
xattr_reset = declare("archive_entry_xattr_reset", c_int, c_void_p)
xattr_next = declare("archive_entry_xattr_next", c_int, c_void_p, c_void_p, c_void_p, c_void_p)

# From archive.h. After a warning the entry is usable; the status "retry" is treated as an error.
END, OK, WARN = 1, 0, -20


class Refused(Exception):
    pass


def check(archive, result):
    if result not in (OK, END, WARN):
        raise Refused((error_string(archive) or b"?").decode(errors="replace").replace("\n", " "))
    return result


def xattrs(entry):
    found = {}
    name, value, size = c_char_p(), c_void_p(), c_size_t()
    xattr_reset(entry)
    while xattr_next(entry, byref(name), byref(value), byref(size)) == OK:
        text = ctypes.string_at(value, size.value) if size.value else b""
        # If a name occurs twice, the last value is kept, as when a file is extracted.
        found[name.value.hex()] = text.hex()
    return ",".join(["x"] + sorted(f"{name}={text}" for name, text in found.items()))


def content(archive, size):
    """Returns the bytes of the current entry, with zeros for its holes."""
    data = bytearray()
    block, length, offset = c_void_p(), c_size_t(), c_int64()
    while check(archive, data_block(archive, byref(block), byref(length), byref(offset))) != END:
        if length.value:
            data.extend(bytes(max(0, offset.value - len(data))))
            data[offset.value : offset.value + length.value] = ctypes.string_at(block, length.value)
    data.extend(bytes(max(0, size - len(data))))
    return data


def read(archive, data):
    check(archive, support_tar(archive))
    check(archive, support_empty(archive))
    check(archive, open_memory(archive, data, len(data)))
    digest = hashlib.sha256()
    entry = c_void_p()
    while check(archive, next_header(archive, byref(entry))) != END:
        flag = FLAGS.get(filetype(entry), "?")
        link = hardlink(entry)
        if link is not None:
            flag = "1"
        elif flag == "2":
            link = symlink(entry)
        name, size = pathname(entry) or b"", size_of(entry)
        fields = [
            ord(flag), "n" + name.hex(), "l" + (link or b"").hex(), size, f"{perm(entry) & 0o7777:o}", uid(entry),
            gid(entry), mtime(entry), mtime_nsec(entry), major(entry), minor(entry), xattrs(entry),
        ]
        if flag == "0" and size <= CONTENT_LIMIT:
            digest.update(content(archive, size))
        print("entry", *fields)
    print("end", digest.hexdigest())


locale.setlocale(locale.LC_ALL, "C.UTF-8")
for line in sys.stdin:
    line = line.rstrip("\n")
    print("archive", line)
    with open(line, "rb") as file:
        data = file.read()
    archive = new()
    try:
        read(archive, data)
    except Refused as error:
        print("error", error)
    finally:
        free(archive)
