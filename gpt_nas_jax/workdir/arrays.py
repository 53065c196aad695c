"""Single arrays as ``.npy`` files with a checksum behind them."""

import hashlib
import io
from pathlib import Path

import numpy as np

from gpt_nas_jax.workdir.files import RESTORE, damaged, write_bytes

_SIZE = hashlib.sha256().digest_size


def write_array(path: Path, array: np.ndarray) -> None:
    """Writes a ``.npy`` file atomically; `numpy.load` reads it."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    data = buffer.getvalue()
    # NumPy stops reading at the end of the array.
    write_bytes(path, data + hashlib.sha256(data).digest())


def read_array(path: Path, remedy: str = RESTORE) -> np.ndarray:
    """Reads what `write_array` wrote.

    Raises:
      UsageError: it is missing or damaged; the message gives ``remedy``.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise damaged(path, error.strerror or "unreadable", remedy) from error
    data, checksum = content[:-_SIZE], content[-_SIZE:]
    if hashlib.sha256(data).digest() != checksum:
        raise damaged(path, "its checksum does not fit", remedy)
    return np.load(io.BytesIO(data), allow_pickle=False)
