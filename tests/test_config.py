"""Settings that contradict each other."""

import dataclasses
import pathlib
import re
from typing import Any

import pytest

import gpt_nas_jax
from gpt_nas_jax.checks import check
from gpt_nas_jax.config import STAGES, Config, fields
from gpt_nas_jax.types import UsageError


def changed(**values: Any) -> Config:
    """The default config with these flags changed."""
    paths = {field.name: field.path for field in fields.of(Config())}
    return fields.replace(Config(), {paths[n]: value for n, value in values.items()})


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"space_min_depth": 7, "space_max_depth": 7, "space_num_stages": 7},
        {"space_width": 48, "prior_width": 4},
        {"data_name": "cifar10", "data_dir": "tfds"},
        {"data_name": "folder", "data_dir": "photos", "data_side": 32},
        {"data_name": "imagenet2012", "data_dir": "tfds", "data_fraction": 0.1},
        {"data_name": "imagenet2012", "data_dir": "tfds", "eval_pad": 0},
        {"data_name": "npz", "data_dir": "digits.npz", "data_flip": "no"},
        {"data_name": "tfds:mnist", "data_dir": "tfds", "data_side": 16},
        {"data_name": "mine:load", "data_side": 16},
        {"search_strategy": "genetic", "stage": "search"},
        {"search_strategy": "genetic", "search_mutation_rate": 0.7},
        {"search_strategy": "uniform_refill", "search_elimination_rate": 0.7},
        # Defaults, as in a flagfile for several strategies.
        {"search_strategy": "random", "search_crossover_rate": 0.9},
        {
            "stage": "tables",
            "tables_source": "cells.npz",
            "tables_strategies": "random,genetic",
            "search_crossover_rate": 0.5,
        },
        # One of the rows reads it.
        {"stage": "tables", "tables_name": "3", "search_elimination_rate": 0.2},
        # It runs no strategy.
        {"stage": "tables", "tables_name": "figure2", "search_mutation_rate": 0.7},
        {"search_strategy": "gpt_nas", "prior_nasbench101": "cells.npz"},
        {"prior_corpus": "nasbench201", "prior_nasbench201": "cells.npz"},
        {"prior_corpus": "nasbench201"},
        {"stage": "retrain", "retrain_genome": "1,2,3"},
        {"eval_method": "zero_cost", "eval_proxies": "naswot"},
        {"search_filter": 4, "train_warmup": "all", "eval_max_seconds": 9.0},
        {
            "stage": "tables",
            "tables_source": "cells.npz",
            "tables_scores": "scores.npz",
            "prior_corpus": "nasbench101",
        },
        {"stage": "tables", "tables_name": "3", "tables_rows": "gpt_nas,GoogLeNet"},
        {
            "stage": "tables",
            "tables_name": "4",
            "eval_schedule": "constant",
            "prior_nasbench101": "cells.npz",
        },
        {"stage": "tables", "tables_name": "figure2", "tables_rates": "0.4"},
        {"data_balance": "loss", "eval_measure": "balanced_accuracy"},
        {
            "retrain_randaugment_ops": 2,
            "retrain_randaugment_magnitude": 9.0,
            "retrain_drop_path": 0.5,
        },
        {"stage": "pretrain"},
        {"stage": "zoo"},
        # A stage ignores contradictions in settings that it does not read.
        {"stage": "zoo", "space_width": 24, "data_name": "cifar10"},
        {"stage": "baseline", "space_width": 24, "eval_max_memory": "much"},
        # A flagfile may set flags of several stages.
        {"stage": "search", "tables_name": "4", "imports_name": "nasbench101"},
        {"stage": "zoo", "retrain_epochs": 2, "search_generations": 5},
        {
            "stage": "baseline",
            "baseline_name": "GoogLeNet",
            "search_strategy": "random",
        },
        {
            "stage": "import_benchmark",
            "imports_source": "cells.csv",
            "imports_out": "cells.npz",
        },
        {
            "stage": "proxies",
            "proxies_source": "cells.npz",
            "proxies_names": "zico,params",
            "data_name": "cifar10",
            "data_dir": "tfds",
        },
    ],
)
def test_settings_that_agree(values: dict[str, Any]):
    check(changed(**values))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (
            {"space_min_depth": 9, "space_max_depth": 8},
            ["--space_min_depth=9", "--space_max_depth=8"],
        ),
        (
            {"space_min_depth": 3, "space_num_stages": 4},
            ["--space_min_depth=3", "--space_num_stages=4"],
        ),
        ({"space_width": 24}, ["--space_width=24", "multiple of 16"]),
        *[
            ({"search_objectives": text}, [f"--search_objectives={text}", "accuracy"])
            for text in ("", "params", "accuracy,time", "accuracy,flops,flops")
        ],
        (
            {"search_objectives": "accuracy,flops", "search_finalists": 2},
            ["--search_finalists=2", "--search_objectives"],
        ),
        (
            {"search_objectives": "accuracy,flops", "search_filter": 3},
            ["--search_filter=3", "--search_objectives"],
        ),
        (
            {"search_objectives": "accuracy,flops", "eval_method": "zero_cost"},
            ["--search_objectives=accuracy,flops", "--eval_method=zero_cost"],
        ),
        (
            {
                "search_objectives": "accuracy,flops",
                "stage": "tables",
                "tables_source": "cells.npz",
            },
            ["--search_objectives=accuracy,flops", "--stage=tables"],
        ),
        (
            {"search_max_latency": 1.0, "space_name": "nasbench201"},
            ["--space_name=nasbench201", "--search_max_latency", "chains of blocks"],
        ),
        (
            {"search_objectives": "accuracy,latency", "space_name": "nasbench101"},
            ["--space_name=nasbench101", "--search_objectives", "chains of blocks"],
        ),
        (
            {
                "search_max_latency": 1.0,
                "stage": "tables",
                "tables_source": "cells.npz",
            },
            ["--stage=tables", "--search_max_latency"],
        ),
        (
            {"eval_latency_table": "phone.json"},
            ["--eval_latency_table=phone.json", "--search_max_latency"],
        ),
        (
            {"eval_latency_batch": 8, "search_objectives": "accuracy,flops"},
            ["--eval_latency_batch=8", "accuracy,latency"],
        ),
        (
            {"search_min_params": 9.0, "search_max_params": 8.0},
            ["--search_min_params=9", "--search_max_params=8"],
        ),
        ({"retrain_pick": "knee"}, ["--retrain_pick=knee", "--search_objectives"]),
        ({"retrain_pick": "0"}, ["--retrain_pick=0", "number from 1"]),
        (
            {"retrain_baselines": "ResNet-19"},
            ["--retrain_baselines=ResNet-19", "--stage=zoo"],
        ),
        (
            {"stage": "baseline", "retrain_baselines": "ResNet-18"},
            ["--retrain_baselines=ResNet-18", "--stage=all"],
        ),
        ({"data_unreadable": "skip"}, ["--data_unreadable=skip", "=folder"]),
        ({"data_stream": "yes"}, ["--data_stream=yes", "=folder"]),
        *[
            ({"eval_max_memory": text}, [f"--eval_max_memory={text}", "auto or a num"])
            for text in ("much", "0", "-1", "inf", "nan", "")
        ],
        ({"prior_width": 66}, ["--prior_width=66", "multiple", "4 heads"]),
        ({"data_name": "cifar10"}, ["--data_name=cifar10", "--data_dir"]),
        ({"data_name": "cifar100"}, ["--data_name=cifar100", "--data_dir"]),
        ({"data_name": "folder"}, ["--data_name=folder", "--data_dir"]),
        ({"data_name": "tfds:mnist"}, ["--data_name=tfds:mnist", "--data_dir"]),
        ({"data_side": 32}, ["--data_side", "--data_name=folder"]),
        ({"data_fraction": 0.0}, ["--data_fraction=0"]),
        (
            {"data_name": "imagenet2012", "data_dir": "tfds", "eval_pad": 2},
            ["--eval_pad=2", "imagenet2012", "random resized crops"],
        ),
        (
            {"data_name": "imagenet2012", "data_dir": "tfds", "retrain_pad": 8},
            ["--retrain_pad=8", "imagenet2012", "random resized crops"],
        ),
        ({"data_valid_fraction": 0.0}, ["--data_valid_fraction=0.0", "0 and 1"]),
        ({"data_valid_fraction": 1.0}, ["--data_valid_fraction=1.0", "0 and 1"]),
        (
            {"search_strategy": "genetic", "prior_nasbench101": "cells.npz"},
            ["--prior_nasbench101", "--search_strategy=gpt_nas"],
        ),
        (
            {
                "search_strategy": "genetic",
                "prior_corpus": "nasbench201",
                "prior_nasbench201": "cells.npz",
            },
            ["--prior_nasbench201", "--search_strategy=gpt_nas"],
        ),
        (
            {"prior_corpus": "nasbench201", "prior_nasbench101": "cells.npz"},
            ["--prior_nasbench101", "--prior_corpus=nasbench101"],
        ),
        (
            {"prior_nasbench201": "cells.npz"},
            ["--prior_nasbench201", "--prior_corpus=nasbench201"],
        ),
        (
            {"search_strategy": "genetic", "stage": "pretrain"},
            ["--stage=pretrain", "--search_strategy=gpt_nas"],
        ),
        (
            {"stage": "import_benchmark", "imports_out": "cells.npz"},
            ["--stage=import_benchmark", "--imports_source"],
        ),
        (
            {
                "stage": "import_benchmark",
                "imports_source": "cells.csv",
                "imports_out": "cells",
            },
            ["--imports_out=cells", ".npz"],
        ),
        ({"imports_out": "cells.npz"}, ["--imports_out", "--stage=import_benchmark"]),
        ({"eval_proxies": "naswot,luck"}, ["--eval_proxies=naswot,luck", "zico"]),
        ({"eval_proxies": "zico,zico"}, ["--eval_proxies=zico,zico", "once"]),
        ({"eval_proxies": ""}, ["--eval_proxies="]),
        ({"search_finalist_epochs": 9}, ["--search_finalist_epochs=9", "finalists=2"]),
        (
            {
                "search_finalists": 2,
                "search_finalist_epochs": 1,
                "eval_warmup_epochs": 2.0,
            },
            ["--search_finalist_epochs=1", "--eval_warmup_epochs=2.0"],
        ),
        ({"eval_rungs": "1,x,6"}, ["--eval_rungs=1,x,6", "2,6,18"]),
        ({"eval_rungs": "3,2,6"}, ["--eval_rungs=3,2,6", "ascending"]),
        ({"eval_rungs": "0,6"}, ["--eval_rungs=0,6", "from 1"]),
        ({"eval_rungs": "6"}, ["--eval_rungs=6", "two or more"]),
        ({"eval_rungs": "2,4"}, ["--eval_rungs=2,4", "--eval_epochs=6"]),
        (
            {"eval_rungs": "1,6", "eval_warmup_epochs": 2.0},
            ["--eval_warmup_epochs=2.0", "--eval_rungs=1,6"],
        ),
        (
            {"eval_rungs": "2,6", "eval_method": "zero_cost"},
            ["--eval_rungs=2,6", "--eval_method=zero_cost"],
        ),
        (
            {"search_lag": 1, "search_strategy": "local_search"},
            ["--search_lag=1", "local_search"],
        ),
        ({"eval_keep": 4}, ["--eval_keep=4", "--eval_rungs"]),
        *[
            (
                {"search_strategy": strategy, f"search_{rate}": 0.7},
                [f"--search_{rate}=0.7 has no effect on {strategy}", "gpt_nas"],
            )
            for strategy, rate in (
                ("random", "elimination_rate"),
                ("genetic", "elimination_rate"),
                ("gpt_nas_online", "elimination_rate"),
                ("surrogate", "crossover_rate"),
                ("regularised_evolution", "mutation_rate"),
            )
        ],
        *[
            (
                {"search_strategy": strategy, "search_elimination_generations": 7},
                [f"--search_elimination_generations=7 has no effect on {strategy}"],
            )
            for strategy in ("random", "genetic")
        ],
        (
            {
                "stage": "tables",
                "tables_source": "cells.npz",
                "tables_strategies": "random,genetic",
                "search_elimination_rate": 0.7,
            },
            ["--search_elimination_rate=0.7", "random, genetic"],
        ),
        (
            {"eval_rungs": "2,6", "eval_schedule": "constant"},
            ["--eval_rungs=2,6", "--eval_schedule=linear"],
        ),
        (
            {
                "eval_rungs": "2,6",
                "search_strategy": "random",
                "search_batch": 2,
            },
            ["--eval_rungs=2,6", "--search_batch"],
        ),
        (
            {"search_lag": 1, "search_filter": 3},
            ["--search_lag=1", "--search_filter=3"],
        ),
        (
            {"search_lag": 1, "executor": "ray"},
            ["--search_lag=1", "--executor=local"],
        ),
        (
            {
                "stage": "tables",
                "tables_source": "cells.npz",
                "prior_corpus": "nasbench101",
                "tables_name": "nasbench201",
                "search_max_hours": 2.0,
            },
            ["--search_max_hours=2.0", "benchmark"],
        ),
        (
            {"eval_proxies": "naswot"},
            ["--eval_proxies=naswot", "--eval_method=zero_cost", "--search_filter=3"],
        ),
        (
            {
                "stage": "tables",
                "tables_source": "cells.npz",
                "tables_strategies": "random",
                "search_filter": 2,
            },
            ["--search_filter", "--stage=tables"],
        ),
        (
            {
                "stage": "tables",
                "tables_source": "cells.npz",
                "tables_strategies": "random",
                "eval_method": "zero_cost",
            },
            ["--eval_method=zero_cost", "--stage=tables"],
        ),
        (
            {"search_strategy": "local_search", "search_filter": 2},
            ["--search_filter=2", "local_search", "--search_strategy"],
        ),
        (
            {"eval_method": "zero_cost", "eval_max_seconds": 5.0},
            ["--eval_max_seconds", "--eval_method=zero_cost"],
        ),
        (
            {"eval_method": "zero_cost", "train_warmup": "all"},
            ["--train_warmup=all", "--eval_method=zero_cost"],
        ),
        (
            {"eval_method": "zero_cost", "eval_measure": "balanced_accuracy"},
            ["--eval_measure=balanced_accuracy", "--eval_method=trained"],
        ),
        (
            {
                "stage": "tables",
                "tables_source": "cells.npz",
                "tables_strategies": "random",
                "eval_measure": "balanced_accuracy",
            },
            ["--eval_measure=balanced_accuracy", "--stage=tables"],
        ),
        (
            {"retrain_randaugment_magnitude": 9.0},
            ["--retrain_randaugment_magnitude=9.0", "--retrain_randaugment_ops=1"],
        ),
        ({"retrain_drop_path": 1.0}, ["--retrain_drop_path=1"]),
        (
            {"tables_scores": "scores.npz"},
            ["--tables_scores=scores.npz", "--stage=tables"],
        ),
        (
            {
                "stage": "tables",
                "tables_name": "nasbench101",
                "tables_source": "cells.npz",
                "tables_scores": "scores.npz",
                "prior_corpus": "nasbench201",
            },
            ["--tables_scores", "--tables_name=nasbench201"],
        ),
        ({"tables_networks": 9}, ["--tables_networks=9", "--stage=tables"]),
        (
            {"stage": "tables", "tables_name": "3", "tables_networks": 9},
            ["--tables_networks", "4 or 5 or figure2"],
        ),
        (
            {"stage": "tables", "tables_name": "4", "tables_source": "cells.npz"},
            ["--tables_source", "nasbench101 or nasbench201"],
        ),
        (
            {"stage": "tables", "tables_name": "3", "tables_rows": "VGG"},
            ["--tables_rows=VGG", "GoogLeNet", "once"],
        ),
        (
            {"stage": "tables", "tables_name": "3", "tables_rows": "own:Strategy"},
            ["--tables_rows=own:Strategy", "GoogLeNet", "once"],
        ),
        (
            {"stage": "tables", "tables_name": "4", "tables_controls": "genetic"},
            ["--tables_controls=genetic", "unigram_refill", "once"],
        ),
        (
            {
                "stage": "tables",
                "tables_name": "3",
                "tables_controls": "unigram_refill",
            },
            ["--tables_controls", "--tables_name=4"],
        ),
        (
            {"stage": "tables", "tables_name": "4", "tables_rates": "0.2,0.4"},
            ["--tables_rates=0.2,0.4", "begin with 0"],
        ),
        (
            {"stage": "tables", "tables_name": "figure2", "tables_rates": "0.4,much"},
            ["--tables_rates=0.4,much", "ascending numbers"],
        ),
        (
            {"stage": "tables", "tables_name": "figure2", "tables_rates": "0.4,1.2"},
            ["--tables_rates=0.4,1.2", "0 and 1"],
        ),
        (
            {"stage": "tables", "tables_name": "4", "eval_trained_blocks": "proposed"},
            ["--eval_trained_blocks=all"],
        ),
        (
            {"stage": "tables", "tables_name": "5", "tables_epochs": "6"},
            ["--tables_epochs=6", "two or more"],
        ),
        (
            {
                "stage": "tables",
                "tables_name": "5",
                "tables_epochs": "6,30",
                "eval_schedule": "constant",
            },
            ["--eval_epochs=6", "--tables_epochs=6,30"],
        ),
        (
            {
                "stage": "tables",
                "tables_name": "5",
                "tables_epochs": "2,6",
                "eval_schedule": "cosine",
            },
            ["--eval_schedule=cosine", "constant"],
        ),
        (
            {
                "stage": "tables",
                "tables_name": "5",
                "tables_epochs": "2,6",
                "eval_schedule": "constant",
                "prior_nasbench101": "cells.npz",
            },
            ["--prior_nasbench101"],
        ),
        ({"retrain_genome": "1,2,3"}, ["--retrain_genome", "--stage=retrain"]),
        (
            {"baseline_name": "GoogLeNet"},
            ["--baseline_name=GoogLeNet", "--stage=baseline"],
        ),
        ({"proxies_batch": 16}, ["--proxies_batch=16", "--stage=proxies"]),
        ({"proxies_networks": 0}, ["--proxies_networks=0", "--stage=proxies"]),
        ({"stage": "zoo", "zoo_json": "a", "imports_source": "b"}, ["--imports_sour"]),
        ({"stage": "baseline", "retrain_genome": "1"}, ["--stage=retrain"]),
        # The stages of a run share its flags.
        ({"stage": "pretrain", "eval_max_memory": "much"}, ["--eval_max_memory"]),
    ],
)
def test_a_contradiction_is_one_line_with_its_flags(
    values: dict[str, Any], named: list[str]
):
    with pytest.raises(UsageError) as caught:
        check(changed(**values))
    message = str(caught.value)
    assert "\n" not in message
    for part in named:
        assert part in message


@pytest.mark.parametrize(
    "stage", ["zoo", "import_benchmark", "proxies", "baseline", "tables"]
)
def test_the_module_of_a_stage_reads_what_the_stage_declares(stage: str):
    path = pathlib.Path(gpt_nas_jax.__file__).parent / "stages" / f"{stage}.py"
    source = path.read_text(encoding="utf-8")
    named = {field.name for field in dataclasses.fields(Config)} - {"stage"}
    read = named & set(re.findall(r"\bconfig\.(\w+)", source))
    assert read <= set(STAGES[stage].reads)
