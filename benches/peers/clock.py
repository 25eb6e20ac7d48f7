"""Runs commands and measures their time in seconds and their peak memory. Ends the processes it
started."""
import os
import shutil
import signal
import subprocess
import tempfile
import time

_running = set()


class Failed(Exception):
    """A command that failed; the text is the reason to print."""


class Ran:
    def __init__(self, seconds, peak):
        self.seconds = seconds
        # MB. At least the memory of this process, which the kernel counts to the child until exec.
        self.peak = peak


def has(program):
    """Returns the name of the program, if it is installed."""
    name = os.path.basename(program)
    if not shutil.which(program):
        raise Failed("%s is not installed" % name)
    return name


def run(argv, cwd=None, env=None, output=None, timeout=900, may_fail=False):
    """Runs `argv` to its end. Its stdout goes to the file `output`, or nowhere."""
    name = has(argv[0])
    with tempfile.TemporaryFile() as errors, open(output or os.devnull, "wb") as out:
        started = time.monotonic()
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=env and os.environ | env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            start_new_session=True,
        )
        _running.add(process.pid)
        previous = signal.signal(signal.SIGALRM, lambda *_: _kill(process.pid))
        signal.alarm(timeout)
        try:
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - started
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, previous)
            if process.returncode is not None:
                _running.discard(process.pid)
        if process.returncode == -signal.SIGKILL and seconds >= timeout:
            raise Failed("%s took more than %d s" % (name, timeout))
        if process.returncode != 0 and not may_fail:
            errors.seek(0)
            lines = errors.read().decode(errors="replace").strip().splitlines() or ["no message"]
            raise Failed("%s ended with %d: %s" % (name, process.returncode, lines[-1][:300]))
    return Ran(seconds, usage.ru_maxrss * 1024 / 1e6)


def shell(command, **options):
    return run(["bash", "-c", "set -o pipefail; " + command], **options)


def text_of(argv, env=None):
    """Returns what a command prints on both streams."""
    name = has(argv[0])
    done = subprocess.run(
        argv,
        env=env and os.environ | env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    text = done.stdout.decode(errors="replace").strip()
    if done.returncode != 0:
        raise Failed("%s: %s" % (name, (text.splitlines() or ["failed"])[-1]))
    return text


def _kill(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def end_all():
    """After an interruption: ends the foreground command and its children."""
    for pid in list(_running):
        _kill(pid)


PROGRAMS = ("find", "tar", "cat", "igzip", "zstd")


def drop_caches():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("3\n")
    # The cache of the measured programs and their libraries must stay warm.
    shell("; ".join("%s --version" % name for name in PROGRAMS), may_fail=True)


def warm(paths):
    """Reads files, or all files below directories, so that they are in the page cache."""
    for path in paths:
        if os.path.isdir(path):
            warm(entry.path for entry in os.scandir(path))
        else:
            with open(path, "rb", buffering=0) as file:
                buffer = bytearray(1 << 20)
                while file.readinto(buffer):
                    pass


def memory_of(pid):
    """Returns VmHWM, VmRSS and RssAnon of a process, in MB."""
    with open("/proc/%d/status" % pid, encoding="utf-8") as file:
        fields = dict(line.split(":", 1) for line in file if ":" in line)
    return {
        name: int(fields[name].split()[0]) * 1024 / 1e6 for name in ("VmHWM", "VmRSS", "RssAnon")
    }
