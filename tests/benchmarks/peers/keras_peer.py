# pyright: basic, reportMissingImports=false
"""Keras on torch: the same shapes of its own layers. Text is left out: its attention is another network."""

from __future__ import annotations

import os
from collections.abc import Sequence

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from workloads import Stopwatch, Workload


def _network(workload: Workload) -> keras.Model:
    layers = keras.layers
    if workload.sizes:
        inputs, *hidden, classes = workload.sizes
        dense = [layers.Dense(size, activation="relu") for size in hidden]
        return keras.Sequential([keras.Input((inputs,)), *dense, layers.Dense(classes)])
    if workload.name == "w3":
        convolutions = [layers.Conv2D(size, 3, activation="relu", data_format="channels_first") for size in (32, 64)]
        pool = layers.MaxPooling2D(2, data_format="channels_first")
        return keras.Sequential(
            [keras.Input((1, 28, 28)), *convolutions, pool, layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(10)]
        )
    if workload.name == "w4":
        return keras.Sequential([keras.Input((40, 1)), layers.LSTM(128), layers.Dense(10)])
    raise NotImplementedError("the same network of its layers")


def _optimizer(workload: Workload) -> keras.optimizers.Optimizer:
    rate = workload.opt_args["lr"]
    if workload.opt == "SGD":
        return keras.optimizers.SGD(rate, momentum=workload.opt_args["momentum"])
    return keras.optimizers.Adam(rate) if workload.opt == "Adam" else keras.optimizers.AdamW(rate, weight_decay=0.01)


def train(workload: Workload, epochs: int, options: Sequence[str] = ()) -> dict[str, float]:
    """One fit."""
    keras.utils.set_random_seed(0)
    network = _network(workload)
    x, y, xv, yv = (part.numpy() for part in (workload.x, workload.y, workload.xv, workload.yv))
    watch = Stopwatch()
    network.compile(_optimizer(workload), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    measured = (xv, yv) if workload.validate else None
    network.fit(x, y, batch_size=workload.batch, epochs=epochs, validation_data=measured, verbose=0)
    watch.stop()
    right = np.asarray(network.predict(xv, batch_size=workload.scored, verbose=0)).argmax(-1) == yv
    return watch.result(workload, epochs, float(right.mean()))
