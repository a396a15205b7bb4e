"""Every command of an installation without extras, on tiny inputs: `make test-core` runs this in an environment of its own.

Only the standard library and what `pip install .` brings may be used here, so this is unittest and not pytest. The package is
the installed one: Python runs isolated (`-I`), from an empty folder.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from importlib.metadata import distributions, requires
from pathlib import Path

INSTALLERS = {"pip", "setuptools", "wheel"}
LIVERAI = Path(sys.executable).parent / ("liverai.exe" if os.name == "nt" else "liverai")
COHORT = ("--matrix", "64", "--prevalences", "1,0,0,0,1", "--quiet")


def normalized(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(extra: str | None = None) -> set[str]:
    """Distributions that LiverAI names itself: those of the core, or those of an extra."""
    found = set()
    for line in requires("liverai") or []:
        name = re.match(r"[\w.-]+", line)[0]
        marker = re.search(r"extra\s*==\s*['\"](\w+)['\"]", line)
        if (marker[1] if marker else None) == extra:
            found.add(normalized(name))
    return found


def liverai(*arguments: object, code: int = 0) -> str:
    """Run the installed command in a process of its own; returns its standard output."""
    command = [str(LIVERAI), *(str(argument) for argument in arguments)]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(
        f"  {time.perf_counter() - started:5.1f} s  liverai {' '.join(command[1:])[:90]}", file=sys.stderr, flush=True
    )
    if done.returncode != code or "Traceback" in done.stderr:
        raise AssertionError(f"{' '.join(command)}: exit code {done.returncode}, expected {code}\n{done.stderr}")
    return done.stdout


class CoreInstall(unittest.TestCase):
    """What `pip install .` gives; the tests run in the order of their names and share one folder."""

    folder: Path

    @classmethod
    def setUpClass(cls) -> None:
        """An empty working folder, and no path that could lead to a source checkout or to models of the user."""
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = Path(temporary.name)
        start = Path.cwd()
        os.chdir(cls.folder)
        cls.addClassCleanup(os.chdir, start)
        for variable in ("PYTHONPATH", "LIVERAI_MODELS", "LIVERAI_DATA"):
            os.environ.pop(variable, None)

    def test_0_the_environment_holds_the_core_and_nothing_else(self) -> None:
        import LiverAILib

        self.assertTrue(Path(LiverAILib.__file__).is_relative_to(sys.prefix), LiverAILib.__file__)
        installed = {normalized(one.metadata["Name"]): one for one in distributions()}
        self.assertLessEqual(requirements(), set(installed))
        needed = {"liverai", *requirements()}
        open_ends = list(requirements())
        while open_ends:  # what the core needs needs something itself
            for line in installed[open_ends.pop()].requires or []:
                name = normalized(re.match(r"[\w.-]+", line)[0])
                if name in installed and name not in needed:
                    needed.add(name)
                    open_ends.append(name)
        self.assertEqual(set(installed) - needed - INSTALLERS, set())
        for name in ("statsmodels", "pandas", "pytest", "hypothesis", "captum", "vtk", "slicer"):
            self.assertIsNone(importlib.util.find_spec(name), name)
        self.assertGreater(len(requirements("dev") - set(installed)), 5)

    def test_1_help_of_every_command(self) -> None:
        shown = liverai("--help")
        for command in ("assess", "segment", "batch", "train", "evaluate", "simulate", "demo", "models"):
            self.assertIn(command, shown)
            self.assertIn("usage:", liverai(command, "--help"))
        self.assertRegex(liverai("--version"), r"^liverai \d")

    def test_2_models(self) -> None:
        shown = liverai("models")
        for name in ("liver-mr-ct", "nowak2021-simulated", "yin2021-simulated"):
            self.assertIn(name, shown)
            self.assertIn("weights", json.loads(liverai("models", "show", name)))

    def test_3_demo_assess_and_segment(self) -> None:
        liverai("demo", "--output", "demo", "--quiet")
        sample = next(Path("demo/sample").iterdir())
        liverai("segment", sample, "--output", "liver.seg.nrrd", "--contact-sheet", "sheet.png", "--quiet")
        record = json.loads(
            liverai("assess", sample, "--output", "assessed", "--segmentation", "liver.seg.nrrd", "--json")
        )
        self.assertAlmostEqual(sum(record["probabilities"].values()), 1, places=3)
        for folder in ("demo", "assessed"):
            names = {path.name for path in Path(folder).iterdir()}
            self.assertLessEqual({"assessment.json", "heatmap.nrrd", "segmentation.seg.nrrd", "report.html"}, names)

    def test_4_simulate_and_batch(self) -> None:
        for modality in ("mr", "ct"):
            simulate = ("simulate", "--modality", modality, *COHORT)
            liverai(*simulate, "--output", modality, "--cases", 6, "--seed", 3)
            liverai(*simulate, "--output", f"{modality}-test", "--cases", 6, "--seed", 4, "--split", "test")
        with Path("mr-test/manifest.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual({row["stage"] for row in rows}, {"0", "4"})
        Path("two").mkdir()
        for number, row in enumerate(rows[:2]):
            shutil.copy(Path("mr-test", row["image:t2"]), Path("two", f"{number}.nii.gz"))
        liverai("batch", "two", "--output", "batch", "--quiet")
        self.assertEqual(len(Path("batch/summary.csv").read_text(encoding="utf-8").splitlines()), 3)

    def test_5_train_and_evaluate(self) -> None:
        tiny = ("--epochs", 1, "--steps", 1, "--batch-size", 2, "--device", "cpu", "--quiet")
        for method, cohort in (("segmentation", "mr"), ("nowak2021", "mr"), ("yin2021", "ct")):
            run = f"run-{method}"
            liverai("train", method, "--cohort", f"{cohort}/manifest.csv", "--output", run, "--image-size", 64, *tiny)
            self.assertTrue(Path(run, "model", "model.json").is_file())
        for method, cohort in (("nowak2021", "mr"), ("yin2021", "ct")):
            options = ("--masks", "given", "--explain-cases", 2, "--bootstrap", 100, "--device", "cpu", "--quiet")
            report = Path(f"report-{method}")
            manifest = f"{cohort}-test/manifest.csv"
            liverai("evaluate", f"run-{method}/model", "--cohort", manifest, "--output", report, *options)
            self.check_report(report / "report")

    def test_6_evaluate_predictions(self) -> None:
        rows = [f"c{i},p{i},{i % 2},{(i * 37 % 100) / 200 + 0.4 * (i % 2):.3f},{i * 7 % 2},{i % 5}" for i in range(40)]
        header = "case_id,patient_id,label,score,score:reader,score:fib4"
        Path("binary.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        options = (
            "--recalibrate",
            "--conformal",
            0.9,
            "--baseline",
            "fib4",
            "--paper",
            "nowak2021",
            "--bootstrap",
            100,
        )
        self.assertIn("AUC", liverai("evaluate", "--predictions", "binary.csv", "--output", "binary", *options))
        self.check_report(Path("binary"))
        values = [f"c{i},p{i},{i + 0.5},{i + i % 3}" for i in range(30)]
        Path("values.csv").write_text("\n".join(["case_id,patient_id,label,score", *values]) + "\n", encoding="utf-8")
        liverai("evaluate", "--predictions", "values.csv", "--output", "values", "--cutoff", 10, "--bootstrap", 100)
        self.check_report(Path("values"))

    def check_report(self, folder: Path) -> None:
        """Page, numbers, tables and figures are there."""
        json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        page = (folder / "report.html").read_text(encoding="utf-8")
        self.assertIn("research only", page)
        self.assertTrue(page.endswith("</html>\n"))
        for part, ending in (("tables", "csv"), ("figures", "svg"), ("figures", "pdf")):
            self.assertTrue(list((folder / part).glob(f"*.{ending}")), f"{folder}/{part}/*.{ending}")


if __name__ == "__main__":
    unittest.main(failfast=True)
