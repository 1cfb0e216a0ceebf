"""Every look at the machine: the only module that opens files or does ioctls (`commands` runs commands for it).

What passes here is what `--access` declares. Each function is thin, has a size cap and a time limit, and none
writes: files are opened for reading, device nodes with the mode that their query ioctls demand.
"""

import ctypes
import errno
import os
import shutil
import socket
import stat
import sys
import time
from contextlib import contextmanager
from typing import Iterator, List, Optional, Sequence

from .commands import SEARCH_PATH, Commands, Finished

KIB = 1024
MIB = 1024 * KIB
_CHUNK_BYTES = 64 * KIB
# A source's commands end a little before the source does, so that what they printed is still recorded.
_MARGIN_S = 0.4


class Look:
    """One source's eyes: bounded reads and commands that end when the source's time does.

    Args:
        root: a folder to take for `/` (the tests' machines); commands and ioctls know no root.
        limit_s: the source's time limit in seconds.
    """

    def __init__(self, root: str = "", limit_s: float = 10.0) -> None:
        self.root = root
        self.limit_s = limit_s
        self.commands = Commands(limit_s)
        self._end = time.monotonic() + limit_s

    def remaining_s(self) -> float:
        """Return the seconds that this source still has, less the margin to record what it has."""
        return max(0.0, self._end - time.monotonic() - _MARGIN_S)

    def machine(self) -> str:
        """Return the kernel's name of the machine, such as `x86_64`."""
        return os.uname().machine

    # Files

    def read_bytes(self, path: str, limit_bytes: int = MIB) -> bytes:
        """Read a regular file (or one of /proc and /sys).

        Raises:
            OSError: it cannot be read, is no regular file, or is larger than the limit (EFBIG).
        """
        # O_NONBLOCK: a FIFO in a configuration folder must not hold us up.
        fd = os.open(self.root + path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", path)
            parts: List[bytes] = []
            size_bytes = 0
            while True:
                part = os.read(fd, _CHUNK_BYTES)
                if not part:
                    return b"".join(parts)
                parts.append(part)
                size_bytes += len(part)
                if size_bytes > limit_bytes:
                    raise OSError(errno.EFBIG, "larger than %d bytes" % limit_bytes, path)
        finally:
            os.close(fd)

    def read_head(self, path: str, size_bytes: int) -> bytes:
        """Read the first bytes of a regular file. Raises OSError."""
        with self.device(path) as fd:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", path)
            return os.read(fd, size_bytes)

    def read_text(self, path: str, limit_bytes: int = MIB) -> str:
        """Read a file as UTF-8; bytes that are none become U+FFFD."""
        return self.read_bytes(path, limit_bytes).decode("utf-8", "replace")

    def read_line(self, path: str) -> Optional[str]:
        """Read a one-value file of /proc or /sys; None if it is not there or not readable."""
        try:
            return self.read_text(path, 64 * KIB).strip()
        except OSError:
            return None

    def find_bytes(
        self, path: str, needle: bytes, length_bytes: int, limit_bytes: int = 256 * MIB
    ) -> Optional[bytes]:
        """Return `length_bytes` bytes of a file from the first `needle` on, or None if it is not there."""
        fd = os.open(self.root + path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", path)
            window = b""
            for _ in range(limit_bytes // MIB):
                part = os.read(fd, MIB)
                window += part
                at = window.find(needle)
                if at >= 0 and (len(window) >= at + length_bytes or not part):
                    return window[at : at + length_bytes]
                if not part:
                    return None
                # The tail may hold the beginning of the needle, or the whole of it and too little after it.
                window = window[-(len(needle) + length_bytes) :]
            return None
        finally:
            os.close(fd)

    def names(self, path: str) -> List[str]:
        """List a folder, sorted. Raises OSError."""
        return sorted(os.listdir(self.root + path))

    def status(self, path: str) -> os.stat_result:
        """Follow links and return a file's status. Raises OSError."""
        return os.stat(self.root + path)

    def exists(self, path: str) -> bool:
        """Tell whether a path can be seen (a path that may not be looked at counts as absent)."""
        try:
            self.status(path)
        except OSError:
            return False
        return True

    def link(self, path: str) -> str:
        """Return what a symbolic link says. Raises OSError."""
        return os.readlink(self.root + path)

    def real_path(self, path: str) -> str:
        """Return a path without symbolic links, within the root."""
        return os.path.realpath(self.root + path)[len(os.path.realpath(self.root)) if self.root else 0 :]

    def may_open(self, path: str) -> bool:
        """Tell whether this process may open a file for reading and writing, without opening it."""
        return os.access(self.root + path, os.R_OK | os.W_OK)

    def process_ids(self) -> List[int]:
        """Return the IDs of the processes that can be seen, ascending."""
        try:
            return sorted(int(name) for name in os.listdir(self.root + "/proc") if name.isdigit())
        except OSError:
            return []

    def process_arguments(self, pid: int) -> List[str]:
        """Return a process's arguments; none if it has ended, is a kernel's, or may not be looked at."""
        try:
            data = self.read_bytes("/proc/%d/cmdline" % pid, 4 * MIB)
        except OSError:
            return []
        return [part.decode("utf-8", "replace") for part in data.rstrip(b"\0").split(b"\0")] if data else []

    # Devices

    @contextmanager
    def device(self, path: str, flags: int = os.O_RDONLY) -> Iterator[int]:
        """Open a device node for the time of a `with` block. Raises OSError."""
        fd = os.open(self.root + path, flags | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            yield fd
        finally:
            os.close(fd)

    def read_at(self, fd: int, size_bytes: int, offset: int) -> bytes:
        """Read at an offset of an open device. Raises OSError; a short read is EIO."""
        data = os.pread(fd, size_bytes, offset)
        if len(data) != size_bytes:
            raise OSError(errno.EIO, "a read of %d bytes gave %d" % (size_bytes, len(data)))
        return data

    def read_messages(self, path: str, limit: int = 100000) -> Iterator[bytes]:
        """Yield the records of the kernel's message device that are there now. Raises OSError."""
        with self.device(path) as fd:
            for _ in range(limit):
                try:
                    yield os.read(fd, 8 * KIB)
                except BlockingIOError:
                    return
                except OSError as error:
                    # EPIPE: the record was overwritten while we read; the next read goes on.
                    if error.errno != errno.EPIPE:
                        raise

    def ioctl(self, fd: int, request: int, buffer: bytearray, argument: Optional[int] = None) -> int:
        """Do an ioctl on an open device; `buffer` is read and written in place, or an integer is passed.

        By the C library and not by fcntl.ioctl, which holds the interpreter's lock for buffers above 1 KiB: a
        query that hangs would then hold up the other sources too. Raises OSError.
        """
        announce("fcntl.ioctl", fd, request)
        libc = ctypes.CDLL(None, use_errno=True)
        libc.ioctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p]
        libc.ioctl.restype = ctypes.c_int
        if argument is None:
            memory = (ctypes.c_char * len(buffer)).from_buffer(buffer)
            result = int(libc.ioctl(fd, request, ctypes.addressof(memory)))
        else:
            result = int(libc.ioctl(fd, request, argument))
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result

    def arch_prctl(self, code: int, argument: int) -> int:
        """Do x86's arch_prctl with an integer argument. Raises OSError."""
        announce("vcpuid.arch_prctl", code, argument)
        libc = ctypes.CDLL(None, use_errno=True)
        libc.syscall.restype = ctypes.c_long
        result = int(libc.syscall(ctypes.c_long(158), ctypes.c_long(code), ctypes.c_ulong(argument)))
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result

    def arch_prctl_mask(self, code: int) -> int:
        """Do x86's arch_prctl that fills in a 64-bit mask. Raises OSError."""
        mask = ctypes.c_uint64(0)
        self.arch_prctl(code, ctypes.addressof(mask))
        return int(mask.value)

    # Commands and sockets

    def run(self, command: Sequence[str], given: bytes = b"", *, merge: bool = False) -> Finished:
        """Run a command until it ends or the source's time is over; see `Commands.run`. Raises OSError."""
        return self.commands.run(command, self.remaining_s(), given, merge=merge)

    def which(self, program: str) -> Optional[str]:
        """Return the path of a program that the collector's own search path has, else None."""
        return shutil.which(program, path=SEARCH_PATH)

    def connect(self, path: str) -> socket.socket:
        """Connect to a unix socket, with the source's remaining time as its time-out. Raises OSError."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(max(0.1, self.remaining_s()))
            connection.connect(path)
        except OSError:
            connection.close()
            raise
        return connection

    def abandon(self) -> None:
        """Give this source up: kill its commands, and let it start no others."""
        self.commands.abandon()


def announce(event: str, *details: object) -> None:
    """Raise an audit event (Python 3.8 and up) for a look that the interpreter itself does not report."""
    audit = getattr(sys, "audit", None)
    if audit is not None:
        audit(event, *details)
