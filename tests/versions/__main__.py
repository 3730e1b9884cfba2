"""Tries the program on every version of Keycloak that it is meant for: `make versions`.

Keeps the outcome in `outcomes.json`, prints the table that the README shows, and ends with status 1 when
anything failed on any version. With `--stale`, only what has other tests than when it was kept.
"""

import argparse
import sys

from tests.readme import keycloak_versions
from tests.versions.areas import AREAS, VERSIONS
from tests.versions.record import Outcome, load, save
from tests.versions.running import list_tests, try_version


def main() -> int:
    """Try, keep, print, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.versions", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=VERSIONS, default=VERSIONS, help="these versions")
    parser.add_argument("--stale", action="store_true", help="only areas whose tests have changed")
    options = parser.parse_args()
    suites = list_tests(AREAS) if options.stale else {}
    for version in options.only:
        kept = load().get(version, {})
        wanted = [area for area in AREAS if not (options.stale and is_fresh(kept.get(area), suites[area]))]
        tried = try_version(version, wanted) if wanted else {}
        # Read again, and kept at once: whatever happens to the next version, this one is done.
        record, outcomes = load(), kept | tried
        record[version] = {area: outcomes[area] for area in AREAS if area in outcomes}
        save({each: record[each] for each in VERSIONS if each in record})
    print("\n".join(keycloak_versions()))
    record = load()
    return int(not all(_is_good(record[version].get(area)) for version in options.only for area in AREAS))


def is_fresh(outcome: Outcome | None, suite: str) -> bool:
    """Whether it was good, with the tests of today."""
    return outcome is not None and outcome.is_good and outcome.suite == suite


def _is_good(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.is_good


if __name__ == "__main__":
    sys.exit(main())
