"""The simulated cases in Slicer's Sample Data: made offline, the same each time, with what the models take."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import slicer
import slicer.util
from LiverAISlicer import sampledata
from LiverAISlicer.nodes import imageFromVolumeNode

from LiverAILib.errors import UserError
from LiverAILib.methods import list_methods


@pytest.mark.parametrize("kind", ["mr", "fibrosis_ultrasound"])
def test_sample_is_what_its_methods_take_and_the_same_each_time(scene, kind):
    nodes = sampledata.loadSample(kind, scene)
    specs = [spec for spec in list_methods().values() if spec.simulation == kind]
    assert specs
    for spec in specs:
        for role in spec.images:
            assert role.minimum <= len(nodes.get(role.name, []))
            for node in nodes.get(role.name, []):
                assert imageFromVolumeNode(node, color=role.color).modality == role.modality
    again = sampledata.loadSample(kind, scene)
    for role, given in nodes.items():
        for first, second in zip(given, again[role], strict=True):
            assert np.array_equal(slicer.util.arrayFromVolume(first), slicer.util.arrayFromVolume(second))


def test_unknown_sample_is_refused(scene):
    with pytest.raises(UserError, match="'pet': no such sample"):
        sampledata.loadSample("pet", scene)


def test_samples_are_listed_in_sample_data(monkeypatch):
    listed = []

    def register(*, category, sampleName, uris=None, fileNames=None, nodeNames=None, customDownloader=None) -> None:
        """As the application's: it counts addresses, files and nodes even where a function makes the nodes."""
        if isinstance(uris, str):
            uris, fileNames, nodeNames = [uris], [fileNames], [nodeNames]
        assert len(uris) == len(fileNames) == len(nodeNames)
        assert all(isinstance(name, str) for name in (*uris, *fileNames, *nodeNames))
        listed.append((category, sampleName, uris, customDownloader))

    module = types.ModuleType("SampleData")
    module.SampleDataLogic = types.SimpleNamespace(registerCustomSampleDataSource=register)
    monkeypatch.setitem(sys.modules, "SampleData", module)
    sampledata.registerSampleData()
    assert [one[1] for one in listed] == list(sampledata.SAMPLES.values())
    assert {one[0] for one in listed} == {"LiverAI"}
    assert {uri for one in listed for uri in one[2]} == {""}  # nothing is downloaded
    made = []
    monkeypatch.setattr(sampledata, "loadSample", lambda kind, scene: made.append(kind) or {"a": [1], "b": [2, 3]})
    slicer.mrmlScene = None
    assert listed[1][3](None) == [1, 2, 3]
    assert made == ["ct"]
