"""Measurements and outcomes of an assessment as a DICOM structured report (TID 1500, Measurement Report)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from highdicom import sr
from highdicom.sr import CodedConcept, RelationshipTypeValues
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from LiverAILib.data.assessment import Assessment
from LiverAILib.data.measurement import Measurement
from LiverAILib.data.outcome import Classification, Outcome, Quantity
from LiverAILib.data.structures import Structure
from LiverAILib.results.dicom.identity import MANUFACTURER, SCHEME, Identity, long_string, private_code
from LiverAILib.results.dicom.segmentation import segment_numbers
from LiverAILib.results.dicom.source import SourceImage

UCUM = {
    "": codes.UCUM.NoUnits,
    "%": Code("%", "UCUM", "percent"),
    "mL": Code("mL", "UCUM", "milliliter"),
    "mL/m2": Code("mL/m2", "UCUM", "milliliter per square meter"),
    "mL/m": Code("mL/m", "UCUM", "milliliter per meter"),
    "mL/cm": Code("mL/cm", "UCUM", "milliliter per centimeter"),
    "mm": Code("mm", "UCUM", "millimeter"),
    "cm": Code("cm", "UCUM", "centimeter"),
    "cm2": Code("cm2", "UCUM", "square centimeter"),
    "kPa": Code("kPa", "UCUM", "kilopascal"),
    "HU": Code("[hnsf'U]", "UCUM", "Hounsfield unit"),
}
"""LiverAI's units to those of UCUM, with what they are called."""

Group = sr.VolumetricROIMeasurementsAndQualitativeEvaluations | sr.MeasurementsAndQualitativeEvaluations

VOLUME, AREA = codes.SCT.Volume, Code("42798000", "SCT", "Area")
QUALITATIVE_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")
DIGITS = 8
"""Significant digits of a number: a decimal string of DICOM has at most 16 characters."""

NOTES = {
    "note": Code("note", SCHEME, "Note"),
    "warning": Code("warning", SCHEME, "Warning"),
    "not assessed": Code("not_assessed", SCHEME, "Not assessed"),
}


def measurement_report(
    identity: Identity,
    sources: Mapping[tuple[str, int], SourceImage],
    segmentation: Dataset | None,
    maps: Sequence[Dataset],
) -> Dataset:
    """Comprehensive SR by TID 1500: organs with their volumes, other measurements, every outcome, and notes and warnings as text.

    Args:
        identity: The maker.
        sources: The images by role and number, the main one first.
        segmentation: The DICOM SEG that the organs are segments of, where there is one.
        maps: Parametric maps, listed as evidence.
    """
    main = next(iter(sources.values()))
    assessment = identity.assessment
    headers = [header for source in sources.values() for header in source.headers]
    groups: list[Group] = [*_organs(identity, main, segmentation), *_others(identity, main, segmentation)]
    groups += [_outcome(identity, sources, name, one) for name, one in assessment.outcomes.items()]
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=_observer(identity, main)),
        procedure_reported=codes.SCT.ImagingProcedure,
        imaging_measurements=groups,
    )
    report[0].ContentSequence.append(_notes(assessment))
    evidence = [*headers, *([segmentation] if segmentation is not None else []), *maps]
    made = sr.ComprehensiveSR(
        evidence=evidence,
        content=report[0],
        is_complete=True,
        is_final=False,
        **identity.arguments(main, "report", 1, "LiverAI measurements (research use only)"),
    )
    identity.finish(made, main, "report", 1)
    return made


def _observer(identity: Identity, main: SourceImage) -> sr.ObserverContext:
    return sr.ObserverContext(
        observer_type=CodedConcept("121007", "DCM", "Device"),
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=identity.uid(main, "observer"),
            name=MANUFACTURER,
            manufacturer_name=MANUFACTURER,
            model_name=long_string(identity.assessment.model),
            serial_number=identity.serial_number,
        ),
    )


def _tracking(identity: Identity, main: SourceImage, name: str) -> sr.TrackingIdentifier:
    return sr.TrackingIdentifier(uid=identity.uid(main, "tracking", name), identifier=f"LiverAI {name}")


def _algorithm(assessment: Assessment) -> sr.AlgorithmIdentification:
    return sr.AlgorithmIdentification(
        name=long_string(f"{MANUFACTURER} {assessment.model}"),
        version=str(assessment.provenance["liverai"]),
        parameters=[f"method {assessment.method}", f"weights SHA-256 {assessment.provenance['model']['sha256']}"],
        family=codes.cid7162.ArtificialIntelligence,
        manufacturer=MANUFACTURER,
    )


def _organs(
    identity: Identity, main: SourceImage, segmentation: Dataset | None
) -> Iterator[sr.VolumetricROIMeasurementsAndQualitativeEvaluations]:
    """One group a structure of the segmentation, with its volume or area."""
    assessment = identity.assessment
    if segmentation is None or assessment.segmentation is None:
        return
    numbers = segment_numbers(assessment)
    for structure in assessment.segmentation.structures:
        if structure.name not in numbers:
            continue
        side = (
            CodedConcept(structure.laterality[0], "SCT", structure.laterality[1]) if structure.laterality[0] else None
        )
        organ = CodedConcept(structure.code, "SCT", structure.meaning)
        yield sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=_tracking(identity, main, structure.name),
            referenced_segment=sr.ReferencedSegment(
                segmentation.SOPClassUID,
                segmentation.SOPInstanceUID,
                numbers[structure.name],
                source_series=sr.SourceSeriesForSegmentation(main.first.SeriesInstanceUID),
            ),
            finding_type=organ,
            finding_sites=[sr.FindingSite(organ, side)],
            measurements=[_number(one.value, one.unit, name) for one, name in _sizes(assessment, structure)],
        )


def _sizes(assessment: Assessment, structure: Structure) -> list[tuple[Measurement, Code]]:
    """The volume and the area of a structure, with their codes."""
    wanted = {f"{structure.name}_volume": VOLUME, f"{structure.name}_area": AREA}
    return [(one, wanted[one.key]) for one in _usable(assessment) if one.key in wanted]


def _usable(assessment: Assessment) -> list[Measurement]:
    return [one for one in assessment.measurements if math.isfinite(one.value)]


def _others(
    identity: Identity, main: SourceImage, segmentation: Dataset | None
) -> Iterator[sr.MeasurementsAndQualitativeEvaluations]:
    """All measurements that are not in the group of an organ."""
    assessment = identity.assessment
    known: set[str] = set()
    if segmentation is not None and assessment.segmentation is not None:
        known = {
            one.key for structure in assessment.segmentation.structures for one, _ in _sizes(assessment, structure)
        }
    numbers: list[sr.Measurement] = []
    for one in _usable(assessment):
        if one.key not in known:
            numbers += _with_interval(one.key or one.name, one.name, one.value, one.unit, one.interval)
    if numbers:
        yield sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=_tracking(identity, main, "measurements"),
            finding_sites=[sr.FindingSite(CodedConcept("10200004", "SCT", "Liver"))],
            measurements=numbers,
        )


def _outcome(
    identity: Identity, sources: Mapping[tuple[str, int], SourceImage], name: str, outcome: Outcome
) -> sr.MeasurementsAndQualitativeEvaluations:
    """The answer of the model: the predicted class with the probability of each, or a quantity with its interval."""
    assessment = identity.assessment
    main = next(iter(sources.values()))
    evaluations: list[sr.QualitativeEvaluation] = []
    numbers: list[sr.Measurement] = []
    if isinstance(outcome, Classification):
        predicted = private_code(outcome.predicted, outcome.predicted)
        evaluations.append(sr.QualitativeEvaluation(private_code("predicted class", "Predicted class"), predicted))
        for label, value in outcome.probabilities.items():
            numbers += _with_interval(f"probability {label}", f"Probability of {label}", value, "", None)
        for question, value in outcome.cumulative.items():
            numbers += _with_interval(f"score {question}", f"Score of {question}", value, "", None)
    elif isinstance(outcome, Quantity):
        numbers += _with_interval(outcome.name, outcome.name, outcome.value, outcome.unit, outcome.interval)
    if outcome.distribution_distance is not None:
        distance = outcome.distribution_distance
        numbers += _with_interval("distance", "Distance from training cases", distance.distance, "", None)
        numbers += _with_interval("distance limit", "Limit of that distance", distance.threshold, "", None)
    label = f"outcome {name}" + (" (primary)" if name == assessment.primary else "")
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(identity, main, label),
        finding_sites=[sr.FindingSite(CodedConcept("10200004", "SCT", "Liver"))],
        algorithm_id=_algorithm(assessment),
        measurements=numbers or None,
        qualitative_evaluations=evaluations or None,
        source_images=_references(sources.values()) if name == assessment.primary else None,  # once: it is long
    )


def _with_interval(
    key: str, name: str, value: float, unit: str, interval: tuple[float, float] | None
) -> Iterator[sr.Measurement]:
    """A number, and the bounds of its interval as numbers of their own."""
    if not math.isfinite(value):
        return
    yield _number(value, unit, private_code(key, name))
    for which, bound in zip(("lower", "upper"), interval or (), strict=False):
        if math.isfinite(bound):
            yield _number(bound, unit, private_code(f"{key} {which}", f"{name}, {which} bound"))


def _number(value: float, unit: str, name: Code) -> sr.Measurement:
    return sr.Measurement(name, float(f"{value:.{DIGITS}g}"), UCUM.get(unit) or Code(unit, "UCUM", unit))


def _references(sources: Iterable[SourceImage]) -> list[sr.SourceImageForMeasurementGroup]:
    """All instances of the images."""
    return [
        sr.SourceImageForMeasurementGroup(header.SOPClassUID, header.SOPInstanceUID, list(source.frame_numbers) or None)
        for source in sources
        for header in source.headers
    ]


def _notes(assessment: Assessment) -> sr.ContainerContentItem:
    """Notes (research use, training on simulated disease), warnings, and what was not measured, as text."""
    texts = [("note", text) for text in assessment.notes]
    texts += [("warning", warning.text) for warning in assessment.warnings]
    texts += [("not assessed", f"{one.name}: {one.reason}") for one in assessment.not_assessed]
    container = sr.ContainerContentItem(QUALITATIVE_EVALUATIONS, relationship_type=RelationshipTypeValues.CONTAINS)
    container.ContentSequence = sr.ContentSequence()
    for kind, text in texts:
        item = sr.TextContentItem(NOTES[kind], text, relationship_type=RelationshipTypeValues.CONTAINS)
        container.ContentSequence.append(item)
    return container
