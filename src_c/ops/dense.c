/* dense - y = x w + b, and an elementwise activation of it where one is fused.
 *
 *   x  [..., I]   w  [I, O]   b  [O] (may be absent)   y  [..., O]
 *   Every leading axis of x counts as rows: M of them.
 *   Or x holds sparse rows, [B] of cnn_sparse_row: of each row of w those that are picked by an
 *   entry count, in the same order, so that sums have the bits of dense rows with zeros (but for
 *   what zeros alone do: -0 + 0 is 0, and 0 times infinity is NaN).
 *   forward  operands: x, w, b, y            attr: 1 if the fused activation is relu
 *   gradient operands: x, w, b, y, dy, d(input)
 *   gradients: dx = dy w^T,  dw = x^T dy,  db = column sums of dy
 *   units of dw: rows of w.  y and dx divide by columns too, y not with sparse rows, and dx there
 *   is none of those.
 *   step.user: the cnn_op of a fused activation, applied to each block of rows; or NULL.
 */
#include "cnn_op.h"
#include "cnn_sparse.h"
#include "gemm/cnn_gemm.h"
#include "gemm/vector.h"

#define COLUMNS    64    /* columns whose sums are made together */
#define ROWS_AHEAD 4     /* sparse rows that are asked for ahead of time, ... */
#define MOST_ASKED 512   /* ... so many bytes of each */

#ifdef real

/* Rows of x in this call, when each batch row of x holds x->size / I of them. */
static int64_t K(n_rows)(const cnn_call *c, int64_t n_batch_rows)
{
    const int64_t size = OPERAND(c, 0)->size, n_in = OPERAND(c, 1)->dim[0];
    return size == n_in ? n_batch_rows : n_batch_rows * (size / n_in);
}

/* The activation of a finished y[m, n], in rows of n_out elements. */
static void K(activate)(const cnn_call *c, int64_t m, int64_t n, int64_t n_out, real *y)
{
    const cnn_op   *activation = c->step->user;
    const cnn_attr *attr = c->step->attr + 1;
    if (n == n_out)
        activation->map[sizeof(real) == 8](m * n, y, y, attr);
    else
        for (int64_t r = 0; r < m; r++)
            activation->map[sizeof(real) == 8](n, y + r * n_out, y + r * n_out, attr);
}

/* y of sparse rows. */
static cnn_status K(sparse_forward)(const cnn_call *c)
{
    const cnn_tensor     *w = OPERAND(c, 1);
    const cnn_sparse_row *x = OPERAND(c, 0)->data;
    const int     bias = has_bias(c, 1);
    const int64_t n_out = w->dim[1];
    real         *y = ROWS(c, 2 + bias);
    const real   *b = bias ? OPERAND(c, 2)->data : NULL;
    const int     relu = c->step->user && ATTR_I(c, 0);
    int32_t       room[CNN_SPARSE_AHEAD];

    for (int64_t r = c->begin; r < c->end; r++) {
        if (r + ROWS_AHEAD < c->end)
            ask_for_row(&x[r + ROWS_AHEAD], sizeof(real));
        K(cnn_sparse_times)(x[r].n, cnn_columns(&x[r]), cnn_values(&x[r]),
                            cnn_sparse_next(&x[r], c->end - r - 1, room), w->data, n_out, n_out, b,
                            relu, y + (r - c->begin) * n_out);
    }
    if (c->step->user && !relu)
        K(activate)(c, c->end - c->begin, n_out, n_out, y);
    return CNN_OK;
}

/* Rows [begin, end) of dw from sparse rows of x. */
static cnn_status K(sparse_grad_w)(const cnn_call *c)
{
    const int     bias = has_bias(c, 3);
    const int64_t n_out = OPERAND(c, 1)->dim[1], at = cnn_first_row(c);
    const cnn_sparse_row *x = (const cnn_sparse_row *)OPERAND(c, 0)->data + at;
    const real   *dy = (const real *)OPERAND(c, 3 + bias)->data + at * n_out;
    real         *dw = OPERAND(c, 4 + bias)->data;

    if (!c->step->accumulate && at == 0)
        memset(dw + c->begin * n_out, 0, (size_t)((c->end - c->begin) * n_out) * sizeof(real));
    for (int64_t r = cnn_n_summed(c, 0); r > 0; r--, x++, dy += n_out) {
        const int64_t first = find_column(x, c->begin), n = find_column(x, c->end) - first;
        K(cnn_sparse_add)(n, cnn_columns(x) + first, (const real *)cnn_values(x) + first, NULL,
                          1, dy, n_out, n_out, dw);
    }
    return CNN_OK;
}

static cnn_status K(dense_forward)(const cnn_call *c)
{
    if (of_sparse_rows(c))
        return c->scratch.need ? CNN_ASKED : K(sparse_forward)(c);
    const cnn_tensor *w = OPERAND(c, 1);
    const int     bias = has_bias(c, 1);
    const int64_t n_in = w->dim[0], n_out = w->dim[1], first = c->column;
    real         *y = ROWS(c, 2 + bias) + first;
    const int     activated = c->step->user != NULL, relu = activated && ATTR_I(c, 0);

    const cnn_product p = {.m = K(n_rows)(c, c->end - c->begin),
                           .n = c->n_column ? c->n_column : n_out, .k = n_in,
                           .a = ROWS(c, 0), .lda = n_in,
                           .b = (const real *)w->data + first, .ldb = n_out, .c = y, .ldc = n_out,
                           .bias = bias ? (const real *)OPERAND(c, 2)->data + first : NULL,
                           .relu = relu};
    const cnn_status status = K(cnn_gemm)(&p, c->scratch);
    if (status == CNN_OK && activated && !relu)
        K(activate)(c, p.m, p.n, n_out, y);
    return status;
}

static cnn_status K(dense_grad_x)(const cnn_call *c)
{
    const cnn_tensor *w = OPERAND(c, 1);
    const int     bias = has_bias(c, 3);
    const int64_t n_in = w->dim[0], n_out = w->dim[1];
    const cnn_product p = {.m = K(n_rows)(c, c->end - c->begin),
                           .n = c->n_column ? c->n_column : n_in, .k = n_out,
                           .a = ROWS(c, 3 + bias), .lda = n_out,
                           .b = (const real *)w->data + c->column * n_out, .ldb = n_out,
                           .trans_b = 1, .c = ROWS(c, 4 + bias) + c->column, .ldc = n_in,
                           .accumulate = c->step->accumulate,
                           .lone = K(n_rows)(c, cnn_n_row(c, 0)) == 1};
    return K(cnn_gemm)(&p, c->scratch);
}

static cnn_status K(dense_grad_w)(const cnn_call *c)
{
    if (of_sparse_rows(c))
        return c->scratch.need ? CNN_ASKED : K(sparse_grad_w)(c);
    const cnn_tensor *x = OPERAND(c, 0), *w = OPERAND(c, 1);
    const int     bias = has_bias(c, 3);
    const int64_t n_in = w->dim[0], n_out = w->dim[1];
    const int64_t at = K(n_rows)(c, cnn_first_row(c));
    const int64_t k = K(n_rows)(c, cnn_n_summed(c, 0));
    const cnn_product p = {.m = c->end - c->begin, .n = n_out, .k = k,
                           .a = (const real *)x->data + at * n_in + c->begin, .lda = n_in,
                           .trans_a = 1,
                           .b = (const real *)OPERAND(c, 3 + bias)->data + at * n_out,
                           .ldb = n_out,
                           .c = (real *)OPERAND(c, 4 + bias)->data + c->begin * n_out,
                           .ldc = n_out, .accumulate = c->step->accumulate || at > 0};
    return K(cnn_gemm)(&p, c->scratch);
}

/* Sums over the rows of COLUMNS columns: registers hold them all the way.  `state`, NULL for the
 * whole batch at once, has the sums of the rows before, and takes them for the next part. */
CNN_INLINE void K(sum_columns)(int64_t n_row, int64_t n_out, const real *restrict dy,
                               real *restrict sum, real *state)
{
    real lane[COLUMNS] = {0};
    if (state)
        memcpy(lane, state, sizeof lane);
    for (int64_t r = 0; r < n_row; r++)
        for (int l = 0; l < COLUMNS; l++)
            lane[l] += dy[r * n_out + l];
    memcpy(sum, lane, sizeof lane);
    if (state)
        memcpy(state, lane, sizeof lane);
}

/* The same for one vector of columns: four chains hide the latency of one. */
CNN_INLINE void K(sum_vector)(int64_t n_row, int64_t n_out, const real *dy, real *sum,
                              real *state, const int whole, PART part)
{
    VECTOR  chain[4] = {V_ZERO(), V_ZERO(), V_ZERO(), V_ZERO()};
    int64_t r = 0;
    if (state)
        CNN_UNROLL for (int i = 0; i < 4; i++)
            chain[i] = V_LOAD(state + i * LANES);
    for (; r + 4 <= n_row; r += 4)
        CNN_UNROLL for (int i = 0; i < 4; i++) {
            const real *row = dy + (r + i) * n_out;
            chain[i] = V_ADD(chain[i], whole ? V_LOAD(row) : V_LOAD_PART(row, part));
        }
    for (; r < n_row; r++)
        chain[0] = V_ADD(chain[0], whole ? V_LOAD(dy + r * n_out)
                                         : V_LOAD_PART(dy + r * n_out, part));
    V_STORE(sum, V_ADD(V_ADD(chain[0], chain[1]), V_ADD(chain[2], chain[3])));
    if (state)
        CNN_UNROLL for (int i = 0; i < 4; i++)
            V_STORE(state + i * LANES, chain[i]);
}

/* db (+)= the sums over n_row rows of dy where these are the last ones. */
CNN_INLINE void K(sum_rows)(const cnn_call *c, int64_t n_row, const real *dy, real *state,
                            int last)
{
    const int64_t n_out = OPERAND(c, 1)->dim[1];
    real         *db = OPERAND(c, 5)->data, sum[COLUMNS];

    for (int64_t j = 0, n; j < n_out; j += n) {
        n = n_out - j >= COLUMNS ? COLUMNS : n_out - j >= LANES ? LANES : n_out - j;
        if (n == COLUMNS)
            K(sum_columns)(n_row, n_out, dy + j, sum, state);
        else if (n == LANES)
            K(sum_vector)(n_row, n_out, dy + j, sum, state, 1, V_PART(LANES));
        else
            K(sum_vector)(n_row, n_out, dy + j, sum, state, 0, V_PART((int)n));
        for (int64_t i = 0; last && i < n; i++)
            db[j + i] = (c->step->accumulate ? db[j + i] : 0) + sum[i];
        if (state)
            state += 4 * n;
    }
}

/* Rows of dy in so many batch rows. */
static int64_t K(n_rows_of_dy)(const cnn_call *c, int64_t n_batch_rows)
{
    return n_batch_rows * (OPERAND(c, 4)->size / OPERAND(c, 1)->dim[1]);
}

/* State: four numbers a column, and room for a whole vector of columns at the end. */
static cnn_status K(part_of_grad_b)(const cnn_call *c)
{
    const int64_t n_out = OPERAND(c, 1)->dim[1], at = K(n_rows_of_dy)(c, cnn_first_row(c));
    real         *state = c->part->state;

    if (at == 0)
        memset(state, 0, (size_t)(4 * (n_out + LANES)) * sizeof(real));
    K(sum_rows)(c, K(n_rows_of_dy)(c, cnn_n_summed(c, 0)),
                (const real *)OPERAND(c, 4)->data + at * n_out, state, c->part->end == c->n_row);
    return CNN_OK;
}

static cnn_status K(dense_grad_b)(const cnn_call *c)
{
    if (c->scratch.need)    /* asked only, when the plan is made: it takes no memory */
        return CNN_ASKED;
    if (c->part)
        return K(part_of_grad_b)(c);
    K(sum_rows)(c, K(n_rows_of_dy)(c, cnn_n_row(c, 0)), OPERAND(c, 4)->data, NULL, 1);
    return CNN_OK;
}

#else
static int has_bias(const cnn_call *c, int n_other)
{
    return c->step->n_operand > n_other + 2;
}

static int of_sparse_rows(const cnn_call *c) { return OPERAND(c, 0)->dtype == CNN_I64; }

/* Ask for what a row picked at random is: long ones go on by themselves. */
static void ask_for_row(const cnn_sparse_row *x, int64_t size)
{
    for (int64_t at = 0; at < x->n * 4 && at < MOST_ASKED; at += CNN_LINE)
        PREFETCH_L2(x->column + at);
    for (int64_t at = 0; at < x->n * size && at < MOST_ASKED; at += CNN_LINE)
        PREFETCH_L2(x->value + at);
}

/* How many entries of a row lie before `column`. */
static int64_t find_column(const cnn_sparse_row *x, int64_t column)
{
    const int32_t *at = cnn_columns(x);
    int64_t        first = 0, n = x->n;
    while (n > 0) {
        const int64_t half = n / 2;
        const int     before = at[first + half] < column;
        first += before ? half + 1 : 0;
        n = before ? n - half - 1 : half;
    }
    return first;
}

#define CNN_SELF "ops/dense.c"
#include "cnn_instantiate.h"
CNN_DEFINE_OP(dense, .products = 1, .forward = CNN_TYPED(dense_forward),
              .grad = {CNN_TYPED(dense_grad_x), CNN_TYPED(dense_grad_w), CNN_TYPED(dense_grad_b)});
#endif
