/* cnn_waves.h - sin and cos over many elements, and their gradients.  In shared/waves.c.
 *
 *   forward  operands: x, y
 *   gradient operands: x, y, dy, dx
 *   CNN_WAVES(op, quarters) defines K(op_map), K(op_forward) and K(op_grad) of
 *   y = sin(x + quarters pi/2), whose slope is one quarter further.
 */
#include "cnn_op.h"

#ifndef CNN_WAVES_H
#define CNN_WAVES_H
#define cnn_waves_f32 CNN_FOR_ISA(cnn_waves_f32)
#define cnn_waves_f64 CNN_FOR_ISA(cnn_waves_f64)
#define cnn_waves_grad_f32 CNN_FOR_ISA(cnn_waves_grad_f32)
#define cnn_waves_grad_f64 CNN_FOR_ISA(cnn_waves_grad_f64)

void cnn_waves_f32(int64_t n, const float *x, float *y, uint64_t quarters);
void cnn_waves_f64(int64_t n, const double *x, double *y, uint64_t quarters);
cnn_status cnn_waves_grad_f32(const cnn_call *c, uint64_t quarters);
cnn_status cnn_waves_grad_f64(const cnn_call *c, uint64_t quarters);

#define CNN_WAVES(op, quarters)                                                              \
    static void K(op##_map)(int64_t n, const void *x, void *y, const cnn_attr *attr)         \
    {                                                                                        \
        (void)attr;                                                                          \
        K(cnn_waves)(n, x, y, quarters);                                                     \
    }                                                                                        \
    static cnn_status K(op##_forward)(const cnn_call *c)                                     \
    {                                                                                        \
        K(cnn_waves)(cnn_count(c, 1), ROWS(c, 0), ROWS(c, 1), quarters);                     \
        return CNN_OK;                                                                       \
    }                                                                                        \
    static cnn_status K(op##_grad)(const cnn_call *c)                                        \
    {                                                                                        \
        return K(cnn_waves_grad)(c, (quarters) + 1);                                         \
    }
#endif
