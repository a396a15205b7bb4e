"""The card of a model, `model.json`: a JSON object that is checked as a whole when it is read."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from LiverAILib.errors import UserError

CARD, WEIGHTS = "model.json", "weights.safetensors"
STORAGES = ("int8", "float16", "float32")
"""How the weights are stored: 8-bit with one scale per output channel, half precision, or as they are."""
SEEN = "seen"
"""Entry with checksums of the cases that the model was trained on (see `seen_cases`)."""
LARGEST_CARD = 1 << 26
"""Bytes; the checksums of the cases of a large cohort are a few megabytes."""
REQUIRED: Any = object()
"""Default of an entry that has none."""


@dataclass(frozen=True)
class Entries:
    """A JSON object within a card, whose entries are read one by one and checked.

    Every reading method raises a `UserError` that names the file, the entry, the rule and the fix.

    Attributes:
        path: The card.
        content: The object.
        prefix: Where in the card it is, as the start of the entries' names ("settings.").
    """

    path: Path
    content: Mapping[str, Any]
    prefix: str = ""

    def refuse(self, key: str, rule: str) -> NoReturn:
        """Raise the error for the entry `key`: "<file>: settings.<key> <rule>. <fix>"."""
        raise UserError(f"{self.path}: {self.prefix}{key} {rule}. Correct the model card, or install the model again.")

    def value(self, key: str, default: Any, *, expected: str) -> Any:
        """The entry as it is; `default` where it is absent or null."""
        found = self.content.get(key)
        if found is not None:
            return found
        if default is REQUIRED:
            self.refuse(key, f"is missing; expected {expected}")
        return default

    def text(self, key: str, default: Any = REQUIRED, *, allowed: Collection[str] = (), empty: bool = False) -> Any:
        """A string, one of `allowed` where given; not empty unless `empty`."""
        expected = f"one of {', '.join(allowed)}" if allowed else "a text"
        found = self.value(key, default, expected=expected)
        if found is default:
            return found
        if not isinstance(found, str) or (allowed and found not in allowed) or not (found.strip() or empty):
            self.refuse(key, f"is {_shown(found)}; expected {expected}")
        return found

    def texts(self, key: str, *, allowed: Collection[str] = (), least: int = 1) -> tuple[str, ...]:
        """A list of at least `least` different strings that are not empty, each one of `allowed` where given."""
        expected = f"a list of {', '.join(allowed)}" if allowed else f"a list of at least {least} text(s)"
        found = self.value(key, REQUIRED, expected=expected)
        if not isinstance(found, list) or len(found) < least:
            self.refuse(key, f"is {_shown(found)}; expected {expected}")
        for item in found:
            if not isinstance(item, str) or not item.strip() or (allowed and item not in allowed):
                self.refuse(key, f"contains {_shown(item)}; expected {expected}")
        if len(set(found)) < len(found):
            self.refuse(key, f"contains a duplicate: {_shown(found)}")
        return tuple(found)

    def number(self, key: str, default: Any = REQUIRED, *, least: float = -math.inf, most: float = math.inf) -> float:
        """A finite number within `least` and `most`."""
        expected = f"a number{_range(least, most)}"
        found = self.value(key, default, expected=expected)
        if isinstance(found, bool) or not isinstance(found, int | float) or not least <= found <= most:
            self.refuse(key, f"is {_shown(found)}; expected {expected}")
        return float(found)

    def integer(self, key: str, default: Any = REQUIRED, *, least: int, most: int) -> int:
        """A whole number within `least` and `most`."""
        expected = f"a whole number{_range(least, most)}"
        found = self.value(key, default, expected=expected)
        if not _is_integer(found, least, most):
            self.refuse(key, f"is {_shown(found)}; expected {expected}")
        return found

    def integers(self, key: str, default: Any = REQUIRED, *, length: int, least: int, most: int) -> tuple[int, ...]:
        """A list of `length` whole numbers within `least` and `most`."""
        expected = f"a list of {length} whole numbers{_range(least, most)}"
        found = self.value(key, default, expected=expected)
        if not isinstance(found, list | tuple) or len(found) != length:
            self.refuse(key, f"is {_shown(found)}; expected {expected}")
        for item in found:
            if not _is_integer(item, least, most):
                self.refuse(key, f"contains {_shown(item)}; expected {expected}")
        return tuple(found)

    def numbers(self, key: str, *, length: int, least: float = -math.inf, most: float = math.inf) -> tuple[float, ...]:
        """A list of `length` finite numbers within `least` and `most`."""
        expected = f"a list of {length} numbers{_range(least, most)}"
        found = self.value(key, REQUIRED, expected=expected)
        if not isinstance(found, list) or len(found) != length:
            self.refuse(key, f"is {_shown(found)}; expected {expected}")
        for item in found:
            if isinstance(item, bool) or not isinstance(item, int | float) or not least <= item <= most:
                self.refuse(key, f"contains {_shown(item)}; expected {expected}")
        return tuple(float(item) for item in found)

    def boolean(self, key: str, default: Any = REQUIRED) -> bool:
        """True or false."""
        found = self.value(key, default, expected="true or false")
        if not isinstance(found, bool):
            self.refuse(key, f"is {_shown(found)}; expected true or false")
        return found

    def part(self, key: str, default: Any = REQUIRED) -> Entries:
        """The object at `key`."""
        found = self.value(key, default, expected="an object")
        if not isinstance(found, Mapping):
            self.refuse(key, f"is {_shown(found)}; expected an object")
        return Entries(self.path, found, f"{self.prefix}{key}.")


@dataclass(frozen=True)
class WeightsFile:
    """The file of a model's weights.

    Attributes:
        sha256: SHA-256 of its content, in hexadecimal digits.
        file: Its name within the model folder.
        bytes: Its size; None where the card does not say.
        storage: One of `STORAGES`.
    """

    sha256: str
    file: str = WEIGHTS
    bytes: int | None = None
    storage: str = "int8"

    @classmethod
    def of(cls, entries: Entries) -> WeightsFile:
        """The card's entry "weights"."""
        checksum = entries.text("sha256")
        if not re.fullmatch("[0-9a-f]{64}", checksum):
            entries.refuse("sha256", f"is {_shown(checksum)}; expected 64 hexadecimal digits")
        file = entries.text("file", WEIGHTS)
        if re.search(r"[/\\:\0]", file) or not file.endswith(".safetensors"):
            entries.refuse("file", f"is {_shown(file)}; expected the name of a .safetensors file in the model folder")
        size = entries.integer("bytes", least=0, most=2**50) if entries.content.get("bytes") is not None else None
        return cls(checksum, file, size, entries.text("storage", "int8", allowed=STORAGES))


@dataclass(frozen=True, eq=False)
class ModelCard:
    """What a model says of itself; entries that LiverAI does not know are kept in `entries`.

    What the method's own part of `settings` has to hold is checked by the method (`settings.py` in its folder), so that
    the card of a method that this version does not know can still be listed.

    Attributes:
        path: The file.
        name: How the model is called.
        method: "segmentation", "nowak2021", ...
        description: One or two sentences for people.
        modality: Modalities of the images that it takes ("MR", "CT").
        classes: Names of the outputs, in the network's order.
        settings: How the input is prepared and which network takes it, as the file has it.
        license: License of the weights.
        weights: Their file.
        simulated: Whether the model was trained on simulated disease only (simulated scans, or real ones with planted disease).
        segmentation_model: Name of the segmentation model whose masks it was validated with, if any.
        primary_pipeline: Pipeline whose result is the case's, for methods with pipelines.
        calibration: Parameters by pipeline that recalibrate the probabilities (see `evaluation.recalibration`).
        seen: Checksums of the cases that it was trained on and chosen by; None where the card does not say.
        entries: The whole content of the file.
    """

    path: Path
    name: str
    method: str
    description: str
    modality: tuple[str, ...]
    classes: tuple[str, ...]
    settings: Mapping[str, Any]
    license: str
    weights: WeightsFile
    simulated: bool
    segmentation_model: str | None
    primary_pipeline: str | None
    calibration: Mapping[str, Mapping[str, float]]
    seen: Mapping[str, Any] | None
    entries: Mapping[str, Any]

    @classmethod
    def of(cls, content: Any, path: Path) -> ModelCard:
        """The card with the content of `path`, checked.

        Raises:
            UserError: An entry is missing, of the wrong type, or out of range.
        """
        if not isinstance(content, Mapping):
            raise UserError(f"{path}: the model card is no JSON object but {_shown(content)}. Install the model again.")
        entries = Entries(path, content)
        settings = entries.part("settings")
        for key in ("metrics", "training"):
            entries.part(key, {})
        for key in ("version", "intended_use", "limits"):
            entries.text(key, "", empty=True)
        if not isinstance(entries.value("training_data", REQUIRED, expected="a text or an object"), str | Mapping):
            entries.refuse("training_data", f"is {_shown(content['training_data'])}; expected a text or an object")
        return cls(
            path=path,
            name=entries.text("name"),
            method=entries.text("method"),
            description=entries.text("description", empty=True),
            modality=entries.texts("modality"),
            classes=entries.texts("classes"),
            settings=settings.content,
            license=entries.text("license"),
            weights=WeightsFile.of(entries.part("weights")),
            simulated=entries.boolean("simulated", False),
            segmentation_model=settings.text("segmentation_model", None),
            primary_pipeline=settings.text("primary_pipeline", None),
            calibration=_calibration(settings.part("calibration", {})),
            seen=_seen(entries),
            entries=content,
        )

    @property
    def method_settings(self) -> Entries:
        """The settings, to be read and checked by the method."""
        return Entries(self.path, self.settings, "settings.")

    def check_classes(self, *allowed: tuple[str, ...]) -> None:
        """Refuse a card whose classes are none of `allowed`.

        Raises:
            UserError: Says which there are.
        """
        if self.classes not in allowed:
            shown = " or ".join(f"[{', '.join(classes)}]" for classes in allowed)
            Entries(self.path, self.entries).refuse(
                "classes", f"are [{', '.join(self.classes)}]; a model of method {self.method} has {shown}"
            )


def read_card(path: Path) -> ModelCard:
    """The card in the file `path`.

    Raises:
        UserError: The file cannot be read, is no JSON object in UTF-8, or an entry is wrong.
    """
    if path.exists() and (not path.is_file() or path.stat().st_size > LARGEST_CARD):
        raise UserError(
            f"{path}: not a model card (no regular file, or more than {LARGEST_CARD >> 20} MB). Install the model again."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_finite, parse_float=_finite)
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UserError(f"{path}: not a readable model card ({reason}). Install the model again.") from None
    return ModelCard.of(content, path)


def _finite(text: str) -> float:
    """A number of the file; JSON has no NaN and no infinity."""
    value = float(text.replace("Infinity", "inf"))
    if not math.isfinite(value):
        raise ValueError(f"{text} is no finite number")
    return value


def _calibration(entries: Entries) -> dict[str, dict[str, float]]:
    """Parameters by pipeline: "temperature" above 0, or "intercept" and "slope"; none leaves the probabilities as they are."""
    found = {}
    for pipeline in entries.content:
        part = entries.part(pipeline)
        names = set(part.content)
        if names not in (set(), {"temperature"}, {"intercept", "slope"}):
            entries.refuse(pipeline, f"has {', '.join(sorted(names))}; expected temperature, or intercept and slope")
        found[pipeline] = {name: part.number(name) for name in part.content}
        if found[pipeline].get("temperature", 1.0) <= 0:
            part.refuse("temperature", f"is {found[pipeline]['temperature']:g}; expected a number above 0")
    return found


def _seen(entries: Entries) -> Mapping[str, Any] | None:
    if entries.content.get(SEEN) is None:
        return None
    seen = entries.part(SEEN)
    for split in seen.content:
        part = seen.part(split)
        for key, values in part.content.items():
            if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
                part.refuse(key, "is no list of checksums")
    return seen.content


def _is_integer(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _range(least: float, most: float) -> str:
    if math.isfinite(least) and math.isfinite(most):
        return f" from {least:g} to {most:g}"
    if math.isfinite(least):
        return f" of at least {least:g}"
    return f" of at most {most:g}" if math.isfinite(most) else ""


def _shown(value: Any) -> str:
    """A value for a message, on one line and not too long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
