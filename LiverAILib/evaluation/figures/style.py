"""The one style of all figures, and saving them.

Colors are those of Okabe and Ito (2008), made for color-blind readers; no figure tells things apart by color alone:
line styles and markers change with it. Widths are those of a journal: 85 mm for one column, 174 mm for two.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.typing import RcKeyType

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
NEUTRAL = "#6B6B6B"
BLUES = "cividis"
ONE_COLUMN, TWO_COLUMNS = 85 / 25.4, 174 / 25.4
FORMATS = ("png", "svg", "pdf")

SETTINGS: dict[RcKeyType, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.4,
    "lines.markersize": 5,
    "figure.dpi": 150,
    "savefig.dpi": 300,
    "svg.fonttype": "path",
    "svg.hashsalt": "LiverAI",
    "pdf.fonttype": 42,
}


def styled(function: Callable[..., Figure]) -> Callable[..., Figure]:
    """Run a drawing function in the style, without changing matplotlib's settings for anyone else."""

    @wraps(function)
    def inside(*args: Any, **kwargs: Any) -> Figure:
        import matplotlib as mpl

        with mpl.rc_context(SETTINGS):
            return function(*args, **kwargs)

    return inside


def new_figure(width: float = ONE_COLUMN, height: float | None = None, **kwargs: Any) -> Figure:
    """An empty figure (inches) that belongs to no window and no pyplot list, with constrained layout."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, width if height is None else height), layout="constrained", **kwargs)


def color(index: int) -> str:
    """Color of the n-th series; they repeat after seven."""
    return COLORS[index % len(COLORS)]


def line(index: int) -> Any:
    """Line style of the n-th series."""
    return LINES[index % len(LINES)]


def marker(index: int) -> str:
    """Marker of the n-th series."""
    return MARKERS[index % len(MARKERS)]


def unit_square(axes: Axes, x_label: str, y_label: str) -> None:
    """Square axes from 0 to 1 with a little air, so that curves along the border stay visible."""
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=x_label, ylabel=y_label, aspect="equal")
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])


def save(figure: Figure, folder: Path | str, name: str, *, formats: tuple[str, ...] = FORMATS) -> list[Path]:
    """Write a figure as PNG (300 dpi), SVG and PDF, each file whole or not at all; the same figure gives the same bytes.

    Args:
        figure: What to save.
        folder: An existing folder.
        name: File name without ending.
        formats: Endings.

    Returns:
        The files written.
    """
    import matplotlib as mpl

    metadata = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    paths = []
    with mpl.rc_context(SETTINGS):
        for ending in formats:
            path = Path(folder) / f"{name}.{ending}"
            unfinished = path.with_name(f".{path.name}.writing")
            try:
                figure.savefig(
                    unfinished, format=ending, metadata=metadata.get(ending), bbox_inches="tight", pad_inches=0.04
                )
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
            paths.append(path)
    return paths
