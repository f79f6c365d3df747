/* times - y = a b, broadcast together, and its gradients: see cnn_times.h. */
#include "cnn_times.h"

#ifdef real
#include "cnn_broadcast.h"

#define TIMES(a, b)             ((a) * (b))
#define TIMES_SLOPE_A(a, b, dy) CNN_FLOW(dy, (b) * (dy))
#define TIMES_SLOPE_B(a, b, dy) CNN_FLOW(dy, (a) * (dy))

CNN_BINARY(times, TIMES, TIMES_SLOPE_A, TIMES_SLOPE_B)

cnn_status K(cnn_times_forward)(const cnn_call *c)
{
    return K(times_forward)(c);
}

cnn_status K(cnn_times_grad_a)(const cnn_call *c)
{
    return K(times_grad_a)(c);
}

cnn_status K(cnn_times_grad_b)(const cnn_call *c)
{
    return K(times_grad_b)(c);
}

#else
#define CNN_SELF "shared/times.c"
#include "cnn_instantiate.h"
#endif
