"""Members as CSV: a table that any program reads, and no spreadsheet takes for formulas."""

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keycloak_license.model.seat import Claim
from keycloak_license.services.member_list import FORMULA_SIGNS, HEADINGS, member_cells, members_csv
from keycloak_license.services.overview import Member
from tests.unit.services.world import NOON

ANN = Claim("WFM", "user-1", "ann", "ann@example.org", 1, NOON, is_seated=True, seated_at=NOON)
PATHS = (("group /AGENTS", "role WFM_AGENT"), ("role WFM_LEAD",))

texts = st.text(st.characters(codec="utf-8"), max_size=12) | st.text("=+-@,;\"\n\r\t' aé", max_size=6)


def read(text: str) -> list[list[str]]:
    """The rows as a program reads them."""
    return list(csv.reader(io.StringIO(text, newline="")))


def named(name: str, email: str | None = None, *path: str) -> Member:
    return Member(replace(ANN, username=name, email=email), None, (path,) if path else ())


def test_without_members_there_are_headings() -> None:
    assert members_csv([]) == "user_id,username,email,state,since,position,paths\n"


def test_a_member_is_a_line() -> None:
    waiting = Member(replace(ANN, username="bob", email=None, is_seated=False, seated_at=None), 3, PATHS)
    assert read(members_csv([Member(ANN, None, PATHS), waiting]))[1:] == [
        [
            "user-1",
            "ann",
            "ann@example.org",
            "seated",
            "2026-05-01 12:00:00+00:00",
            "",
            "group /AGENTS → role WFM_AGENT; role WFM_LEAD",
        ],
        [
            "user-1",
            "bob",
            "",
            "waiting",
            "2026-05-01 12:00:00+00:00",
            "3",
            "group /AGENTS → role WFM_AGENT; role WFM_LEAD",
        ],
    ]


@given(names=st.lists(st.tuples(texts, st.none() | texts, texts)))
def test_whatever_people_are_called_each_is_one_row_of_the_same_columns(
    names: list[tuple[str, str | None, str]],
) -> None:
    members = [named(*each) for each in names]
    headings, *rows = read(members_csv(members))
    assert headings == list(HEADINGS)
    assert len(rows) == len(members)
    for row, member in zip(rows, members, strict=True):
        said = ["user-1", *member_cells(member)]
        assert [cell.removeprefix("'") for cell in row] == [
            cell.replace("\r", " ").removeprefix("'") for cell in said
        ]


@given(name=texts)
def test_no_cell_begins_like_a_formula(name: str) -> None:
    [_, row] = read(members_csv([named(name, name, name)]))
    assert not [cell for cell in row if cell.startswith(FORMULA_SIGNS) or cell[:1].isspace()]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1"])
def test_a_name_that_begins_like_a_formula_is_text(name: str) -> None:
    [_, row] = read(members_csv([named(name)]))
    assert row[1] == "'" + name.replace("\r", " ")


@pytest.mark.parametrize("name", ["ann", "o'neil", "'quoted'", 'say "ann"', "a,b", "é", "a=b", "a-b"])
def test_any_other_name_is_as_it_is(name: str) -> None:
    [_, row] = read(members_csv([named(name)]))
    assert row[1] == name
