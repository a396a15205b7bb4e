"""Explanation panels: images with their heat maps, one case a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from LiverAILib.evaluation.figures.style import TWO_COLUMNS, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage


@dataclass(frozen=True)
class Panel:
    """One image with its heat map.

    Attributes:
        image: Shape (height, width), gray values, rows from top to bottom as they shall appear.
        heat: Same shape; raw map, 0 where nothing was computed.
        title: Text above, for example case and probability.
        mask: Same shape, or None; its outline is drawn.
        spacing: Height over width of a pixel.
    """

    image: NDArray
    heat: NDArray
    title: str = ""
    mask: NDArray | None = None
    spacing: float = 1.0

    def __post_init__(self) -> None:
        if np.ndim(self.image) != 2 or np.shape(self.heat) != np.shape(self.image):
            raise ValueError(
                f"panel {self.title!r}: image {np.shape(self.image)} and heat map {np.shape(self.heat)} differ or "
                "are not 2D; "
                "resample the map to the image and pick a slice first"
            )
        if self.mask is not None and np.shape(self.mask) != np.shape(self.image):
            raise ValueError(f"panel {self.title!r}: mask {np.shape(self.mask)} and image differ in shape")


@styled
def explanation_figure(
    rows: Sequence[tuple[str, Sequence[Panel]]],
    *,
    signed: bool = False,
    shared_scale: bool = True,
    label: str = "",
    with_image: bool = True,
) -> Figure:
    """Rows of panels, each row with a title, the plain image above each map, and one color scale at the side.

    Args:
        rows: Title of each row and its panels, for example Nowak 2021's figure 4 (who was right) or Byra 2021's figure
            5 (views).
        signed: Signed maps (CAM): red positive, blue negative, 0 transparent. Otherwise maps from 0 up.
        shared_scale: One scale for all panels, so that colors can be compared; False: each panel to its own maximum.
        label: What the color means, with what 0 means.
        with_image: Show the plain image above its map.
    """
    rows = [(title, list(panels)) for title, panels in rows]
    if not rows or not any(panels for _, panels in rows):
        raise ValueError("there is no panel to draw; give at least one row with one panel")
    columns = max(len(panels) for _, panels in rows)
    lines_per_row = 2 if with_image else 1
    cell = (TWO_COLUMNS - 0.6) / max(columns, 3)
    # The tallest panel sets the height of a cell, so that flat images leave no empty bands.
    tall = max(panel.image.shape[0] / panel.image.shape[1] * panel.spacing for _, panels in rows for panel in panels)
    longest = max(panel.title.count("\n") for _, panels in rows for panel in panels)
    height = cell * tall * lines_per_row * len(rows) + (0.38 + 0.12 * longest) * len(rows)
    figure = new_figure(max(cell * columns, cell * 2) + 0.6, max(height, 1.4))
    grid = figure.subplots(lines_per_row * len(rows), columns, squeeze=False)
    top = max(float(np.nanmax(np.abs(panel.heat))) for _, panels in rows for panel in panels) or 1.0
    maps: list[AxesImage] = []
    for r, (title, panels) in enumerate(rows):
        for c in range(columns):
            cells = [grid[lines_per_row * r + k][c] for k in range(lines_per_row)]
            for axes in cells:
                axes.axis("off")
            if c >= len(panels):
                continue
            own_top = top if shared_scale else float(np.nanmax(np.abs(panels[c].heat))) or 1.0
            if with_image:
                _draw_image(cells[0], panels[c])
            maps.append(_draw_heat(cells[-1], panels[c], signed, own_top))
            # An empty line keeps room for the row's title, which takes no part in the layout: it is wider than a panel.
            # Above the first row there is no gap between rows that would add to it.
            room = "\n" * (2 if r == 0 else 1) if title else ""
            cells[0].set_title(room + panels[c].title, fontsize=6.5, fontweight="normal", loc="center")
        if title:
            lines = max((panel.title.count("\n") + 1 for panel in panels if panel.title), default=0)
            lift = 9 + 9 * lines
            shown_title = grid[lines_per_row * r][0].annotate(
                title,
                (0, 1),
                xytext=(0, lift),
                xycoords="axes fraction",
                textcoords="offset points",
                fontsize=8,
                fontweight="bold",
            )
            shown_title.set_in_layout(False)
    bar = figure.colorbar(maps[-1], ax=grid, shrink=0.6, aspect=30)
    bar.set_label(label if shared_scale else f"{label}\nscaled to each panel's maximum", fontsize=6.5)
    if not shared_scale:
        bar.set_ticks(list(maps[-1].get_clim()), labels=["-1" if signed else "0", "1"])
    return figure


def _draw_image(axes: Axes, panel: Panel) -> None:
    low, high = np.nanpercentile(panel.image, [1, 99])
    axes.imshow(
        panel.image, cmap="gray", vmin=low, vmax=max(high, low + 1e-9), aspect=panel.spacing, interpolation="nearest"
    )
    if panel.mask is not None and np.any(panel.mask):
        axes.contour(np.asarray(panel.mask, dtype=float), levels=[0.5], colors="white", linewidths=0.7)


def _draw_heat(axes: Axes, panel: Panel, signed: bool, top: float) -> AxesImage:
    _draw_image(axes, panel)
    # Opacity follows the strength, so that 0 (nothing found, or nothing computed) leaves the image as it is.
    alpha = np.clip(np.abs(panel.heat) / top, 0, 1) * 0.75
    return axes.imshow(
        panel.heat,
        cmap="RdBu_r" if signed else "inferno",
        vmin=-top if signed else 0,
        vmax=top,
        alpha=alpha,
        aspect=panel.spacing,
        interpolation="nearest",
    )
