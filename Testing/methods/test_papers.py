"""The papers' own sections of a report, and which of the papers can assess cases."""

import numpy as np
import pytest

from LiverAILib.errors import UserError
from LiverAILib.evaluation.agreement import bland_altman
from LiverAILib.evaluation.curves import curve
from LiverAILib.evaluation.figures.curves import Reader
from LiverAILib.evaluation.metrics import Counts, metrics_from_counts
from LiverAILib.methods import list_methods, list_papers, method_named
from LiverAILib.methods.byra2021 import paper_section as byra
from LiverAILib.methods.nowak2021 import paper_section as nowak
from LiverAILib.methods.xue2020 import paper_section as xue
from LiverAILib.methods.yin2021 import paper_section as yin

TRUTH = np.arange(40) < 15
SCORES = np.linspace(0.9, 0.1, 40) + 0.2 * np.sin(np.arange(40))
ROC = {"A": curve(TRUTH, SCORES, replicates=0)}


def test_all_four_papers_assess_cases_and_have_their_own_evaluation():
    sections = {name: spec.load_paper_section() for name, spec in list_papers().items() if spec.paper_section}
    assert {name: section.tasks for name, section in sections.items()} == {
        "nowak2021": ("binary",),
        "yin2021": ("stages",),
        "xue2020": ("stages", "binary"),
        "byra2021": ("values", "binary"),
    }
    assert [name for name, section in sections.items() if section.name != name] == []
    assert sections["byra2021"].cutoffs == (5.0, 10.0)
    assert list(list_methods()) == ["nowak2021", "yin2021", "xue2020", "byra2021", "byra2021-roi"]
    with pytest.raises(UserError, match=r"choi2018: no such method\. Use one of nowak2021, yin2021, xue2020, byra2021"):
        method_named("choi2018")


def test_nowaks_figure_3_has_both_curves():
    found = metrics_from_counts(Counts(tp=73, fp=2, fn=7, tn=22))
    readers = [Reader("resident", found["sensitivity"], found["specificity"], found["ppv"])]
    pr = {"A": curve(TRUTH, SCORES, kind="pr", replicates=0)}
    titles = [axes.get_title(loc="left") for axes in nowak.figure3(ROC, pr, readers=readers).axes]
    assert titles == ["Receiver operating characteristic", "Precision-recall"]


def test_yins_figure_3_has_the_averages_beside_the_severity_groups():
    axes = yin.figure3(ROC, {"micro": ROC["A"]}).axes
    assert [one.get_title(loc="left") for one in axes] == ["a  Fibrosis severity", "b  Averages over F0 to F4"]


def test_xues_and_byras_figures_have_a_panel_a_question():
    assert len(xue.figure4({"S4": ROC, ">=S3": ROC}).axes) == 2
    assert len(byra.figure3({">=5 %": ROC, ">=10 %": ROC}).axes) == 2
    values = ([1.0, 2, 3], [1.5, 2, 2.5], bland_altman([1, 2, 3], [1.5, 2, 2.5]))
    assert len(byra.figure4({"multiview": values, "composite": values}).axes) == 4
