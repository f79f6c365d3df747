"""ONNX Runtime: prediction only."""

from __future__ import annotations

import numpy as np
import onnxruntime
from nets import Net, Rows
from onnx import TensorProto, helper, numpy_helper

from peers.base import Peer, Statement


class Adapter(Peer):
    trains = False
    predicts = True

    @staticmethod
    def version() -> str:
        return f"ONNX Runtime {onnxruntime.__version__}"

    def prepare(self, net: Net, weights: list, rows: Rows, optimizer: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        model = make_model(net, weights).SerializeToString()
        self.session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )

    def predict_call(self, x: np.ndarray) -> Statement:
        # The session itself, below the checks of its Python class, is the shortest way in.
        names = {"run": self.session._sess.run, "outputs": ["y"], "feed": {"x": x}}
        return "run(outputs, feed, None)[0]", names


def make_model(net: Net, weights: list) -> object:
    """Return the network as an ONNX model with the input x (B, I) and the output y (B, O)."""
    nodes, constants, value = [], [], "x"
    for i, (w, b) in enumerate(weights):
        constants += [numpy_helper.from_array(w, f"w{i}"), numpy_helper.from_array(b, f"b{i}")]
        last = i == len(weights) - 1
        z = "y" if last else f"z{i}"
        nodes.append(helper.make_node("Gemm", [value, f"w{i}", f"b{i}"], [z]))
        if not last:
            value = f"h{i}"
            nodes.append(helper.make_node(net.activation.capitalize(), [z], [value]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", size])
        for name, size in (("x", net.sizes[0]), ("y", net.sizes[-1]))
    ]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
