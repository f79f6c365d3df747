"""Keras on TensorFlow: model and optimizer of Keras, the steps of a run in one tf.function.

`fit` costs milliseconds per call and `train_on_batch` about one per step; a loop inside the
graph is the fastest way to use them.
"""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from nets import BETA1, BETA2, EPS, LEARNING_RATE, Net, Rows

from peers.base import Peer, Statement


class Adapter(Peer):
    predicts = True

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)

    @staticmethod
    def version() -> str:
        return f"Keras {keras.__version__} on TensorFlow {tf.__version__}"

    def prepare(self, net: Net, weights: list, rows: Rows, optimizer: str) -> None:
        keras.backend.clear_session()
        hidden = [keras.layers.Dense(n, activation=net.activation) for n in net.sizes[1:-1]]
        layers = [keras.Input((net.sizes[0],)), *hidden, keras.layers.Dense(net.sizes[-1])]
        self.model = keras.Sequential(layers)
        self.model.set_weights([p for pair in weights for p in pair])
        self.optimizer = make_optimizer(optimizer)
        self.optimizer.build(self.model.trainable_variables)
        self.x, self.y = tf.constant(rows.x), tf.constant(rows.y)
        self.index = tf.constant(rows.index.reshape(net.n_steps, net.batch))
        self.train = tf.function(self.steps)

    def loss_of(self, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        z = self.model(x, training=True)
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, z))

    def steps(self, n: tf.Tensor) -> None:
        for i in tf.range(n):
            chosen = self.index[i]
            with tf.GradientTape() as tape:
                loss = self.loss_of(tf.gather(self.x, chosen), tf.gather(self.y, chosen))
            variables = self.model.trainable_variables
            self.optimizer.apply(tape.gradient(loss, variables), variables)

    def run(self, n_steps: int) -> None:
        self.train(tf.constant(n_steps))

    def loss(self) -> float:
        first = self.index[0]
        return float(self.loss_of(tf.gather(self.x, first), tf.gather(self.y, first)))

    def predict_call(self, x: np.ndarray) -> Statement:
        call = tf.function(self.model).get_concrete_function(tf.TensorSpec(x.shape, tf.float32))
        return "call(x)", {"call": call, "x": tf.constant(x)}


def make_optimizer(name: str) -> keras.optimizers.Optimizer:
    lr = LEARNING_RATE[name]
    if name == "sgd":
        return keras.optimizers.SGD(lr)
    return keras.optimizers.Adam(lr, beta_1=BETA1, beta_2=BETA2, epsilon=EPS)
