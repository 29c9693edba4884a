"""What the client and the command's help may load: seen in processes of their own."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "pydantic", "sqlalchemy", "pyarrow", "fastapi", "celery", "sklearn", "scipy")


@pytest.mark.parametrize(
    "script",
    [
        "import app.client",
        "from app.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass",
    ],
)
def test_loads_nothing_heavy(script: str) -> None:
    wanted = f"{script}\nimport sys\nsys.exit(','.join(set(sys.modules) & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", wanted], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "") or done.stderr == "\n"


def test_help_does_not_even_load_the_client() -> None:
    script = "import sys, app.cli\nsys.exit(bool({'httpx', 'numpy'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
