"""How soon and how fast a candidate trains: block programs, whole network, PyTorch.

    python launch/benchmarks/candidate_training.py --json=candidates.json

The same random candidates of the paper's space (10 to 20 blocks) are trained on random
images in one process, in these ways one after another:

- blocks, cold: block programs, the first half of the candidates, from a cold start;
- blocks, later: block programs, the second half, after the first;
- blocks, warm: block programs, all, after ``--train_warmup=all`` compiled the space;
- whole: the whole network as one jitted program;
- torch: PyTorch eager with the same layers, channels first, its default, and channels
  last; skipped without ``pip install torch==2.13.0``.

Expect 20 minutes on 2 CPU cores. On a GPU all compute in bfloat16.
"""

import argparse
import dataclasses
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.config import RetrainRecipe, SpaceConfig
from gpt_nas_jax.networks.chain import Chain
from gpt_nas_jax.networks.cost import cost
from gpt_nas_jax.reports.terminal import show_table
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.training import chain as by_block
from gpt_nas_jax.training import whole
from gpt_nas_jax.training.placement import compute_type
from gpt_nas_jax.training.recipe import optimizer, update_of
from gpt_nas_jax.training.rules import Rule

try:
    import torch_steps
except ImportError:
    torch_steps = None

_CLASSES = 10
_CHANNELS = {8: 1, 32: 3}
_KEY = jax.random.key(0)
# Dense bfloat16 operations per second, by JAX's device names (vendors' data sheets).
_PEAKS = {"NVIDIA H200": 989e12, "NVIDIA H100 80GB HBM3": 989e12}
_PEAK_DEPTH = 15


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds until the first step is done, and of each later step."""

    depth: int
    first: float
    steady: float


@dataclasses.dataclass(frozen=True)
class Setting:
    """One size of images and what is trained on them."""

    space: BlockSpace
    recipe: RetrainRecipe
    repeats: int
    x: jax.Array
    labels: jax.Array

    def timing(self, chain: Chain, begin: float, step: Callable[[], Any]) -> Timing:
        """Times a training whose step returns what to wait for."""
        jax.block_until_ready(step())
        first, times = time.perf_counter() - begin, []
        for _ in range(self.repeats):
            start = time.perf_counter()
            jax.block_until_ready(step())
            times.append(time.perf_counter() - start)
        return Timing(len(chain.blocks) - 1, first, statistics.median(times))

    def blocks(self, chain: Chain, trained: int | None = None) -> Timing:
        """Times block programs, for all blocks or the last ``trained`` ones."""
        begin = time.perf_counter()
        rules = [Rule.ALL] * len(chain.blocks)
        if trained is not None:
            rules[:-trained] = [Rule.NOTHING] * (len(rules) - trained)
        update = optimizer(self.recipe, 1)
        states = by_block.start(chain, tuple(rules), update, self.space.image, _KEY)

        def step() -> Any:
            nonlocal states
            states, loss = by_block.step(update, states, self.x, self.labels)
            return states, loss

        return self.timing(chain, begin, step)

    def whole(self, chain: Chain) -> Timing:
        """Times one jitted program."""
        begin = time.perf_counter()
        update = update_of(self.recipe, 1)
        state = whole.start(chain, self.recipe, 1, self.space.image, _KEY)

        def step() -> Any:
            nonlocal state
            state, loss = whole.step(chain, update, state, self.x, self.labels)
            return loss

        return self.timing(chain, begin, step)

    def torch(self, chain: Chain, channels_last: bool) -> Timing:
        """Times PyTorch eager, without building the twin."""
        state = whole.start(chain, self.recipe, 1, self.space.image, _KEY)
        step = torch_steps.step(
            chain,
            self.space.image,
            state.variables(),
            self.recipe,
            np.asarray(self.x, np.float32),
            np.asarray(self.labels),
            channels_last,
        )
        return self.timing(chain, time.perf_counter(), step)

    def warm_up(self) -> float:
        """Compiles the space; returns the seconds it took."""
        begin = time.perf_counter()

        def compile_one(place: tuple[Any, Any]) -> None:
            block, size = place
            x = jnp.zeros((len(self.x), *size), self.x.dtype)
            update, is_first = optimizer(self.recipe, 1), size == self.space.image
            by_block.compile_block(block, (Rule.ALL,), update, x, is_first)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(compile_one, self.space.places()))
        return time.perf_counter() - begin


def run(setting: Setting, chains: list[Chain]) -> dict[str, Any]:
    """All measurements of one size of images."""
    half = len(chains) // 2
    cold = [setting.blocks(chain) for chain in chains[:half]]
    later = [setting.blocks(chain) for chain in chains[half:]]
    jax.clear_caches()
    seconds = setting.warm_up()
    ways = {
        "blocks, cold": cold,
        "blocks, later": later,
        "blocks, warm": [setting.blocks(chain) for chain in chains],
        "whole": [setting.whole(chain) for chain in chains],
    }
    if torch_steps is not None:
        for name, last in (("torch", False), ("torch, channels last", True)):
            ways[name] = [setting.torch(chain, last) for chain in chains]
    thirds = [
        setting.blocks(chain, len(chain.blocks) // 3).steady / timing.steady
        for chain, timing in zip(chains, ways["blocks, warm"], strict=True)
    ]
    return {
        "warm_up_seconds": seconds,
        "last_third": statistics.median(thirds),
        "ways": {
            name: [dataclasses.asdict(timing) for timing in timings]
            for name, timings in ways.items()
        },
        "ratios": dict(_ratios(ways)),
        "share_of_peak": _share_of_peak(setting, chains, ways["blocks, warm"]),
    }


def _ratios(ways: dict[str, list[Timing]]) -> Iterator[tuple[str, float]]:
    """Medians over the same candidates of the speed-up of a step by block programs."""
    ours = ways["blocks, warm"]
    for name, others in ways.items():
        if not name.startswith("blocks"):
            pairs = zip(ours, others, strict=True)
            yield name, statistics.median(b.steady / a.steady for a, b in pairs)


def _share_of_peak(
    setting: Setting, chains: list[Chain], timings: list[Timing]
) -> float | None:
    """Share for the candidate nearest to 15 blocks; None if the peak is unknown."""
    peak = _PEAKS.get(jax.devices()[0].device_kind)
    if peak is None:
        return None
    pairs = zip(chains, timings, strict=True)
    chain, timing = min(pairs, key=lambda pair: abs(pair[1].depth - _PEAK_DEPTH))
    # Both gradients cost as much as the forward pass each.
    flops = 3 * len(setting.x) * cost(chain, setting.space.image).flops
    return flops / timing.steady / peak


def show(side: int, measured: dict[str, Any]) -> None:
    """Prints the table of one size of images."""
    rows = []
    for name, timings in measured["ways"].items():
        firsts, steadies, waits = zip(
            *((t["first"], t["steady"], t["first"] - t["steady"]) for t in timings),
            strict=True,
        )
        rows.append(
            (
                name,
                len(timings),
                f"{statistics.median(firsts):.2f}",
                f"{statistics.median(waits):.2f}",
                f"{1e3 * statistics.median(steadies):.1f}",
                f"{measured['ratios'].get(name, 1):.2f}",
            )
        )
    show_table(
        f"{side}x{side}, medians",
        (
            "way",
            "candidates",
            "first step, s",
            "later than a step, s",
            "step, ms",
            "steps of block programs in one",
        ),
        rows,
    )
    print(
        f"warm-up of the space: {measured['warm_up_seconds']:.1f} s\n"
        f"training the last third alone: {measured['last_third']:.2f} of all"
    )
    if measured["share_of_peak"] is not None:
        print(f"share of the chip's peak: {measured['share_of_peak']:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the measurements here, too")
    parser.add_argument("--sides", default="8,32", help="of the images, with commas")
    parser.add_argument("--candidates", type=int, default=12)
    parser.add_argument("--min_depth", type=int, default=SpaceConfig.min_depth)
    parser.add_argument("--max_depth", type=int, default=SpaceConfig.max_depth)
    parser.add_argument("--width", type=int, default=SpaceConfig.width)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=15)
    args = parser.parse_args()
    dtype, random = compute_type("auto"), np.random.default_rng(0)
    versions = {"jax": jax.__version__}
    if torch_steps is not None:
        versions["torch"] = torch_steps.VERSION
    device = jax.devices()[0].device_kind
    results: dict[str, Any] = {"device": device, "dtype": dtype, "versions": versions}
    for side in map(int, args.sides.split(",")):
        image = (side, side, _CHANNELS[side])
        space = BlockSpace(
            image, _CLASSES, args.min_depth, args.max_depth, args.width, 3
        )
        x = random.normal(size=(args.batch, *image))
        labels = random.integers(0, _CLASSES, args.batch)
        setting = Setting(
            space,
            RetrainRecipe(epochs=1, batch=args.batch),
            args.repeats,
            jnp.asarray(x, dtype),
            jnp.asarray(labels, jnp.int32),
        )
        genomes = np.asarray(space.sample(_KEY, args.candidates))
        results[f"{side}x{side}"] = run(setting, list(map(space.decode, genomes)))
        show(side, results[f"{side}x{side}"])
        if args.json:
            args.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
