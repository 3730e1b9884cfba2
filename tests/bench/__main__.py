"""Measures what a sync costs, against its floor and against the usual ways, on a real Keycloak.

In: sizes of realms and names of databases; out: one table on stdout, and the same as JSON with `--json
FILE`. Called by `make bench`. Times are medians, and only their ratios mean something on another machine.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from tests.bench.allocating import measure_allocation
from tests.bench.floor import measure_full, rows_of
from tests.bench.following import measure_following
from tests.bench.granting import measure_granting
from tests.bench.memory import measure_memory
from tests.bench.realms import BenchRealm, Server, licensed_realm
from tests.bench.rows import Row, markdown_of, table_of
from tests.bench.scripts import measure_scripts
from tests.bench.servers import DATABASES, H2, running_server

UNCHANGED = "nothing new"


def main() -> None:
    """Boot, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, nargs="*", default=[1000, 10_000, 100_000])
    parser.add_argument("--consumers", type=int, default=30, help="per cent of them")
    parser.add_argument("--database", nargs="+", choices=DATABASES, default=[H2])
    parser.add_argument("--seats", type=int, nargs="*", default=[3000])
    parser.add_argument("--plan", type=int, nargs="*", default=[1_000_000], help="consumers to plan for")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--markdown", type=Path, help="file for the table as the README has it")
    options = parser.parse_args()
    rows: list[Row] = []
    for row in measure_all(options):
        rows.append(row)
        print(f"{row.database}, {row.users} users: {row.way}", file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2), encoding="utf-8")
    if options.markdown:
        options.markdown.write_text(markdown_of(rows) + "\n", encoding="utf-8")
    # What is written to a file is as wide as it needs to be.
    console = Console()
    Console(width=None if console.is_terminal else 240).print(table_of(rows))


def measure_all(options: argparse.Namespace) -> Iterator[Row]:
    """Yield every row."""
    for database in options.database:
        with running_server(database) as server:
            yield from measure(server, options)
    for consumers in options.plan:
        yield from measure_planning(consumers)


def measure(server: Server, options: argparse.Namespace) -> Iterator[Row]:
    """Yield every row about one server."""
    with licensed_realm(server, "bench-empty", 0, 0) as empty:
        for users in options.users:
            consumers = users * options.consumers // 100
            with licensed_realm(server, f"bench-{users}", users, consumers) as realm:
                yield from measure_realm(realm, empty)
    for seats in options.seats:
        yield from measure_granting(server, seats)


def measure_planning(consumers: int) -> Iterator[Row]:
    """Yield the rows about planning alone, which needs no server; the seconds are the processor's."""
    rows = list(measure_allocation(consumers))
    for each in rows:
        [least] = [row for row in rows if (row.mode, row.case) == (each.mode, UNCHANGED)]
        yield Row(
            users=consumers,
            consumers=consumers,
            database="none",
            way=f"ours, planning in mode {each.mode}, {each.case}",
            seconds=each.cpu_seconds,
            ratio=each.cpu_seconds / least.cpu_seconds,
            of=UNCHANGED,
            note=f"{each.seconds_per_million:.2f} s of the processor for a million consumers",
        )


def measure_realm(realm: BenchRealm, empty: BenchRealm) -> Iterator[Row]:
    """Yield the rows about one realm."""
    full = measure_full(realm)
    yield from rows_of(realm, full)
    yield from measure_scripts(realm, full.floor_seconds)
    yield from measure_following(realm, full.floor_seconds)
    yield measure_memory(realm, empty)


if __name__ == "__main__":
    main()
