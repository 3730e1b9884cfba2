"""The web assets: pinned by hash, whole or not at all, of this host alone, in the wheel and not in git."""

import base64
import hashlib
import io
import json
import os
import posixpath
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

import hatch_build
from hatch_build import VENDOR, AssetError, bring_assets

ROOT = Path(__file__).parents[2]
NO_NETWORK = {**os.environ, "npm_config_offline": "true"}
STYLE = b"a { background: url('./img/a.svg') } b { src: url(data:font/woff2;base64,AA==) }"


def tarball(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in {"package.json": b'{"license": "MIT"}', **files}.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


class FakeNpm:
    """Serves tarballs by ``name@version`` and keeps what it was asked for."""

    def __init__(self, packages: Mapping[str, bytes]) -> None:
        self.packages = dict(packages)
        self.asked: list[str] = []

    def __call__(self, spec: str) -> bytes:
        self.asked.append(spec)
        if spec not in self.packages:
            raise AssetError(f"npm cannot bring {spec}")
        return self.packages[spec]


def write_pins(root: Path, npm: FakeNpm, *, style: str = "a.css") -> None:
    """Pin what `npm` serves now: of ``look`` a stylesheet in two parts, of ``deed`` one script."""
    files = {"look@1.0": {"all.css": ["base.css", style]}, "deed@2.0": {"deed.js": ["dist/deed.js"]}}
    pins = [
        {
            "name": spec.split("@")[0],
            "version": spec.split("@")[1],
            "integrity": "sha512-" + base64.b64encode(hashlib.sha512(npm.packages[spec]).digest()).decode(),
            "files": files[spec],
        }
        for spec in npm.packages
    ]
    (root / "assets.json").write_text(json.dumps(pins))


@pytest.fixture
def npm(tmp_path: Path) -> FakeNpm:
    look = {"base.css": b"html {}", "a.css": STYLE, "img/a.svg": b"<svg/>", "img/b.svg": b"<svg/>"}
    deed = {"dist/deed.js": b"deed()", "LICENSE": b"Do as you like."}
    served = FakeNpm({"look@1.0": tarball(look), "deed@2.0": tarball(deed)})
    write_pins(tmp_path, served)
    return served


def everything(root: Path) -> dict[str, bytes]:
    """All files of the static folder by path, unfinished ones included."""
    static = root / VENDOR.parent
    return {str(path.relative_to(static)): path.read_bytes() for path in static.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def vendor() -> Path:
    """The real folder; an installation has put it in place already."""
    bring_assets(ROOT)
    return ROOT / VENDOR


def test_what_is_pinned_comes_with_what_its_stylesheet_points_at(tmp_path: Path, npm: FakeNpm) -> None:
    bring_assets(tmp_path, npm)
    brought = everything(tmp_path)
    assert brought.pop("vendor/.stamp")
    assert brought == {
        "vendor/all.css": b"html {}\n" + STYLE,
        "vendor/img/a.svg": b"<svg/>",
        "vendor/deed.js": b"deed()",
        "vendor/licenses/deed/LICENSE": b"Do as you like.",
        "vendor/NOTICE.txt": b"look 1.0, licence MIT\ndeed 2.0, licence MIT\n",
    }


def test_a_package_with_another_hash_is_refused_and_nothing_of_it_is_kept(
    tmp_path: Path, npm: FakeNpm
) -> None:
    bring_assets(tmp_path, npm)
    before = everything(tmp_path)
    good, forged = npm.packages["deed@2.0"], tarball({"dist/deed.js": b"misdeed()"})
    npm.packages["deed@2.0"] = forged
    (tmp_path / VENDOR / "deed.js").unlink()
    with pytest.raises(AssetError) as refused:
        bring_assets(tmp_path, npm)
    found = base64.b64encode(hashlib.sha512(forged).digest()).decode()
    assert str(refused.value) == (
        "deed@2.0 is not the package that assets.json pins: it came with the integrity "
        f"sha512-{found}, so nothing of it was used; pin that one only if it is known to be right."
    )
    assert everything(tmp_path) == {name: data for name, data in before.items() if name != "vendor/deed.js"}
    npm.packages["deed@2.0"] = good
    bring_assets(tmp_path, npm)
    assert everything(tmp_path) == before


def test_a_refused_package_is_not_even_opened(tmp_path: Path, npm: FakeNpm) -> None:
    npm.packages["look@1.0"] = b"no tarball at all"
    with pytest.raises(AssetError, match=r"^look@1\.0 is not the package that assets\.json pins"):
        bring_assets(tmp_path, npm)


def test_a_weaker_hash_is_no_pin(tmp_path: Path, npm: FakeNpm) -> None:
    pins = json.loads((tmp_path / "assets.json").read_text())
    pins[0]["integrity"] = (
        "sha1-" + base64.b64encode(hashlib.sha1(npm.packages["look@1.0"]).digest()).decode()  # noqa: S324
    )
    (tmp_path / "assets.json").write_text(json.dumps(pins))
    with pytest.raises(AssetError, match="is not the package that"):
        bring_assets(tmp_path, npm)


def test_npm_failing_half_way_leaves_no_half_of_a_folder(tmp_path: Path, npm: FakeNpm) -> None:
    del npm.packages["deed@2.0"]
    with pytest.raises(AssetError, match=r"^npm cannot bring deed@2\.0$"):
        bring_assets(tmp_path, npm)
    assert npm.asked == ["look@1.0", "deed@2.0"]
    assert list((tmp_path / VENDOR.parent).iterdir()) == []


def test_what_is_in_place_is_not_brought_again(tmp_path: Path, npm: FakeNpm) -> None:
    bring_assets(tmp_path, npm)
    npm.asked.clear()
    bring_assets(tmp_path, npm)
    assert npm.asked == []


@pytest.mark.parametrize("change", ["file gone", "file changed", "file added", "stamp gone", "pins changed"])
def test_a_folder_that_is_not_exactly_the_pinned_one_is_made_anew(
    tmp_path: Path, npm: FakeNpm, change: str
) -> None:
    bring_assets(tmp_path, npm)
    first = everything(tmp_path)
    match change:
        case "file gone":
            (tmp_path / VENDOR / "deed.js").unlink()
        case "file changed":
            (tmp_path / VENDOR / "deed.js").write_text("deed")
        case "file added":
            (tmp_path / VENDOR / "more.js").write_text("more()")
        case "stamp gone":
            (tmp_path / VENDOR / ".stamp").unlink()
        case "pins changed":
            npm.packages["deed@2.0"] = tarball({"dist/deed.js": b"other()", "LICENSE": b"Do as you like."})
            write_pins(tmp_path, npm)
            first["vendor/deed.js"] = b"other()"
    npm.asked.clear()
    bring_assets(tmp_path, npm)
    assert npm.asked == ["look@1.0", "deed@2.0"]
    second = everything(tmp_path)
    assert (first.pop("vendor/.stamp") == second.pop("vendor/.stamp")) == (change != "pins changed")
    assert second == first


@pytest.mark.parametrize(
    "reference", ["img/c.svg", "../a.svg", "https://fonts.example/a.woff2", "//a.example/a"]
)
def test_a_stylesheet_that_points_outside_its_package_stops_the_build(
    tmp_path: Path, npm: FakeNpm, reference: str
) -> None:
    npm.packages["look@1.0"] = tarball(
        {"base.css": b"", "a.css": f'a {{ background: URL( "{reference}" ) }}'.encode()}
    )
    write_pins(tmp_path, npm)
    with pytest.raises(AssetError, match=r"^look@1\.0 has no .*: correct its files in assets\.json\.$"):
        bring_assets(tmp_path, npm)


def test_a_pinned_file_that_the_package_has_not_stops_the_build(tmp_path: Path, npm: FakeNpm) -> None:
    write_pins(tmp_path, npm, style="gone.css")
    with pytest.raises(
        AssetError, match=r"^look@1\.0 has no gone\.css: correct its files in assets\.json\.$"
    ):
        bring_assets(tmp_path, npm)


def test_npm_out_of_reach_is_told_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_offline", "true")
    with pytest.raises(AssetError) as failed:
        hatch_build.npm_pack("htmx.org@4.0.1")
    assert str(failed.value) == (
        "npm cannot bring htmx.org@4.0.1 (ENOTCACHED): "
        "see whether its registry is reached from here, and build again."
    )


@pytest.mark.parametrize("version", ["standard", "editable"])
def test_a_wheel_and_an_editable_install_are_not_built_without_the_assets(
    tmp_path: Path, version: str
) -> None:
    for name in ("pyproject.toml", "README.md", "hatch_build.py", "assets.json"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "keycloak_license").mkdir()
    shutil.copy(ROOT / "keycloak_license" / "__init__.py", tmp_path / "keycloak_license")
    built = hatchling(tmp_path, f"wheel:{version}", tmp_path / "dist")
    assert built.returncode == 1
    assert built.stderr.strip() == (
        "npm cannot bring htmx.org@4.0.1 (ENOTCACHED): "
        "see whether its registry is reached from here, and build again."
    )
    assert not list(tmp_path.rglob("*.whl"))


def hatchling(root: Path, target: str, out: Path) -> subprocess.CompletedProcess[str]:
    """Build as pip does, with npm cut off from the network."""
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(out)],
        cwd=root,
        env=NO_NETWORK,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_url_of_the_stylesheets_is_a_file_of_the_folder(vendor: Path) -> None:
    references = {
        (sheet, reference.strip("\"' "))
        for sheet in vendor.rglob("*.css")
        for reference in re.findall(r"url\(([^)]*)\)", sheet.read_text(encoding="utf-8"), re.IGNORECASE)
    }
    fonts = {posixpath.basename(reference) for _, reference in references if reference.endswith(".woff2")}
    assert {"RedHatTextVF.woff2", "RedHatDisplayVF.woff2", "RedHatMonoVF.woff2"} <= fonts
    assert {"fa-solid-900.woff2", "pf-v6-pficon.woff2"} <= fonts
    lost = {ref for sheet, ref in references if "data:" not in ref and not (sheet.parent / ref).is_file()}
    assert not lost


def test_nothing_in_the_folder_refers_to_another_host(vendor: Path) -> None:
    namespaces = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    texts = {
        path: path.read_text(encoding="utf-8")
        for path in vendor.rglob("*")
        if path.suffix in {".css", ".js", ".svg"}
    }
    assert len(texts) >= 3
    for path, text in texts.items():
        assert set(re.findall(r"https?:[^\"'\s)]+", text)) <= namespaces, path
        assert not re.search(r"@import|sourceMappingURL|url\(\s*[\"']?//", text), path


def test_the_folder_holds_what_a_page_needs_in_less_than_two_megabytes_of_style(vendor: Path) -> None:
    assert (vendor / "htmx.min.js").stat().st_size > 10_000
    style = (vendor / "patternfly.css").read_text(encoding="utf-8")
    for name in (
        "page",
        "masthead",
        "table",
        "modal-box",
        "backdrop",
        "multiple-file-upload",
        "skip-to-content",
    ):
        assert f".pf-v6-c-{name} {{" in style
    assert len(style) < 1_800_000


def test_the_notice_names_each_package_and_its_licence(vendor: Path) -> None:
    pins = json.loads((ROOT / "assets.json").read_text(encoding="utf-8"))
    lines = (vendor / "NOTICE.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(pins)
    for pin, line in zip(pins, lines, strict=True):
        assert re.match(rf"{re.escape(pin['name'])} {re.escape(pin['version'])}, licence [\w-]+", line)
    assert (vendor / "licenses" / "htmx.org" / "LICENSE").is_file()


def test_the_wheel_holds_the_assets_and_nothing_of_the_workshop(vendor: Path, tmp_path: Path) -> None:
    built = hatchling(ROOT, "wheel", tmp_path)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = (archive.read(name).decode() for name in names if name.endswith("/METADATA"))
    assert {name for name in names if name.startswith(VENDOR.as_posix())} == {
        (VENDOR / path.relative_to(vendor)).as_posix() for path in vendor.rglob("*") if path.is_file()
    }
    own = {name for name in names if not re.match(r"keycloak_license-[^/]+\.dist-info/", name)}
    assert {name.split("/")[0] for name in own} == {"keycloak_license"}
    assert {Path(name).name for name in own if name.endswith((".yaml", ".yml", ".pem", ".env", ".db"))} <= {
        "applications.yaml"
    }
    assert "nodejs" not in metadata


def test_git_keeps_none_of_the_assets(vendor: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", VENDOR], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert tracked.stdout == ""
    ignored = subprocess.run(
        ["git", "check-ignore", "--quiet", vendor / "htmx.min.js"], cwd=ROOT, check=False
    )
    assert ignored.returncode == 0
