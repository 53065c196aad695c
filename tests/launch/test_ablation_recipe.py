"""The table of recipes compares finished variants and names unfinished ones."""

import dataclasses
from pathlib import Path

import ablation_recipe
import numpy as np
import pytest
from recipe_studies import STUDIES, Study
from scipy import stats

from gpt_nas_jax import flags, workdir
from gpt_nas_jax.checks import check
from gpt_nas_jax.types import UsageError

SEEDS = 4
ACCURACY = {
    "plain": [0.50, 0.52, 0.51, 0.53],
    "better": [0.56, 0.57, 0.58, 0.58],
    "alike": [0.51, 0.51, 0.50, 0.54],
    "half done": [0.5, 0.6],
}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    made = Study("Title", "About.", tmp_path, (), "plain", dict.fromkeys(ACCURACY, ()))
    for name, values in ACCURACY.items():
        for seed, value in enumerate(values):
            path = ablation_recipe.result(made, name, seed)
            workdir.write_sealed(path, {"retrain": {"test_accuracy": value}})
    return made


def test_the_table_compares_pairs_by_holms_method(study: Study) -> None:
    found = ablation_recipe.accuracies(study, SEEDS)
    assert list(found) == ["plain", "better", "alike"]
    table = {name: rest for name, *rest in ablation_recipe.rows(study, found)}
    assert table["plain"] == ["0.5150 +- 0.0129", "", "", ""]
    p = [
        stats.ttest_rel(ACCURACY[name], ACCURACY["plain"]).pvalue
        for name in ("better", "alike")
    ]
    # Of two p-values, Holm's method doubles the lower and keeps the higher.
    assert p[0] < p[1]
    assert table["better"][1:] == ["+0.0575", f"{p[0]:.3f}", f"{2 * p[0]:.3f}"]
    assert table["alike"][2:] == [f"{p[1]:.3f}"] * 2
    alike = np.array(ACCURACY["alike"])
    assert table["alike"][0] == f"{alike.mean():.4f} +- {alike.std(ddof=1):.4f}"


def test_the_page_names_what_is_not_done_and_runs_nothing(
    study: Study, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    ablation_recipe.show(study, SEEDS, str(page))
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Title\n")
    assert "| better | 0.5725 +- 0.0096 |" in text
    assert "Not yet run: half done." in text
    # With fewer seeds, all variants are done.
    ablation_recipe.show(study, 2, str(page))
    assert "Not yet run" not in page.read_text(encoding="utf-8")


def test_without_the_reference_there_is_nothing_to_compare(study: Study) -> None:
    other = dataclasses.replace(study, reference="half done")
    with pytest.raises(UsageError, match="half done"):
        ablation_recipe.show(other, SEEDS, "")


@pytest.mark.parametrize("name", STUDIES)
def test_recipes_are_settings_of_the_program(name: str) -> None:
    study = STUDIES[name]
    assert study.reference in study.variants
    for variant in study.variants.values():
        given = flags.parse(["main", *study.flags, *variant])
        check(given)
        assert given.stage == "retrain"
