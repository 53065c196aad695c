"""The prior: a model that proposes layers, and the FCN that maps them to genes."""

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from gpt_nas_jax.prior.fcn import FCN
from gpt_nas_jax.prior.gpt import GPT, next_layer_logits
from gpt_nas_jax.tokens.corpus import Windows
from gpt_nas_jax.tokens.reading import ReadingTable
from gpt_nas_jax.types import Tokens


@flax.struct.dataclass
class LayerPrior:
    """Proposes layers and genes for them; subclasses model the layers.

    A pytree: modules are static, parameters and tables are leaves.

    Attributes:
      fcn: predicts the genes that layers belong to.
      fcn_params: its parameters.
      table: turns genomes into tokens.
    """

    fcn: FCN = flax.struct.field(pytree_node=False)
    fcn_params: dict
    table: ReadingTable

    def next_layer(self, contexts: Tokens) -> jax.Array:
        """Logits ``[..., V]`` of the layer after ``int32[..., C]``."""
        raise NotImplementedError

    def layer_logits(self, contexts: Tokens) -> jax.Array:
        """`next_layer`, restricted to layers that can be the first of a gene."""
        return only_openers(self.table, self.next_layer(contexts))

    def gene_logits(self, contexts: Tokens, layers: Tokens) -> jax.Array:
        """Logits ``[..., G]`` of the genes of layers ``int32[...]``."""
        return self.fcn.apply({"params": self.fcn_params}, contexts, layers)

    def logits(self, contexts: Tokens) -> jax.Array:
        """See `Proposer`; averaged over the layers that may be proposed."""
        layers = jax.nn.softmax(self.layer_logits(contexts))
        size = layers.shape[-1]
        shape = (*layers.shape, contexts.shape[-1])
        each = jnp.broadcast_to(contexts[..., None, :], shape)
        tokens = jnp.broadcast_to(jnp.arange(size), layers.shape)
        genes = jax.nn.softmax(self.gene_logits(each, tokens))
        return jnp.log(jnp.einsum("...l,...lg->...g", layers, genes))


@flax.struct.dataclass
class Prior(LayerPrior):
    """The paper's prior, whose layers are proposed by a GPT.

    Attributes:
      gpt: the GPT.
      gpt_params: its parameters.
      seen: its training windows, for the controls.
      blocks: ``float32[G]``, how often each gene occurs as a block of the human
        training networks, for the controls; all 0 in a space of other genes.
    """

    gpt: GPT = flax.struct.field(pytree_node=False)
    gpt_params: dict
    seen: Windows
    blocks: np.ndarray

    def next_layer(self, contexts: Tokens) -> jax.Array:
        """See `LayerPrior`."""
        return next_layer_logits(self.gpt, self.gpt_params, contexts)


def only_openers(table: ReadingTable, logits: jax.Array) -> jax.Array:
    """Logits ``[..., V]`` with ``-inf`` for layers that cannot begin a gene."""
    return jnp.where(table.openers(logits.shape[-1]), logits, -jnp.inf)
