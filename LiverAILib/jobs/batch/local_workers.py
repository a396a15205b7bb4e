"""Worker processes on this machine: each has its own networks, and one that dies costs no other case than its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from LiverAILib.errors import UserError
from LiverAILib.jobs.batch.case_job import CaseJob, remove_result
from LiverAILib.jobs.batch.case_worker import CaseOutcome, CaseWorker
from LiverAILib.jobs.batch.processors import resident_bytes, thread_limit
from LiverAILib.jobs.case_search.not_a_case import ImageOwner

ATTEMPTS = 2
"""How often a case is begun that ends the process of its worker."""
END_SECONDS = 5
"""How long a worker that was told to end may take."""
WATCH_SECONDS = 0.5
"""How often the memory of workers is looked at where it is limited."""
Before = Callable[[CaseJob], None]


def run_in_process(jobs: Sequence[CaseJob], *, threads: int | None, before: Before) -> Iterator[CaseOutcome]:
    """Assess the cases in this process, in order; arguments as of `run_in_processes`, `threads` None changes nothing."""
    worker = CaseWorker()
    try:
        with thread_limit(threads):
            for number, job in enumerate(jobs):
                before(job)
                yield worker.assess(job, upcoming=next(iter(jobs[number + 1 : number + 2]), None))
    finally:
        worker.close()


def run_in_processes(
    jobs: Sequence[CaseJob], *, workers: int, threads: int, before: Before, worker_bytes: int | None = None
) -> Iterator[CaseOutcome]:
    """Assess the cases in worker processes; outcomes come in the order in which they are ready.

    A case whose worker dies is begun once more, and fails if that one dies too; the worker is replaced.

    Args:
        jobs: The cases.
        workers: How many processes.
        threads: Threads of the networks of each.
        before: Called with each case when its work starts.
        worker_bytes: A process that uses more memory is ended (on Linux).

    Raises:
        UserError: No worker can be started.
    """
    pool = _Pool(jobs, threads, before)
    timeout = None if worker_bytes is None else WATCH_SECONDS
    try:
        for _ in range(min(workers, len(jobs))):
            pool.start_worker()
        while pool.workers:
            # A worker that has died is at the end of its connection, which counts as ready.
            ready = wait([worker.connection for worker in pool.workers], timeout)
            if worker_bytes is not None:
                pool.end_larger_than(worker_bytes)
            for worker in [one for one in pool.workers if one.connection in ready]:
                outcome = pool.hear(worker)
                if outcome is not None:
                    yield outcome
    finally:
        pool.close()


@dataclass(frozen=True)
class _Order:
    """What a worker is told: a case, the one to read ahead, and images that became known since the last order."""

    job: CaseJob
    upcoming: CaseJob | None
    known: Mapping[str, ImageOwner]


@dataclass(eq=False)
class _Worker:
    """A worker process as its parent sees it.

    Attributes:
        process: The process.
        connection: Talks to it.
        job: What it works on; None until it has started.
        upcoming: What it reads ahead.
        untold: Images that it has not been told of.
        killed_because: Why it was ended from here; "" where it was not.
    """

    process: BaseProcess
    connection: Connection
    job: CaseJob | None = None
    upcoming: CaseJob | None = None
    untold: dict[str, ImageOwner] = field(default_factory=dict)
    killed_because: str = ""


class _Pool:
    """The worker processes, and who has which case."""

    def __init__(self, jobs: Sequence[CaseJob], threads: int, before: Before) -> None:
        self.workers: list[_Worker] = []
        self._context = multiprocessing.get_context("spawn")
        self._waiting = deque(jobs)
        self._threads = threads
        self._before = before
        self._deaths: Counter[int] = Counter()
        self._known: dict[str, ImageOwner] = {}

    def start_worker(self) -> None:
        """Start one more process."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self._threads), daemon=True)
        process.start()
        theirs.close()  # so that the end of the process is the end of the connection
        self.workers.append(_Worker(process, ours, untold=dict(self._known)))

    def hear(self, worker: _Worker) -> CaseOutcome | None:
        """Take what a worker says and give it the next case; the outcome that it says, or None."""
        try:
            said: CaseOutcome | None = worker.connection.recv()
        except (EOFError, OSError):
            return self._replace(worker)
        if said is not None and said.image_key is not None and worker.job is not None:
            self._tell_of(said.image_key, worker.job.owner)
        self._give_next(worker)
        return said

    def end_larger_than(self, most_bytes: int) -> None:
        """End the workers that use more memory; `hear` finds out."""
        for worker in self.workers:
            if (resident_bytes(worker.process.pid) or 0) > most_bytes:
                worker.killed_because = f"more than {most_bytes / 1e9:g} GB of memory"
                worker.process.kill()

    def close(self) -> None:
        """End all processes."""
        for worker in self.workers:
            worker.process.terminate()
        for worker in list(self.workers):
            self._dismiss(worker)

    def _give_next(self, worker: _Worker) -> None:
        worker.job = worker.upcoming or self._draw()
        worker.upcoming = None
        order = None
        if worker.job is not None:
            # The last cases stay for whoever is free first.
            worker.upcoming = self._waiting.popleft() if len(self._waiting) >= len(self.workers) else None
            order = _Order(worker.job, worker.upcoming, worker.untold)
            worker.untold = {}
            self._before(worker.job)
        with suppress(OSError):  # it has died meanwhile, which `hear` finds out
            worker.connection.send(order)
        if order is None:
            self._dismiss(worker)

    def _draw(self) -> CaseJob | None:
        """The next case that nobody works on, also one that another worker only reads ahead."""
        if self._waiting:
            return self._waiting.popleft()
        for other in self.workers:
            if other.upcoming is not None:
                job, other.upcoming = other.upcoming, None
                return job
        return None

    def _tell_of(self, key: str, owner: ImageOwner) -> None:
        first = self._known.get(key)
        if first is None or owner.number < first.number:
            self._known[key] = owner
            for worker in self.workers:
                worker.untold[key] = owner

    def _dismiss(self, worker: _Worker) -> None:
        self.workers.remove(worker)
        worker.process.join(END_SECONDS)
        worker.process.kill()
        worker.connection.close()

    def _replace(self, worker: _Worker) -> CaseOutcome | None:
        """Replace a worker that has died; its case waits again, or has failed."""
        self._dismiss(worker)
        reason = worker.killed_because or _how_it_ended(worker.process.exitcode)
        if worker.upcoming is not None:
            self._waiting.appendleft(worker.upcoming)
        if worker.job is None:  # while it started: the others go on without it
            if not self.workers:
                raise UserError(
                    f"no worker process can be started ({reason}). Use --workers 1; in a script, call the batch below "
                    '`if __name__ == "__main__":`.'
                )
            return None
        job = worker.job
        self._deaths[job.number] += 1
        failed = self._deaths[job.number] >= ATTEMPTS
        if failed:
            remove_result(job.place)
        else:
            self._waiting.appendleft(job)
        if self._waiting:
            self.start_worker()
        return CaseOutcome(job.number, error=died_message(job, reason)) if failed else None


def died_message(job: CaseJob, reason: str) -> str:
    """Why a case failed that ended its worker each time."""
    return (
        f"{job.case.file}: the worker process ended {ATTEMPTS} times while it assessed this case ({reason}). Assess it alone "
        "with `liverai assess`, or use fewer --workers."
    )


def _how_it_ended(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name if -code in {one.value for one in signal.Signals} else f"signal {-code}"
    return f"{name}, as the system does when memory runs out" if name == "SIGKILL" else name


def _serve(connection: Connection, threads: int) -> None:
    """The worker process: answers one order after the other until there is none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the parent, which ends the workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    worker = CaseWorker()
    with thread_limit(threads):
        connection.send(None)
        while True:
            try:
                order: _Order | None = connection.recv()
            except EOFError:
                return
            if order is None:
                return
            for key, owner in order.known.items():
                worker.duplicates.add(key, owner)
            connection.send(worker.assess(order.job, upcoming=order.upcoming))


def _end_with_parent() -> None:
    """End this process at once when its parent has ended, even in the middle of a case: another batch may start."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
