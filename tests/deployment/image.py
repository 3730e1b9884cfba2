"""The Dockerfile, taken apart.

In: the file; out: its stages, as instructions. Used by the tests of the image and of what runs it.
"""

import io
import json
from dataclasses import dataclass

from dockerfile_parse import DockerfileParser

from tests.deployment.tools import ROOT

DOCKERFILE = ROOT / "Dockerfile"


@dataclass(frozen=True)
class Instruction:
    """One instruction, its continued lines joined."""

    name: str
    value: str


Stage = list[Instruction]


def stages() -> list[Stage]:
    """Return the stages in order; what stands before the first is not among them."""
    found: list[Stage] = []
    for each in DockerfileParser(fileobj=io.BytesIO(DOCKERFILE.read_bytes())).structure:
        if each["instruction"] == "FROM":
            found.append([])
        if found and each["instruction"] != "COMMENT":
            found[-1].append(Instruction(each["instruction"], each["value"]))
    return found


def values(stage: Stage, name: str) -> list[str]:
    """Return the values of one instruction in a stage."""
    return [each.value for each in stage if each.name == name]


def words(text: str) -> list[str]:
    """Return the words of an exec form, which may follow `CMD` and options."""
    return [str(word) for word in json.loads(text[text.index("[") :])]


def environment(stage: Stage) -> dict[str, str]:
    """Return what a stage sets."""
    return dict(pair.split("=", 1) for value in values(stage, "ENV") for pair in value.split())
