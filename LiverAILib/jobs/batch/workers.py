"""What computes a batch: this process, worker processes on this machine, or a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from LiverAILib.jobs.batch.case_job import CaseJob
from LiverAILib.jobs.batch.case_worker import CaseOutcome
from LiverAILib.jobs.batch.local_workers import run_in_process, run_in_processes
from LiverAILib.jobs.batch.processors import WORKER_BYTES, default_threads, default_workers

CASES_PER_WORKER = 2
"""For fewer cases the start of another process, which loads libraries and models, takes longer than it saves."""


@dataclass(frozen=True)
class Workers:
    """How many processes work on a batch. Results do not depend on it.

    Attributes:
        count: Processes; 1 is this one. None: `default_workers`, fewer where each would have less than `CASES_PER_WORKER` cases.
        threads: Threads of the networks of each; `default_threads` where None. Another number may change the last bits of a
            result.
        scheduler: "local", or a Dask cluster, as `run_on_dask` says.
        worker_bytes: Memory of a process: one that exceeds it is ended and replaced. None: no limit for local processes, and
            `WORKER_BYTES` on a cluster.
    """

    count: int | None = 1
    threads: int | None = None
    scheduler: str = "local"
    worker_bytes: int | None = None

    def run(
        self, jobs: Sequence[CaseJob], *, before: Callable[[CaseJob], None] = lambda job: None
    ) -> Iterator[CaseOutcome]:
        """Assess all cases; outcomes come in the order in which they are ready.

        Args:
            jobs: The cases.
            before: Called with each case when its work starts.

        Raises:
            UserError: The workers cannot be started.
        """
        device = jobs[0].device
        threads = self.threads or default_threads(device)
        count = self.count or min(default_workers(device), len(jobs) // CASES_PER_WORKER)
        if self.scheduler != "local":
            from LiverAILib.jobs.batch.dask_workers import run_on_dask

            return run_on_dask(
                jobs,
                scheduler=self.scheduler,
                workers=max(count, 1),
                threads=threads,
                worker_bytes=self.worker_bytes or WORKER_BYTES,
                before=before,
            )
        if min(count, len(jobs)) <= 1 and self.worker_bytes is None:
            return run_in_process(jobs, threads=threads, before=before)
        return run_in_processes(
            jobs, workers=max(count, 1), threads=threads, worker_bytes=self.worker_bytes, before=before
        )
