"""The check of how long methods and experiments are."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_what_is_too_long_is_named_unless_it_has_a_reason(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("budgets", ROOT / "tools" / "budgets.py")
    budgets = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(budgets)
    sizes = {
        "attribution/short.py": 10,
        "attribution/full.py": 110,
        "attribution/long.py": 111,
        "attribution/__init__.py": 500,
        "engine/big.py": 500,
        "lab/big.py": 500,
        "experiments/attribution/short.py": 30,
        "experiments/attribution/long.py": 200,
    }
    for name, lines in sizes.items():
        path = tmp_path / "repro" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n" * lines)
    summary, problems = budgets.check(
        tmp_path, {"repro/experiments/attribution/long.py": "r", "repro/attribution/short.py": "r"}
    )
    assert summary == [
        "3 methods: median 110 lines (aim 70), longest 111",
        "2 experiments: median 115 lines (aim 70), longest 200",
    ]
    assert problems == [
        "repro/attribution/long.py has 111 lines, 110 are allowed",
        "repro/attribution/short.py is short enough: it needs no exception",
    ]
