"""The C interface of src_c/include/cnn_core.h.  The only `cdef extern` of the package."""
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

# NumPy's own declarations of this header would have numpy.random imported with this package.
cdef extern from "numpy/random/bitgen.h" nogil:
    ctypedef struct bitgen_t:
        void *state
        uint32_t (*next_uint32)(void *) noexcept nogil

cdef extern from "cnn_ext.h" nogil:
    enum:
        CNN_MAX_DIM
        CNN_MAX_SLOT
        CNN_MAX_COEF
        CNN_MAX_GRAD
        CNN_LINE
        CNN_F32
        CNN_F64
        CNN_I32
        CNN_U8
        CNN_I64
        CNN_WHOLE
        CNN_ROWS
        CNN_UNITS

    ctypedef enum cnn_status:
        CNN_OK
        CNN_ERR_TOO_LARGE
        CNN_ERR_LABEL_RANGE
        CNN_ERR_INDEX_RANGE
        CNN_ERR_ENTRY_RANGE
        CNN_ERR_NOT_FINITE
        CNN_ERR_CALLBACK
        CNN_ERR_LOSS
        CNN_ERR_GRADIENT
        CNN_ERR_FEW_ROWS
        CNN_ASKED

    ctypedef struct cnn_fault:
        int32_t step
        int64_t index
        double value

    ctypedef struct cnn_tensor:
        void *data
        int64_t size
        int64_t stride
        int64_t dim[6]
        int32_t n_dim
        int32_t dtype

    const cnn_tensor *cnn_entry(const cnn_tensor *table, int32_t entry)

    ctypedef union cnn_attr:
        double f
        int64_t i

    ctypedef struct cnn_scratch:
        char *memory
        int64_t bytes
        int64_t *need

    ctypedef struct cnn_step
    ctypedef struct cnn_call:
        const cnn_step *step
        const cnn_tensor *tensor
        int64_t begin
        int64_t end
        int64_t column
        int64_t n_column
        int64_t n_row
        uint64_t seed
        int64_t counter
        uint64_t float_mode
        cnn_scratch scratch
        cnn_fault *fault

    ctypedef cnn_status (*cnn_kernel)(const cnn_call *) noexcept nogil

    ctypedef struct cnn_step:
        cnn_kernel kernel
        const int32_t *operand
        const cnn_attr *attr
        const void *user
        int64_t n_unit
        int32_t n_operand
        int32_t split
        int32_t accumulate
        int32_t wrt
        int32_t products
        int64_t state
        int64_t piece

    ctypedef struct cnn_watch:
        int (*stop)(cnn_watch *watch, uint64_t float_mode) noexcept nogil

    ctypedef struct cnn_blas:
        void *gemm_f32
        void *gemm_f64

    ctypedef struct cnn_more:
        cnn_kernel statistics[2]
        cnn_kernel sums[2]
        cnn_kernel update[2]

    ctypedef struct cnn_op:
        const char *name
        int32_t products
        const cnn_more *more
        cnn_kernel forward[2]
        cnn_kernel grad[4][2]
        cnn_kernel fused_loss[2]
        void (*map[2])(int64_t n, const void *x, void *y, const cnn_attr *attr) noexcept nogil

    ctypedef struct cnn_range:
        int64_t n
        int64_t first_block
        double weight_decay
        double l1
        double l2
        double l2_per_row
        double max_norm
        int64_t n_unit
        int32_t group
        int32_t rows
        int32_t every_row
        void *param
        void *grad
        void *slot[4]

    ctypedef struct cnn_row_grad:
        const cnn_tensor *x
        const cnn_tensor *dy
        int64_t n_in
        double most
        int64_t n_entry
        void *work
        int64_t n_touched
        int32_t bounded

    ctypedef struct cnn_optim:
        const char *name
        int32_t n_slot

    ctypedef struct cnn_source:
        const void *data
        int32_t dtype
        double scale
        double shift
        const cnn_tensor *target

    ctypedef struct cnn_segment:
        int32_t split
        int32_t first
        int32_t last
        int32_t first_tile
        int32_t n_tile
        int64_t max_row

    ctypedef struct cnn_tile:
        int64_t begin
        int64_t end
        int32_t step

    ctypedef struct cnn_stretch:
        int32_t first
        int32_t last
        int32_t last_sum
        int32_t first_local
        int32_t n_local
        int32_t rows_first
        int64_t n_row

    ctypedef struct cnn_local:
        int32_t tensor
        int32_t summed
        int32_t fed
        int64_t offset
        int64_t row

    ctypedef struct cnn_run:
        const cnn_step *step
        const cnn_tensor *tensor
        int32_t first
        int32_t last
        int32_t n_update
        int64_t n_row
        uint64_t seed
        int64_t counter
        char *scratch
        int64_t scratch_bytes
        int64_t block_bytes
        int32_t check_finite
        int32_t n_thread
        int32_t n_segment
        const cnn_segment *segment
        const cnn_tile *tile
        int32_t rows_first
        int32_t n_stretch
        int32_t n_tensor
        const cnn_stretch *stretch
        const cnn_local *local
        cnn_watch *watch

    ctypedef struct cnn_followed:
        int64_t n
        void *value
        void *mean

    ctypedef struct cnn_average:
        int32_t n_part
        const cnn_followed *part
        double least
        int64_t count

    ctypedef struct cnn_learner:
        const cnn_optim *optim
        int32_t dtype
        int32_t n_range
        int32_t n_group
        const cnn_range *range
        int64_t n_block
        const double *hyper
        double *state
        double clip_norm
        double clip_value
        int32_t unguarded
        cnn_average *average
        const cnn_average *gathered
        int64_t part
        double *batch
        double *coef
        double *partial

    ctypedef struct cnn_chunk:
        cnn_run run
        const cnn_source *source
        int32_t n_source
        const int64_t *index
        int64_t first_row
        int64_t n_total
        int64_t batch
        const cnn_learner *learner
        const double *lr
        cnn_row_grad *rows
        const cnn_tensor *loss
        const double *total
        double loss_sum
        double weight_sum
        double batch_sum[2]
        double last_loss
        int64_t done

    ctypedef struct cnn_product:
        int64_t m
        int64_t n
        int64_t k
        const void *a
        const void *b
        const void *bias
        void *c
        int64_t lda
        int64_t ldb
        int64_t ldc
        int32_t trans_a
        int32_t trans_b
        int32_t accumulate
        int32_t relu

    ctypedef cnn_status (*cnn_gemm_fn)(const cnn_product *, cnn_scratch) noexcept nogil

    ctypedef struct cnn_api:
        const char *simd
        const cnn_op *(*find_op)(const char *name) noexcept nogil
        const cnn_optim *(*find_optim)(const char *name) noexcept nogil
        const cnn_op *(*op)(int32_t i) noexcept nogil
        cnn_status (*run)(const cnn_run *run, cnn_fault *fault) noexcept nogil
        cnn_status (*train)(cnn_chunk *chunk, cnn_fault *fault) noexcept nogil
        void (*gather)(const cnn_source *, const int64_t *, int64_t, int64_t) noexcept nogil
        void (*shuffle)(uint64_t seed, uint64_t epoch, int64_t n, int64_t *index) noexcept nogil
        int64_t (*first_outside)(int32_t dtype, int64_t n, const void *x, double low,
                                 double high) noexcept nogil
        cnn_status (*learn)(const cnn_learner *learner, const double *lr, int64_t step,
                            cnn_fault *fault) noexcept nogil
        int64_t (*count_blocks)(cnn_range *range, int32_t n) noexcept nogil
        int32_t (*grow_pool)(int32_t n_thread) noexcept nogil
        cnn_gemm_fn gemm[2]
        int64_t (*scratch_bytes)(const cnn_step *step, const cnn_tensor *tensor,
                                 int64_t n_row) noexcept nogil
        int64_t (*block_bytes)(int32_t n_tensor, int64_t local) noexcept nogil
        int64_t (*row_bytes)(int64_t n_in, int64_t n_entry, int32_t dtype) noexcept nogil

    uint64_t cnn_flush_denormals()
    void cnn_restore_denormals(uint64_t old)

    const cnn_api *cnn_get_api(const char *simd)
    const char *cnn_simd_name(int32_t i)
    void cnn_set_blas(const cnn_blas *blas, int32_t gemm_mode)
    int32_t cnn_needs_blas(int32_t gemm_mode)
