import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from keycloak_license.errors import ConfigurationError, LicenseRefusedError
from keycloak_license.license_file.verify import Signature, TrustedFolder, TrustedKeys, inspect
from keycloak_license.services.ports import LicenseVerifier
from tests.unit.license_file.forge import GOOD_CONTENT, Vendor, base64url, content, content_without


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def trusted(vendor: Vendor, tmp_path: Path) -> TrustedKeys:
    vendor.publish(tmp_path)
    return TrustedKeys.load(tmp_path)


def refusal(trusted: TrustedKeys, file: bytes) -> str:
    with pytest.raises(LicenseRefusedError) as caught:
        trusted.verify(file)
    sentence = str(caught.value)
    assert sentence.isprintable()
    assert sentence.endswith(".")
    assert len(sentence) < 400
    return sentence


def test_a_good_file_becomes_a_license_that_carries_kid_and_file(
    trusted: TrustedKeys, vendor: Vendor
) -> None:
    verifier: LicenseVerifier = trusted
    file = vendor.file()
    found = verifier.verify(file)
    assert (found.number, found.scope["WFM"], found.kid, found.file) == ("4711", 50, "acme-1", file.decode())


def test_white_space_around_a_file_does_not_matter(trusted: TrustedKeys, vendor: Vendor) -> None:
    file = vendor.file()
    assert trusted.verify(b" \t\r\n" + file + b"\r\n\n") == trusted.verify(file)


def test_the_order_and_spacing_of_the_header_do_not_matter(trusted: TrustedKeys, vendor: Vendor) -> None:
    header = json.dumps(dict(reversed(vendor.header().items())), indent=2).encode()
    assert trusted.verify(vendor.file(header=header)).number == "4711"


def test_several_keys_are_trusted_at_once(trusted: TrustedKeys, tmp_path: Path) -> None:
    second = Vendor("acme-2")
    second.publish(tmp_path)
    both = TrustedKeys.load(tmp_path)
    assert both.kids == ("acme-1", "acme-2")
    assert both.verify(second.file()).kid == "acme-2"
    assert 'the key "acme-2", which is not trusted' in refusal(trusted, second.file())


# --- not a licence file ---


@pytest.mark.parametrize(
    "file",
    [b"", b" \n", b"hello", b"a.b", b"a.b.c.d", b"..", b"..c", b"a.b.c=", b"a.b\n.c", b"\xff\xfea", b"\x00",
     b"-----BEGIN PUBLIC KEY-----", b'{"payload":"e30","signatures":[]}', "\u0430.b.c".encode()],
)  # fmt: skip
def test_something_else_is_not_a_licence_file(trusted: TrustedKeys, file: bytes) -> None:
    assert "is not a licence file" in refusal(trusted, file)


def test_a_file_over_64_kib_is_refused_by_size(trusted: TrustedKeys, vendor: Vendor) -> None:
    file = vendor.file()
    assert trusted.verify(file + b"\n" * (65536 - len(file)))
    assert "larger than 64 KiB" in refusal(trusted, file + b"\n" * (65537 - len(file)))


@pytest.mark.parametrize("part", [0, 1, 2])
def test_base64url_that_is_not_canonical_is_refused(trusted: TrustedKeys, vendor: Vendor, part: int) -> None:
    parts = vendor.file().split(b".")
    parts[part] += b"A" * ((1 - len(parts[part])) % 4)  # a length no bytes encode to
    name = ("header", "payload", "signature")[part]
    assert f"{name} is not clean base64url" in refusal(trusted, b".".join(parts))


def test_stray_bits_in_the_last_character_are_refused(trusted: TrustedKeys, vendor: Vendor) -> None:
    # 64 bytes of signature leave four unused bits in the last character: 15 spellings beside the true one.
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    file = vendor.file()
    value = alphabet.index(file[-1])
    for stray in range(1, 16):
        changed = file[:-1] + alphabet[value + stray : value + stray + 1]
        assert "signature is not clean base64url" in refusal(trusted, changed)


# --- header ---


@pytest.mark.parametrize(
    "alg", ["none", "None", "HS256", "HS512", "EdDSA", "Ed448", "RS256", "ES256", "PS256", "ed25519", ""]
)
def test_any_other_algorithm_is_refused_by_name(trusted: TrustedKeys, vendor: Vendor, alg: str) -> None:
    sentence = refusal(trusted, vendor.file(header=vendor.header(alg=alg)))
    assert f'signature algorithm is "{alg}"' in sentence


def test_an_unsigned_file_is_refused_by_its_algorithm(trusted: TrustedKeys, vendor: Vendor) -> None:
    header, payload, _ = vendor.file(header=vendor.header(alg="none")).split(b".")
    assert 'algorithm is "none"' in refusal(trusted, header + b"." + payload + b".")


def test_the_public_key_as_a_shared_secret_is_refused(trusted: TrustedKeys, vendor: Vendor) -> None:
    header, payload, _ = vendor.file(header=vendor.header(alg="HS256")).split(b".")
    mac = hmac.digest(vendor.public_pem(), header + b"." + payload, "sha256")
    assert 'algorithm is "HS256"' in refusal(trusted, b".".join((header, payload, base64url(mac))))


@pytest.mark.parametrize("crit", [[], ["exp"], ["b64"], None, "x", {"a": 1}])
def test_critical_extensions_are_refused(trusted: TrustedKeys, vendor: Vendor, crit: Any) -> None:
    assert 'extensions ("crit")' in refusal(trusted, vendor.file(header=vendor.header(crit=crit, exp=1)))


@pytest.mark.parametrize("member", ["b64", "jwk", "jku", "x5c", "x5u", "cty", "exp", "\x1b[2J"])
def test_any_further_header_member_is_refused(trusted: TrustedKeys, vendor: Vendor, member: str) -> None:
    sentence = refusal(trusted, vendor.file(header=vendor.header(**{member: "x"})))
    assert f'header has the member "{member.replace(chr(27), "?")}"' in sentence


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (b'{"alg":"Ed25519","alg":"Ed25519","kid":"acme-1","typ":"license+jws"}', 'header names "alg" twice'),
        (b'{"alg":"Ed25519","kid":"acme-1","kid":"acme-2","typ":"license+jws"}', 'header names "kid" twice'),
        (b'["alg"]', "header is not a JSON object"),
        (b"alg", "header is not readable JSON"),
        (b"[" * 380, "header is not readable JSON"),
        (b"{}" + b" " * 400, "header is longer than"),
        (b"{}", "algorithm is missing"),
        (b'{"alg":{"a":1}}', "algorithm is not a text"),
        (b'{"alg":"Ed25519","kid":"acme-1"}', "type is missing"),
        (b'{"alg":"Ed25519","kid":"acme-1","typ":"JWT"}', 'type is "JWT"'),
        (b'{"alg":"Ed25519","typ":"license+jws"}', r"key name (kid) is missing"),
        (b'{"alg":"Ed25519","kid":7,"typ":"license+jws"}', r"key name (kid) is not a text"),
        (b'{"alg":"Ed25519","kid":"../../etc/x","typ":"license+jws"}', r'key name (kid) is "../../etc/x"'),
        (b'{"alg":"Ed25519","kid":".x","typ":"license+jws"}', r'key name (kid) is ".x"'),
        (b'{"alg":"Ed25519","kid":"","typ":"license+jws"}', r'key name (kid) is ""'),
        (b'{"alg":"Ed25519","kid":"a\\u001b[2J\\n","typ":"license+jws"}', r'key name (kid) is "a?[2J?"'),
        (
            b'{"alg":"Ed25519","kid":"' + b"k" * 300 + b'","typ":"license+jws"}',
            'is "' + "k" * 64 + '…"',
        ),
    ],
)
def test_a_wrong_header_has_its_own_sentence(
    trusted: TrustedKeys, vendor: Vendor, header: bytes, sentence: str
) -> None:
    assert sentence in refusal(trusted, vendor.file(header=header))


# --- signature ---


def test_an_unknown_key_is_named_with_the_file_to_put_in_place(trusted: TrustedKeys) -> None:
    sentence = refusal(trusted, Vendor("other.key").file())
    assert 'the key "other.key"' in sentence
    assert "put other.key.public.pem into the trusted keys folder" in sentence


def test_another_key_under_a_trusted_name_is_refused(trusted: TrustedKeys) -> None:
    assert 'does not match the key "acme-1"' in refusal(trusted, Vendor("acme-1").file())


def test_changed_content_under_an_old_signature_is_refused(trusted: TrustedKeys, vendor: Vendor) -> None:
    header, _, signature = vendor.file().split(b".")
    payload = base64url(json.dumps(content(scope={"WFM": {"seats": 5000}})).encode())
    assert "signature does not match" in refusal(trusted, b".".join((header, payload, signature)))


@pytest.mark.parametrize("signature", [b"", b"AAAA", base64url(bytes(64)), base64url(bytes(65)), b"A" * 2000])
def test_a_signature_of_the_wrong_kind_is_refused(
    trusted: TrustedKeys, vendor: Vendor, signature: bytes
) -> None:
    header, payload, _ = vendor.file().split(b".")
    assert "signature does not match" in refusal(trusted, b".".join((header, payload, signature)))


# --- payload of a file whose signature is good ---


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (b'{"format":1,"format":1}', 'payload names "format" twice'),
        (json.dumps(GOOD_CONTENT).replace('"QM"', '"WFM"').encode(), 'payload names "WFM" twice'),
        (b"\xff", "payload is not readable JSON"),
        (b"[]", "payload is not a JSON object"),
        (b"{}", 'field "format" is missing'),
        (b'{"format":2}', 'format is "2", and this version reads format 1 only; update'),
        (json.dumps(content(issue=True)).encode(), 'field "issue" must be a whole number'),
        (json.dumps(content_without("customer")).encode(), 'field "customer" is missing'),
        (json.dumps(content(expires_on="2020-01-01")).encode(), "before it starts"),
    ],
)
def test_a_wrong_payload_has_its_own_sentence(
    trusted: TrustedKeys, vendor: Vendor, payload: bytes, sentence: str
) -> None:
    assert sentence in refusal(trusted, vendor.file(payload))


def test_the_payload_is_not_looked_at_before_the_signature(trusted: TrustedKeys) -> None:
    assert "does not match" in refusal(trusted, Vendor("acme-1").file(b"not JSON"))


# --- the folder ---


def test_an_empty_folder_trusts_nobody(tmp_path: Path, vendor: Vendor) -> None:
    assert "is not trusted here" in refusal(TrustedKeys.load(tmp_path), vendor.file())


@pytest.mark.parametrize("missing", ["nowhere", "a-file"])
def test_a_missing_folder_is_a_configuration_error(tmp_path: Path, missing: str) -> None:
    (tmp_path / "a-file").touch()
    with pytest.raises(ConfigurationError, match=f"trusted keys folder .*{missing} cannot be read"):
        TrustedKeys.load(tmp_path / missing)


def test_other_files_and_dot_files_are_passed_over(tmp_path: Path, vendor: Vendor) -> None:
    vendor.publish(tmp_path)
    for name in ("README.md", "._acme-1.public.pem", "acme-3.pem", "acme-3.private.pem"):
        (tmp_path / name).write_text("no key")
    assert TrustedKeys.load(tmp_path).kids == ("acme-1",)


def public_pem(key: Any) -> bytes:
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


@pytest.mark.parametrize(
    ("pem", "sentence"),
    [
        (b"", "no readable public key"),
        (b"rubbish", "no readable public key"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no readable public key"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no readable public key"),
        (public_pem(rsa.generate_private_key(65537, 2048)), "not Ed25519"),
        (public_pem(ec.generate_private_key(ec.SECP256R1())), "not Ed25519"),
        (public_pem(ed448.Ed448PrivateKey.generate()), "not Ed25519"),
        (
            Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "holds a private key",
        ),
    ],
    ids=["empty", "rubbish", "truncated", "certificate", "rsa", "ec", "ed448", "private"],
)
def test_a_bad_key_file_is_a_configuration_error_that_names_it(
    tmp_path: Path, pem: bytes, sentence: str
) -> None:
    (tmp_path / "bad.public.pem").write_bytes(pem)
    with pytest.raises(ConfigurationError, match=rf"bad\.public\.pem.*{sentence}"):
        TrustedKeys.load(tmp_path)


def test_a_key_file_whose_name_is_no_kid_is_named(tmp_path: Path, vendor: Vendor) -> None:
    vendor.publish(tmp_path).rename(tmp_path / "my key.public.pem")
    with pytest.raises(ConfigurationError, match=r"my key\.public\.pem must be named <kid>\.public\.pem"):
        TrustedKeys.load(tmp_path)


def test_a_folder_named_like_a_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.public.pem").mkdir()
    with pytest.raises(ConfigurationError, match=r"x\.public\.pem cannot be read"):
        TrustedKeys.load(tmp_path)


def test_a_trusted_folder_is_read_at_every_use(tmp_path: Path, vendor: Vendor) -> None:
    verifier: LicenseVerifier = TrustedFolder(tmp_path / "keys")
    with pytest.raises(ConfigurationError, match="trusted keys folder"):
        verifier.verify(vendor.file())
    (tmp_path / "keys").mkdir()
    path = vendor.publish(tmp_path / "keys")
    assert verifier.verify(vendor.file()).kid == "acme-1"
    path.unlink()
    with pytest.raises(LicenseRefusedError, match="is not trusted here"):
        verifier.verify(vendor.file())


# --- retired and revoked keys ---


@pytest.fixture
def folder(vendor: Vendor, tmp_path: Path) -> Path:
    """Trusts "acme-1"; markers are put beside it."""
    vendor.publish(tmp_path)
    return tmp_path


def test_a_current_key_is_accepted_for_import(trusted: TrustedKeys, vendor: Vendor) -> None:
    assert trusted.accept(vendor.file()) == trusted.verify(vendor.file())
    assert (trusted.kids, trusted.retired, trusted.revoked) == (("acme-1",), (), ())


@pytest.mark.parametrize("file", [b"", Vendor("other").file(), Vendor("acme-1").file()])
def test_nothing_is_accepted_that_does_not_verify(trusted: TrustedKeys, file: bytes) -> None:
    with pytest.raises(LicenseRefusedError) as refused:
        trusted.accept(file)
    assert str(refused.value) == refusal(trusted, file)


def test_what_a_retired_key_signed_goes_on_to_count_and_nothing_new_is_imported(
    folder: Path, vendor: Vendor
) -> None:
    (folder / "acme-1.retired").touch()
    Vendor("acme-2").publish(folder)
    keys = TrustedKeys.load(folder)
    assert keys.verify(vendor.file()).number == "4711"
    assert inspect(vendor.file(), keys).objection is None
    with pytest.raises(LicenseRefusedError) as refused:
        keys.accept(vendor.file())
    assert str(refused.value) == (
        'The licence file is signed with the key "acme-1", which is retired here: what was imported before '
        "goes on, and nothing new is imported; ask the vendor for a file signed with a current key."
    )
    assert (keys.kids, keys.retired, keys.revoked) == (("acme-2",), ("acme-1",), ())


def test_a_forged_file_in_the_name_of_a_retired_key_is_refused_as_forged(folder: Path) -> None:
    (folder / "acme-1.retired").touch()
    keys = TrustedKeys.load(folder)
    forged = Vendor("acme-1").file()
    assert "does not match" in refusal(keys, forged)
    with pytest.raises(LicenseRefusedError, match="does not match"):
        keys.accept(forged)


def test_a_retired_key_that_is_not_there_is_unknown(folder: Path) -> None:
    (folder / "gone.retired").touch()
    keys = TrustedKeys.load(folder)
    assert 'key "gone", which is not trusted here' in refusal(keys, Vendor("gone").file())
    assert keys.retired == ()


@pytest.mark.parametrize("has_key_file", [True, False])
@pytest.mark.parametrize("further", [[], ["acme-1.retired"]])
def test_nothing_a_revoked_key_signed_counts(
    folder: Path, vendor: Vendor, has_key_file: bool, further: list[str]
) -> None:
    for name in ("acme-1.revoked", *further):
        (folder / name).touch()
    if not has_key_file:
        (folder / "acme-1.public.pem").unlink()
    keys = TrustedKeys.load(folder)
    sentence = (
        'The licence file is signed with the key "acme-1", which is revoked here: nothing that it signed '
        "counts any more; ask the vendor for a file signed with a current key."
    )
    for file in (vendor.file(), Vendor("acme-1").file(), vendor.file(b"not JSON")):
        assert refusal(keys, file) == sentence
        with pytest.raises(LicenseRefusedError, match="is revoked here"):
            keys.accept(file)
    found = inspect(vendor.file(), keys)
    assert (found.signature, found.objection) == (Signature.REVOKED, sentence)
    assert (keys.kids, keys.retired, keys.revoked) == ((), (), ("acme-1",))


def test_revoking_one_key_leaves_the_others(folder: Path, vendor: Vendor) -> None:
    Vendor("acme-10").publish(folder)
    (folder / "acme-10.revoked").write_text("Its private key was copied.")
    keys = TrustedKeys.load(folder)
    assert keys.accept(vendor.file()).kid == "acme-1"
    assert (keys.kids, keys.revoked) == (("acme-1",), ("acme-10",))


def test_a_revoked_key_is_not_read_so_a_broken_one_disturbs_nobody(folder: Path, vendor: Vendor) -> None:
    (folder / "broken.public.pem").write_bytes(b"rubbish")
    (folder / "broken.revoked").touch()
    assert TrustedKeys.load(folder).verify(vendor.file()).kid == "acme-1"


def test_keys_are_listed_sorted_by_their_standing(tmp_path: Path) -> None:
    for kid in ("b", "a", "d", "c", "f", "e"):
        Vendor(kid).publish(tmp_path)
    for marker in ("d.retired", "c.retired", "f.revoked", "e.revoked", "0.revoked"):
        (tmp_path / marker).touch()
    keys = TrustedKeys.load(tmp_path)
    assert (keys.kids, keys.retired, keys.revoked) == (("a", "b"), ("c", "d"), ("0", "e", "f"))


@pytest.mark.parametrize(
    ("marker", "sentence"),
    [
        ("my key.revoked", r"my key\.revoked must be named <kid>\.revoked, with a kid of"),
        ("my key.retired", r"my key\.retired must be named <kid>\.retired, with a kid of"),
        ("acme-1.public.pem.revoked", r"must be named <kid>\.revoked, without \.public\.pem"),
        ("acme-1.public.pem.retired", r"must be named <kid>\.retired, without \.public\.pem"),
    ],
)
def test_a_marker_whose_name_is_no_kid_is_a_configuration_error_that_names_it(
    folder: Path, marker: str, sentence: str
) -> None:
    (folder / marker).touch()
    with pytest.raises(ConfigurationError, match=sentence):
        TrustedKeys.load(folder)


def test_dot_files_mark_nothing(folder: Path) -> None:
    for name in (".acme-1.revoked", "._acme-1.retired", ".revoked"):
        (folder / name).touch()
    keys = TrustedKeys.load(folder)
    assert (keys.kids, keys.retired, keys.revoked) == (("acme-1",), (), ())


def test_the_content_of_a_marker_says_nothing(folder: Path, vendor: Vendor) -> None:
    (folder / "acme-1.revoked").symlink_to(folder / "nowhere")
    assert "is revoked here" in refusal(TrustedKeys.load(folder), vendor.file())


def test_a_single_key_file_is_trusted_whatever_stands_beside_it(folder: Path, vendor: Vendor) -> None:
    (folder / "acme-1.revoked").touch()
    assert TrustedKeys.of_files(folder / "acme-1.public.pem").accept(vendor.file()).kid == "acme-1"


def test_a_marker_in_a_trusted_folder_counts_at_once(folder: Path, vendor: Vendor) -> None:
    keys = TrustedFolder(folder)
    assert keys.accept(vendor.file()) == keys.verify(vendor.file())
    (folder / "acme-1.retired").touch()
    assert keys.verify(vendor.file()).kid == "acme-1"
    with pytest.raises(LicenseRefusedError, match="is retired here"):
        keys.accept(vendor.file())
    (folder / "acme-1.revoked").touch()
    for judge in (keys.verify, keys.accept):
        with pytest.raises(LicenseRefusedError, match="is revoked here"):
            judge(vendor.file())


# --- inspect ---


def test_inspection_reads_without_keys(vendor: Vendor) -> None:
    found = inspect(vendor.file(), None)
    assert (found.signature, found.objection) == (Signature.NOT_CHECKED, None)
    assert (found.kid, found.payload.number) == ("acme-1", "4711")


def test_inspection_tells_how_the_signature_stands(trusted: TrustedKeys, vendor: Vendor) -> None:
    held = inspect(vendor.file(), trusted)
    wrong = inspect(Vendor("acme-1").file(), trusted)
    unknown = inspect(Vendor("other").file(), trusted)
    assert (held.signature, held.objection) == (Signature.HOLDS, None)
    assert (wrong.signature, unknown.signature) == (Signature.WRONG, Signature.UNKNOWN_KEY)
    assert wrong.objection == refusal(trusted, Vendor("acme-1").file())
    assert unknown.objection == refusal(trusted, Vendor("other").file())


@pytest.mark.parametrize("file", [b"", b"a.b.c", Vendor().file(b"{}"), Vendor().file(b"x")])
def test_inspection_refuses_what_cannot_be_read(file: bytes) -> None:
    with pytest.raises(LicenseRefusedError):
        inspect(file, None)
