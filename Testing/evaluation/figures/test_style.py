import matplotlib as mpl
import numpy as np
import pytest

from LiverAILib.evaluation.figures.style import COLORS, LINES, MARKERS, new_figure, save, styled

MATRICES = {  # Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


@pytest.mark.parametrize("kind", list(MATRICES))
def test_the_first_colors_stay_apart_for_color_blind_readers(kind):
    def seen(color):
        rgb = np.array(mpl.colors.to_rgb(color))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return np.clip(MATRICES[kind] @ linear, 0, 1)

    colors = [seen(color) for color in COLORS[:4]]
    for i in range(4):
        for j in range(i):
            assert np.linalg.norm(colors[i] - colors[j]) > 0.12


def test_series_differ_in_line_and_marker_too():
    assert len(set(map(str, LINES))) == len(COLORS)
    assert len(set(MARKERS)) == len(COLORS)


def test_matplotlib_settings_of_others_are_left_alone():
    before = dict(mpl.rcParams)

    @styled
    def draw():
        assert mpl.rcParams["font.size"] == 8
        return new_figure()

    draw()
    assert dict(mpl.rcParams) == before


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    for name in ("first", "second"):
        figure = new_figure()
        figure.subplots().plot([0, 1], [1, 0], label="a")
        (tmp_path / name).mkdir()
        files = save(figure, tmp_path / name, "plot")
    assert [file.suffix for file in files] == [".png", ".svg", ".pdf"]
    for file in files:
        assert file.read_bytes() == (tmp_path / "first" / file.name).read_bytes()
    text = (tmp_path / "first" / "plot.svg").read_text()
    assert "http" not in text.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    ).replace("https://matplotlib.org", "")
