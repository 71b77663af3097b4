"""Checkpoints of `backprop train`: which to go on from, and the last two of a run, kept beside it.

M.checkpoint is the last one, M.checkpoint.before the one before it, for the case that the last is
damaged.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from backprop.cli.common import Say, checkpoint_of
from backprop.system.terminal import writing

if TYPE_CHECKING:
    from backprop.training.model_file import Model, StorageError


def require_free(save: str | None, *, resume: bool, restart: bool) -> None:
    """Complain where there is a checkpoint that nobody said what is to be done with."""
    from backprop.training.model_file import before_path

    if restart and (resume or save is None):
        raise click.UsageError(
            "--restart: expected --save M, whose checkpoint is replaced, and no --resume"
        )
    checkpoint = checkpoint_of(save)
    if checkpoint is None or resume or restart:
        return
    for path in (Path(checkpoint), before_path(checkpoint)):
        if path.exists():
            raise click.UsageError(
                f"--save: expected no checkpoint of an earlier run, found {path}; give --resume to"
                " go on from it, or --restart to begin anew and replace it"
            )


def resumed(save: str, model: Model, say: Say, rate: float | None) -> Model:
    """The model in the last checkpoint that is whole, or the new one where there is none.

    `rate` is the learning rate from there on, by default the checkpoint's own.

    Raises
    ------
    StorageError
        Where there are checkpoints and none is whole, or where it is of another run.
    """
    from backprop.training.model_file import (
        StorageError,
        before_path,
        load_model,
        require_same_run,
    )

    checkpoint = Path(str(checkpoint_of(save)))
    damage: StorageError | None = None
    for path in (checkpoint, before_path(checkpoint)):
        if not path.exists():
            continue
        try:
            saved = load_model(path)
        except StorageError as error:
            damage = damage or error
            continue
        require_same_run(path, saved, model)
        if path != checkpoint:  # so that the next one does not push it out for a damaged one
            say(str(damage) if damage else f"{checkpoint}: expected a checkpoint, found none")
            os.replace(path, checkpoint)  # noqa: PTH105 the same with a Path
        before = saved.learning_rate
        rate = before if rate is None else rate
        change = f", at learning rate {rate:g} instead of {before:g}" if rate != before else ""
        say(f"going on from {path}, after {progress_of(saved)}{change}")
        return replace(saved, learning_rate=rate)
    if damage is not None:
        raise damage
    say(f"{checkpoint}: no checkpoint there, starting anew")
    return model


def keep(checkpoint: str | None, model: Model) -> None:
    """Write a checkpoint, and keep the one before it."""
    from backprop.training.model_file import before_path, save_model

    if checkpoint is not None:
        with writing("--save", checkpoint):
            save_model(checkpoint, model, before=before_path(checkpoint))


def kept(checkpoint: str | None, model: Model) -> str:
    """Where to go on from after training has failed, as a line more of the message."""
    if checkpoint is None or not model.history:
        return ""
    epoch = f"keeps epoch {len(model.history)}, all of it finite"
    return f"\n{checkpoint} {epoch}; go on from it with --resume and a smaller --learning-rate"


def progress_of(model: Model) -> str:
    """How far a model has come."""
    done = f"epoch {len(model.history)}"
    return f"{done} and {model.seen:,} samples of the next" if model.seen else done
