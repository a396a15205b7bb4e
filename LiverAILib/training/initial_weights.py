"""Fine-tuning: a new run starts from the weights of a trained model."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from LiverAILib.data.model import Model, load_model, mismatched_tensors, network_state
from LiverAILib.errors import UserError


def initial_model(name: str | None, method: str) -> Model | None:
    """The model that a run of `method` starts from; None where it starts from random weights.

    Raises:
        UserError: There is no such model, or it belongs to another method.
    """
    if name is None:
        return None
    model = load_model(name)
    if model.method != method:
        raise UserError(
            f"--initial-weights {name}: a model of method '{model.method}', not '{method}'. Give one of the same method."
        )
    return model


def start_from(network: nn.Module, model: Model, *, prefix: str = "", without: str | None = None) -> None:
    """Load the part of the model's weights whose names begin with `prefix`, and not `without`, into `network`.

    Raises:
        UserError: Weights are missing, too many, or of another shape (another number of classes, another head).
    """
    state = network_state(model.state())
    given = {
        name[len(prefix) :]: value
        for name, value in state.items()
        if name.startswith(prefix) and not (without and name.startswith(without))
    }
    faults = mismatched_tensors(network.state_dict(), given)
    if faults:
        raise UserError(
            f"--initial-weights {model.name}: {len(faults)} of its weights do not fit this network ({', '.join(faults[:3])}"
            f"{', ...' if len(faults) > 3 else ''}). Give a model with the same classes and head."
        )
    network.load_state_dict(given)


def provenance(model: Model | None) -> Mapping[str, str] | None:
    """What a card says of the model that a run started from."""
    return None if model is None else {"name": model.name, "sha256": model.checksum}
