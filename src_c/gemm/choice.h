/* choice.h - for which products the own kernels serve, and for which BLAS.
 *
 * The rule is what `python benchmarks/gemm_table.py --rule` printed for each instruction set
 * and both types: x86-64, GCC 12, a Zen 5 core against the kernels of OpenBLAS 0.3 for the same
 * instructions, one thread, n and k from 3 to 1000.  The own kernels are 0.9 to 2.7 times as
 * fast, most often 1.2; only for three columns on AVX-512 0.6 to 0.9, in fractions of a
 * microsecond.  They serve these too: their bits do not depend on how threads split the rows.
 * On other processors and compilers they are not tuned, and serve for the same reason: BLAS, which
 * CNN_CORE_GEMM=blas asks for, has other bits where threads split a product otherwise.
 */
#ifndef CNN_CHOICE_H
#define CNN_CHOICE_H
#  define CNN_OWN_IS_FASTER(n, k) 1
#endif
