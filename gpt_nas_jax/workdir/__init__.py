"""Everything that is kept: the flags of a run, its ledger, checkpoints and results.

Files and folders are written beside their place and renamed, so that a crash leaves the
old or the new one. What the program reads again carries a checksum; if it does not
match, the reader raises `UsageError` with the path and the remedy.
"""

from gpt_nas_jax.workdir.arrays import read_array, write_array
from gpt_nas_jax.workdir.checkpoints import (
    load_latest,
    load_tree,
    save_step,
    save_tree,
)
from gpt_nas_jax.workdir.claims import (
    DEPENDS,
    REFERENCE,
    RUNGS,
    check,
    flags_in,
    keep_same,
    locked,
    opened,
    read_flags,
    remove,
    require_file,
    require_writable,
    result_in,
)
from gpt_nas_jax.workdir.extension import (
    LEDGER,
    count,
    extend,
    extended,
    finalists,
    home_of_result,
    set_aside,
)
from gpt_nas_jax.workdir.files import damaged, storing, write_bytes, write_text
from gpt_nas_jax.workdir.ledger import Ledger, MemoryLedger, best
from gpt_nas_jax.workdir.mirrors import FLAGS
from gpt_nas_jax.workdir.mirrors import opened as fetched
from gpt_nas_jax.workdir.places import below, caches, folder, is_store, shown
from gpt_nas_jax.workdir.structured import (
    read_json,
    read_sealed,
    write_json,
    write_sealed,
)

__all__ = [
    "DEPENDS",
    "FLAGS",
    "LEDGER",
    "REFERENCE",
    "RUNGS",
    "Ledger",
    "MemoryLedger",
    "below",
    "best",
    "caches",
    "check",
    "count",
    "damaged",
    "extend",
    "extended",
    "fetched",
    "finalists",
    "flags_in",
    "folder",
    "home_of_result",
    "is_store",
    "keep_same",
    "load_latest",
    "load_tree",
    "locked",
    "opened",
    "read_array",
    "read_flags",
    "read_json",
    "read_sealed",
    "remove",
    "require_file",
    "require_writable",
    "result_in",
    "save_step",
    "save_tree",
    "set_aside",
    "shown",
    "storing",
    "write_array",
    "write_bytes",
    "write_json",
    "write_sealed",
    "write_text",
]
