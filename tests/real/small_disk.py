"""Disks that get full when a test wants it: a small file system where mounting is permitted, else a limit.

In: a folder; out: a `Disk`, whose room is scarce for this process and those that it starts. Used by the tests
of ledgers that fail.
"""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

PAGE = 4096
ROOMY = 1 << 21


class Disk(Protocol):
    """A folder in which room can be made scarce, for this process and those it starts."""

    folder: Path
    words: str
    """What the sentence says of it."""

    def leave(self, size: int) -> None:
        """Let nothing there grow by more than this many bytes."""

    def make_room(self) -> None:
        """Take it back."""


@dataclass
class SmallDisk:
    """A file system of its own, filled up to the last page."""

    folder: Path
    words = "its disk is full"

    def leave(self, size: int) -> None:
        found = os.statvfs(self.folder)
        self._ballast.write_bytes(b"x" * max(0, found.f_bavail * found.f_frsize - size))

    def make_room(self) -> None:
        self._ballast.unlink(missing_ok=True)

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"


@dataclass
class LimitedFiles:
    """A limit to the size of each file, as quotas have it: what lies beyond cannot be written."""

    folder: Path
    words = "its disk is full or reports an error"

    def leave(self, size: int) -> None:
        _limit_files(size)

    def make_room(self) -> None:
        _limit_files(resource.RLIM_INFINITY)


def _limit_files(size: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size if most == resource.RLIM_INFINITY else most, most))


@contextmanager
def small_disk(folder: Path, size: int = ROOMY) -> Iterator[SmallDisk]:
    """Mount a small file system for the length of the block; fails where that is not permitted."""
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    subprocess.run(mounted, check=True, capture_output=True)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def limited_files(folder: Path) -> Iterator[LimitedFiles]:
    disk = LimitedFiles(folder)
    try:
        yield disk
    finally:
        disk.make_room()


def may_mount() -> bool:
    """Whether this process may mount: root on a machine, rarely root in a container."""
    probe = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return os.geteuid() == 0 and subprocess.run(probe, check=False, capture_output=True).returncode == 0


MAY_MOUNT = may_mount()
needs_mount = pytest.mark.skipif(
    not MAY_MOUNT, reason="may not mount a small disk here; the same runs with limited files"
)
any_disk = pytest.mark.parametrize("disk", ["full" if MAY_MOUNT else "limited"], indirect=True)
disks = pytest.mark.parametrize("disk", [pytest.param("full", marks=needs_mount), "limited"], indirect=True)


@contextmanager
def scarce_disk(kind: str, folder: Path) -> Iterator[Disk]:
    """Make a folder with a disk of one of the kinds of `disks`."""
    folder.mkdir()
    with small_disk(folder) if kind == "full" else limited_files(folder) as disk:
        yield disk
