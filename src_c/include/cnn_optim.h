/* cnn_optim.h - included first by every file in src_c/optim.
 *
 * An update is one pass over flat buffers.  It may be called for any part of them: no element
 * depends on another, and every loop does the same operations in the same order whatever the
 * vector length (nothing is contracted), so the bits depend neither on how the range is divided
 * nor on the instruction set.
 * Padding between parameters is 0 in value and gradient and must come out as 0; that is why
 * every `eps` that stands in a denominator is positive.
 * Slots that the options do not call for are NULL and are not touched.
 */
#ifndef CNN_OPTIM_H
#define CNN_OPTIM_H
#include <math.h>
#include "cnn_core.h"
#include "cnn_typed.h"
#include "math/cnn_bits.h"

#define CNN_DEFINE_OPTIM(optim, ...) \
    const cnn_optim CNN_FOR_ISA(cnn_optim_##optim) = {.name = #optim, __VA_ARGS__}

/* A pass whose switches are literals at each call: one loop per switch setting, without a
 * branch inside.  Left to itself the compiler may keep one copy and test in every round. */
#define CNN_PASS CNN_INLINE
#endif
