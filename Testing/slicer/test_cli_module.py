"""The command line module: its description by the rules of Slicer's execution model, and the script as Slicer calls it."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from LiverAILib import Case, __version__, assess
from LiverAILib.imaging.files import read_image, write_image
from LiverAILib.imaging.image import Image
from Testing.phantom import SPACING_MM, phantom_liver, phantom_values

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "LiverAIAssess" / "LiverAIAssess.py"
HEAD = [
    "category", "title", "description", "version", "documentation-url", "license", "contributor", "acknowledgements",
]  # fmt: skip
KINDS = {"image", "string", "double", "string-enumeration"}
PARTS = {"name", "label", "channel", "index", "longflag", "description", "default", "element"}


def run(*arguments: object, script: Path = SCRIPT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(script), *map(str, arguments)], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def description() -> ElementTree.Element:
    """What Slicer reads when it starts."""
    done = run("--xml")
    assert done.returncode == 0, done.stderr
    return ElementTree.fromstring(done.stdout.encode())


def parameters(description: ElementTree.Element) -> dict[str, ElementTree.Element]:
    return {one.findtext("name"): one for group in description.findall("parameters") for one in group if len(one)}


def test_description_follows_the_execution_model(description):
    assert description.tag == "executable"
    groups = description.findall("parameters")
    assert [one.tag for one in description] == HEAD + ["parameters"] * len(groups)
    assert description.findtext("version") == __version__
    for group in groups:
        assert [one.tag for one in group][:2] == ["label", "description"]
        assert set(group.attrib) <= {"advanced"}
    found = parameters(description)
    assert len(found) == sum(len(group) - 2 for group in groups)  # every name once
    for name, one in found.items():
        assert one.tag in KINDS, name
        parts = [part.tag for part in one]
        assert set(parts) <= PARTS, name
        assert {"name", "label", "description"} <= set(parts), name
        assert len(set(parts) - {"element"}) == len([part for part in parts if part != "element"]), name
        assert name.isidentifier()
        if one.tag == "image":
            assert one.findtext("channel") in ("input", "output")
            assert one.get("type") in (None, "label")
        if one.tag == "string-enumeration":
            assert one.findtext("default") in [element.text for element in one.findall("element")]
        # A value comes by position or by flag; one that is returned comes by the return file.
        returned = one.findtext("channel") == "output" and one.tag != "image"
        assert (one.find("longflag") is None) == (returned or one.find("index") is not None), name
    assert [name for name, one in found.items() if one.find("index") is not None] == ["inputVolume"]


def test_flags_of_the_description_are_those_of_the_script(description):
    usage = run("--help").stdout
    for one in parameters(description).values():
        if one.find("longflag") is not None:
            assert one.findtext("longflag") in usage
        for element in one.findall("element"):
            assert element.text in usage


def test_script_gives_what_the_library_gives(description, untrained_model, tmp_path):
    """With a liver mask, so that nothing depends on the segmentation network."""
    liver = phantom_liver()
    image = Image(phantom_values().astype(np.float32), SPACING_MM, (10, -20, 30))
    write_image(image, tmp_path / "in.nrrd")
    write_image(image.with_array(liver.astype(np.uint8)), tmp_path / "mask.nrrd")
    done = run(
        tmp_path / "in.nrrd", "--model", untrained_model, "--mask", tmp_path / "mask.nrrd", "--modality", "MR",
        "--segmentation", tmp_path / "seg.nrrd", "--heatmap", tmp_path / "heat.nrrd", "--device", "cpu",
        "--returnparameterfile", tmp_path / "returned.params",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "<filter-progress>1.000</filter-progress>" in done.stdout
    case = Case.from_file(tmp_path / "in.nrrd", modality="MR", liver_mask=tmp_path / "mask.nrrd")
    expected = assess(case, untrained_model, device="cpu")
    written = read_image(tmp_path / "seg.nrrd", constant_allowed=True)
    assert written.same_geometry(image)
    assert np.array_equal(written.array, expected.segmentation.image.array)
    heat = read_image(tmp_path / "heat.nrrd", constant_allowed=True)
    assert np.allclose(heat.array, expected.heatmap.image.array, atol=1e-6)
    lines = (tmp_path / "returned.params").read_text().splitlines()
    returned = dict(line.split(" = ", 1) for line in lines)
    assert returned["predicted"] == expected.predicted
    assert float(returned["probability"]) == pytest.approx(expected.probabilities[expected.predicted], abs=1e-6)
    assert float(returned["liverVolumeMl"]) == pytest.approx(liver.sum() * 1.5 * 1.5 * 7 / 1000, abs=0.06)
    assert "simulated disease only" in returned["reservations"]
    described = parameters(description)
    for name in returned:
        assert described[name].findtext("channel") == "output"


def test_what_cannot_be_used_is_one_line_and_an_exit_code(tmp_path):
    done = run(tmp_path / "nothing.nrrd")
    assert done.returncode == 2
    assert "no such file" in done.stderr
    assert "Traceback" not in done.stderr
    done = run(tmp_path / "nothing.nrrd", "--model", "xue2020-simulated")
    assert done.returncode == 2
    assert "takes several images" in done.stderr
