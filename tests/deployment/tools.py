"""The programs that check what is under config/, and the settings that a deployment makes.

In: a program's name and words; out: what it printed, of one that must pass. Those in Python packages lie
beside the interpreter, the others are brought by `.ci/system-packages`.
"""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from keycloak_license.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"


def check(program: str, *words: str | Path) -> str:
    """Run a program that checks files, and return what it printed; it must have passed."""
    found = shutil.which(program, path=str(Path(sys.executable).parent)) or shutil.which(program)
    assert found, (
        f"{program} is missing: run .ci/system-packages, or look there for the package that brings it"
    )
    done = subprocess.run([found, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def load_yaml(path: Path) -> Any:
    """Return the one document of a file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def settings_of(environ: Mapping[str, str], folders: Mapping[str, Path]) -> Settings:
    """Load the settings that an environment gives, with folders of its machine to be found elsewhere."""
    here = dict(environ)
    for there, folder in folders.items():
        here = {name: value.replace(there, str(folder)) for name, value in here.items()}
    return load_settings(Path(here["KEYCLOAK_LICENSE_CONFIG"]), here)
