"""Mutation testing of the modules that decide identity, masks, labels and geometry: which planted faults do the tests notice?

`python benchmarks/mutation.py [--sample N] [--module NAME] [--survivors FILE.json] [--rerun FILE.json]` (`make mutation`)

The faults are those of cosmic-ray's operators (comparisons, arithmetic, numbers, conditions, loops, decorators, exceptions) and a
removed statement. Of the alternatives of one operator at one place (`>` to `>=`, `<`, `==`, ...) one is drawn; type annotations
are left out. A fault is killed where a test that reaches its statement fails, or runs much longer than before.

Every mutant runs in a fork of one process that has imported the libraries already, never the code under test: a mutant costs its
tests, not the import of torch. Nothing is written into the repository: the mutated source is given to the importer.
"""

from __future__ import annotations

import argparse
import ast
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import pickle
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import coverage
import pytest
from mutation_operators import mutate, possible_mutations

ROOT = Path(__file__).resolve().parent.parent
MASK_TESTS = ("Testing/data/masks",)
CASE_TESTS = ("Testing/jobs/case_search/test_find_cases.py", "Testing/jobs/case_search/test_folder_files.py")
TESTS: dict[str, tuple[str, ...]] = {
    "data/fingerprint.py": ("Testing/data/test_fingerprint.py",),
    "data/case_names.py": ("Testing/data/test_case_names.py",),
    "data/cohort.py": ("Testing/data/test_cohort.py",),
    "data/masks/dicom_seg.py": MASK_TESTS,
    "data/masks/label_map_file.py": MASK_TESTS,
    "data/masks/label_values.py": MASK_TESTS,
    "data/masks/mask_file.py": MASK_TESTS,
    "data/masks/nifti_labels.py": MASK_TESTS,
    "data/masks/open_file.py": MASK_TESTS,
    "data/masks/placement.py": MASK_TESTS,
    "data/masks/read.py": MASK_TESTS,
    "data/masks/segment_choice.py": MASK_TESTS,
    "data/masks/slicer_segmentation.py": MASK_TESTS,
    "imaging/geometry.py": ("Testing/imaging/test_geometry.py",),
    "jobs/case_loop.py": ("Testing/jobs/test_case_loop.py",),
    "jobs/case_search/find_cases.py": CASE_TESTS,
    "jobs/case_search/folder_files.py": CASE_TESTS,
    "jobs/case_search/not_a_case.py": ("Testing/jobs/case_search/test_not_a_case.py",),
}
"""Modules below `LiverAILib/` and the tests that are theirs. `data/label_kinds.py` holds two names and nothing to mutate."""

OUR_CODE = ("LiverAILib", "Testing")
UNUSED_PLUGINS = ("cacheprovider", "xdist", "unraisableexception", "threadexception")
"""The last two collect all garbage several times, which costs more than most tests here."""

SLOWER, SHORTEST_LIMIT = 10, 30
"""A mutant may take so many times as long as its tests did without it, and at least so many seconds."""


@dataclass(frozen=True)
class Mutant:
    """One planted fault; `number` counts the places of its operator in the module."""

    module: str
    operator: str
    number: int
    line: int


@dataclass(frozen=True)
class Baseline:
    """What the tests of some modules do without a mutant: seconds by test, and the tests that reach each line of each module."""

    seconds: dict[str, float]
    tests: dict[str, dict[int, set[str]]]
    imported: list[str]


# --- a pytest run in a fork ---


def in_fork(work: Callable[[], Any], limit: float) -> tuple[bool, Any]:
    """Whether `work` ended in `limit` seconds in a child process, and what it returned (None where it raised)."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer"
        child = os.fork()
        if not child:
            code = 1
            try:
                os.setpgid(0, 0)
                signal.alarm(max(1, int(limit)))
                quiet = os.open(os.devnull, os.O_WRONLY)
                if "MUTATION_SHOW" not in os.environ:
                    os.dup2(quiet, 1)
                    os.dup2(quiet, 2)
                answer.write_bytes(pickle.dumps(work()))
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        ended = not os.WIFSIGNALED(status)
        return ended, pickle.loads(answer.read_bytes()) if ended and answer.exists() else None


def run_pytest(tests: list[str], plugins: tuple[object, ...] = ()) -> int:
    """Exit code of pytest, which stops at the first failure and leaves nothing behind."""
    temporary = tempfile.mkdtemp(prefix="mutation-")
    try:
        unused = [option for name in UNUSED_PLUGINS for option in ("-p", f"no:{name}")]
        options = ["-q", "-x", *unused, f"--basetemp={temporary}/pytest"]
        return int(pytest.main([*options, *tests], plugins=list(plugins)))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


class Recorder:
    """Notes for every test how long it takes and, with coverage, which lines it reaches."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self.measured = measured
        self.seconds: dict[str, float] = defaultdict(float)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.measured.switch_context(item.nodeid)
        result = yield
        self.measured.switch_context("")
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration


def baseline(modules: list[str], tests: tuple[str, ...]) -> Baseline:
    """Run the tests without a mutant."""

    def work() -> Baseline:
        before = set(sys.modules)
        files = {module: str(ROOT / "LiverAILib" / module) for module in modules}
        measured = coverage.Coverage(include=list(files.values()), data_file=None)
        recorder = Recorder(measured)
        measured.start()
        code = run_pytest(list(tests), (recorder,))
        measured.stop()
        if code:
            raise RuntimeError
        data = measured.get_data()
        reached = {
            module: {line: set(names) for line, names in data.contexts_by_lineno(file).items()}
            for module, file in files.items()
        }
        return Baseline(dict(recorder.seconds), reached, sorted(set(sys.modules) - before))

    _, found = in_fork(work, 1800)
    if found is None:
        raise SystemExit(f"{' '.join(tests)}: the tests fail without a mutant. Run them.")
    return found


def import_libraries(names: list[str]) -> None:
    """Import what the tests imported, but the code under test."""
    for name in names:
        if name.partition(".")[0] not in OUR_CODE and not name.startswith(("_pytest", "__")):
            try:
                importlib.import_module(name)
            except Exception:
                continue
    gc.collect()
    gc.freeze()  # the forks then neither search nor copy what is there already


class MutatedModule(importlib.abc.MetaPathFinder, importlib.machinery.SourceFileLoader):
    """Gives the importer another source of one module."""

    def __init__(self, module: str, source: str) -> None:
        self.source = source
        name = f"LiverAILib.{module.removesuffix('.py').replace('/', '.')}"
        super().__init__(name, str(ROOT / "LiverAILib" / module))

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_code(self, fullname: str) -> Any:
        return compile(self.source, self.path, "exec", dont_inherit=True)


# --- mutants ---


def source_of(module: str) -> str:
    return (ROOT / "LiverAILib" / module).read_text(encoding="utf-8")


def mutants_of(module: str, draw: random.Random) -> list[Mutant]:
    """One mutant of each operator at each place."""
    places: dict[tuple[str, tuple[int, int], tuple[int, int]], list[Mutant]] = defaultdict(list)
    for operator, number, start, end in possible_mutations(source_of(module)):
        kind = operator.partition("_")[0]
        places[kind, start, end].append(Mutant(module, operator, number, start[0]))
    return [draw.choice(alternatives) for alternatives in places.values()]


def statement_lines(tree: ast.Module, line: int) -> range:
    """The lines of the innermost statement around a line; of a compound statement those above its body."""
    best = range(line, line + 1)
    smallest = None
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt):
            continue
        first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
        last = node.end_lineno or node.lineno
        body = getattr(node, "body", None)
        if body:
            last = max(first, body[0].lineno - 1)
        if first <= line <= last and (smallest is None or last - first <= smallest):
            smallest, best = last - first, range(first, last + 1)
    return best


def tests_that_reach(mutant: Mutant, base: Baseline, tree: ast.Module) -> list[str]:
    """The fastest first; all of them where the statement runs at import."""
    reached = base.tests[mutant.module]
    contexts = set().union(*(reached.get(line, set()) for line in statement_lines(tree, mutant.line)))
    names = (set(base.seconds) if "" in contexts else contexts) & set(base.seconds)
    return sorted(names, key=lambda name: (base.seconds[name], name))


def survives(mutant: Mutant, source: str, tests: list[str], base: Baseline) -> bool:
    """Whether all tests pass with the mutated source."""

    def work() -> int:
        sys.meta_path.insert(0, MutatedModule(mutant.module, source))
        return run_pytest(tests)

    if not tests:
        return True
    seconds = sum(base.seconds[name] for name in tests)
    _, code = in_fork(work, max(SHORTEST_LIMIT, SLOWER * seconds))
    return code == 0


def changed_lines(mutant: Mutant) -> str:
    """The line that the mutant changes, before and after."""
    before = source_of(mutant.module).splitlines()
    after = (mutate(source_of(mutant.module), mutant.operator, mutant.number) or "").splitlines()
    pairs = [(one.strip(), other.strip()) for one, other in zip(before, after, strict=False) if one != other]
    return " -> ".join(pairs[0]) if pairs else ""


# --- the run ---


def chosen_mutants(args: argparse.Namespace) -> list[Mutant]:
    if args.rerun:
        kept = [
            Mutant(**{key: one[key] for key in Mutant.__dataclass_fields__})
            for one in json.loads(args.rerun.read_text())
        ]
        return [one for one in kept if not args.module or one.module in args.module]
    draw = random.Random(args.seed)
    found = [mutant for module in TESTS for mutant in mutants_of(module, draw)]
    print(f"{len(found)} mutants in {len(TESTS)} modules", flush=True)
    drawn = draw.sample(found, min(args.sample or len(found), len(found)))
    return sorted(
        (one for one in drawn if not args.module or one.module in args.module), key=lambda one: (one.module, one.line)
    )


def run(mutants: list[Mutant]) -> dict[Mutant, bool]:
    """For every mutant whether it survives."""
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for module in dict.fromkeys(mutant.module for mutant in mutants):
        groups[TESTS[module]].append(module)
    results: dict[Mutant, bool] = {}
    for tests, modules in groups.items():
        base = baseline(modules, tests)
        import_libraries(base.imported)
        for module in modules:
            tree = ast.parse(source_of(module))
            started, mine = time.monotonic(), [mutant for mutant in mutants if mutant.module == module]
            for mutant in mine:
                source = mutate(source_of(module), mutant.operator, mutant.number)
                if source is None:
                    continue
                reaching = tests_that_reach(mutant, base, tree)
                results[mutant] = survives(mutant, source, reaching, base)
                if results[mutant]:
                    note = "" if reaching else " (no test reaches it)"
                    print(
                        f"  lives: {module}:{mutant.line} {mutant.operator}: {changed_lines(mutant)}{note}", flush=True
                    )
            print(f"{module}: {time.monotonic() - started:.0f} s", flush=True)
    return results


def print_table(results: dict[Mutant, bool]) -> None:
    from LiverAILib.evaluation.intervals import proportion_interval

    print(f"\n{'module':34}{'mutants':>9}{'killed':>8}{'share':>8}")
    for module in TESTS:
        mine = [lives for mutant, lives in results.items() if mutant.module == module]
        if mine:
            killed = len(mine) - sum(mine)
            print(f"{module:34}{len(mine):9}{killed:8}{killed / len(mine):8.0%}")
    killed = len(results) - sum(results.values())
    found = proportion_interval(killed, len(results))
    interval = f" (95 % interval {found.low:.1%} to {found.high:.1%})" if found else ""
    print(f"{'all':34}{len(results):9}{killed:8}{killed / max(len(results), 1):8.1%}{interval}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Mutation testing of identity, masks, labels and geometry.")
    parser.add_argument(
        "--sample", type=int, metavar="N", help="so many mutants, drawn from all (default: all of them)"
    )
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--module", action="append", choices=list(TESTS), help="these modules alone")
    parser.add_argument("--survivors", type=Path, metavar="FILE.json", help="write the mutants that live")
    parser.add_argument("--rerun", type=Path, metavar="FILE.json", help="run the mutants of such a file alone")
    args = parser.parse_args()
    os.chdir(ROOT)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    results = run(chosen_mutants(args))
    print_table(results)
    if args.survivors:
        lives = [asdict(mutant) | {"change": changed_lines(mutant)} for mutant, alive in results.items() if alive]
        args.survivors.write_text(json.dumps(lives, indent=1))


if __name__ == "__main__":
    main()
