"""One-time passwords, as the app on somebody's telephone makes them (RFC 6238)."""

import hmac
import json
import time
from typing import Any

SECRET = "a secret of twenty b"
PERIOD_SECONDS = 30


def otp_credential() -> dict[str, Any]:
    """What a user's representation needs for a telephone."""
    return {
        "type": "otp",
        "secretData": json.dumps({"value": SECRET}),
        "credentialData": json.dumps(
            {"subType": "totp", "digits": 6, "counter": 0, "period": PERIOD_SECONDS, "algorithm": "HmacSHA1"}
        ),
    }


def one_time_password() -> str:
    """The password of this half minute."""
    moment = int(time.time() / PERIOD_SECONDS).to_bytes(8, "big")
    digest = hmac.new(SECRET.encode(), moment, "sha1").digest()
    start = digest[-1] & 0xF
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"
