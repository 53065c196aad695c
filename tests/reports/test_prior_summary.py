"""The report on a prior, shown on a terminal."""

import copy
from typing import Any

import pytest

from gpt_nas_jax.reports import prior_summary

PHASE = {
    "networks": 20,
    "architectures": 12,
    "stopping": 2,
    "held_out": 3,
    "windows": 90,
    "gpt_perplexity": 1.5,
    "ngram_perplexity": 1.75,
    "equal_ngram_perplexity": 1.7,
    "passes": 40.0,
    "kept_step": 50,
    "curve": [
        {"step": 0, "train_loss": None, "held_out_loss": 3.25},
        {"step": 50, "train_loss": 1.0, "held_out_loss": 0.5},
        {"step": 100, "train_loss": 0.75, "held_out_loss": 0.625},
    ],
}
REPORT: dict[str, Any] = {
    "vocabulary_size": 3,
    "words_with_groups": 5,
    "words_by_kind": {"conv": [2, 4], "fc": [1, 1]},
    "pretrain": PHASE,
    "finetune": PHASE | {"stopping": 0, "kept_step": 100},
    "fcn_accuracy": 0.9,
    "fcn_layer_accuracy": 0.95,
    "samples": {
        "proposals": [
            {
                "context": ["conv a", "other b"],
                "layers": [["conv c", 0.75], ["fc d", 0.125]],
                "gene": "Bottleneck",
                "actual_layer": "fc d",
                "actual_gene": "Stem",
            }
        ],
        "rewritings": [
            {
                "rate": 0.5,
                "before": ["Conv", "ReLU", "Stem"],
                "eliminated": [False, True, False],
                "after": ["Conv", "MaxPool", "Stem"],
            }
        ],
    },
    "seconds": {"reading": 1.5, "pretrain": 20.0},
    "peak_memory_gib": 0.75,
}


def test_a_report_can_be_read(capsys: pytest.CaptureFixture[str]):
    before = copy.deepcopy(REPORT)
    prior_summary.show(REPORT, "NAS-Bench-101")
    assert before == REPORT
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    row = next(line for line in lines if "NAS-Bench-101" in line)
    cells = [cell.strip() for cell in row.split("│")[1:-1]]
    assert cells == [
        "NAS-Bench-101",
        "20",
        "12",
        "2",
        "3",
        "90",
        "1.5000",
        "1.7500",
        "1.7000",
    ]
    stopped, ended = (line for line in lines if "passes" in line)
    assert "validation loss 3.2500 at first, 0.6250 at last" in stopped
    assert "after step 50, with 0.5000" in stopped
    assert "test loss 3.2500 at first" in ended
    assert "after step 100, with 0.6250" in ended
    assert "conv 2 (4), fc 1 (1)" in "\n".join(lines)
    assert "seconds: reading 1.5, pretrain 20.0; peak memory 0.75 GiB" in lines
    place = lines.index("following conv a")
    assert lines[place + 1 : place + 6] == [
        "other b",
        "0.750 conv c",
        "0.125 fc d",
        "as a gene: Bottleneck",
        "actual: fc d (Stem)",
    ]
    assert "before Conv [ReLU] Stem" in lines
    assert "after  Conv MaxPool Stem" in lines
