from pathlib import Path

import pytest

from keycloak_license.errors import ConfigurationError
from keycloak_license.license_file.keys import (
    PUBLIC_SUFFIX,
    RETIRED_SUFFIX,
    REVOKED_SUFFIX,
    is_kid,
    kid_of,
    marked_kid,
    read_file,
)

MARKERS = [RETIRED_SUFFIX, REVOKED_SUFFIX]


@pytest.mark.parametrize("kid", ["a", "acme-1", "Acme_2026.second", "-", "_.", "k" * 64])
def test_a_plain_name_is_a_kid(kid: str) -> None:
    assert is_kid(kid)
    assert kid_of(Path(f"/keys/{kid}{PUBLIC_SUFFIX}"), PUBLIC_SUFFIX) == kid
    for suffix in MARKERS:
        assert marked_kid(Path(f"/keys/{kid}{suffix}"), suffix) == kid


@pytest.mark.parametrize("name", ["", ".", ".acme", "ac me", "acme\n", "a/b", "ä", "k" * 65, "acme:1"])
def test_anything_else_is_not(name: str) -> None:
    assert not is_kid(name)


@pytest.mark.parametrize("suffix", [PUBLIC_SUFFIX, *MARKERS])
@pytest.mark.parametrize("name", ["", ".acme", "ac me", "k" * 65])
def test_a_file_whose_name_holds_no_kid_is_named(name: str, suffix: str) -> None:
    with pytest.raises(ConfigurationError, match=f"must be named <kid>{suffix}, with a kid of"):
        kid_of(Path("/keys") / f"{name}{suffix}", suffix)


@pytest.mark.parametrize("suffix", MARKERS)
def test_a_marker_named_after_the_key_file_is_refused_rather_than_without_effect(suffix: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        marked_kid(Path(f"/keys/acme-1.public.pem{suffix}"), suffix)
    assert str(refused.value) == (
        f"The key file /keys/acme-1.public.pem{suffix} must be named <kid>{suffix}, without .public.pem; "
        f"rename it."
    )


def test_of_a_huge_file_no_more_is_read_than_shows_that_it_is_huge(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    path.write_bytes(b"x" * 1000)
    assert len(read_file(path, 1000)) == 1000
    assert len(read_file(path, 10)) == 11
