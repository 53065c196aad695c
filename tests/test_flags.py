"""Flags generated from the config: names, values, flagfiles and errors."""

import dataclasses
import os
import pathlib
import pwd
import re
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

import gpt_nas_jax as gnj
from gpt_nas_jax import flags
from gpt_nas_jax.config import STAGES, Config, Setting, fields
from gpt_nas_jax.stages import retrain
from gpt_nas_jax.types import UsageError


def parse(*arguments: str) -> Config:
    config = flags.parse(["main", *arguments])
    assert isinstance(config, Config)
    return config


def leaves() -> dict[str, tuple[tuple[str, ...], Any, Setting]]:
    """Maps flag names to (path, default, setting), independently of `fields`."""
    found = {}

    def add(name: str, section: Any, path: tuple[str, ...]) -> None:
        for field in dataclasses.fields(section):
            if field.name == path[-1]:
                value = getattr(section, field.name)
                found[name] = path, value, field.metadata["setting"]

    config = Config()
    for top in dataclasses.fields(Config):
        section = getattr(config, top.name)
        if not dataclasses.is_dataclass(section):
            add(top.name, config, (top.name,))
            continue
        for field in dataclasses.fields(section):
            if field.name == "recipe":
                for inner in dataclasses.fields(section.recipe):
                    path = (top.name, "recipe", inner.name)
                    add(f"{top.name}_{inner.name}", section.recipe, path)
            else:
                path = (top.name, field.name)
                add(f"{top.name}_{field.name}", section, path)
    return found


LEAVES = leaves()


def value_at(config: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        config = getattr(config, name)
    return config


def is_plain(path: str) -> bool:
    return not path.startswith("~") and "://" not in path and not path.endswith("/")


def values_of(default: Any, setting: Setting) -> st.SearchStrategy[Any]:
    """The values that a flag accepts."""
    if setting.choices:
        return st.sampled_from(setting.choices)
    if isinstance(default, str):
        # Flagfiles strip white space from the ends of lines.
        text = st.text(
            st.characters(categories=["L", "N", "P", "S"]),
            min_size=1 if setting.path and default else 0,
        )
        return text.filter(is_plain) if setting.path else text
    low, high = setting.low, setting.high
    if isinstance(default, int):
        return st.integers(low, 10_000 if high is None else int(high))
    return st.floats(low, high, allow_nan=False, allow_infinity=False)


def another(default: Any, setting: Setting) -> Any:
    """An allowed value that is not the default."""
    if setting.plugin:
        return "module:Name"
    if setting.choices:
        return next(choice for choice in setting.choices if choice != default)
    if isinstance(default, str):
        return default + "/elsewhere"
    return default + 16 if isinstance(default, int) else default / 2 + 0.25


def without_space(text: str) -> str:
    """Removes white space, since help may be wrapped anywhere, even at hyphens."""
    return "".join(text.split())


def test_every_field_is_one_flag():
    assert [field.name for field in fields.of(Config())] == [*LEAVES]
    assert {"seed", "eval_epochs", "retrain_epochs", "eval_max_memory"} <= {*LEAVES}


@pytest.mark.parametrize("name", LEAVES)
def test_a_flag_sets_its_field_and_no_other(name: str):
    path, default, setting = LEAVES[name]
    value = another(default, setting)
    config = parse(f"--{name}={value}")
    assert value_at(config, path) == value
    assert type(value_at(config, path)) is type(default)
    assert fields.replace(config, {path: default}) == Config()


def test_help_lists_every_flag():
    text = flags.parse(["main", "--help"])
    assert isinstance(text, str)
    squeezed = without_space(text)
    for name, (_, default, setting) in LEAVES.items():
        assert f"--{name}:" in squeezed
        assert setting.help.endswith(".")
        assert without_space(setting.help) in squeezed
        assert f"(default:'{default}')" in squeezed
    for name, stage in STAGES.items():
        assert without_space(f"{name} {stage.help}") in squeezed


@pytest.mark.parametrize("stage", STAGES)
def test_help_of_a_stage_lists_the_flags_that_it_reads(stage: str):
    text = flags.parse(["main", "--help", f"--stage={stage}"])
    assert isinstance(text, str)
    assert text.splitlines()[0] == f"{stage}: {STAGES[stage].help}"
    expected = {
        name
        for name, (path, _, _) in LEAVES.items()
        if path[0] in ("stage", *STAGES[stage].reads)
    }
    assert set(re.findall(r"^  --(\w+):", text, re.MULTILINE)) == expected


def test_help_of_a_stage_that_a_flagfile_names(tmp_path: pathlib.Path):
    path = tmp_path / "zoo.flags"
    path.write_text("--stage=zoo\n", encoding="utf-8")
    assert flags.parse(["main", f"--flagfile={path}", "--help"]) == flags.parse(
        ["main", "--stage=zoo", "--help"]
    )


def test_help_of_an_unknown_stage_is_refused():
    with pytest.raises(UsageError, match=r"^flag --stage=reprot: [^\n]*$"):
        flags.parse(["main", "--stage=reprot", "--help"])


def test_every_setting_is_read_by_a_stage():
    read = {name for stage in STAGES.values() for name in stage.reads}
    named = {field.name for field in dataclasses.fields(Config)}
    assert read == named - {"stage"}


@pytest.fixture(scope="module")
def flagfile(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("flags") / "run.flags"


@hypothesis.given(data=st.data())
def test_a_config_is_what_its_flagfile_says(
    data: st.DataObject, flagfile: pathlib.Path
):
    names = data.draw(st.sets(st.sampled_from([*LEAVES]), max_size=6))
    changes = {
        LEAVES[name][0]: data.draw(values_of(*LEAVES[name][1:])) for name in names
    }
    config = fields.replace(Config(), changes)
    flagfile.write_text(fields.to_text(config), encoding="utf-8")
    assert parse(f"--flagfile={flagfile}") == config


def test_a_flagfile_holds_comments_and_other_flagfiles(tmp_path: pathlib.Path):
    inner, outer = tmp_path / "inner.flags", tmp_path / "outer.flags"
    inner.write_text("--seed=3\n--eval_epochs=9\n", encoding="utf-8")
    outer.write_text(
        f"# --seed=5\n\n--flagfile={inner}\n// note\n--eval_epochs=8\n",
        encoding="utf-8",
    )
    expected = parse("--seed=3", "--eval_epochs=8", "--stage=search")
    assert parse(f"--flagfile={outer}", "--stage=search") == expected


def test_the_last_of_equal_flags_counts(tmp_path: pathlib.Path):
    path = tmp_path / "seed.flags"
    path.write_text("--seed=3\n", encoding="utf-8")
    assert parse("--seed=2", f"--flagfile={path}").seed == 3
    assert parse(f"--flagfile={path}", "--seed=2").seed == 2


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        ("--sed=1", "'sed'"),
        ("--eval_recipe_epochs=1", "'eval_recipe_epochs'"),
        ("--seed", "--seed"),
        ("--seed=-1", "--seed=-1"),
        ("--seed=4294967296", "--seed=4294967296"),
        ("--seed=one", "--seed=one"),
        ("--seed=1\n2", "--seed=1 2"),
        ("--eval_epochs=0", "--eval_epochs=0"),
        ("--eval_epochs=1.5", "--eval_epochs=1.5"),
        ("--retrain_learning_rate=-0.1", "--retrain_learning_rate=-0.1"),
        ("--search_mutation_rate=1.1", "--search_mutation_rate=1.1"),
        ("--search_mutation_rate=nan", "--search_mutation_rate=nan"),
        ("--eval_warmup_epochs=inf", "--eval_warmup_epochs=inf"),
        ("--search_strategy=luck", "--search_strategy=luck"),
        ("--flagfile=missing.flags", "missing.flags"),
        ("--flagfile=.", "flagfile"),
        ("launch/digits.flags", "'launch/digits.flags'"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(argument: str, named: str):
    with pytest.raises(UsageError) as caught:
        parse("--data_name=digits", argument)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "ERROR" not in str(caught.value)


def test_an_unknown_flag_in_a_flagfile_is_refused(tmp_path: pathlib.Path):
    path = tmp_path / "old.flags"
    path.write_text("--seed=1\n--epochs=3\n", encoding="utf-8")
    with pytest.raises(UsageError, match="'epochs'"):
        parse(f"--flagfile={path}")


PATHS = [name for name, (_, _, setting) in LEAVES.items() if setting.path]


def test_every_setting_that_names_a_file_or_folder_is_a_path():
    assert {*PATHS} == {
        *("workdir", "data_dir", "prior_dir", "train_cache_dir", "zoo_json"),
        *("prior_nasbench101", "prior_nasbench201", "tables_source"),
        *("tables_scores", "proxies_source", "imports_source", "imports_out"),
        *("predict_out", "export_data_dir", "search_seeds_from"),
        "eval_latency_table",
    }


@pytest.mark.parametrize("name", PATHS)
def test_a_path_may_begin_with_a_home_directory(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
):
    monkeypatch.setenv("HOME", "/home/of us")
    user = pwd.getpwuid(os.getuid())
    path = tmp_path / "some.flags"
    for given, expected in {
        "~": "/home/of us",
        "~/a b/~c": "/home/of us/a b/~c",
        f"~{user.pw_name}/run": f"{user.pw_dir.rstrip('/')}/run",
        "./~": "./~",
        "/~/a:b//c": "/~/a:b//c",
    }.items():
        assert value_at(parse(f"--{name}={given}"), LEAVES[name][0]) == expected
        path.write_text(f"--{name}={given}\n", encoding="utf-8")
        assert value_at(parse(f"--flagfile={path}"), LEAVES[name][0]) == expected


@pytest.mark.parametrize(
    ("given", "kept"),
    [("runs/mine/", "runs/mine"), ("mine//", "mine"), ("/", "/"), ("//", "/")],
)
def test_a_folder_may_end_with_a_slash(given: str, kept: str):
    for config in (parse(f"--workdir={given}"), gnj.configure(workdir=given)):
        assert config.workdir == kept
    # An earlier run with this very flag can still be resumed.
    seeds = parse(f"--search_seeds_from={given}").search.seeds_from
    assert seeds == given


def test_the_flagfile_of_a_network_names_a_folder_beside_that_of_the_run():
    again = retrain.config_again(parse("--workdir=runs/mine/"), np.array([1, 2]))
    assert again.workdir == "runs/mine-retrained"


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("url", ["ftp://bucket/run", "file:///tmp/run", "~/s3://b"])
def test_a_path_that_is_a_url_is_refused(name: str, url: str):
    with pytest.raises(UsageError, match=f"^--{name}={url} is a URL; only local fold"):
        parse(f"--{name}={url}")


def test_only_workdir_and_images_may_be_on_a_store():
    assert parse("--workdir=gs://bucket/a/run/").workdir == "gs://bucket/a/run"
    assert parse("--workdir=s3://bucket/run").workdir == "s3://bucket/run"
    assert parse("--data_dir=gs://bucket/images").data.dir == "gs://bucket/images"
    for name in {*PATHS} - {"workdir", "data_dir"}:
        with pytest.raises(UsageError, match="only local folders and files can be use"):
            parse(f"--{name}=gs://bucket/a")
    with pytest.raises(UsageError, match="files, gs:// URLs can be used"):
        parse("--data_dir=s3://bucket/images")


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize(
    ("path", "named"),
    [("~no one of that name/a", "no user 'no one of"), ("a\udcffb", "is not UTF-8")],
)
def test_an_impossible_path_is_refused(name: str, path: str, named: str):
    with pytest.raises(UsageError, match=f"^--{name}={path}.* {named}") as raised:
        parse(f"--{name}={path}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("empty", ["", "  "])
def test_a_path_with_a_default_must_not_be_empty(name: str, empty: str):
    path, default, _ = LEAVES[name]
    if default:
        with pytest.raises(UsageError, match=f"^--{name} is empty; name a folder$"):
            parse(f"--{name}={empty}")
    else:
        assert value_at(parse(f"--{name}={empty}"), path) == empty


def test_result_flags_are_those_that_decide_the_result():
    here = parse("--seed=3", "--eval_learning_rate=1e-3")
    there = parse(
        "--seed=3",
        "--eval_learning_rate=0.001",
        "--workdir=elsewhere",
        "--stage=search",
        "--search_workers=4",
        "--data_dir=tfds",
        "--prior_dir=priors",
    )
    assert fields.result_text(here) == fields.result_text(there)
    for argument in ("--seed=4", "--eval_learning_rate=0.01", "--eval_max_seconds=5"):
        other = parse("--seed=3", "--eval_learning_rate=0.001", argument)
        assert fields.result_text(here) != fields.result_text(other)


def test_replace_changes_nested_fields_together():
    changes = {
        ("seed",): 5,
        ("eval", "recipe", "epochs"): 2,
        ("eval", "recipe", "batch"): 8,
        ("eval", "max_memory"): "1",
    }
    config = fields.replace(Config(), changes)
    assert {path: value_at(config, path) for path in changes} == changes
    assert config.retrain == Config().retrain
