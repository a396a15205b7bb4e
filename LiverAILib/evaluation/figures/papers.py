"""The layouts of the papers' own figures, filled with new numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from LiverAILib.evaluation.agreement import BlandAltman
from LiverAILib.evaluation.curves import Curve
from LiverAILib.evaluation.figures.curves import Reader, draw_pr, draw_roc, roc_panels
from LiverAILib.evaluation.figures.explanation import Panel, explanation_figure
from LiverAILib.evaluation.figures.style import TWO_COLUMNS, new_figure, styled
from LiverAILib.evaluation.figures.values import box_figure, draw_bland_altman, draw_scatter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOWAK_GROUPS = (
    "a  no cirrhosis, correct",
    "b  cirrhosis, correct",
    "c  method correct, reader wrong",
    "d  correct only with segmentation",
    "e  method wrong, reader correct",
)


@styled
def nowak2021_figure3(
    roc: Mapping[str, Curve],
    pr: Mapping[str, Curve],
    *,
    readers: Sequence[Reader] = (),
    roc_labels: Mapping[str, str] | None = None,
    pr_labels: Mapping[str, str] | None = None,
) -> Figure:
    """Nowak 2021, figure 3: ROC and precision-recall curves side by side, with the readers' points."""
    figure = new_figure(TWO_COLUMNS, TWO_COLUMNS / 2 * (1.05 + 0.055 * (len(roc) + len(readers))))
    left, right = figure.subplots(1, 2)
    draw_roc(left, roc, labels=roc_labels, readers=readers, title="Receiver operating characteristic")
    draw_pr(right, pr, labels=pr_labels, readers=readers, title="Precision-recall")
    return figure


def nowak2021_figure4(groups: Mapping[str, Sequence[Panel]], *, map_title: str = "Grad-CAM") -> Figure:
    """Nowak 2021, figure 4: heat maps grouped by who was right; keys are titles (`NOWAK_GROUPS`)."""
    label = f"{map_title}\n(0 = no influence or not computed)"
    return explanation_figure(list(groups.items()), label=label, with_image=False)


@styled
def yin2021_figure3(
    cuts: Mapping[str, Curve],
    averages: Mapping[str, Curve],
    *,
    cut_labels: Mapping[str, str] | None = None,
    average_labels: Mapping[str, str] | None = None,
) -> Figure:
    """Yin 2021, figure 3: (a) ROC of >=F2, >=F3 and F4, (b) macro- and micro-averaged ROC."""
    figure = new_figure(TWO_COLUMNS, TWO_COLUMNS / 2 * (1.05 + 0.055 * max(len(cuts), len(averages))))
    left, right = figure.subplots(1, 2)
    draw_roc(left, cuts, labels=cut_labels, title="a  Fibrosis severity")
    draw_roc(right, averages, labels=average_labels, title="b  Averages over F0 to F4")
    return figure


def yin2021_figure5(
    groups: Mapping[str, ArrayLike], *, p_text: str = "", label: str = "mean weight in the liver"
) -> Figure:
    """Yin 2021, figure 5: mean Grad-CAM weight in the liver by predicted stage (raw maps, no unit)."""
    return box_figure(groups, label=label, p_text=p_text)


def xue2020_figure4(
    panels: Mapping[str, Mapping[str, Curve]], *, labels: Mapping[str, Mapping[str, str]] | None = None
) -> Figure:
    """Xue 2020, figure 4: ROC of all methods for S4, >=S3 and >=S2, one panel each."""
    return roc_panels(panels, labels=labels)


def byra2021_figure3(
    panels: Mapping[str, Mapping[str, Curve]], *, labels: Mapping[str, Mapping[str, str]] | None = None
) -> Figure:
    """Byra 2021, figure 3: ROC for a fat fraction of at least 5 % and 10 %."""
    return roc_panels(panels, labels=labels)


@styled
def byra2021_figure4(
    models: Mapping[str, tuple[ArrayLike, ArrayLike, BlandAltman]], *, quantity: str = "PDFF", unit: str = "%"
) -> Figure:
    """Byra 2021, figure 4: for each model predicted over reference values, and the Bland-Altman plot.

    Args:
        models: Name of each model with predicted values (n,), reference values (n,) and the analysis.
        quantity: What was measured.
        unit: Its unit.
    """
    figure = new_figure(TWO_COLUMNS, TWO_COLUMNS * 0.44 * len(models))
    grid = figure.subplots(len(models), 2, squeeze=False)
    for i, (name, (predicted, reference, result)) in enumerate(models.items()):
        title = f"{chr(65 + i)}  {name}"
        draw_scatter(grid[i][0], predicted, reference, quantity=quantity, unit=unit, title=title)
        draw_bland_altman(grid[i][1], result, quantity=quantity, unit=unit, title="")
    return figure


def byra2021_figure5(views: Mapping[str, Panel]) -> Figure:
    """Byra 2021, figure 5: signed class activation maps (red positive, blue negative), one view a column."""
    return explanation_figure(
        [("", list(views.values()))], signed=True, label="CAM: red positive, blue negative, 0 none", shared_scale=False
    )
