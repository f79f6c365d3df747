/* cnn_core.h - the whole C interface.  Plain C11 and libc: no Python, no
 * allocation, no I/O, no exit.  Everything is reached through one cnn_api.
 *
 * Vocabulary
 *   tensor   a dense, row-major block of one element type
 *   batched  a tensor whose leading axis is the batch axis; its other axes
 *            form one row.  Any other tensor counts as a single row
 *   kernel   one C function of type cnn_kernel
 *   step     one kernel and the numbers of its operands
 *   plan     a flat array of steps, without an address: running it is one loop over a table of
 *            tensors, which says where the numbers of this run lie
 *
 * Ownership: the caller owns every byte, and keeps it alive while a call runs.
 * Errors: a kernel returns a status; a cnn_fault says where and what.
 */
#ifndef CNN_CORE_H
#define CNN_CORE_H
#include <stdint.h>

#if defined(_WIN32)
#  define CNN_PUBLIC __declspec(dllexport)
#else
#  define CNN_PUBLIC __attribute__((visibility("default")))
#endif

#define CNN_MAX_DIM   6
#define CNN_MAX_SLOT  4    /* state buffers of an optimizer, each as long as the parameters */
#define CNN_MAX_COEF 12    /* per-step coefficients of an optimizer */
#define CNN_LINE     64    /* bytes; every buffer starts on such a boundary */
#define CNN_ROW_BLOCK 16   /* rows that are never divided among threads: see cnn_split */

typedef enum { CNN_F32 = 0, CNN_F64 = 1, CNN_N_REAL = 2, CNN_I32 = 2, CNN_U8 = 3,
               CNN_I64 = 4 /* sources of labels only */ } cnn_dtype;

typedef enum {
    CNN_OK = 0,
    CNN_ERR_TOO_LARGE,     /* a dimension is larger than the BLAS library can index  */
    CNN_ERR_LABEL_RANGE,   /* fault: row in the batch, label                         */
    CNN_ERR_INDEX_RANGE,   /* fault: position, index                                 */
    CNN_ERR_ENTRY_RANGE,   /* fault: row in the batch, number of the entry           */
    CNN_ERR_NOT_FINITE,    /* fault: flat element of the value, the value            */
    CNN_ERR_CALLBACK,      /* Python raised, in a gate or a watch, which keeps the exception */
    CNN_ERR_LOSS,          /* of a step is not finite.  fault: the loss              */
    CNN_ERR_GRADIENT,      /* is not finite.  fault: range, element of it, the gradient */
    CNN_ERR_FEW_ROWS,      /* for statistics of the batch.  fault: how many           */
    CNN_ASKED              /* no error: a kernel has said what working memory it needs */
} cnn_status;

typedef struct {
    int32_t step;          /* the failing step, counted within the plan; or the range */
    int64_t index;
    double  value;
} cnn_fault;

typedef struct {
    void   *data;
    int64_t size;                /* elements of one row                               */
    int64_t stride;              /* elements to the next row: size, or 0 if not batched */
    int64_t dim[CNN_MAX_DIM];    /* shape; dim[0] of a batched tensor is the maximum  */
    int32_t n_dim;
    int32_t dtype;               /* cnn_dtype                                         */
} cnn_tensor;

/* An entry of a table of tensors, counted in bytes from its beginning: that costs nothing more
 * than an address would. */
static inline const cnn_tensor *cnn_entry(const cnn_tensor *table, int32_t entry)
{
    return (const cnn_tensor *)(const void *)((const char *)table + entry);
}

typedef union { double f; int64_t i; } cnn_attr;

/* Working memory, private to one thread.  Where `need` is set there is none: the kernel is only
 * asked.  It raises *need to the bytes that it takes and returns CNN_ASKED, and nothing else. */
typedef struct {
    char    *memory;
    int64_t  bytes;
    int64_t *need;
} cnn_scratch;

typedef struct cnn_call cnn_call;
typedef cnn_status (*cnn_kernel)(const cnn_call *);

/* How a step may be divided among threads. */
typedef enum {
    CNN_WHOLE = 0,         /* not at all: one call with [0, 1)                        */
    CNN_ROWS,              /* by batch rows: any [begin, end) within [0, n_row) that begins at a
                            * multiple of CNN_ROW_BLOCK                               */
    CNN_UNITS,             /* by the units that the operation defines: [0, n_unit)    */
    CNN_COLUMNS            /* segments only: by the columns of a CNN_ROWS step        */
} cnn_split;

/* The batch rows [begin, end) of a sum over the batch that goes on block by block (cnn_stretch):
 * after those before `begin`, to the same bits as all at once.  What the kernel must keep until
 * the next block, besides its result, lies in `state`. */
typedef struct { int64_t begin, end; void *state; } cnn_part;

typedef struct {
    cnn_kernel               kernel;
    const int32_t           *operand;   /* entries of the table; order: see cnn_op     */
    const cnn_attr          *attr;
    const void              *user;      /* a fused activation, or a Python gate       */
    int64_t                  n_unit;      /* CNN_ROWS: columns that it may be divided by too */
    int32_t                  n_operand;
    int32_t                  split;       /* cnn_split                                */
    int32_t                  accumulate;  /* gradient steps: add to the operand       */
    int32_t                  wrt;         /* gradient steps: which input              */
    int32_t                  products;    /* that of the operation                    */
    int64_t                  state;       /* where that of its cnn_part lies, as a cnn_local does */
    int64_t                  piece;       /* rows or units between two questions to a watch; 0: all */
} cnn_step;

typedef struct {
    void (*gemm_f32)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                     const float *a, int lda, const float *b, int ldb,
                     float beta, float *c, int ldc);
    void (*gemm_f64)(int order, int trans_a, int trans_b, int m, int n, int k, double alpha,
                     const double *a, int lda, const double *b, int ldb,
                     double beta, double *c, int ldc);
} cnn_blas;

struct cnn_call {
    const cnn_step   *step;
    const cnn_tensor *tensor;     /* the table that the operands number               */
    int64_t         begin, end;   /* rows or units of this call                       */
    int64_t         column;       /* columns of the result, where n_column > 0; else  */
    int64_t         n_column;     /* ... all of them                                  */
    int64_t         n_row;        /* rows of the whole batch                          */
    const cnn_part *part;         /* NULL: all of them                                */
    uint64_t        seed;         /* random numbers depend on seed, counter, element  */
    int64_t         counter;      /* the training step                                */
    uint64_t        float_mode;   /* the caller's, which a kernel that calls Python gives back
                                   * for that time: see core/denormals.h              */
    cnn_scratch     scratch;      /* as much as the step has asked for                */
    cnn_fault      *fault;
};

/* One operation: one file in src_c/ops.  Operands, in order:
 *   forward       inputs, saved, y
 *   grad[i]       inputs, saved, y, dy, dx_i      gradient of input i, see step.accumulate
 *   fused_loss    inputs, saved, y, coef, dx_0    y and, in the same pass, the gradient of
 *                                                 sum_r coef_r y_r (batched coef and y)
 *                 (those of joined operands: y, dy, dx_i alone, see cnn_join.h)
 *   map           y[i] = f(x[i]) for n elements; x may equal y
 * An operation with more inputs than gradient kernels uses its last one for the rest and
 * finds the input's number in step.wrt.
 *
 * Operations that look at the whole batch have further kernels, and sums that their gradients
 * share (see Node.statistics, Node.sums and Node.updates):
 *   statistics    inputs, saved              makes the saved values, before y; where they do not
 *                                            come of the batch, without the first input
 *   sums          inputs, saved, sums, y, dy makes the sums
 *   grad[0]       inputs, saved, sums, y, dy, dx_0      which may make the sums besides
 *   grad[i > 0]   sums, dx_i
 *   update        states, saved              after a step that has learnt
 */
#define CNN_MAX_GRAD 4
typedef struct { cnn_kernel statistics[CNN_N_REAL], sums[CNN_N_REAL], update[CNN_N_REAL]; } cnn_more;
typedef struct {
    const char *name;
    cnn_kernel  forward[CNN_N_REAL];
    cnn_kernel  grad[CNN_MAX_GRAD][CNN_N_REAL];
    cnn_kernel  fused_loss[CNN_N_REAL];
    void      (*map[CNN_N_REAL])(int64_t n, const void *x, void *y, const cnn_attr *attr);
    int32_t     products;         /* its kernels call cnn_gemm, which BLAS may serve and
                                   * which must be asked first: see cnn_scratch      */
    const cnn_more *more;         /* NULL: none                                       */
} cnn_op;

/* One optimizer: one file in src_c/optim.  `prepare` runs once per step and group of parameters,
 * in double; `update` then makes one pass over any part of the group's memory.  */
typedef struct {
    int64_t       n;
    void         *param;
    const void   *grad;
    void         *slot[CNN_MAX_SLOT];
    const double *coef;           /* what `prepare` made of the options               */
    double        grad_scale;     /* clipping by global norm: g * grad_scale is used  */
    double        weight_decay;   /* for this part; 0 where decay is off              */
} cnn_update;

/* A run of memory with one learning rate, one weight decay and the same penalties.  Slots that the
 * options do not call for are NULL. */
typedef struct {
    int64_t n, first_block;       /* elements; the work is cut into blocks, counted over all ranges */
    double  weight_decay;
    double  l1, l2;               /* added to gradients: l1 sign(p) + 2 l2 p          */
    double  l2_per_row;           /* > 0: and 2 l2_per_row p / batch[0] of the learner */
    double  max_norm;             /* > 0: a single matrix, whose columns are made no longer  */
    int64_t n_unit;               /* columns of that matrix                           */
    int32_t group;                /* whose rate it has                                */
    int32_t rows;                 /* from 1 on: its gradient is a cnn_row_grad; 0: it is at grad */
    int32_t every_row;            /* with rows: those that no entry picks are updated too  */
    void   *param, *grad, *slot[CNN_MAX_SLOT];
} cnn_range;

/* The gradient x^T dy of a weight [I, O], a range of its own, where x are sparse rows: it has no
 * place as a whole.  Rows of the weight that no entry of x picks have none; unless the range says
 * every_row, they stay as they are. */
typedef struct {
    const cnn_tensor *x, *dy;          /* cnn_sparse_row [B]; [B, O]                  */
    int64_t n_in;                 /* I                                                */
    double  most;                 /* no |x| is larger                                 */
    int64_t n_entry;              /* of a batch, at most                              */
    void   *work;                 /* row_bytes(n_in, n_entry, dtype) bytes, 0 before the first step */
    int64_t n_touched;            /* rows of the weight, in this step                 */
    int32_t bounded;              /* no gradient of this step can be NaN or infinite  */
} cnn_row_grad;

typedef struct {
    const char *name;
    int32_t     n_slot;
    /* hyper: the options in the order that the file documents; step counts from 1;
     * state: CNN_MAX_SLOT scalars that live from step to step, all 0 at the start, and must
     * not depend on lr: each group makes the same of them. */
    void (*prepare)(const double *hyper, double lr, int64_t step, double *state, double *coef);
    void (*update[CNN_N_REAL])(const cnn_update *);
    /* Whether, without weight decay, an update is p -= lr g and nothing else.  NULL: never. */
    int32_t (*linear)(const double *hyper);
    int32_t decoupled;   /* weight decay is no part of the gradient                */
} cnn_optim;

/* The source of one batched input: rows of an array, picked by number and converted. */
typedef struct {
    const void       *data;
    int32_t           dtype;      /* cnn_dtype of the source                          */
    double            scale, shift;  /* value * scale + shift, for real targets       */
    const cnn_tensor *target;
} cnn_source;

/* How threads divide a plan.  Segments follow each other; within one:
 *   CNN_WHOLE   the steps run on one thread
 *   CNN_ROWS    every thread takes a range of batch rows through all the steps
 *   CNN_UNITS   the tiles [first_tile, first_tile + n_tile) run in any order
 *   CNN_COLUMNS the same, each with all rows and the columns [begin, end) of its step; a batch
 *               of more than max_row rows counts it as CNN_ROWS, with its neighbours
 */
typedef struct {
    int32_t split, first, last, first_tile, n_tile;
    int64_t max_row;
} cnn_segment;
typedef struct { int64_t begin, end; int32_t step; } cnn_tile;     /* end -1: a WHOLE step */

/* Row-wise steps [first, last) that take the batch block by block: each block of rows goes through
 * all of them while it is in the second-level cache.  On one thread the sums over the batch
 * [last, last_sum) follow it; on several, which would change their order, they come afterwards. */
typedef struct {
    int32_t first, last, last_sum;
    int32_t first_local, n_local;
    int32_t rows_first;      /* nothing before it reads a batched input of more than one element
                              * to a row                                              */
    int64_t n_row;           /* of a block, a multiple of 16                          */
} cnn_stretch;

/* A tensor of a stretch whose rows no other block and no other step needs: the block memory of a
 * thread has room for those of one block. */
typedef struct {
    int32_t tensor;
    int32_t summed;          /* a sum over the batch needs it: only where sums follow each block */
    int32_t fed;             /* an input: only where rows are gathered block by block */
    int64_t offset, row;     /* in the block memory; of a row; both in bytes          */
} cnn_local;

/* Lets a caller end a long run, as Ctrl-C asks for: the thread that called asks between pieces of
 * work, often.  Once the answer was yes, it stays so.  float_mode: as in cnn_call. */
typedef struct cnn_watch { int (*stop)(struct cnn_watch *watch, uint64_t float_mode); } cnn_watch;

typedef struct {                  /* a run of steps of a plan                         */
    const cnn_step    *step;
    const cnn_tensor  *tensor;    /* where the operands lie in this run               */
    int32_t            first, last;
    int32_t            n_update;  /* steps behind `last`, for when a step has learnt  */
    int64_t            n_row;
    uint64_t           seed;
    int64_t            counter;
    char              *scratch;   /* scratch_bytes, then block_bytes, for each of n_thread */
    int64_t            scratch_bytes, block_bytes;
    int32_t            check_finite; /* stop at the first step that makes a NaN or infinity */
    int32_t            n_thread;  /* with 1 the segments are not used                 */
    int32_t            n_segment;
    const cnn_segment *segment;   /* all segments of the plan                         */
    const cnn_tile    *tile;
    int32_t            rows_first;   /* nothing before the first CNN_ROWS or CNN_COLUMNS
                                      * segment reads a batched input of more than one
                                      * element to a row                              */
    int32_t            n_stretch, n_tensor;
    const cnn_stretch *stretch;   /* all of the plan, in order                        */
    const cnn_local   *local;
    cnn_watch         *watch;     /* NULL: the run goes on to its end                 */
} cnn_run;

typedef struct {                  /* numbers, and their running mean, or their sum     */
    int64_t n;
    void   *value, *mean;
} cnn_followed;

typedef struct {                  /* running means that follow the parameters          */
    int32_t             n_part;
    const cnn_followed *part;
    double              least;    /* what new numbers weigh, at the least              */
    int64_t             count;    /* steps followed so far                             */
} cnn_average;

typedef struct {                  /* an optimizer bound to parameters                  */
    const cnn_optim *optim;
    int32_t          dtype;
    int32_t          n_range, n_group;
    const cnn_range *range;       /* what is updated, without overlap                 */
    int64_t          n_block;     /* cnn_api.count_blocks(range, n_range)             */
    const double    *hyper;
    double          *state;       /* CNN_MAX_SLOT scalars                             */
    double           clip_norm, clip_value;    /* 0: off                              */
    int32_t          unguarded;   /* a loss or gradient that is not finite is no error */
    cnn_average     *average;     /* moves after each step of training; NULL: none     */
    const cnn_average *gathered;  /* gradients and their sums over parts of a step ...  */
    int64_t          part;        /* ... of so many rows; 0: a step is not parted       */
    double          *batch;       /* 2 doubles: what a step's mean loss is divided by; what
                                   * l2_per_row adds to it.  NULL where no range has any */
    double          *coef;        /* CNN_MAX_COEF doubles for each group              */
    double          *partial;     /* n_block doubles                                  */
} cnn_learner;

typedef struct {                  /* a run of whole minibatch steps                   */
    cnn_run            run;       /* counter: optimizer steps done before this chunk  */
    const cnn_source  *source;
    int32_t            n_source;
    const int64_t     *index;     /* row numbers, batch after batch; NULL: in order   */
    int64_t            first_row; /* with index NULL: where to start                  */
    int64_t            n_total;   /* rows of the chunk                                */
    int64_t            batch;     /* rows of every step but perhaps the last          */
    const cnn_learner *learner;   /* NULL: forward and backward only                  */
    const double      *lr;        /* one for each group, step after step              */
    cnn_row_grad      *rows;      /* those that the learner's ranges number           */
    const cnn_tensor  *loss;      /* scalar                                           */
    const double      *total;     /* sum of w l and sum of w of a step; NULL: none    */
    double             loss_sum, weight_sum;   /* added to                            */
    double             batch_sum[2];  /* added to: rows of a step times its mean loss; times what
                                       * l2_per_row adds to that                      */
    double             last_loss;
    int64_t            done;      /* steps completed                                  */
} cnn_chunk;

struct cnn_product;               /* gemm/cnn_gemm.h */

typedef struct {
    const char *simd;             /* "baseline", "avx2" or "avx512"                   */
    const cnn_op    *(*find_op)(const char *name);          /* NULL if unknown        */
    const cnn_optim *(*find_optim)(const char *name);       /* NULL if unknown        */
    const cnn_op    *(*op)(int32_t i);                      /* NULL past the last     */
    cnn_status (*run)(const cnn_run *run, cnn_fault *fault);
    cnn_status (*train)(cnn_chunk *chunk, cnn_fault *fault);
    void    (*gather)(const cnn_source *source, const int64_t *index, int64_t first, int64_t n);
    void    (*shuffle)(uint64_t seed, uint64_t epoch, int64_t n, int64_t *index);
    int64_t (*first_outside)(int32_t dtype, int64_t n, const void *x, double low, double high);
    cnn_status (*learn)(const cnn_learner *learner, const double *lr, int64_t step,
                        cnn_fault *fault);                  /* lr: one for each group */
    int64_t (*count_blocks)(cnn_range *range, int32_t n);   /* and note where each starts */
    int32_t (*grow_pool)(int32_t n_thread);   /* returns the threads there are        */
    cnn_status (*gemm[CNN_N_REAL])(const struct cnn_product *product, cnn_scratch scratch);
    /* The working memory that a step asks for, for at most n_row rows, however they are divided. */
    int64_t (*scratch_bytes)(const cnn_step *step, const cnn_tensor *tensor, int64_t n_row);
    /* The block memory of a plan of n_tensor tensors whose locals take so many bytes. */
    int64_t (*block_bytes)(int32_t n_tensor, int64_t local);
    int64_t (*row_bytes)(int64_t n_in, int64_t n_entry, int32_t dtype);   /* of cnn_row_grad.work */
} cnn_api;

/* The interface for an instruction set, or the best that this CPU has for NULL.
 * NULL if the name is unknown, not built, or not supported by the CPU. */
const cnn_api *cnn_get_api(const char *simd);
/* Every name that was built, best last; NULL past the end. */
const char *cnn_simd_name(int32_t i);
/* Called before the first product; own kernels serve all while the table's entries are NULL.
 * gemm_mode: 0 whichever is faster for the shape, 1 own kernels, 2 BLAS. */
void cnn_set_blas(const cnn_blas *blas, int32_t gemm_mode);
/* Whether BLAS serves any product in that mode. */
int32_t cnn_needs_blas(int32_t gemm_mode);
/* By this symbol tools that look through the loaded libraries know this one. */
CNN_PUBLIC extern const char cnn_core_library[];
#endif
