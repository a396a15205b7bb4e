"""The examples in the docstrings of the public functions give what they show."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

# In this order: some go on with a name or a file of an earlier one, and say so.
EXAMPLES = {
    "LiverAILib.imaging.image": ["Image"],
    "LiverAILib.simulation.t2_mr": ["simulate_t2_mr"],
    "LiverAILib.imaging.files": ["write_image", "read_image"],
    "LiverAILib.data.case": ["Case"],
    "LiverAILib.data.cohort": ["read_cohort"],
    "LiverAILib.data.model": ["load_model"],
    "LiverAILib.segmentation.predict": ["segment"],
    "LiverAILib.morphometry.measure": ["measure"],
    "LiverAILib.jobs.assess": ["assess", "Assessor"],
    "LiverAILib.results.files": ["write_assessment", "read_assessment"],
    "LiverAILib.evaluation.delong": ["auc", "compare_paired"],
    "LiverAILib.evaluation.metrics": ["binary_metrics"],
    "LiverAILib.evaluation.intervals": ["proportion_interval"],
    "LiverAILib.evaluation.agreement": ["bland_altman"],
}


@pytest.fixture(scope="module")
def names() -> dict[str, object]:
    """What the examples define."""
    return {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The working directory of the examples."""
    return tmp_path_factory.mktemp("examples")


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, own in EXAMPLES.items() for name in own])
def test_example_gives_what_it_shows(module: str, name: str, names, folder, monkeypatch):
    monkeypatch.chdir(folder)
    shown = getattr(import_module(module), name)
    example = doctest.DocTestParser().get_doctest(shown.__doc__, names, f"{module}.{name}", None, None)
    assert example.examples
    runner = doctest.DocTestRunner(verbose=False)
    printed: list[str] = []
    result = runner.run(example, out=printed.append, clear_globs=False)
    names.update(example.globs)
    assert result.failed == 0, "".join(printed)
