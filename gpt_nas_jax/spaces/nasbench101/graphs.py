"""Genomes of NAS-Bench-101 as graphs."""

import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.datasets.benchmarks.nasbench101 import MAX_VERTICES
from gpt_nas_jax.types import Genome

OUTPUT = MAX_VERTICES - 1
EDGES = tuple((x, y) for y in range(MAX_VERTICES) for x in range(y))
"""In the order of `nasbench101.pack_edges`."""
NUM_EDGES = len(EDGES)
_SOURCES, _TARGETS = np.array(EDGES, np.int32).T


def pruned(genomes: Genome) -> tuple[jax.Array, jax.Array]:
    """Edges ``bool[..., 7, 7]`` on paths from input to output, and the vertices."""
    shape = (*genomes.shape[:-1], MAX_VERTICES, MAX_VERTICES)
    edges = jnp.zeros(shape, bool)
    edges = edges.at[..., _SOURCES, _TARGETS].set(genomes[..., :NUM_EDGES] == 1)
    begins = jnp.zeros(shape[:-1], bool).at[..., 0].set(True)
    ends = jnp.zeros(shape[:-1], bool).at[..., OUTPUT].set(True)
    for vertex in range(1, MAX_VERTICES):
        reached = (edges[..., :, vertex] & begins).any(-1)
        begins = begins.at[..., vertex].set(reached)
    for vertex in range(OUTPUT - 1, -1, -1):
        reaches = (edges[..., vertex, :] & ends).any(-1)
        ends = ends.at[..., vertex].set(reaches)
    kept = begins & ends
    return edges & kept[..., :, None] & kept[..., None, :], kept
