"""What a case with a map has to keep to."""

from __future__ import annotations

import numpy as np
import pytest

from Testing.explain.planted import a_case


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"mask_liver": np.ones((2, 2), bool)}, "'liver' has shape"),
        ({"seen": np.ones((2, 2), bool)}, "'seen' has shape"),
        ({"spacing": (1.0,)}, "spacing"),
        ({"spacing": (1.0, 0.0)}, "spacing"),
        ({"heatmap": -np.ones((2, 3))}, "signed"),
        ({"heatmap": np.full((2, 3), np.nan)}, "not finite"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_name_of_the_case(fields, text):
    with pytest.raises(ValueError, match=f"case a: .*{text}"):
        a_case(**({"heatmap": np.ones((2, 3))} | fields))


def test_without_a_statement_the_network_sees_everything():
    assert a_case(np.ones((2, 3))).view.all()
    assert a_case(np.ones((2, 3))).mask("spleen") is None
