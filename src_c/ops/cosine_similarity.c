/* cosine_similarity - y = sum_i a_i b_i / (max(|a|, eps) max(|b|, eps)) over the last axis.
 *
 *   a, b (..., N); the axes before are broadcast together
 *   attributes: the axes of a row, see cnn_pairs.h; then N, N, eps
 *   forward  operands: a, b, y (...)
 *   gradient operands: a, b, y, dy, da or db
 *   gradient:  da = (b / |b| - y a / |a|) dy / |a|, where a norm below eps counts as the constant
 *              eps: the second term is then absent.  db likewise
 *   NaN:       propagates.  A vector of zeros gives 0.
 */
#include "cnn_op.h"

#ifdef real
#include "cnn_pairs.h"

static inline double K(norm)(int64_t n, const real *x)
{
    return sqrt(K(cnn_dot)(n, x, x));
}

static cnn_status K(cosine_similarity_forward)(const cnn_call *c)
{
    const int64_t n = CNN_PAIR_ATTR(c, 0).i;
    const double  eps = CNN_PAIR_ATTR(c, 2).f;
    const real   *a = ROWS(c, 0), *b = ROWS(c, 1), *last_a = NULL, *last_b = NULL;
    real         *y = ROWS(c, 2);
    double        norm_a = 0, norm_b = 0;
    int64_t       index[CNN_MAX_DIM] = {0};
    cnn_axis      at = {0};
    cnn_axes      s;

    cnn_read_pairs(c, 0, &s);
    do {
        if (a + at.a != last_a)      /* a vector that is repeated is measured once */
            norm_a = K(norm)(n, last_a = a + at.a);
        if (b + at.b != last_b)
            norm_b = K(norm)(n, last_b = b + at.b);
        y[at.y] = (real)(K(cnn_dot)(n, last_a, last_b) / (norm_a < eps ? eps : norm_a) /
                         (norm_b < eps ? eps : norm_b));
    } while (cnn_next(s.n, s.axis, index, &at));
    return CNN_OK;
}

/* The gradient of one operand; u is the operand's vector and v the other. */
static cnn_status K(cosine_grad)(const cnn_call *c, int wrt)
{
    const int64_t n = CNN_PAIR_ATTR(c, 0).i;
    const double  eps = CNN_PAIR_ATTR(c, 2).f;
    const real   *u0 = ROWS(c, wrt), *v0 = ROWS(c, 1 - wrt), *y = ROWS(c, 2), *dy = ROWS(c, 3);
    const real   *last_u = NULL, *last_v = NULL;
    real         *du0 = ROWS(c, 4);
    double        norm_u = 0, norm_v = 0;
    int64_t       index[CNN_MAX_DIM] = {0};
    cnn_axis      at = {0};
    cnn_axes      s;

    cnn_read_pairs(c, 1, &s);
    do {
        const real *u = u0 + (wrt ? at.b : at.a), *v = v0 + (wrt ? at.a : at.b);
        real       *du = du0 + (wrt ? at.b : at.a);
        const int   add = c->step->accumulate || cnn_is_repeated(&s, index, wrt);
        if (u != last_u)
            norm_u = K(norm)(n, last_u = u);
        if (v != last_v)
            norm_v = K(norm)(n, last_v = v);
        const double far_u = norm_u < eps ? eps : norm_u, far_v = norm_v < eps ? eps : norm_v;
        const real   k_v = (real)((double)dy[at.y] / far_u / far_v);
        const real   k_u = norm_u < eps ? 0 : (real)((double)(y[at.y] * dy[at.y]) / norm_u / norm_u);
        CNN_IVDEP
        for (int64_t i = 0; i < n; i++)
            du[i] = (add ? du[i] : 0) + (k_v * v[i] - k_u * u[i]);
    } while (cnn_next(s.n, s.axis, index, &at));
    return CNN_OK;
}

static cnn_status K(cosine_similarity_grad_a)(const cnn_call *c)
{
    return K(cosine_grad)(c, 0);
}

static cnn_status K(cosine_similarity_grad_b)(const cnn_call *c)
{
    return K(cosine_grad)(c, 1);
}

#else
#define CNN_SELF "ops/cosine_similarity.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(cosine_similarity, .forward = CNN_TYPED(cosine_similarity_forward),
              .grad = {CNN_TYPED(cosine_similarity_grad_a), CNN_TYPED(cosine_similarity_grad_b)});
#endif
