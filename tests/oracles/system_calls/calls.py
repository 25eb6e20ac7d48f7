"""Makes system calls on a read-only tree and prints the result of each, one line per call.

usage: calls.py ROOT [UID]

The tree is that of tree.sh. Results that differ between any two file systems are not printed: inode
and device numbers, lengths of directories, allocated blocks. With UID the calls are made as that
user, in no group.
"""

import array
import ctypes
import errno
import fcntl
import mmap
import os
import socket
import stat
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
DIR = os.O_RDONLY | os.O_DIRECTORY
LONG = "n" * 255
TOO_LONG = "n" * 256
NOW = (1000000000, 1000000000)


def show(value):
    if isinstance(value, bytes):
        return value[:64].hex() + (f"..{len(value)}" if len(value) > 64 else "")
    return str(value)


def call(label, function, *args, **named):
    try:
        print(f"{label}: {show(function(*args, **named))}")
    except OSError as error:
        print(f"{label}: {errno.errorcode.get(error.errno, error.errno)}")


def c(name, *args):
    """Calls a function of libc that returns -1 for an error."""
    result = getattr(libc, name)(*args)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def status(path, **named):
    s = os.stat(path, **named)
    size = None if stat.S_ISDIR(s.st_mode) else s.st_size
    fields = [oct(s.st_mode), s.st_nlink, s.st_uid, s.st_gid, size, s.st_mtime_ns]
    return fields + [s.st_rdev if stat.S_ISCHR(s.st_mode) or stat.S_ISBLK(s.st_mode) else None]


def statx(path, flags, mask):
    buf = ctypes.create_string_buffer(256)
    c("statx", -100, path.encode(), flags, mask, buf)
    got, _, attributes, nlink, uid, gid, mode = struct.unpack_from("=IIQIIIH", buf.raw)
    # A file system may return more than was requested, and on a read-only one the access time is
    # irrelevant.
    return [hex(got & mask & 0x7DF), nlink, uid, gid, oct(mode)]


def with_open(path, flags, function):
    fd = os.open(path, flags)
    try:
        return function(fd)
    finally:
        os.close(fd)


def opened(path, flags, mode=0o644):
    os.close(os.open(path, flags, mode))
    return "opened"


def listed(path):
    """Returns names and types by readdir, sorted, since the names of a directory have no order."""
    types = lambda e: (e.is_dir(follow_symlinks=False), e.is_file(follow_symlinks=False), e.is_symlink())
    with os.scandir(path) as entries:
        return sorted((e.name, types(e)) for e in entries)


def lookups():
    for path in ["", "dir", "dir/", "dir/.", "dir/..", "dir/../dir/file", "dir/file", "dir/hard", "nothing", "holes"]:
        call(f"lstat {path!r}", status, path, follow_symlinks=False)
    for path in ["link", "dirlink", "dangling", "one", "through", "long", "fifo", "char", "block", "script"]:
        call(f"lstat {path}", status, path, follow_symlinks=False)
        if path not in ("long", "fifo", "char", "block", "script"):
            call(f"stat {path}", status, path)
    for path in ["sticky", "empty", "closed", "closed/file", "dir/other", "secret", "group", LONG]:
        call(f"stat {path[:9]}", status, path)
    for path in ["file/", "dir/file/", "dir/file/.", "dir/file/..", "dir/file/x", "link/", "dirlink/file"]:
        call(f"stat {path}", status, path)
    call("lstat dirlink/", status, "dirlink/", follow_symlinks=False)
    call("stat missing", status, "missing")
    call("stat missing/x", status, "missing/x")
    call("stat of a case", status, "DIR")
    call("stat in a lower case of non-ASCII", status, "\u00e4")
    for label, path in [
        ("256 bytes", TOO_LONG),
        ("256 bytes in a directory", f"dir/{TOO_LONG}"),
        ("256 bytes below a file", f"dir/file/{TOO_LONG}"),
        ("256 bytes below nothing", f"missing/{TOO_LONG}"),
        ("256 bytes, then more", f"{TOO_LONG}/x"),
        ("1024 bytes", "n" * 1024),
        ("1025 bytes", "n" * 1025),
        ("255 bytes, missing", "m" * 255),
        ("a path of 4095 bytes", "./" * 2045 + "dir/o"),
        ("a path of 4096 bytes", "./" * 2045 + "dir/ot"),
        ("a path of 4500 bytes", "./" * 2250),
    ]:
        call(f"stat {label}", status, path)
        call(f"open {label}", opened, path, os.O_RDONLY)
    for mask in [0, 0x7FF, 0x1, 0x200]:
        call(f"statx {mask:x}", statx, "dir/file", 0, mask)
    call("statx of a link", statx, "link", 0x100, 0x7FF)
    call("statx with an empty path", statx, "", 0x1000, 0x7FF)
    call("statx with a reserved mask", statx, "link", 0, 0x80000000)
    for path in ["link", "dirlink", "dangling", "one", "absolute", "dir", "dir/file", "fifo", "missing", "link/"]:
        call(f"readlink {path}", os.readlink, path)
    call("readlink of 1000 bytes", lambda: len(os.readlink("long")))
    buf = ctypes.create_string_buffer(4)
    call("readlink into 4 bytes", lambda: c("readlink", b"link", buf, 4))
    call("readlink into 0 bytes", lambda: c("readlink", b"link", buf, 0))


def opens():
    flags = {
        "rdonly": os.O_RDONLY, "wronly": os.O_WRONLY, "rdwr": os.O_RDWR, "append": os.O_WRONLY | os.O_APPEND,
        "trunc": os.O_WRONLY | os.O_TRUNC, "rdonly trunc": os.O_RDONLY | os.O_TRUNC, "creat": os.O_CREAT,
        "creat excl": os.O_CREAT | os.O_EXCL, "creat wronly": os.O_CREAT | os.O_WRONLY, "directory": DIR,
        "nofollow": os.O_NOFOLLOW, "path": os.O_PATH, "path nofollow": os.O_PATH | os.O_NOFOLLOW,
        "tmpfile": os.O_TMPFILE | os.O_RDWR, "noatime": os.O_NOATIME, "sync": os.O_SYNC,
        "nonblock": os.O_NONBLOCK, "cloexec": os.O_CLOEXEC, "direct": os.O_DIRECT,
    }
    for path in ["dir/file", "dir", "link", "dirlink", "dangling", "missing", "char"]:
        for name, value in flags.items():
            if (path, name) != ("char", "tmpfile"):
                call(f"open {path} {name}", opened, path, value)
    for name in ["creat wronly", "creat excl", "rdonly"]:
        call(f"open fifo {name}", opened, "fifo", flags[name] | os.O_NONBLOCK)
    for path in ["one", "dir/file/x", "dir/missing/x", "block", "secret", "group", "closed/file", "empty", "script"]:
        call(f"open {path}", opened, path, os.O_RDONLY)
    for label, path in [("creat of 256 bytes", TOO_LONG), ("creat of 256 bytes below", f"dir/{TOO_LONG}")]:
        call(label, opened, path, os.O_CREAT | os.O_WRONLY)
        call(f"{label}, excl", opened, path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    how = struct.pack("=QQQ", os.O_RDONLY, 0, 0x08)  # RESOLVE_BENEATH
    for path in [b"dir/../dir/file", b"../x", b"absolute/etc"]:
        call(f"openat2 beneath {path.decode()}", lambda: c("syscall", 437, -100, path, how, len(how)) and "opened")
    how = struct.pack("=QQQ", os.O_RDONLY, 0, 0x04)  # RESOLVE_NO_SYMLINKS
    call("openat2 without links", lambda: c("syscall", 437, -100, b"link", how, len(how)))


def reads():
    read = lambda *args: with_open("dir/file", os.O_RDONLY, lambda fd: os.pread(fd, *args))
    for length, offset in [(10, 0), (10, 4995), (10, 5000), (10, 1 << 40), (0, 0), (8192, 0), (1, 1 << 62)]:
        call(f"pread {length} at {offset}", read, length, offset)
    call("pread at -1", read, 1, -1)
    call("pread at the end of off_t", read, 1, (1 << 63) - 1)
    call("read of a directory", with_open, "dir", DIR, lambda fd: os.read(fd, 10))
    call("pread of a directory", with_open, "dir", DIR, lambda fd: os.pread(fd, 10, 0))
    call("read of a path", with_open, "dir/file", os.O_PATH, lambda fd: os.read(fd, 10))
    call("read of an empty file", with_open, "nothing", os.O_RDONLY, lambda fd: os.read(fd, 10))
    call("readv", with_open, "dir/file", os.O_RDONLY, lambda fd: os.readv(fd, [bytearray(3), bytearray(6000)]))
    call("preadv2 nowait", with_open, "text", os.O_RDONLY, lambda fd: os.preadv(fd, [bytearray(9)], 0, 0))
    call("write", with_open, "dir/file", os.O_RDONLY, lambda fd: os.write(fd, b"x"))
    call("pwrite", with_open, "dir/file", os.O_RDONLY, lambda fd: os.pwrite(fd, b"x", 0))
    for whence, name in [(os.SEEK_SET, "set"), (os.SEEK_CUR, "cur"), (os.SEEK_END, "end")]:
        for offset in [0, 3, 5000, 5001, -1, -5000, 1 << 41]:
            seek = lambda fd: os.lseek(fd, offset, whence)
            call(f"lseek {name} {offset}", with_open, "dir/file", os.O_RDONLY, seek)
    for whence, name in [(os.SEEK_DATA, "data"), (os.SEEK_HOLE, "hole")]:
        for path, offset in [("dir/file", 0), ("dir/file", 4999), ("dir/file", 5000), ("dir/file", -1),
                             ("nothing", 0), ("holes", 0), ("holes", 524288), ("holes", 600000),
                             ("holes", 1048575), ("holes", 1048576)]:
            seek = lambda fd: os.lseek(fd, offset, whence)
            call(f"lseek {name} {path} {offset}", with_open, path, os.O_RDONLY, seek)
    call("lseek unknown", with_open, "dir/file", os.O_RDONLY, lambda fd: os.lseek(fd, 0, 9))
    call("sendfile", with_open, "text", os.O_RDONLY, lambda fd: os.sendfile(os.open("/dev/null", 1), fd, 0, 99))
    copy = lambda fd: os.copy_file_range(fd, with_open("/tmp", os.O_TMPFILE | os.O_RDWR, os.dup), 99)
    call("copy_file_range", with_open, "text", os.O_RDONLY, copy)

    def mapped(flags, prot, length=5000):
        def run(fd):
            with mmap.mmap(fd, length, flags, prot) as m:
                return m[4990:5000]
        return run

    call("mmap private", with_open, "dir/file", os.O_RDONLY, mapped(mmap.MAP_PRIVATE, mmap.PROT_READ))
    call("mmap shared", with_open, "dir/file", os.O_RDONLY, mapped(mmap.MAP_SHARED, mmap.PROT_READ))
    both = mmap.PROT_READ | mmap.PROT_WRITE
    call("mmap private write", with_open, "dir/file", os.O_RDONLY, mapped(mmap.MAP_PRIVATE, both))
    call("mmap shared write", with_open, "dir/file", os.O_RDONLY, mapped(mmap.MAP_SHARED, both))
    execute = mmap.PROT_READ | mmap.PROT_EXEC
    call("mmap private exec", with_open, "dir/file", os.O_RDONLY, mapped(mmap.MAP_PRIVATE, execute))
    call("posix_fadvise", with_open, "dir/file", os.O_RDONLY, lambda fd: os.posix_fadvise(fd, 0, 0, 3))
    call("readahead", with_open, "dir/file", os.O_RDONLY, lambda fd: c("readahead", fd, ctypes.c_long(0), 4096))
    call("fsync", with_open, "dir/file", os.O_RDONLY, os.fsync)
    call("fdatasync", with_open, "dir/file", os.O_RDONLY, os.fdatasync)
    call("fsync of a directory", with_open, "dir", DIR, os.fsync)
    call("syncfs", with_open, "dir", DIR, lambda fd: c("syncfs", fd))


def directories():
    for path in ["", "dir", "dir/sub", "dirlink", "sticky", "closed", "empty"]:
        call(f"readdir {path!r}", listed, path or ".")
    for path in ["dir/file", "link", "missing", "dangling", "one"]:
        call(f"readdir {path}", listed, path)
    buf = ctypes.create_string_buffer(4096)
    getdents = lambda path, size: with_open(path, os.O_RDONLY, lambda fd: c("syscall", 217, fd, buf, size) > 0)
    call("getdents", getdents, "dir", 4096)
    call("getdents into 8 bytes", getdents, "dir", 8)
    call("getdents of a file", getdents, "dir/file", 4096)
    for path in ["dir", "dir/file", "dirlink", "closed", "empty", "missing"]:
        call(f"chdir {path}", lambda: with_open(".", DIR, lambda fd: (os.chdir(path), os.fchdir(fd))[0]))
    call("fchdir to a file", with_open, "dir/file", os.O_RDONLY, os.fchdir)


def changes():
    fd = os.open("dir/file", os.O_RDONLY)
    for label, path in [("", "new"), (" over a file", "dir/file"), (" over a directory", "dir"), (" over a link", "link"),
                        (" below nothing", "missing/new"), (" below a file", "dir/file/new"), (" of 256 bytes", TOO_LONG)]:
        call(f"mkdir{label}", os.mkdir, path)
        call(f"mkfifo{label}", os.mkfifo, path)
        call(f"symlink{label}", os.symlink, "x", path)
        call(f"link{label}", os.link, "text", path)
        call(f"rename{label}", os.rename, "text", path)
        call(f"unlink{label}", os.unlink, path)
        call(f"rmdir{label}", os.rmdir, path)
    call("mknod of a device", os.mknod, "new", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    call("link of nothing", os.link, "missing", "new")
    call("link of a directory", os.link, "dir", "new")
    call("rename of nothing", os.rename, "missing", "new")
    call("rename into itself", os.rename, "dir", "dir/sub/new")
    call("rename across", os.rename, "text", "/tmp/imgfs-never")
    call("renameat2 noreplace", lambda: c("renameat2", -100, b"text", -100, b"dir/file", 1))
    call("renameat2 exchange", lambda: c("renameat2", -100, b"text", -100, b"dir/file", 2))
    call("rmdir dir/.", os.rmdir, "dir/.")
    call("rmdir dir/..", os.rmdir, "dir/..")
    call("mkdir with a slash", os.mkdir, "new/")
    call("unlink with a slash", os.unlink, "text/")
    for path in ["dir/file", "dir", "link", "missing", "char"]:
        call(f"chmod {path}", os.chmod, path, 0o600)
        call(f"chown {path}", os.chown, path, 1, 1)
        call(f"lchown {path}", os.lchown, path, 1, 1)
        call(f"utime {path}", os.utime, path, NOW)
        call(f"utime of now {path}", os.utime, path)
        call(f"truncate {path}", os.truncate, path, 1)
    call("lutime", os.utime, "link", NOW, follow_symlinks=False)
    call("truncate to less than nothing", os.truncate, "dir/file", -1)
    call("ftruncate", os.ftruncate, fd, 0)
    call("fchmod", os.fchmod, fd, 0o600)
    call("fchown", os.fchown, fd, 1, 1)
    call("futime", os.utime, fd, NOW)
    call("fallocate", os.posix_fallocate, fd, 0, 10)
    for name in [b"user.a", b"user.new", b"trusted.t", b"security.x", b"system.posix_acl_access", b"unknown.x", b"plain"]:
        call(f"setxattr {name.decode()}", os.setxattr, "text", name, b"v")
        call(f"removexattr {name.decode()}", os.removexattr, "text", name)
    os.close(fd)


def attributes():
    names = ["user.a", "user.empty", "user.missing", "user.", "user", "trusted.t", "trusted.missing", "trusted.",
             "security.capability", "security.missing", "security.selinux", "security.", "system.posix_acl_access",
             "system.posix_acl_default", "system.posix_acl_accessx", "system.missing", "system.", "unknown.x", "plain",
             "User.a", "user.a.b", "os2.x", "btrfs.compression", ".", "u"]
    for path in ["text", "script", "dir", "link", "fifo", "char"]:
        for name in names:
            call(f"lgetxattr {path} {name}", os.getxattr, path, name, follow_symlinks=False)
    call("getxattr through a link", os.getxattr, "link", "user.a")
    call("getxattr of nothing", os.getxattr, "missing", "user.a")
    call("getxattr of an empty name", os.getxattr, "text", "")
    call("getxattr of 255 bytes", os.getxattr, "text", "user." + "x" * 250)
    call("getxattr of 256 bytes", os.getxattr, "text", "user." + "x" * 251)
    call("fgetxattr", with_open, "text", os.O_RDONLY, lambda fd: os.getxattr(fd, "user.a"))
    call("fgetxattr of a path", with_open, "text", os.O_PATH, lambda fd: os.getxattr(fd, "user.a"))
    buf = ctypes.create_string_buffer(70000)
    for size in [0, 1, 2, 3, 4, 65536, 70000]:
        call(f"getxattr into {size}", lambda: c("getxattr", b"text", b"user.a", buf, size))
        call(f"getxattr of an empty value into {size}", lambda: c("getxattr", b"text", b"user.empty", buf, size))
    for path in ["text", "script", "dir", "link", "fifo", "char", "nothing", "missing"]:
        # The attributes that imgfs adds are not compared.
        shipped = lambda names: sorted(name for name in names if not name.startswith("user.imgfs."))
        call(f"llistxattr {path}", lambda: shipped(os.listxattr(path, follow_symlinks=False)))
    for size in [0, 1, 100]:
        call(f"listxattr of none into {size}", lambda: c("listxattr", b"nothing", buf, size))
    call("listxattr into 1", lambda: c("listxattr", b"text", buf, 1))


def rights():
    modes = {"f": os.F_OK, "r": os.R_OK, "w": os.W_OK, "x": os.X_OK, "rx": os.R_OK | os.X_OK, "rw": os.R_OK | os.W_OK}
    for path in ["dir", "dir/file", "script", "text", "secret", "group", "closed", "closed/file", "empty", "sticky",
                 "link", "dangling", "fifo", "char", "missing"]:
        for name, mode in modes.items():
            call(f"access {path} {name}", lambda: c("access", path.encode(), mode))
    for path in ["dir/file", "link"]:
        call(f"faccessat {path}", lambda: c("faccessat", -100, path.encode(), 4, 0x100))
        call(f"faccessat {path}, effective", lambda: c("faccessat", -100, path.encode(), 4, 0x200))

    def started(path):
        child = os.fork()
        if child == 0:
            try:
                os.execv(path, [path])
            except OSError as error:
                os._exit(100 + error.errno)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return code if code < 100 else errno.errorcode[code - 100]

    for path in ["script", "text", "dir", "missing", "link", "dir/file"]:
        call(f"execve {path}", started, f"./{path}")


def others():
    number = array.array("L", [0])

    def flags(fd):
        fcntl.ioctl(fd, 0x80086601, number)  # FS_IOC_GETFLAGS
        # Extents are ext4's own.
        return hex(number[0] & ~0x80000)

    call("ioctl getflags", with_open, "dir/file", os.O_RDONLY, flags)
    call("ioctl unknown", with_open, "dir/file", os.O_RDONLY, lambda fd: fcntl.ioctl(fd, 0x12345678, 0))
    call("ioctl tcgets", with_open, "dir/file", os.O_RDONLY, lambda fd: fcntl.ioctl(fd, 0x5401, bytes(64)))
    unread = lambda fd: struct.unpack("i", fcntl.ioctl(fd, 0x541B, bytes(4)))
    call("ioctl fionread", with_open, "dir/file", os.O_RDONLY, unread)
    call("fcntl getfl", with_open, "dir/file", os.O_RDONLY, lambda fd: fcntl.fcntl(fd, fcntl.F_GETFL) & 0o3)
    call("fcntl lock for reading", with_open, "dir/file", os.O_RDONLY, lambda fd: fcntl.lockf(fd, fcntl.LOCK_SH))
    call("fcntl lock for writing", with_open, "dir/file", os.O_RDONLY, lambda fd: fcntl.lockf(fd, fcntl.LOCK_EX))
    call("fcntl lease", with_open, "dir/file", os.O_RDONLY, lambda fd: fcntl.fcntl(fd, fcntl.F_GETLEASE))
    for name, how in [("shared", fcntl.LOCK_SH), ("exclusive", fcntl.LOCK_EX)]:
        call(f"flock {name}", with_open, "dir/file", os.O_RDONLY, lambda fd: fcntl.flock(fd, how | fcntl.LOCK_NB))
        call(f"flock {name} of a directory", with_open, "dir", DIR, lambda fd: fcntl.flock(fd, how | fcntl.LOCK_NB))

    def statvfs(path):
        s = os.statvfs(path)
        # Flags, except those about access times, which are irrelevant here.
        return [s.f_bsize, s.f_frsize, s.f_namemax, hex(s.f_flag & ~0x1400), s.f_bavail > s.f_bfree]

    call("statvfs", statvfs, ".")
    call("statvfs of a link", statvfs, "dangling")
    for name in ["PC_NAME_MAX", "PC_PATH_MAX", "PC_LINK_MAX", "PC_PIPE_BUF"]:
        call(f"pathconf {name}", os.pathconf, "dir", name)
    call("inotify", lambda: c("inotify_add_watch", c("inotify_init"), b"dir", 0x100))
    handle = ctypes.create_string_buffer(struct.pack("=Ii", 128, 0), 136)
    mount = ctypes.c_int()
    call("name_to_handle_at", lambda: c("name_to_handle_at", -100, b"dir/file", handle, ctypes.byref(mount), 0))
    call("mount point below", lambda: c("umount2", b"dir", 0))
    call("swapon", lambda: c("swapon", b"dir/file", 0))
    call("bind", lambda: socket.socket(socket.AF_UNIX).bind("new.socket"))
    call("connect", lambda: socket.socket(socket.AF_UNIX).connect("dir/file"))


def main():
    os.chdir(sys.argv[1])
    if len(sys.argv) > 2:
        user = int(sys.argv[2])
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    for part in [lookups, opens, reads, directories, changes, attributes, rights, others]:
        part()


main()
