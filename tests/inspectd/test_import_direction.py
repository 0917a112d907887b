"""Who may know whom: the arrows of the tree, held by reading every import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DAEMON, MODELS = ROOT / "daemon" / "inspectd", ROOT / "models" / "iad_unify"

#: Drivers and the only modules that may import them.
DRIVERS = {
    "kafka": {"kafka_client.py", "frames/kafka.py", "frames/kafka_group.py", "deadletters/kafka.py", "stack/topics.py"},
    "redis": {"tokens/redis.py", "stack/redis.py"},
    "tritonclient": {"vision/triton.py", "stack/triton.py"},
}


def _imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
    return found


def _modules(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*.py")) if "v1" not in path.relative_to(folder).parts]


def _roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in _imports(path)}


@pytest.mark.parametrize("path", _modules(DAEMON), ids=lambda path: str(path.relative_to(DAEMON)))
def test_the_daemon_imports_no_torch(path: Path) -> None:
    assert not _roots(path) & {"torch", "transformers", "diffusers"}


@pytest.mark.parametrize("path", _modules(MODELS), ids=lambda path: str(path.relative_to(MODELS)))
def test_the_models_never_import_the_daemon(path: Path) -> None:
    assert "inspectd" not in _roots(path)


@pytest.mark.parametrize("driver", sorted(DRIVERS))
def test_a_driver_is_imported_in_its_adapters_only(driver: str) -> None:
    users = {str(path.relative_to(DAEMON)) for path in _modules(DAEMON) if driver in _roots(path)}
    assert users <= DRIVERS[driver]


def test_only_the_wiring_builds_adapters() -> None:
    concrete = {"inspectd.events.kafka", "inspectd.frames.kafka", "inspectd.vision.triton", "inspectd.tokens.redis"}
    users = {str(path.relative_to(DAEMON)) for path in _modules(DAEMON) if _imports(path) & concrete}
    allowed = [f"wiring/{name}.py" for name in ("models", "state", "streams")]
    allowed += [f"cli/{name}.py" for name in ("dead_letters", "publish")]
    assert users <= set(allowed)


def test_the_environment_is_read_by_the_settings_alone() -> None:
    readers = {str(p.relative_to(DAEMON)) for p in _modules(DAEMON) if "os.environ" in p.read_text(encoding="utf-8")}
    # The stack looks for programs (KAFKA_HOME, JAVA_HOME) and hands an environment to the servers that it starts.
    # OpenCV takes the options of its video library from nowhere else.
    assert {name for name in readers if not name.startswith("stack/")} == {"frames/camera.py"}


@pytest.mark.parametrize("module", ["inspectd", "inspectd.wiring", "inspectd.cli", "iad_unify.cli"])
def test_importing_pulls_in_no_torch(module: str) -> None:
    code = f"import sys, {module}; raise SystemExit(any(name in sys.modules for name in ('torch', 'transformers')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("path", _modules(DAEMON) + _modules(MODELS), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
