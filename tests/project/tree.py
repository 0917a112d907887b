"""What git keeps, for the tests that read the whole tree."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def tracked() -> list[Path]:
    """Every tracked file that is there, relative to the root; in an exported tree without git, every file of it."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        names = [Path(name) for name in listed.stdout.split("\0") if name]
    else:
        hidden = {
            ".venv",
            ".tools",
            ".git",
            "__pycache__",
            ".pytest_cache",
            ".mypy_cache",
            ".ruff_cache",
            "build",
            "dist",
        }
        names = [path.relative_to(ROOT) for path in ROOT.rglob("*") if not hidden & set(path.relative_to(ROOT).parts)]
    return sorted(name for name in names if (ROOT / name).is_file())


def modules(package: Path) -> list[Path]:
    """The tracked modules of a package, relative to it; without `__init__` and generated code."""
    inside = [name.relative_to(package) for name in tracked() if name.is_relative_to(package)]
    return [path for path in inside if path.suffix == ".py" and path.name != "__init__.py" and path.parts[0] != "v1"]
