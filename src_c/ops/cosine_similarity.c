/* cosine_similarity - y = sum_i a_i b_i / (max(|a|, eps) max(|b|, eps)) over the last axis.
 *
 *   a, b (..., N); the axes before are broadcast together
 *   attributes: the axes of a row, see cnn_pairs.h; then N, N, eps
 *   saved (where nothing is batched): |a|, |b|
 *   forward  operands: a, b, saved, y (...)
 *   gradient operands: a, b, saved, y, dy, da or db
 *   gradient:  da = (b / |b| - y a / |a|) dy / |a|, where a norm below eps counts as the constant
 *              eps: the second term is then absent.  db likewise; 0 where dy is 0
 *   NaN:       propagates.  A vector of zeros gives 0.
 */
#include "cnn_op.h"

#define BLOCK 128

#ifdef real
#include "cnn_lanes.h"
#include "cnn_pairs.h"

typedef struct {                 /* an operand: a block of its vectors and their norms */
    const real *first, *x;       /* the operand's first vector, and the block's       */
    real       *saved;           /* the norms of all vectors, or NULL ...             */
    int         known;           /* ... which forward has put there                   */
    int64_t     count;
    double      norm[BLOCK];
} K(vectors);

static void K(open)(const cnn_call *c, int i, int gradient, K(vectors) *v)
{
    const int n_saved = c->step->n_operand - (gradient ? 5 : 3);
    v->first = ROWS(c, i);
    v->x = NULL;
    v->saved = n_saved ? OPERAND(c, 2 + i)->data : NULL;
    v->known = gradient;
}

/* |x| of each of a block's vectors; a block measured before keeps its norms. */
static void K(measure)(K(vectors) *v, int64_t count, int64_t n, const real *x, int64_t step)
{
    const int64_t at = (x - v->first) / n, by = step / n, used = step ? count : 1;
    if (x == v->x && count == v->count)
        return;
    v->x = x, v->count = count;
    if (v->saved && v->known) {
        for (int64_t r = 0; r < used; r++)
            v->norm[r] = (double)v->saved[at + r * by];
    } else {
        K(cnn_lane_dots)(used, n, x, step, x, step, v->norm);
        for (int64_t r = 0; r < used; r++)
            v->norm[r] = sqrt(v->norm[r]);
        for (int64_t r = 0; v->saved && r < used; r++)
            v->saved[at + r * by] = (real)v->norm[r];
    }
    for (int64_t r = used; r < count; r++)
        v->norm[r] = v->norm[0];
}

/* Blocks of pairs along the innermost axis: their roots and quotients share vectors. */
static cnn_status K(cosine_similarity_forward)(const cnn_call *c)
{
    const int64_t n = CNN_PAIR_ATTR(c, 0).i;
    const double  eps = CNN_PAIR_ATTR(c, 2).f;
    const int     y_at = c->step->n_operand - 1;
    K(vectors)    of_a, of_b;
    double        dot[BLOCK];
    cnn_point      at = {0};
    cnn_axes      s;

    K(open)(c, 0, 0, &of_a);
    K(open)(c, 1, 0, &of_b);
    cnn_read_pairs(c, 0, &s);
    const cnn_axis in = s.axis[s.n - 1];
    do
        for (int64_t j = 0; j < in.n; j += BLOCK) {
            const int64_t count = in.n - j < BLOCK ? in.n - j : BLOCK;
            const real   *a = ROWS(c, 0) + at.a + j * in.a, *b = ROWS(c, 1) + at.b + j * in.b;
            real         *y = ROWS(c, y_at) + at.dense + j;
            K(measure)(&of_a, count, n, a, in.a);
            K(measure)(&of_b, count, n, b, in.b);
            K(cnn_lane_dots)(count, n, a, in.a, b, in.b, dot);
            for (int64_t r = 0; r < count; r++) {
                const double p = of_a.norm[r], q = of_b.norm[r];
                y[r] = (real)(dot[r] / ((p < eps ? eps : p) * (q < eps ? eps : q)));
            }
        }
    while (cnn_next(s.n - 1, s.axis, &at));
    return CNN_OK;
}

CNN_INLINE VECTOR K(combined)(VECTOR p, const real *x, VECTOR q, const real *y, const real *z,
                              int add)
{
    return V_FMA(p, V_LOAD(x), V_FMA(q, V_LOAD(y), add ? V_LOAD(z) : V_ZERO()));
}

/* z_r = p_r x_r - q_r y_r, or added to z_r; the rows of y and z are step_y apart.  The last
 * vector of a row overlaps the one before it, so it is made before anything is stored. */
CNN_INLINE void K(combine_each)(int64_t count, int64_t n, const real *p, const real *x,
                                   int64_t step_x, const real *q, const real *y, int64_t step_y,
                                   real *z, const int add)
{
    const int64_t last = n - LANES;
    for (int64_t r = 0; r < count; r++, x += step_x, y += step_y, z += step_y) {
        if (last < 0) {
            for (int64_t i = 0; i < n; i++)
                z[i] = (add ? z[i] : 0) + (p[r] * x[i] - q[r] * y[i]);
            continue;
        }
        const VECTOR pp = V_FILL(p[r]), qq = V_FILL(-q[r]);
        const VECTOR end = K(combined)(pp, x + last, qq, y + last, z + last, add);
        for (int64_t i = 0; i < last; i += LANES)
            V_STORE(z + i, K(combined)(pp, x + i, qq, y + i, z + i, add));
        V_STORE(z + last, end);
    }
}

static void K(combine)(int64_t count, int64_t n, const real *p, const real *x, int64_t step_x,
                       const real *q, const real *y, int64_t step_y, real *z, int add)
{
    if (add)
        K(combine_each)(count, n, p, x, step_x, q, y, step_y, z, 1);
    else
        K(combine_each)(count, n, p, x, step_x, q, y, step_y, z, 0);
}

/* z = sum_r (p_r x_r - q_r y), or added to z; the rows of x are `step` apart */
static void K(combine_all)(int64_t count, int64_t n, const real *p, const real *x, int64_t step,
                            const real *q, const real *y, real *z, int add)
{
    real minus = 0;
    for (int64_t r = 0; r < count; r++)
        minus -= q[r];
    for (int64_t i = 0; i < n; i += LANES) {
        const int  whole = n - i >= LANES;
        const PART part = V_PART((int)(whole ? LANES : n - i));
        real       sum[CNN_VECTOR_BYTES / sizeof(real)];
        VECTOR     one = V_ZERO(), two = V_ZERO();
        int64_t    r = 0;
        for (const real *at = x + i; r + 2 <= count; r += 2, at += 2 * step) {
            one = V_FMA(V_FILL(p[r]), whole ? V_LOAD(at) : V_LOAD_PART(at, part), one);
            two = V_FMA(V_FILL(p[r + 1]), whole ? V_LOAD(at + step) : V_LOAD_PART(at + step, part),
                        two);
        }
        if (r < count)
            one = V_FMA(V_FILL(p[r]), whole ? V_LOAD(x + i + r * step)
                                            : V_LOAD_PART(x + i + r * step, part), one);
        V_STORE(sum, V_ADD(one, two));
        for (int64_t l = 0; l < LANES && i + l < n; l++)
            z[i + l] = (add ? z[i + l] : 0) + (sum[l] + minus * y[i + l]);
    }
}

/* How many pairs from the first on are like it: their dy is 0, or is not. */
static int64_t K(alike)(int64_t count, const real *dy)
{
    int64_t n = 1;
    while (n < count && (dy[n] != 0) == (dy[0] != 0))
        n++;
    return n;
}

/* A block's part of the gradient: du (+)= p v - q u, in runs of pairs whose dy is not 0; the
 * others add nothing, whatever they hold.  Where step_u is 0 all pairs share one du. */
static void K(combine_runs)(int64_t count, int64_t n, const real *dy, const real *p,
                            const real *v, int64_t step_v, const real *q, const real *u,
                            int64_t step_u, real *du, int add)
{
    int64_t n_zero = 0;
    for (int64_t r = 0; r < count; r++)
        n_zero += dy[r] == 0;
    for (int64_t r = 0, m; r < count; r += m) {
        real *to = du + r * step_u;
        m = n_zero ? K(alike)(count - r, dy + r) : count;
        if (dy[r] == 0) {
            if (!add)
                memset(to, 0, (size_t)((step_u ? m : 1) * n) * sizeof(real));
        } else if (step_u) {
            K(combine)(m, n, p + r, v + r * step_v, step_v, q + r, u + r * step_u, step_u, to,
                       add);
        } else {
            K(combine_all)(m, n, p + r, v + r * step_v, step_v, q + r, u, to, add);
        }
        add |= !step_u;
    }
}

/* The gradient of one operand; u is the operand's vector and v the other. */
static cnn_status K(cosine_grad)(const cnn_call *c, int wrt)
{
    const int64_t n = CNN_PAIR_ATTR(c, 0).i;
    const double  eps = CNN_PAIR_ATTR(c, 2).f;
    const int     y_at = c->step->n_operand - 3;
    K(vectors)    of_u, of_v;
    real          k_u[BLOCK], k_v[BLOCK];
    cnn_point      at = {0};
    cnn_axes      s;

    K(open)(c, wrt, 1, &of_u);
    K(open)(c, 1 - wrt, 1, &of_v);
    cnn_read_pairs(c, 1, &s);
    const cnn_axis in = s.axis[s.n - 1];
    const int64_t  step_u = wrt ? in.b : in.a, step_v = wrt ? in.a : in.b;
    do {
        const int repeated = c->step->accumulate || cnn_is_repeated(&s, &at, wrt);
        for (int64_t j = 0; j < in.n; j += BLOCK) {
            const int64_t count = in.n - j < BLOCK ? in.n - j : BLOCK;
            const real   *u = ROWS(c, wrt) + (wrt ? at.b : at.a) + j * step_u;
            const real   *v = ROWS(c, 1 - wrt) + (wrt ? at.a : at.b) + j * step_v;
            const real   *y = ROWS(c, y_at) + at.dense + j, *dy = ROWS(c, y_at + 1) + at.dense + j;
            real         *du = ROWS(c, y_at + 2) + (wrt ? at.b : at.a) + j * step_u;
            K(measure)(&of_u, count, n, u, step_u);
            K(measure)(&of_v, count, n, v, step_v);
            for (int64_t r = 0; r < count; r++) {
                const double p = of_u.norm[r] < eps ? eps : of_u.norm[r];
                const double q = of_v.norm[r] < eps ? eps : of_v.norm[r];
                k_v[r] = (real)((double)dy[r] / (p * q));
                k_u[r] = of_u.norm[r] < eps ? 0 : (real)((double)(y[r] * dy[r]) / (p * p));
            }
            K(combine_runs)(count, n, dy, k_v, v, step_v, k_u, u, step_u, du,
                            repeated || (!step_u && j > 0));
        }
    } while (cnn_next(s.n - 1, s.axis, &at));
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
