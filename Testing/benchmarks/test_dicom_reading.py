"""The benchmark of DICOM reading runs, compares the voxels and prints the ratio with its spread."""

from __future__ import annotations

import importlib.util
import re

from Testing.conftest import ROOT


def test_the_benchmark_of_dicom_reading_prints_the_ratio(capsys, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")  # as for a script there
    file = ROOT / "benchmarks" / "dicom_reading_benchmark.py"
    spec = importlib.util.spec_from_file_location("dicom_reading_benchmark", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(["--slices", "5", "--size", "32", "--rounds", "2"])
    printed = capsys.readouterr().out
    assert re.search(r"32 x 32 x 5, 2 rounds: LiverAI takes \d+\.\d\d \(\d+\.\d\d-\d+\.\d\d\) times what GDCM", printed)
