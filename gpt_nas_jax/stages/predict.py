"""Classifies pictures in files with a trained network."""

from pathlib import Path

from gpt_nas_jax import workdir
from gpt_nas_jax.config import Config
from gpt_nas_jax.datasets import preparation
from gpt_nas_jax.inference.saved import SavedNetwork
from gpt_nas_jax.reports import predictions
from gpt_nas_jax.reports.terminal import progress


def run(config: Config, trained: Config, network: SavedNetwork) -> None:
    """Classifies ``--predict_files``; prints a table or writes ``--predict_out``.

    A picture that cannot be read is a row with its reason.

    Args:
      config: names the pictures.
      trained: the config of the run that trained the network.
      network: classifies them.

    Raises:
      UsageError: there is no picture, or nothing can be written there.
    """
    asked, out = config.predict, config.predict.out
    if out:
        workdir.require_file("--predict_out", Path(out))
    paths = [path for one in asked.paths() for path in preparation.found(one)]
    answers = []
    with progress("predicting, pictures", len(paths)) as advance:
        for answer in network.predictor(trained).answers(paths, predictions.CLASSES):
            answers.append(answer)
            advance()
    if out:
        workdir.write_text(Path(out), predictions.to_csv(answers))
        print(predictions.summary(answers), out)
    else:
        predictions.show(answers)
