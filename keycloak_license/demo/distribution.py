"""A Keycloak release, downloaded, unpacked and built once; later runs share the folder and only read it.

In: a version and a cache folder; out: the folder of the built server. Called by `demo.server`.
"""

import fcntl
import hashlib
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from keycloak_license.demo.process import KeycloakProcess, demo_extra_missing
from keycloak_license.errors import ConfigurationError, UnavailableError

DEFAULT_VERSION: Final = "26.7.3"

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many steps are done, and how many there are; 0 when unknown."""

_SHA256: Final = {
    "26.0.8": "d82a52098db41f036bcfe8f2ebfd9251781c8af5959af8714e8aa9b311081786",
    "26.2.5": "31c298273557bd53270905ae63c1522e319d2137ccce17318171864be496d699",
    "26.4.7": "dd9834c023460be856f731423d86228c23b5d002194a2064642bec0cc6573eaa",
    "26.7.3": "27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f",
}
"""Checksums of the releases we name ourselves; another version is taken on the word of its source."""
FILES: Final = "dev-file"
"""Keycloak's name for H2 in a folder of its own, as a database to be built for."""
_BUILD_SECONDS: Final = 600
_DOWNLOAD_SECONDS: Final = 120


def home_in(cache: Path, version: str, database: str = FILES) -> Path:
    """Return where a Keycloak belongs that was built for a kind of database."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise ConfigurationError(f"{version!r} is no Keycloak version: give three numbers, as in 26.7.3.")
    options = hashlib.sha256(" ".join(_build_options(database)).encode()).hexdigest()[:8]
    return cache.absolute() / f"keycloak-{version}-{options}"


def prepared_home(version: str, cache: Path, progress: Progress, database: str = FILES) -> Path:
    """Return the folder of a Keycloak built for a kind of database, making it first when this cache has none.

    Safe against other processes with the same cache, and against being killed half-way: the folder
    gets its name only when it is whole.
    """
    home = home_in(cache, version, database)
    if home.is_dir():
        return home
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(home.with_name(f"{home.name}.lock"), progress):
        if not home.is_dir():
            _prepare(home, version, database, progress)
    return home


def _prepare(home: Path, version: str, database: str, progress: Progress) -> None:
    staging = home.with_name(f".{home.name}.preparing")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    try:
        archive = _download(version, staging / "download", progress)
        progress(f"preparing Keycloak {version}, once", 0, 0)
        with zipfile.ZipFile(archive) as content:
            content.extractall(staging)
        unpacked = staging / f"keycloak-{version}"
        (unpacked / "bin" / "kc.sh").chmod(0o755)
        _build(unpacked, staging, version, database)
        unpacked.rename(home)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _download(version: str, folder: Path, progress: Progress) -> Path:
    try:
        from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415 - part of the extra `demo`
    except ImportError:
        raise demo_extra_missing() from None

    @contextmanager
    def counted(_name: str, total: int) -> Iterator[Callable[[int], None]]:
        done = 0

        def more(count: int) -> None:
            nonlocal done
            done += count
            progress(f"downloading Keycloak {version}", done, total)

        yield more

    resolver = PythonResolver(progress_callback=counted)
    context = MavenContext(resolver, repo_cache=folder, local_repos=[], timeout=_DOWNLOAD_SECONDS)
    release = context.project("org.keycloak", "keycloak-quarkus-dist").at_version(version)
    try:
        archive = Path(release.artifact(packaging="zip").resolve())
    except (OSError, RuntimeError) as error:
        raise UnavailableError(
            f"Keycloak {version} could not be fetched from Maven Central; check network and version."
        ) from error
    _check(archive, version)
    return archive


def _check(archive: Path, version: str) -> None:
    with archive.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if _SHA256.get(version, found) != found:
        raise UnavailableError(
            f"The download of Keycloak {version} has the wrong checksum, {found}; nothing of it was run."
        )


def _build(unpacked: Path, staging: Path, version: str, database: str) -> None:
    # Releases older than our Java build with it all the same once their bytecode library may try.
    arguments = [f"-Djava.io.tmpdir={staging}", "-Dnet.bytebuddy.experimental=true", "build"]
    arguments += _build_options(database)
    with KeycloakProcess(unpacked, arguments, log=staging / "build.log") as build:
        status = build.exit_status(_BUILD_SECONDS)
        if status != 0:
            raise UnavailableError(
                f"Keycloak {version} could not be built ({_ending(status, _BUILD_SECONDS)}); "
                f"the end of its log:\n{build.log_tail()}"
            )


def _build_options(database: str) -> tuple[str, ...]:
    return (f"--db={database}", "--health-enabled=true")


def _ending(status: int | None, seconds: int) -> str:
    return f"not done after {seconds} s" if status is None else f"exit status {status}"


@contextmanager
def _locked(file: Path, progress: Progress) -> Iterator[None]:
    """Hold a lock that the system drops with the process, however it ends."""
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another run that prepares Keycloak", 0, 0)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
