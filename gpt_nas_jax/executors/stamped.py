"""Evaluations stamped with their start time and worker."""

import dataclasses
import datetime
import math
import multiprocessing
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import jax

from gpt_nas_jax.types import Evaluation

Item = TypeVar("Item")


@dataclasses.dataclass(frozen=True)
class Stamped(Generic[Item]):
    """Calls an evaluator; its evaluations say when and where they were made."""

    evaluator: Callable[[Item], Evaluation]

    def __call__(self, item: Item) -> Evaluation:
        """The evaluation of an item."""
        now = datetime.datetime.now(datetime.UTC)
        found = self.evaluator(item)
        start = now.isoformat(timespec="milliseconds")
        return dataclasses.replace(found, start=start, worker=worker())

    def failed(self, reason: str) -> Evaluation:
        """The failed evaluation of an item that kills every worker evaluating it."""
        return Evaluation(-math.inf, reason, 0.0)


def worker() -> str:
    """The host, process and thread that run this, as far as they have names."""
    process, thread = multiprocessing.current_process(), threading.current_thread()
    named = [f"host {jax.process_index()}"] if jax.process_count() > 1 else []
    named += [process.name] if process.name != "MainProcess" else []
    named += [thread.name] if thread is not threading.main_thread() else []
    return " ".join(named) or "main"
