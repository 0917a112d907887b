"""Where the shipped weights and the Triton model repository lie: inside the installed package, else the source tree.

It finds folders and reads nothing in them.
"""

from pathlib import Path

#: The three roles that have shipped weights; also the names of the served models.
ROLES: tuple[str, ...] = ("region_expert", "explainer", "defect_editor")

_PACKAGE = Path(__file__).resolve().parent


def weights(role: str) -> Path:
    """The folder of a role's checkpoint, which may not exist before training; ValueError for an unknown role."""
    if role not in ROLES:
        raise ValueError(f"unknown role {role!r}; the roles are {', '.join(ROLES)}")
    return _place("weights") / role


def repository() -> Path:
    """The Triton model repository's folder."""
    return _place("repository")


def _place(name: str) -> Path:
    installed = _PACKAGE / name  # a wheel carries the folder inside the package
    return installed if installed.is_dir() else _PACKAGE.parent / name
