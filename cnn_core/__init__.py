"""cnn_core: train and run small and medium neural networks on CPUs, fast.

A network and its training::

    import cnn_core as cnn

    net = cnn.Sequential([cnn.Dense(64, activation="relu"), cnn.Dense(10)], inputs=784)
    trainer = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), optimizer=cnn.Adam(lr=1e-3))
    history = trainer.fit(x, y, batch_size=128, epochs=5)
    net.predict(x)

A computational graph::

    x, y, z = cnn.Input("x"), cnn.Input("y"), cnn.Input("z")
    graph = cnn.Graph((x + y) * z)
    graph.forward(x=-2.0, y=5.0, z=-4.0)
    graph.backward()
"""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from cnn_core import errors, ops
from cnn_core.ir.gate import Gate
from cnn_core.ir.group import group
from cnn_core.ir.node import BATCH, Constant, Input, Node, Parameter
from cnn_core.nn import init
from cnn_core.nn.layers import Activation, Dense, Dropout, GaussianNoise, Layer
from cnn_core.nn.model import Model
from cnn_core.nn.norms import BatchNorm, Embedding, LayerNorm, RMSNorm
from cnn_core.nn.sequential import Sequential
from cnn_core.nn.structure import Concat, Flatten, Reshape, Residual, Scale
from cnn_core.run.threadpool import announce as _announce
from cnn_core.run.threads import get_num_threads, set_num_threads
from cnn_core.state.params import ParamStore

if TYPE_CHECKING:
    from cnn_core import data, kernels, optim
    from cnn_core import tabular as tabular
    from cnn_core.config import show_config
    from cnn_core.graph.graph import Graph
    from cnn_core.io import load
    from cnn_core.nn.losses import (
        MAE,
        MSE,
        BinaryCrossEntropy,
        BinaryFocal,
        CosineDistance,
        Focal,
        GaussianNLL,
        Hinge,
        Huber,
        KLDivergence,
        LogCosh,
        Loss,
        MultiMargin,
        Pinball,
        Poisson,
        Quantiles,
        SoftmaxCrossEntropy,
        SquaredHinge,
        Triplet,
        Tweedie,
    )
    from cnn_core.optim import SGD, Adadelta, Adagrad, Adam, AdamW, NAdam, Optimizer, RMSProp
    from cnn_core.train import (
        Callback,
        Checkpoint,
        EarlyStopping,
        History,
        Metric,
        ReduceLROnPlateau,
        TopK,
        Trainer,
    )
    from cnn_core.train.averages import EMA, SWA
    from cnn_core.train.hooks.csv_logger import CSVLogger
    from cnn_core.train.hooks.lambda_callback import LambdaCallback
    from cnn_core.train.hooks.progress_bar import ProgressBar
    from cnn_core.train.hooks.record import Record
    from cnn_core.train.hooks.tensorboard import TensorBoard
    from cnn_core.train.hooks.timer import Timer
    from cnn_core.train.proof import verify

_ON_DEMAND = {
    **{name: name for name in ("data", "graph", "io", "kernels", "optim", "tabular", "train")},
    **dict.fromkeys(("Adadelta", "Adagrad", "Adam", "AdamW", "NAdam", "Optimizer", "RMSProp",
                     "SGD"), "optim"),
    **dict.fromkeys(("BinaryCrossEntropy", "BinaryFocal", "CosineDistance", "Focal", "GaussianNLL",
                     "Hinge", "Huber", "KLDivergence", "LogCosh", "Loss", "MAE", "MSE",
                     "MultiMargin", "Pinball", "Poisson", "Quantiles", "SoftmaxCrossEntropy",
                     "SquaredHinge", "Triplet", "Tweedie"), "nn.losses"),
    **dict.fromkeys(("Callback", "Checkpoint", "EarlyStopping", "History", "Metric",
                     "ReduceLROnPlateau", "TopK", "Trainer"), "train"),
    "CSVLogger": "train.hooks.csv_logger",
    "EMA": "train.averages",
    "Graph": "graph.graph",
    "LambdaCallback": "train.hooks.lambda_callback",
    "ProgressBar": "train.hooks.progress_bar",
    "Record": "train.hooks.record",
    "SWA": "train.averages",
    "TensorBoard": "train.hooks.tensorboard",
    "Timer": "train.hooks.timer",
    "load": "io",
    "show_config": "config",
    "verify": "train.proof",
}  # fmt: skip
"""What making a network does without, and the module that is read when it is first used."""


def __getattr__(name: str) -> object:
    if name not in _ON_DEMAND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _ON_DEMAND[name]
    module = _import_module(f"{__name__}.{home}")
    found = globals()[name] = module if name == home else getattr(module, name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_DEMAND})


_announce()

__version__ = "0.1.0"

__all__ = [
    "BATCH",
    "EMA",
    "MAE",
    "MSE",
    "SGD",
    "SWA",
    "Activation",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "BatchNorm",
    "BinaryCrossEntropy",
    "BinaryFocal",
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "Concat",
    "Constant",
    "CosineDistance",
    "Dense",
    "Dropout",
    "EarlyStopping",
    "Embedding",
    "Flatten",
    "Focal",
    "Gate",
    "GaussianNLL",
    "GaussianNoise",
    "Graph",
    "Hinge",
    "History",
    "Huber",
    "Input",
    "KLDivergence",
    "LambdaCallback",
    "Layer",
    "LayerNorm",
    "LogCosh",
    "Loss",
    "Metric",
    "Model",
    "MultiMargin",
    "NAdam",
    "Node",
    "Optimizer",
    "ParamStore",
    "Parameter",
    "Pinball",
    "Poisson",
    "ProgressBar",
    "Quantiles",
    "RMSNorm",
    "RMSProp",
    "Record",
    "ReduceLROnPlateau",
    "Reshape",
    "Residual",
    "Scale",
    "Sequential",
    "SoftmaxCrossEntropy",
    "SquaredHinge",
    "TensorBoard",
    "Timer",
    "TopK",
    "Trainer",
    "Triplet",
    "Tweedie",
    "data",
    "errors",
    "get_num_threads",
    "group",
    "init",
    "kernels",
    "load",
    "ops",
    "optim",
    "set_num_threads",
    "show_config",
    "verify",
]
