"""Device and format of a run."""

from __future__ import annotations

import pytest
import torch

from LiverAILib.errors import UserError
from LiverAILib.networks.device import bfloat16_pays
from LiverAILib.training.precision import Precision

CPU = torch.device("cpu")


def test_autocast_takes_the_format_that_was_chosen():
    layer, inputs = torch.nn.Linear(4, 3), torch.ones(2, 4)
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        precision = Precision.choose(CPU, name)
        with precision.autocast():
            assert layer(inputs).dtype is dtype
        assert precision.name == name
        assert not precision.scaler().is_enabled()


def test_auto_takes_bfloat16_only_where_it_pays():
    assert Precision.choose(CPU).name == ("bfloat16" if bfloat16_pays(CPU) else "float32")


def test_a_format_that_the_device_lacks_is_refused():
    with pytest.raises(UserError, match="float16: needs a GPU of NVIDIA, this run is on cpu"):
        Precision.choose(CPU, "float16")
    with pytest.raises(UserError, match="--precision half: unknown"):
        Precision.choose(CPU, "half")
