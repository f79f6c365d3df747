"""The heads: where they read and write, and what they do to the memory.

Numbers in brackets are equations of Graves, Wayne, Danihelka 2014, "Neural Turing Machines".
The read head and the write head go through addressing together, as rows 0 and 1 of one array,
so a time step has half as many nodes.
"""

from cnn_core import ops

N_HEADS = 2
READ, WRITE = 0, 1
N_SHIFT = 3  # -1, 0 and 1


def n_numbers(width):
    """How many numbers both heads take from the controller, for memory rows of ``width``."""
    return N_HEADS * (width + 3 + N_SHIFT) + 2 * width


def address(numbers, memory, before, name=""):
    """Return the weightings (2, N) of both heads over the N rows of the memory (N, M).

    ``numbers`` come from the controller, ``before`` (2, N) are the weightings of the last step.
    """
    width = memory.shape[1]
    per_head = width + 3 + N_SHIFT
    both = ops.reshape(numbers[: N_HEADS * per_head], (N_HEADS, per_head))
    key = both[:, None, :width]
    strength = ops.softplus(both[:, width : width + 1])
    gate = ops.sigmoid(both[:, width + 1 : width + 2])
    sharpness = ops.softplus(both[:, width + 2 : width + 3]) + 1.0
    shift = ops.softmax(both[:, width + 3 :])

    by_content = ops.softmax(strength * ops.cosine_similarity(memory, key))  # (5), (6)
    gated = before + gate * (by_content - before)  # (7)
    moved = ops.circular_convolution(gated, shift, center=1)  # (8)
    # (9) is w^gamma / sum w^gamma, which is softmax(gamma log w).  In this form it cannot become
    # 0 / 0 in float32, as 128 equal weights would from gamma = 22 on.  The small number keeps the
    # logarithm of a weight that was rounded to 0 finite.
    return ops.softmax(sharpness * ops.log(moved + 1e-16), name=name)


def read(weightings, memory, name=""):
    """Return r = sum_i w_i M_i, shape (M,)  (2)."""
    return ops.matmul(weightings[READ], memory, name=name)


def write(numbers, weightings, memory, name=""):
    """Return the memory after erasing and adding: M_i (1 - w_i e) + w_i a  (3), (4)."""
    width = memory.shape[1]
    erase = ops.sigmoid(numbers[-2 * width : -width])
    add = ops.slice(numbers, slice(-width, None), name=name)
    return ops.erase_add(memory, weightings[WRITE], erase, add)
