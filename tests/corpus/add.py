"""Put one more signed file into the corpus: `python -m tests.corpus.add good/NAME KID < payload.json`.

In come a name and the payload, letter for letter, on stdin; out go the licence file, the public key of a
new pair and their checksums. The private key is never written, so nothing can be signed with it again.
"""

import hashlib
import sys
from pathlib import Path

from tests.corpus import FOLDER, KEYS, SUMS
from tests.unit.license_file.forge import Vendor


def add(path: Path, kid: str, payload: bytes) -> list[Path]:
    """Write the file and its key; neither may be there already."""
    vendor = Vendor(kid)
    key = KEYS / f"{kid}.public.pem"
    for new in (path, key):
        if new.exists():
            sys.exit(
                f"{new} is there already, and nothing in the corpus is ever changed; choose another name."
            )
    vendor.publish(KEYS)
    path.write_bytes(vendor.file(payload))
    return [path, key]


def record(paths: list[Path]) -> None:
    """Add the checksums, in the form that ``sha256sum --check`` reads."""
    with SUMS.open("a", encoding="ascii") as sums:
        for path in paths:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            sums.write(f"{digest}  {path.relative_to(FOLDER).as_posix()}\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m tests.corpus.add good/NAME|bad/NAME KID < payload.json")
    record(add(FOLDER / f"{sys.argv[1]}.lic", sys.argv[2], sys.stdin.buffer.read()))
