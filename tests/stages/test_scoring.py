"""The memory that candidates may use."""

from gpt_nas_jax.config import Config, EvalConfig, SearchConfig
from gpt_nas_jax.executors import machine
from gpt_nas_jax.stages.scoring import memory_limit

GIB = 2**30


def limit(text: str, workers: int) -> float:
    search = SearchConfig(workers=workers)
    return memory_limit(Config(eval=EvalConfig(max_memory=text), search=search))


def test_a_number_is_what_each_candidate_may_take() -> None:
    assert limit("1.5", workers=1) == limit("1.5", workers=4) == 1.5


def test_auto_shares_the_memory_of_a_device_among_its_candidates() -> None:
    alone = limit("auto", workers=1)
    with open("/proc/meminfo", encoding="utf-8") as file:
        total = int(file.readline().split()[1]) * 1024
    # A control group may allow less.
    assert 0 < alone <= total / GIB + 0.001
    assert abs(limit("auto", workers=4) - alone / 4) < 0.002
    assert abs(machine.memory() / GIB - alone) < 0.001
