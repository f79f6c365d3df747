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

from cnn_core import data, errors, kernels, ops, optim
from cnn_core.config import show_config
from cnn_core.graph.graph import Graph
from cnn_core.io import load
from cnn_core.ir.gate import Gate
from cnn_core.ir.group import group
from cnn_core.ir.node import BATCH, Constant, Input, Node, Parameter
from cnn_core.nn import init
from cnn_core.nn.layers import Activation, Dense, Dropout, GaussianNoise, Layer
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
from cnn_core.nn.model import Model
from cnn_core.nn.norms import BatchNorm, Embedding, LayerNorm, RMSNorm
from cnn_core.nn.sequential import Sequential
from cnn_core.nn.structure import Concat, Flatten, Reshape, Residual, Scale
from cnn_core.optim import SGD, Adadelta, Adagrad, Adam, AdamW, NAdam, Optimizer, RMSProp
from cnn_core.run.threadpool import announce as _announce
from cnn_core.run.threads import get_num_threads, set_num_threads
from cnn_core.state.params import ParamStore
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

_announce()

__version__ = "0.1.0"

__all__ = [
    "BATCH",
    "MAE",
    "MSE",
    "SGD",
    "Activation",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "BatchNorm",
    "BinaryCrossEntropy",
    "BinaryFocal",
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
    "Quantiles",
    "RMSNorm",
    "RMSProp",
    "ReduceLROnPlateau",
    "Reshape",
    "Residual",
    "Scale",
    "Sequential",
    "SoftmaxCrossEntropy",
    "SquaredHinge",
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
]
