"""Images that many trainings use, placed on each device once."""

import threading

import jax

from gpt_nas_jax.datasets.images import ImageSet, Splits
from gpt_nas_jax.training.batches import TrainingData
from gpt_nas_jax.training.placement import Placement
from gpt_nas_jax.training.streamed import placed


class SharedImages:
    """A part of the splits, placed on a device when first used there.

    Threads may share it. Images stay on the device as long as this object lives;
    streamed ones stay on disk.
    """

    def __init__(
        self,
        images: ImageSet,
        splits: Splits,
        placement: Placement,
        balance: str = "none",
    ) -> None:
        """Places nothing yet.

        Args:
          images: the part.
          splits: say what normalises it and whether a mirrored image keeps its label.
          placement: where batches lie, and their type.
          balance: a value of ``--data_balance``, for images that are trained on.
        """
        self._images = images
        self._how = splits.mean, splits.std, splits.flip, placement, balance
        self._lock = threading.Lock()
        self._placed: dict[jax.Device, TrainingData] = {}

    def here(self) -> TrainingData:
        """The images on the default device of this thread."""
        # Where JAX puts a value is the one public way to learn which device it is.
        (device,) = jax.device_put(0).devices()
        with self._lock:
            if device not in self._placed:
                self._placed[device] = placed(self._images, *self._how)
            return self._placed[device]
