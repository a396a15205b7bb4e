"""The published methods: how a case becomes network input, the network, and what it says of the case. One folder per paper.

A method describes itself in the `SPEC` of its folder's `__init__.py`; nobody else keeps a table of methods. The registry
loads no network and no torch.
"""

from __future__ import annotations

import os
from importlib import import_module

from LiverAILib.data.model import Model
from LiverAILib.errors import UserError
from LiverAILib.methods.spec import Answer, DrawnRegion, ImageRole, MethodSpec

__all__ = [
    "Answer",
    "DrawnRegion",
    "ImageRole",
    "MethodSpec",
    "list_methods",
    "list_papers",
    "method_named",
    "method_of",
]

PACKAGES = (
    "LiverAILib.methods.nowak2021",
    "LiverAILib.methods.yin2021",
    "LiverAILib.methods.xue2020",
    "LiverAILib.methods.byra2021",
    "LiverAILib.methods.byra2021.region",
)
"""Packages with a `SPEC`: one line registers a method."""

METHODS_VARIABLE = "LIVERAI_METHODS"
"""Environment variable with further packages of methods, separated by commas."""


def list_methods() -> dict[str, MethodSpec]:
    """The methods that assess cases by name, in the order of registration; errors as in `list_papers`."""
    return {name: spec for name, spec in list_papers().items() if spec.implementation}


def list_papers() -> dict[str, MethodSpec]:
    """The methods by name, those included of which only the paper's evaluation is here.

    Raises:
        UserError: A package of `LIVERAI_METHODS` cannot be imported or describes no method.
    """
    further = [name.strip() for name in os.environ.get(METHODS_VARIABLE, "").split(",") if name.strip()]
    found: dict[str, MethodSpec] = {}
    for package in (*PACKAGES, *further):
        try:
            spec = import_module(package).SPEC
        except (ImportError, AttributeError) as error:
            raise UserError(
                f"{METHODS_VARIABLE}: {package}: no method there ({error}). Name packages with a SPEC."
            ) from None
        found.setdefault(spec.name, spec)
    return found


def method_named(name: str) -> MethodSpec:
    """The method called `name`.

    Raises:
        UserError: There is no such method.
    """
    methods = list_methods()
    if name not in methods:
        raise UserError(f"{name}: no such method. Use one of {', '.join(methods)}.")
    return methods[name]


def method_of(model: Model) -> MethodSpec:
    """The method that `model` belongs to.

    Raises:
        UserError: The model belongs to no method that assesses cases.
    """
    methods = list_methods()
    if model.method not in methods:
        raise UserError(
            f"{model.name}: a model of method '{model.method}' does not assess cases. Use one of method {', '.join(methods)}; "
            "`liverai models` lists what is installed."
        )
    return methods[model.method]
