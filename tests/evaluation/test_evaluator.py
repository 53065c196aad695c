"""Failed candidates do not end a search, and release their memory."""

import gc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpt_nas_jax.evaluation.evaluator import attempt
from gpt_nas_jax.types import DataError, Lost

# 128 TiB.
TOO_MANY = (2**23, 2**22)


class Held(np.ndarray):
    """An array that supports weak references."""


def on_device() -> list[jax.Array]:
    gc.collect()
    return jax.live_arrays()


def test_running_out_of_memory_says_which_flags_help() -> None:
    found, reason = attempt(lambda: jnp.zeros(TOO_MANY), "--eval_batch")
    assert found is None
    assert reason == (
        "ran out of memory: RESOURCE_EXHAUSTED: Out of memory allocating "
        "140737488355328 bytes.; lower --eval_max_memory or --eval_batch"
    )


def test_running_out_of_memory_within_a_program_is_reported() -> None:
    @jax.jit
    def program(x: jax.Array) -> jax.Array:
        rows = jax.lax.broadcasted_iota(jnp.float32, TOO_MANY, 0)
        return jnp.sort(x[0, 0] * rows, 0)[0].sum()

    _, reason = attempt(lambda: float(program(jnp.ones((2, 2)))), "--eval_batch")
    assert reason.startswith("ran out of memory: ")
    assert "\n" not in reason


def test_running_out_of_host_memory_is_reported() -> None:
    _, reason = attempt(lambda: bytearray(2**62), "--eval_proxy_batch")
    assert reason == (
        "ran out of memory: of the host; lower --eval_max_memory or --eval_proxy_batch"
    )


def test_a_lost_device_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise all later candidates would fail in the ledger."""

    def fails(*_: object) -> None:
        raise jax.errors.JaxRuntimeError("INTERNAL: CUDA_ERROR_ILLEGAL_ADDRESS")

    monkeypatch.setattr(jax, "block_until_ready", fails)
    with pytest.raises(Lost, match=r"no longer computes, since: .*ILLEGAL_ADDRESS"):
        attempt(fails, "--eval_batch")


def test_a_device_that_others_have_filled_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory")

    monkeypatch.setattr(jax, "block_until_ready", full)
    _, reason = attempt(lambda: [][0], "--eval_batch")
    assert reason.startswith("IndexError")


@pytest.mark.parametrize(
    "error",
    [
        jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory"),
        ValueError("another shape"),
    ],
    ids=["memory", "another"],
)
@pytest.mark.parametrize("chained", [False, True])
def test_nothing_that_a_candidate_held_stays(error: Exception, chained: bool) -> None:
    held, before = [], {id(array) for array in on_device()}

    def train() -> None:
        host, device = np.zeros(2**20).view(Held), jnp.zeros(2**20)
        held.append(weakref.ref(host))

        def within() -> None:
            # A cycle: this frame holds the error, whose traceback holds this frame.
            caught = error
            assert host.size == device.size
            raise caught

        try:
            within()
        except Exception as first:
            if chained:
                raise type(error)(str(error)) from first
            raise

    _, reason = attempt(train, "--eval_batch")
    assert str(error) in reason
    left = [array for array in on_device() if id(array) not in before]
    assert not left
    assert held[0]() is None
    # The next candidate runs.
    assert attempt(lambda: float(jnp.ones(3).sum()), "--eval_batch") == (3.0, None)


def test_images_that_cannot_be_read_fail_no_candidate() -> None:
    def train() -> None:
        raise DataError("a.png cannot be read")

    with pytest.raises(DataError, match=r"a\.png"):
        attempt(train, "--eval_batch")
