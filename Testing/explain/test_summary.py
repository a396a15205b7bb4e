"""All tables at once: plain rows, nothing assessed that was not, nothing read twice."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import torch

from LiverAILib.explain.faithfulness import check_faithfulness
from LiverAILib.explain.map_family import MapFamily
from LiverAILib.explain.parenchyma import parenchyma_weight
from LiverAILib.explain.summary import explanation_report
from Testing.explain.planted import CornerNetwork, a_case

SHAPE = (12, 60)


def cohort():
    """A generator of cases, as a caller with many volumes would give."""
    rng = np.random.default_rng(0)
    liver = np.zeros(SHAPE, bool)
    liver[1:-1, 1:-1] = True
    lobe = liver.copy()
    lobe[:, 30:] = False
    for number in range(8):
        true = "F4" if number % 2 else "F0"
        heatmap = (rng.random(SHAPE) + (number % 2)) * liver
        for pipeline in ("segmented", "full"):
            yield a_case(
                heatmap,
                name=f"case {number}",
                pipeline=pipeline,
                true=true,
                predicted=true,
                spacing=(5.0, 5.0),
                mask_liver=liver,
                mask_right_lobe=lobe,
                mask_evidence=lobe,
                support=liver,
            )


def checked():
    family = MapFamily("corner", CornerNetwork())
    inputs = 0.5 + torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    return [check_faithfulness(family, inputs, case_ids=["a", "b", "c"], steps=4, random_orders=2)]


def test_every_table_has_rows_of_plain_values():
    tables = explanation_report(cohort(), checked()).tables()
    assert set(tables) == {
        "explanation_regions",
        "explanation_parenchyma",
        "explanation_parenchyma_tests",
        "explanation_parenchyma_cases",
        "explanation_surface_center",
        "explanation_surface_center_cases",
        "explanation_evidence",
        "explanation_evidence_cases",
        "explanation_verdicts",
        "explanation_perturbation_cases",
        "explanation_randomization",
        "explanation_repeatability_cases",
    }
    for name, rows in tables.items():
        assert len({tuple(row) for row in rows}) == 1, f"{name}: rows with different columns"
        assert all(isinstance(cell, (str, int, float, bool, type(None))) for row in rows for cell in row.values()), name
        json.dumps(rows, allow_nan=False)
        csv.DictWriter(io.StringIO(), list(rows[0])).writerows(rows)
    assert len(tables["explanation_parenchyma_cases"]) == 16
    assert len(tables["explanation_verdicts"]) == 5


def test_the_tables_say_what_the_functions_say():
    report = explanation_report(cohort())
    [test] = [t for t in report.tests if (t.pipeline, t.scale) == ("full", "raw")]
    assert (test.u, test.n_first, test.n_second) == (16, 4, 4)
    weights = [parenchyma_weight(case) for case in cohort()]
    assert report.weights == weights
    stomach = [row for row in report.tables()["explanation_regions"] if row["region"] == "stomach"]
    assert {row["text"] for row in stomach} == {"not assessed"}
    assert {row["highlighted"] for row in stomach} == {None}


def test_without_cases_there_are_no_tables():
    assert explanation_report([]).tables() == {}


def test_one_case_states_no_limits():
    case = next(iter(cohort()))
    [first, _] = explanation_report([case]).tables()["explanation_evidence"]
    assert first["low"] is None
    assert first["n"] == 1
