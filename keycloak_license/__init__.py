"""Turns signed licence files into seats for the applications behind a Keycloak realm.

The rooms, from the top: `cli` and `worker` call `services` (wired by `bootstrap`), which read through
`keycloak_api`, `ledger` and `license_file`, decide in `plan` and speak in the nouns of `model`.
"""

__version__ = "0.1.0"
