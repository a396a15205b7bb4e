"""Many cases: every image of a folder or every row of a manifest, one result folder each and a table of all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from LiverAILib.data.model import load_model
from LiverAILib.data.pseudonyms import KeyFile
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.errors import UserError
from LiverAILib.jobs.batch.case_job import CaseJob, ResultWriter, Writer
from LiverAILib.jobs.batch.lock import batch_lock
from LiverAILib.jobs.batch.progress import BatchProgress, Progress
from LiverAILib.jobs.batch.pseudonymous_cases import pseudonymous_cases
from LiverAILib.jobs.batch.tables import TABLES, BatchTables, check_parquet
from LiverAILib.jobs.batch.workers import Workers
from LiverAILib.jobs.case_search.find_cases import FoundCases, find_cases
from LiverAILib.jobs.checked_case import check_request, request_for_row
from LiverAILib.methods import method_of
from LiverAILib.output_paths import check_keeps_inputs, check_output_folder
from LiverAILib.results.files import remove_unfinished, written_files


def assess_all(
    source: Path,
    output: Path,
    model: str | os.PathLike[str],
    *,
    request: AssessmentRequest | None = None,
    masks: Path | None = None,
    modality: str | None = None,
    device: str = "auto",
    write: Writer | None = None,
    workers: Workers | None = None,
    parquet: bool = False,
    pseudonyms: Path | None = None,
    progress: Progress = lambda fraction, text: None,
) -> list[dict[str, object]]:
    """Assess every case of a folder or manifest; a case that fails is recorded and the others go on.

    A case whose result in `output` has the same fingerprint is not computed again.

    Args:
        source: See `find_cases`. The masks of a manifest replace the segmentation network's, its other columns are covariates.
        output: One folder per case, `summary.csv` and `report.html` (written after each case), `set_aside.csv` with the files
            that are no cases, and `errors.log` with the tracebacks of errors that were not expected. One batch at a time can
            write to it.
        model: Name of an installed model, or a model folder.
        request: Slice, class and kind of heat map, for all cases. Where it names no slice, a manifest's column "slice" does.
        masks: Folder of liver masks, named like the images of a folder.
        modality: What the image files of a folder are ("MR", "CT"); None: what their headers or intensities say.
        device: "auto", "cpu", "cuda" or "mps".
        write: Writes the result of a case; as `liverai assess` does where None.
        workers: What computes; this process where None.
        parquet: Whether `summary.parquet` is written too.
        pseudonyms: Key file; cases and files are called by pseudonyms that follow from it, and it is written before the work
            begins. None: by their names.
        progress: Called with a share 0..1 and a sentence.

    Returns:
        One row per case, as written to `output/summary.csv`.

    Raises:
        UserError: There is no case, the model or the output folder cannot be used, or another batch writes to it.
    """
    chosen = load_model(model)
    spec = method_of(chosen)
    if parquet:
        check_parquet()
    request = request or AssessmentRequest(heatmap=spec.heatmaps[0])
    check_request(chosen, request)
    found = find_cases(source, spec, masks=masks, exclude=(output,), stated_modality=modality)
    check_output_folder(output)
    _check_no_input_is_overwritten(source, found, output)
    if pseudonyms is not None:
        key = KeyFile.open(pseudonyms, apart_from=output)
        found = pseudonymous_cases(found, key, output)
        _check_no_input_is_overwritten(source, found, output)
        key.save()
    jobs = [
        CaseJob(
            case, str(model), output, request_for_row(request, case.row, spec), device, number, write or ResultWriter()
        )
        for number, case in enumerate(found.cases)
    ]
    with batch_lock(output):
        remove_unfinished(output)
        title = chosen.name if pseudonyms is not None else f"{source.name or source.resolve().name}, {chosen.name}"
        tables = BatchTables(jobs, found.set_aside, output, title=title, parquet=parquet)
        _assess_jobs(jobs, workers or Workers(), tables, progress)
    return [{"error": "", **row} for row in tables.rows]


def _assess_jobs(jobs: Sequence[CaseJob], workers: Workers, tables: BatchTables, progress: Progress) -> None:
    """Assess all cases and write the tables, also where the work is interrupted."""
    report = BatchProgress(len(jobs), progress)
    for one in tables.set_aside:
        report.say(f"set aside: {one.path}: {one.reason}")
    try:
        for outcome in workers.run(jobs, before=lambda job: report.begin(job.case.case_id)):
            tables.add(outcome)
            report.end(outcome)
            if outcome.aside:
                report.say(f"set aside: {jobs[outcome.number].case.shown_path}: {outcome.aside}")
    finally:
        for one in tables.settle_duplicates():
            report.say(f"set aside: {one.path}: {one.reason}")
        tables.write()
    report.done()


def _check_no_input_is_overwritten(source: Path, found: FoundCases, output: Path) -> None:
    inputs = [source, *(path for case in found.cases for path in (case.row.files() if case.row else case.paths))]
    tables = [output / name for name in TABLES]
    check_keeps_inputs(
        [*tables, *(path for case in found.cases for path in written_files(output / case.folder))], inputs
    )
    for case in found.cases:
        place = (output / case.folder).resolve()
        inside = next((path for path in case.paths if place in path.resolve().parents), None)
        if inside is not None:
            raise UserError(
                f"{output}: the result of {case.case_id} would be written among its images ({inside.name}). Choose another "
                "--output."
            )
