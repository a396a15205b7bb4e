"""Which devices are offered, and what is said of one that is not here."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from LiverAILib.errors import UserError
from LiverAILib.networks import device
from LiverAILib.networks.device import available_devices, choose_device


def test_the_devices_that_are_offered_can_be_chosen():
    found = available_devices()
    assert list(found)[-1] == "cpu"
    for name in found:
        assert choose_device(name).type == name
    assert choose_device().type == next(iter(found))


def test_a_graphics_card_is_offered_first_with_its_name_and_memory(monkeypatch):
    monkeypatch.setitem(device.IS_THERE, "cuda", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "NVIDIA H100")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace(total_memory=80 * 2**30))
    assert next(iter(available_devices().items())) == ("cuda", "NVIDIA H100, 80 GiB")
    assert choose_device("auto").type == "cuda"


def test_a_device_that_is_not_here_is_refused_with_the_fix(monkeypatch):
    monkeypatch.setitem(device.IS_THERE, "cuda", lambda: False)
    with pytest.raises(UserError, match="finds no such device here"):
        choose_device("cuda")
    with pytest.raises(UserError, match="unknown device"):
        choose_device("tpu")
