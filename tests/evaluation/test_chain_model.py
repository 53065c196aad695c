"""The ensemble that predicts the accuracy of chains, and searches that use it."""

import csv
import dataclasses
import functools
import itertools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gpt_nas_jax.datasets.benchmarks import chainbench
from gpt_nas_jax.datasets.benchmarks.chainbench import Chainbench
from gpt_nas_jax.evaluation import chain_model
from gpt_nas_jax.evaluation.predicted import PredictedTable
from gpt_nas_jax.main import main
from gpt_nas_jax.spaces.blocks.network import stage_starts
from gpt_nas_jax.spaces.blocks.space import BlockSpace
from gpt_nas_jax.types import PAD, UsageError

SPACE = BlockSpace(**chainbench.SPACE)


@functools.cache
def some() -> np.ndarray:
    """Distinct genomes."""
    return np.unique(np.asarray(SPACE.sample(jax.random.key(0), 120)), axis=0)


def truth(genomes: np.ndarray) -> np.ndarray:
    """An accuracy that grows with the share of one block and falls with the depth."""
    depth = (genomes != PAD).sum(-1)
    return 0.4 + 0.1 * (genomes == 3).sum(-1) / depth - 0.01 * depth


@pytest.fixture(scope="module")
def model() -> chain_model.ChainModel:
    keys = np.ones(len(some()), int)
    return chain_model.fit(SPACE, some(), truth(some()), keys)


def groups(genome: np.ndarray) -> dict[str, np.ndarray]:
    """The features of one chain, counted block by block."""
    genes = [int(gene) for gene in genome if gene != PAD]
    starts = [*stage_starts(len(genes), SPACE.num_stages), len(genes)]
    placed = np.zeros((SPACE.num_stages, 2, SPACE.num_genes))
    lasts = np.zeros((SPACE.num_stages, SPACE.num_genes))
    for stage in range(SPACE.num_stages):
        run = genes[starts[stage] : starts[stage + 1]]
        for place, gene in enumerate(run):
            placed[stage, int(place == 0), gene] += 1
        lasts[stage, run[-1]] = 1
    pairs = np.zeros((SPACE.num_genes,) * 2)
    for first, second in itertools.pairwise(genes):
        pairs[first, second] += 1
    ends = np.zeros((2, SPACE.num_genes))
    ends[0, genes[0]] = ends[1, genes[-1]] = 1
    return {
        "placed": placed.ravel(),
        "staged": placed.sum(1).ravel(),
        "counts": placed.sum((0, 1)),
        "pairs": pairs.ravel(),
        "ends": ends.ravel(),
        "lasts": lasts.ravel(),
    }


def test_features_are_what_a_count_gives():
    found = jax.jit(chain_model.features, static_argnums=0)(SPACE, some()[:20])
    for row, genome in enumerate(some()[:20]):
        for name, expected in groups(genome).items():
            np.testing.assert_allclose(found[name][row], expected, err_msg=name)


def test_predictions_are_those_of_gaussian_processes(
    model: chain_model.ChainModel,
):
    """Compares with a NumPy implementation in double precision."""
    asked = np.asarray(SPACE.sample(jax.random.key(1), 30))
    points = jax.jit(chain_model.points, static_argnums=0)
    parts = []
    for pair in zip(points(SPACE, some()), points(SPACE, asked), strict=True):
        known, new = (np.asarray(part, np.float64) for part in pair)

        def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            return np.exp(-((a[:, None] - b[None]) ** 2).sum(-1) / 2)

        noisy = kernel(known, known) + 0.1 * np.eye(len(known))
        residual = truth(some()) - truth(some()).mean()
        parts.append(kernel(new, known) @ np.linalg.solve(noisy, residual))
    expected = truth(some()).mean() + np.mean(parts, 0)
    np.testing.assert_allclose(chain_model.predict(model, asked), expected, atol=1e-4)


def test_products_are_not_rounded_on_accelerators(model: chain_model.ChainModel):
    """By default GPUs and TPUs round, by more than predictions differ."""
    lowered = jax.jit(chain_model.ChainModel.predict).trace(model, some()[:4])
    text = lowered.lower(lowering_platforms=("tpu",)).as_text()
    products = [line for line in text.splitlines() if "stablehlo.dot_general" in line]
    kernels = [line for line in products if "contracting_dims = [1] x [0]" in line]
    assert len(kernels) >= 2 * len(chain_model.MEMBERS)
    assert all("precision = [HIGHEST, HIGHEST]" in line for line in kernels)


def test_noise_belongs_to_a_search_and_a_chain(model: chain_model.ChainModel):
    table = PredictedTable(model, jnp.float32(0.02))
    answer = jax.jit(table.answer, static_argnums=0)
    genomes, keys = some()[:50], jax.random.split(jax.random.key(2), 40)
    found = np.stack([answer(SPACE, key, genomes)[0] for key in keys])
    mean = np.asarray(chain_model.predict(model, genomes))
    draws = (found - mean) / 0.02
    assert abs(draws.mean()) < 0.1
    assert draws.std() == pytest.approx(1, abs=0.05)
    # Answers depend neither on the order of the query nor on its other chains.
    turned, kept = answer(SPACE, keys[0], genomes[::-1])
    np.testing.assert_allclose(turned[::-1], found[0], atol=1e-5)
    np.testing.assert_allclose(kept[::-1, 1], mean, atol=1e-5)


def test_what_is_no_chain_fails(model: chain_model.ChainModel):
    table = PredictedTable(model, jnp.float32(0.0))
    genomes = np.full((1, SPACE.length), PAD, np.int32)
    answer = jax.jit(table.answer, static_argnums=0)
    fitness, kept = answer(SPACE, jax.random.key(0), genomes)
    assert np.isneginf(fitness).all()
    assert np.isneginf(kept).all()


@pytest.fixture(scope="module")
def benchmark(model: chain_model.ChainModel) -> Chainbench:
    return Chainbench(
        some(),
        truth(some()),
        np.ones(len(some())),
        np.asarray(model.weights),
        noise=0.01,
        r2=0.9,
        tau=0.8,
        held_out=30,
    )


def test_a_file_holds_what_was_written(benchmark: Chainbench, tmp_path: Path):
    path = tmp_path / "chainbench.npz"
    path.write_bytes(chainbench.to_bytes(benchmark))
    found = chainbench.read(path)
    for field in dataclasses.fields(Chainbench):
        kept, given = getattr(found, field.name), getattr(benchmark, field.name)
        np.testing.assert_allclose(kept, given, rtol=1e-6)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"damaged|checksum"):
        chainbench.read(path)


@pytest.mark.parametrize(("r2", "tau"), [(0.79, 0.9), (0.9, 0.69)])
def test_a_poor_ensemble_is_refused(
    benchmark: Chainbench, r2: float, tau: float, tmp_path: Path
):
    path = tmp_path / "chainbench.npz"
    poor = dataclasses.replace(benchmark, r2=r2, tau=tau)
    path.write_bytes(chainbench.to_bytes(poor))
    with pytest.raises(UsageError, match=r"30 held-out chains .* train more chains"):
        chainbench.read(path)


def test_the_file_of_the_repository_is_that_of_its_trainings():
    folder = Path(__file__).parents[2] / "launch" / "chainbench"
    found = chainbench.read(folder / "chainbench.npz")
    assert len(found.genomes) >= 3000
    assert found.held_out == 200
    with (folder / "trainings.csv").open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["accuracy"]]
    accuracies: dict[str, list[float]] = {}
    for row in rows:
        accuracies.setdefault(row["blocks"], []).append(float(row["accuracy"]))
    known = dict(zip(map(bytes, found.genomes), found.accuracy, strict=True))
    assert len(known) == len(accuracies)
    for blocks, values in accuracies.items():
        genome = SPACE.genome(blocks.split()).astype(found.genomes.dtype)
        assert known[bytes(genome)] == pytest.approx(np.mean(values), abs=1e-6)


@pytest.mark.long
def test_searches_by_the_command_line(benchmark: Chainbench, tmp_path: Path):
    path, workdir = tmp_path / "chainbench.npz", tmp_path / "run"
    path.write_bytes(chainbench.to_bytes(benchmark))
    flags = (
        "--stage=tables",
        "--tables_name=chainbench",
        f"--tables_source={path}",
        "--tables_strategies=random,genetic,uniform_refill",
        "--search_seeds=3",
        "--search_queries=40",
        "--search_population=10",
        "--search_min_flops=1e6",
        "--search_max_flops=4e6",
        f"--workdir={workdir}",
    )
    assert main(["gpt_nas_jax", *flags]) == 0
    text = (workdir / "tables" / "table.md").read_text(encoding="utf-8")
    assert "uniform_refill" in text
    assert "Queries to the optimum" not in text
    rows = list((workdir / "rows" / "cifar10").glob("genetic@*.npy"))
    kept = np.load(rows[0])
    assert kept.shape == (3, 40, 2)
    assert np.isfinite(kept).all()
    # Evaluations are noisy; reported accuracies are not.
    assert np.std(kept[..., 0] - kept[..., 1]) == pytest.approx(0.01, rel=0.4)
