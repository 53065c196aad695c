"""Tables IV and V and Figure 2: initial networks, trained and reported."""

from pathlib import Path

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.reports import output
from gpt_nas_jax.reports.paper import figure2, table4, table5
from gpt_nas_jax.reports.paper.measured import TrainingPlan
from gpt_nas_jax.stages.paper import trainings


def run_table4(config: Config) -> None:
    """Trains what is missing and writes Table IV, with controls if asked.

    Raises:
      UsageError: as `trainings.run`.
    """
    epochs = (config.eval.recipe.epochs,)
    rates = config.tables.elimination_rates()
    measured = trainings.run(config, TrainingPlan(rates, ("all",), epochs))
    # Without elimination there is nothing to fill.
    filled = TrainingPlan(rates[1:], ("all",), epochs)
    controls = {
        name: trainings.run(config, filled, name)
        for name in config.tables.chosen_controls()
    }
    output.show(table4.write(_folder(config), measured, controls))


def run_table5(config: Config) -> None:
    """Trains what is missing and writes Table V.

    One training of each network gives all its accuracies, as the learning rate does
    not depend on where the training ends.

    Raises:
      UsageError: as `trainings.run`.
    """
    plan = TrainingPlan((0.0,), ("all",), config.tables.measured_epochs())
    output.show(table5.write(_folder(config), trainings.run(config, plan)))


def run_figure2(config: Config) -> None:
    """Trains what is missing and writes the matrix and heat map of Figure 2.

    Raises:
      UsageError: as `trainings.run`.
    """
    epochs = (config.eval.recipe.epochs,)
    plan = TrainingPlan(config.tables.elimination_rates(), ("proposed", "all"), epochs)
    output.show(figure2.write(_folder(config), trainings.run(config, plan)))


def _folder(config: Config) -> Path:
    return workdir.folder(config.workdir) / "tables"
