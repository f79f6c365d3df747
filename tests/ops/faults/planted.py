"""Wrong kernels: one change of the source each, and what the harness must say about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """``old``, which stands once in src_c/``file``, becomes ``new``.

    ``case`` is run; the message must match ``says``.  ``harmless_at`` is a scale at which the
    fault does not show, or None.  ``split``: it shows when rows are divided among calls.
    """

    op: str
    file: str
    old: str
    new: str
    case: str
    says: str
    harmless_at: float | None = None
    split: bool = False


_MAP, _LOSS = "include/cnn_elementwise.h", "include/cnn_row_loss.h"
_SOFTMAX = "include/cnn_softmax.h"
_COUNT = "return (c->end - c->begin) * OPERAND(c, i)->size;"

FAULTS = {
    "wrong_sign": Fault(
        "relu", "ops/relu.c", "((x) < 0 ? 0 : (x))", "((x) < 0 ? 0 : -(x))", "relu", "value"),
    "gradient_on_the_wrong_side": Fault(
        "relu", "ops/relu.c", "((y) > 0 ? (dy) : 0)", "((y) > 0 ? 0 : (dy))", "relu",
        "gradient of x"),
    "gradient_does_not_add": Fault(
        "tanh", _MAP, "dx[i] += GRAD(x[i], y[i], dy[i], a);", "dx[i] = GRAD(x[i], y[i], dy[i], a);",
        "tanh", "accumulated gradient of x"),
    "gradient_always_adds": Fault(
        "sigmoid", _MAP, "dx[i] = GRAD(x[i], y[i], dy[i], a);",
        "dx[i] += GRAD(x[i], y[i], dy[i], a);", "sigmoid", "gradient of x: not finite"),
    "last_element_left_out": Fault(
        "silu", _MAP, "y[i] = FORWARD(x[i], a);", "if (i < n - 1) y[i] = FORWARD(x[i], a);",
        "silu", "value"),
    "tail_of_a_vector_wrong": Fault(
        "gelu", _MAP, "y[i] = FORWARD(x[i], a);",
        "y[i] = i < n / 8 * 8 ? FORWARD(x[i], a) : x[i];", "gelu", "value"),
    "one_past_the_end": Fault(
        "elu", _MAP, "K(op##_map)(cnn_count(c, 1),", "K(op##_map)(cnn_count(c, 1) + 1,", "elu",
        "after elu_0: a guard"),
    "unused_rows_written": Fault(
        "softplus", "include/cnn_op.h", _COUNT,
        "return (c->n_row + (OPERAND(c, i)->stride != 0)) * OPERAND(c, i)->size;", "softplus",
        "after softplus_0: a guard, a gap or an unused row"),
    "input_modified": Fault(
        "selu", _MAP, "y[i] = FORWARD(x[i], a);",
        "y[i] = FORWARD(x[i], a), ((real *)from)[i] = 0;", "selu", "wrote to x, which is not"),
    "value_read_that_may_be_gone": Fault(
        "softplus", "ops/softplus.c", "(K(cnn_sigmoid)(x) * (dy))",
        "((1 - K(cnn_exp)(-(y))) * (dy))", "softplus", "gradient of x"),
    "option_ignored": Fault(
        "leaky_relu", "ops/leaky_relu.c", "(attr)[0].f", "0.01", "leaky_relu_0.3", "value"),
    "sums_of_the_last_rows_left_out": Fault(
        "layer_norm", "shared/row_norm.c", "i < n_row; i += BLOCK",
        "i + BLOCK <= n_row; i += BLOCK",
        "layer_norm", "gradient of "),
    "slope_of_the_curve_forgotten": Fault(
        "parametric_activation", "ops/parametric_activation.c", "K(cnn_mish_grad)(x)", "1",
        "parametric_activation_mish", "gradient of x"),
    "rate_does_not_fall": Fault(
        "dropout", "ops/dropout.c", "at >= 1 ? 0 : at <= 0", "at >= 1 ? 0 : at <= 9",
        "dropout_falling", "value"),
    "means_of_blocks_not_merged": Fault(
        "batch_norm", "ops/batch_norm.c", "off * off * old - rest", "-rest", "batch_norm_long",
        "value"),
    "gradient_past_the_statistics_forgotten": Fault(
        "batch_norm", "ops/batch_norm.c", "(of_dy[l] + (double)rest[k] * along)", "0", "batch_norm",
        "gradient of x"),
    "maximum_not_subtracted": Fault(
        "softmax", _SOFTMAX, "max[l] = u[i][l] > max[l] ? u[i][l] : max[l];", "max[l] = 0;",
        "softmax", "value", harmless_at=1.0),
    "rows_after_the_first_block_left_out": Fault(
        "softmax", "ops/softmax.c", "r < n; r += CNN_GROUPS", "r < n && r < 1; r += CNN_GROUPS",
        "softmax", "value"),
    "mean_of_the_gradient_forgotten": Fault(
        "softmax", "ops/softmax.c", "y[i] * (dy[i] - dot)", "y[i] * dy[i]", "softmax",
        "gradient of x"),
    "smoothing_over_the_other_classes": Fault(
        "softmax_cross_entropy", "ops/softmax_cross_entropy.c", "/ (double)n_class)",
        "/ (double)(n_class - 1))", "softmax_cross_entropy_smooth_10", "value"),
    "odd_last_row_left_out": Fault(
        "softmax_cross_entropy", "ops/softmax_cross_entropy.c",
        "memcpy(k->y + r, loss, (size_t)n *", "memcpy(k->y + r, loss, (size_t)(n & ~1) *",
        "softmax_cross_entropy_10", "value"),
    "one_weight_for_all_rows": Fault(
        "softmax_cross_entropy", "ops/softmax_cross_entropy.c",
        "coef[l] * (e[i][l] * total[l]", "coef[0] * (e[i][l] * total[l]",
        "softmax_cross_entropy_10", "gradient of z"),
    "ignored_rows_have_a_gradient": Fault(
        "softmax_cross_entropy", "ops/softmax_cross_entropy.c", "dz[i][l] = 0;", ";",
        "softmax_cross_entropy_ignore_10", "gradient of z"),
    "half_the_gradient": Fault(
        "mse", "ops/mse.c", "*dp = 2 * (p - t);", "*dp = p - t;", "mse", "gradient of p"),
    "operands_swapped": Fault(
        "pinball", "ops/pinball.c", "const real d = t - p;", "const real d = p - t;", "pinball",
        "value"),
    "long_rows_lose_a_part": Fault(
        "mae", "shared/row_loss.c", "j < size; j += CNN_CHUNK",
        "j + CNN_CHUNK < size; j += CNN_CHUNK", "mae_600", "value"),
    "fused_loss_without_a_value": Fault(
        "huber", _LOSS, "return K(cnn_row_loss)(c, K(op##_chunk), 1, 1);",
        "return K(cnn_row_loss)(c, K(op##_chunk), 0, 1);", "huber", "fused loss: value"),
    "slope_of_the_wrong_operand": Fault(
        "mul", "shared/times.c", "CNN_FLOW(dy, (b) * (dy))", "CNN_FLOW(dy, (a) * (dy))", "mul",
        "gradient of a"),
    "repeated_operand_does_not_add": Fault(
        "add", "shared/broadcast.c", "*t = (real)((add ? *t : 0) + sum[i]);",
        "*t = (real)sum[i];", "add_bias", "accumulated gradient of b"),
    "rows_that_are_summed_together_share_the_first": Fault(
        "mul", "shared/broadcast.c", "(rows.n, part.n, slope, width, NULL, 0, some)",
        "(rows.n, part.n, slope, 0, NULL, 0, some)", "mul_column", "gradient of b"),
    "rows_after_the_first_that_fit_left_out": Fault(
        "mul", "shared/broadcast.c", "for (int64_t r = 0; r < row->n; r += n_row)",
        "for (int64_t r = 0; r < row->n && r < n_row; r += n_row)", "mul_wide_column",
        "gradient of b"),
    "long_rows_lose_their_end": Fault(
        "mul", "shared/broadcast.c", "for (int64_t j = 0; j < in->n; j += width)",
        "for (int64_t j = 0; j + width <= in->n; j += width)", "mul_wide_scalar", "gradient of b"),
    "pairs_after_the_first_block_left_out": Fault(
        "cosine_similarity", "ops/cosine_similarity.c",
        "const int64_t count = in.n - j < BLOCK ? in.n - j : BLOCK;\n            const real   *a",
        "const int64_t count = j ? 0 : BLOCK < in.n ? BLOCK : in.n;\n            const real   *a",
        "cosine_similarity_long_memory", "value"),
    "later_blocks_of_a_key_overwrite_the_first": Fault(
        "cosine_similarity", "ops/cosine_similarity.c", "repeated || (!step_u && j > 0)",
        "repeated",
        "cosine_similarity_long_memory", "gradient of b"),
    "norms_of_another_block": Fault(
        "cosine_similarity", "ops/cosine_similarity.c", "if (x == v->x && count == v->count)",
        "if (v->x)", "cosine_similarity_long_pairs", "value"),
    "a_pair_left_out": Fault(
        "weight_grad", "ops/weight_grad.c", "i < c->step->n_operand - 3; i += 2",
        "i < c->step->n_operand - 5; i += 2", "weight_grad", "value"),
    "pairs_written_over_each_other": Fault(
        "weight_grad", "ops/weight_grad.c", "to += OPERAND(c, i)->size;", ";", "weight_grad",
        "value"),
    "joined_gradient_does_not_add": Fault(
        "weight_grad", "ops/weight_grad.c", ".accumulate = c->step->accumulate};",
        ".accumulate = 0};", "weight_grad", "added value"),
    "joined_gradient_always_adds": Fault(
        "weight_grad", "ops/weight_grad.c", ".accumulate = c->step->accumulate};",
        ".accumulate = 1};", "weight_grad", "value"),
    "weights_forgotten": Fault(
        "row_mean", "ops/row_mean.c", "total[0] = w ? K(cnn_weighted_sum)(n_row, l, w) :",
        "total[0] =",
        "row_mean_weight", "value"),
    "sum_in_single_precision": Fault(
        "row_mean", "ops/row_mean.c", ": K(cnn_sum)(n_row, l);",
        ": (float)K(cnn_sum)(n_row, l);", "row_mean", "value"),
    "last_row_left_out_of_a_sum": Fault(
        "dense", "ops/dense.c", "for (; r < n_row; r++)",
        "for (; r < n_row - 1; r++)", "dense", "gradient of b"),
    "weight_gradient_does_not_add": Fault(
        "dense", "ops/dense.c", "|| at > 0};", "* 0 + (at > 0)};", "dense",
        "accumulated gradient of w"),
    "operand_not_transposed": Fault(
        "dense", "ops/dense.c", ".trans_b = 1", ".trans_b = 0", "dense", "gradient of x"),
    "all_rows_of_the_memory_summed": Fault(
        "dense", "ops/dense.c", "k = K(n_rows)(c, cnn_n_summed(c, 0));",
        "k = K(n_rows)(c, OPERAND(c, 0)->dim[0]);", "dense", "gradient of w"),
    "earlier_batches_forgotten": Fault(
        "metric_mean", "ops/metric_mean.c", "y[0] += w", "y[0] = w", "metric_mean",
        "sums of two batches"),
    "one_rank_too_many": Fault(
        "metric_top_k", "ops/metric_top_k.c", "< k ? weight", "<= k ? weight", "metric_top_k",
        "instead of"),
    "mask_of_the_first_rows_for_all_parts": Fault(
        "dropout", "ops/dropout.c", "(uint64_t)c->begin * (uint64_t)size", "0", "dropout",
        "in pieces", split=True),
    "noise_of_the_first_rows_for_all_parts": Fault(
        "gaussian_noise", "ops/gaussian_noise.c",
        "(uint64_t)c->begin * (uint64_t)OPERAND(c, 1)->size", "0", "gaussian_noise", "in pieces",
        split=True),
    "parts_start_at_the_first_row": Fault(
        "log_softmax", "include/cnn_op.h", "(c)->begin * OPERAND(c, i)->stride", "0",
        "log_softmax", "in pieces", split=True),
}  # fmt: skip
