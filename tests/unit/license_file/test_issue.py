import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from keycloak_license.errors import ConfigurationError, LicenseRefusedError
from keycloak_license.license_file.issue import SigningKey, generate_key_pair, new_payload, save_license
from keycloak_license.license_file.strict_json import parse_object
from keycloak_license.license_file.verify import TrustedKeys
from tests.unit.license_file.forge import GOOD_CONTENT, Vendor, base64url, content


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- key pairs ---


def test_a_new_pair_is_one_ed25519_key_in_two_files(tmp_path: Path) -> None:
    files = generate_key_pair(tmp_path / "new" / "folder", "acme-1")
    private = load_pem_private_key(files.private.read_bytes(), None)
    public = load_pem_public_key(files.public.read_bytes())
    assert isinstance(private, Ed25519PrivateKey)
    assert isinstance(public, Ed25519PublicKey)
    assert private.public_key() == public
    assert names(tmp_path / "new" / "folder") == ["acme-1.private.pem", "acme-1.public.pem"]


def test_only_the_owner_may_read_the_private_key_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        files = generate_key_pair(tmp_path, "acme-1")
    finally:
        os.umask(before)
    assert stat.S_IMODE(files.private.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.public.stat().st_mode) == 0o644


def test_two_pairs_differ(tmp_path: Path) -> None:
    first, second = (generate_key_pair(tmp_path, kid).private.read_bytes() for kid in ("a", "b"))
    assert first != second


@pytest.mark.parametrize("existing", ["acme-1.private.pem", "acme-1.public.pem"])
def test_a_key_file_is_never_overwritten(tmp_path: Path, existing: str) -> None:
    (tmp_path / existing).write_text("old")
    with pytest.raises(ConfigurationError, match=f"{existing} exists already"):
        generate_key_pair(tmp_path, "acme-1")
    assert names(tmp_path) == [existing]
    assert (tmp_path / existing).read_text() == "old"


@pytest.mark.parametrize("kid", ["", ".", "..", ".a", "a/b", "../a", "a b", "a\n", "ž", "a" * 65, "a\x00"])
def test_an_unusable_key_name_writes_nothing(tmp_path: Path, kid: str) -> None:
    with pytest.raises(ConfigurationError, match=r"key name \(kid\) must be"):
        generate_key_pair(tmp_path / "keys", kid)
    assert names(tmp_path) == []


@pytest.mark.parametrize("kid", ["a", "-", "_x", "A.b-c_9", "a" * 64])
def test_usable_key_names(tmp_path: Path, kid: str) -> None:
    generate_key_pair(tmp_path, kid)
    assert TrustedKeys.load(tmp_path).kids == (kid,)


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys").touch()
    with pytest.raises(ConfigurationError, match="keys"):
        generate_key_pair(tmp_path / "keys", "a")


# --- signing ---


def test_the_header_is_exactly_the_contract(tmp_path: Path) -> None:
    key = SigningKey.load(generate_key_pair(tmp_path, "acme-1").private)
    header, payload, signature = key.sign(new_payload(GOOD_CONTENT)).encode().split(b".")
    assert header == base64url(b'{"alg":"Ed25519","kid":"acme-1","typ":"license+jws"}')
    assert len(signature) == 86
    assert base64url(new_payload(GOOD_CONTENT).to_bytes()) == payload


def test_what_is_signed_here_is_verified_with_its_public_key_and_no_other(tmp_path: Path) -> None:
    files = generate_key_pair(tmp_path, "acme-1")
    file = SigningKey.load(files.private).sign(new_payload(GOOD_CONTENT))
    found = TrustedKeys.of_files(files.public).verify(file.encode())
    assert found == new_payload(GOOD_CONTENT).to_license("acme-1", file)


def test_a_signing_key_trusts_its_public_half_and_no_other(tmp_path: Path) -> None:
    key = SigningKey.load(generate_key_pair(tmp_path, "acme-1").private)
    file = key.sign(new_payload(GOOD_CONTENT)).encode()
    trusted = key.trusted()
    assert trusted.kids == ("acme-1",)
    assert not trusted.keys["acme-1"].is_private
    assert trusted.verify(file) == TrustedKeys.load(tmp_path).verify(file)
    with pytest.raises(LicenseRefusedError, match='does not match the key "acme-1"'):
        trusted.verify(Vendor("acme-1").file())
    with pytest.raises(LicenseRefusedError, match='the key "other", which is not trusted'):
        trusted.verify(Vendor("other").file())


def test_unknown_members_are_signed_too(tmp_path: Path) -> None:
    key = SigningKey.load(generate_key_pair(tmp_path, "a").private)
    given = content(note={"from": "a newer version"})
    payload = key.sign(new_payload(given)).split(".")[1].encode()
    vendor = Vendor("a")
    assert vendor.file(new_payload(given).to_bytes()).split(b".")[1] == payload
    assert parse_object(new_payload(given).to_bytes())["note"] == {"from": "a newer version"}


def test_the_private_key_does_not_show_in_the_representation(tmp_path: Path) -> None:
    assert repr(SigningKey.load(generate_key_pair(tmp_path, "a").private)) == "SigningKey(kid='a')"


def test_a_licence_too_large_to_be_read_is_not_made(tmp_path: Path) -> None:
    key = SigningKey.load(generate_key_pair(tmp_path, "a").private)
    payload = new_payload(content(exempt_users=["u" * 200 + str(n) for n in range(500)]))
    with pytest.raises(ConfigurationError, match="larger than 64 KiB"):
        key.sign(payload)


def test_a_wrong_field_is_wrong_usage_and_named() -> None:
    with pytest.raises(ConfigurationError, match='No licence was made: the licence field "issue" must be'):
        new_payload(content(issue=0))


@pytest.mark.parametrize("name", ["a.public.pem", "a.pem", ".private.pem", "a b.private.pem"])
def test_a_private_key_with_another_name_has_no_kid(tmp_path: Path, name: str) -> None:
    generate_key_pair(tmp_path, "key").private.rename(tmp_path / name)
    with pytest.raises(ConfigurationError, match=r"must be named <kid>\.private\.pem"):
        SigningKey.load(tmp_path / name)


def private_pem(key: Ed25519PrivateKey | X25519PrivateKey, password: bytes = b"") -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@pytest.mark.parametrize(
    ("pem", "sentence"),
    [
        (b"rubbish", "no readable private key"),
        (Vendor().public_pem(), "no readable private key"),
        (private_pem(X25519PrivateKey.generate()), "not Ed25519"),
        (private_pem(Ed25519PrivateKey.generate(), b"secret"), "protected by a password"),
    ],
    ids=["rubbish", "public", "x25519", "password"],
)
def test_an_unusable_private_key_is_named(tmp_path: Path, pem: bytes, sentence: str) -> None:
    (tmp_path / "a.private.pem").write_bytes(pem)
    with pytest.raises(ConfigurationError, match=rf"a\.private\.pem.*{sentence}"):
        SigningKey.load(tmp_path / "a.private.pem")


def test_a_missing_private_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"a\.private\.pem cannot be read \(No such file"):
        SigningKey.load(tmp_path / "a.private.pem")


# --- saving ---


def test_a_saved_licence_is_one_line(tmp_path: Path) -> None:
    save_license(tmp_path / "l", "a.b.c")
    assert (tmp_path / "l").read_bytes() == b"a.b.c\n"
    assert names(tmp_path) == ["l"]


@pytest.mark.parametrize("existing", [b"", Vendor().file() + b"\n"])
def test_an_earlier_licence_or_an_empty_file_is_replaced(tmp_path: Path, existing: bytes) -> None:
    (tmp_path / "l").write_bytes(existing)
    save_license(tmp_path / "l", "a.b.c")
    assert (tmp_path / "l").read_bytes() == b"a.b.c\n"
    assert names(tmp_path) == ["l"]


def test_nothing_but_a_licence_is_replaced(tmp_path: Path) -> None:
    files = generate_key_pair(tmp_path, "a")
    before = files.private.read_bytes()
    for path in (files.private, tmp_path):
        with pytest.raises(ConfigurationError, match="is not a licence file, so it is not replaced"):
            save_license(path, "a.b.c")
    assert files.private.read_bytes() == before
    assert names(tmp_path) == ["a.private.pem", "a.public.pem"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere/l"):
        save_license(tmp_path / "nowhere" / "l", "a.b.c")
