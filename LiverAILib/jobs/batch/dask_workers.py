"""The workers of a batch on a Dask cluster: on this machine, behind an address, or in jobs of Slurm. Needs the extra `scale`.

Dask keeps the queue, moves the cases of a worker that has died to another one, and restarts workers that exceed their memory.
A worker has two threads, so that the next case is read while this one is computed; the resource `LIVERAI` keeps two networks
from running at once in one worker. All workers need the same input, model and output folders.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from LiverAILib.errors import UserError
from LiverAILib.jobs.batch.case_job import CaseJob, remove_result
from LiverAILib.jobs.batch.case_worker import CaseOutcome, CaseWorker, ReadCase
from LiverAILib.jobs.batch.processors import thread_limit

if TYPE_CHECKING:
    from dask_jobqueue import SLURMCluster
    from distributed import Client, Future

RESOURCE = "LIVERAI"
"""What a worker has one of, for the case that it computes: `dask worker ADDRESS --nthreads 2 --resources LIVERAI=1`."""
THREADS_OF_DASK = 2
"""One computes, one reads ahead."""
AHEAD = 2
"""Cases a worker that are submitted: more would be read long before they are computed, and fill the memory."""
CONNECT_SECONDS = 20


def run_on_dask(
    jobs: Sequence[CaseJob],
    *,
    scheduler: str,
    workers: int,
    threads: int,
    worker_bytes: int,
    before: Callable[[CaseJob], None],
) -> Iterator[CaseOutcome]:
    """Assess the cases on a Dask cluster; outcomes come in the order in which they are ready.

    Args:
        jobs: The cases.
        scheduler: "dask": workers on this machine. "slurm": workers in jobs of Slurm, as dask-jobqueue's configuration file
            says. Else the address of a running scheduler ("tcp://host:8786").
        workers: How many workers are started; of a running scheduler all are used.
        threads: Threads of the networks of each.
        worker_bytes: Memory of each; a worker that exceeds it is restarted.
        before: Called with each case when it is submitted.

    Raises:
        UserError: The extra is not installed, or the cluster cannot be used.
    """
    try:
        import dask_jobqueue  # noqa: F401
        import distributed
    except ImportError as error:
        raise UserError(
            f'--scheduler {scheduler}: {error.name} is not installed. Run: pip install "LiverAI[scale]"'
        ) from None
    with _client(scheduler, workers, threads, worker_bytes) as client:
        waiting = iter(jobs)
        submitted: dict[object, CaseJob] = {}
        ended = distributed.as_completed()

        def submit() -> None:
            for job in waiting:
                before(job)
                read = client.submit(_read, job, pure=False)
                future = client.submit(_assess, job, read, threads, pure=False, resources={RESOURCE: 1})
                submitted[future.key] = job
                ended.add(future)
                if len(submitted) >= AHEAD * max(workers, len(client.scheduler_info()["workers"])):
                    return

        submit()
        for future in ended:
            yield _outcome(future, submitted.pop(future.key))
            submit()


def slurm_cluster(*, threads: int, worker_bytes: int) -> SLURMCluster:
    """A cluster whose workers are jobs of Slurm; queue, account and walltime are those of dask-jobqueue's configuration file.

    Args:
        threads: Cores of a job.
        worker_bytes: Its memory.
    """
    from dask_jobqueue import SLURMCluster

    return SLURMCluster(
        cores=THREADS_OF_DASK,
        processes=1,
        job_cpu=threads,
        memory=f"{worker_bytes / 1e9:.3f} GB",
        worker_extra_args=["--resources", f"{RESOURCE}=1"],
    )


@contextmanager
def _client(scheduler: str, workers: int, threads: int, worker_bytes: int) -> Iterator[Client]:
    from distributed import Client, LocalCluster

    if scheduler == "dask":
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=THREADS_OF_DASK,
            memory_limit=worker_bytes,
            resources={RESOURCE: 1},
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=logging.ERROR,
        )
        with cluster, Client(cluster) as client:
            yield client
    elif scheduler == "slurm":
        with slurm_cluster(threads=threads, worker_bytes=worker_bytes) as cluster:
            cluster.scale(jobs=workers)
            with Client(cluster) as client:
                yield client
    else:
        try:
            client = Client(scheduler, timeout=CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            raise UserError(
                f"--scheduler {scheduler}: no Dask scheduler answers ({error}). Give local, dask, slurm, or an address such as "
                "tcp://host:8786."
            ) from None
        with client:
            _check_workers(client, scheduler)
            yield client


def _check_workers(client: Client, scheduler: str) -> None:
    found = client.scheduler_info()["workers"].values()
    if not any(RESOURCE in worker["resources"] for worker in found):
        raise UserError(
            f"--scheduler {scheduler}: {len(found)} workers, none with the resource {RESOURCE}. Start them with: dask worker "
            f"{scheduler} --nthreads {THREADS_OF_DASK} --resources {RESOURCE}=1"
        )


def _outcome(future: Future, job: CaseJob) -> CaseOutcome:
    from distributed.scheduler import KilledWorker

    try:
        return future.result()
    except KilledWorker:
        remove_result(job.place)
        return CaseOutcome(
            job.number,
            error=f"{job.case.file}: the worker process ended each time while it had this case. Assess it alone with "
            "`liverai assess`, or give workers more memory (--worker-memory).",
        )
    except Exception as error:  # of Dask or the worker's environment: the other cases go on
        reason = " ".join(str(error).split())
        return CaseOutcome(job.number, error=f"{type(error).__name__}: {reason}", details=traceback.format_exc())


@cache
def _worker() -> CaseWorker:
    """The networks of this worker process."""
    return CaseWorker()


def _read(job: CaseJob) -> ReadCase | Exception:
    try:
        return ReadCase.of(job)
    except Exception as error:  # raised again by `_assess`, which knows what it means for the case
        return error


def _assess(job: CaseJob, found: ReadCase | Exception, threads: int) -> CaseOutcome:
    def read() -> ReadCase:
        if isinstance(found, Exception):
            raise found
        return found

    with thread_limit(threads):
        return _worker().assess(job, read=read)
