"""How long an epoch of ``--stage=baseline`` takes, estimated from some steps.

    python launch/benchmarks/epoch.py --flagfile=FLAGFILE --data_dir=DIR

Takes the flags of a run, such as launch/baselines/resnet18_cifar10.flags, and uses all
its training images and the program of its steps. Prints the time of the first step,
including compilation, and the median and the minimum of the next 20, including batches,
with the median core-seconds, which other programs on the machine affect less. The epoch
is extrapolated from the first median.
"""

import statistics
import sys
import time

import jax

from gpt_nas_jax import flags
from gpt_nas_jax.config import Config
from gpt_nas_jax.keys import stage_key
from gpt_nas_jax.networks.zoo import human
from gpt_nas_jax.reports.terminal import show_table
from gpt_nas_jax.stages import compile_cache, problem
from gpt_nas_jax.training import whole
from gpt_nas_jax.training.batches import to_device
from gpt_nas_jax.training.placement import Placement, compute_type
from gpt_nas_jax.training.recipe import update_of

_STEPS = 20


def main() -> None:
    config = flags.parse(sys.argv)
    if not isinstance(config, Config):
        sys.exit(__doc__)
    compile_cache.keep(config.train)
    dataset, recipe = problem.load_dataset(config), config.retrain.recipe
    placement = Placement(compute_type(config.train.precision))
    data = to_device(dataset.train, *dataset.train.moments(), dataset.flip, placement)
    chain = human(config.baseline.name).build(dataset.num_classes, data.in_size)
    steps, key = len(data) // recipe.batch, stage_key(config.seed, "retrain")
    begin = time.perf_counter()
    state = whole.start(chain, recipe, steps, data.in_size, key)
    update, times, cores = update_of(recipe, steps), [], []
    batches = data.batches(recipe, key)
    begin_cores = time.process_time()
    for _ in range(1 + _STEPS):
        state, loss = whole.step(chain, update, state, *next(batches))
        jax.block_until_ready((state, loss))
        times.append(time.perf_counter() - begin)
        cores.append(time.process_time() - begin_cores)
        begin, begin_cores = time.perf_counter(), time.process_time()
    first, *steady = times
    median, busy = statistics.median(steady), statistics.median(cores[1:])
    show_table(
        f"{config.baseline.name}, {len(data)} images, batch {recipe.batch}",
        (
            "first, s",
            "a step, s",
            "the least, s",
            "all cores, s",
            "steps",
            "epoch, min",
        ),
        [
            (
                *(f"{seconds:.3g}" for seconds in (first, median, min(steady), busy)),
                steps,
                f"{median * steps / 60:.3g}",
            )
        ],
    )


if __name__ == "__main__":
    main()
