/* transpose.h - copy a matrix the other way round: to[c, r] = from[r, c], [rows, cols] to [cols, rows].
 *
 * from_row and to_row are the elements from one row to the next.  With `pad`, what follows the rows
 * of `to` up to a whole number of vectors may be written too; else nothing beyond its columns.
 */
#ifndef CNN_TRANSPOSE_H
#define CNN_TRANSPOSE_H
#include <stdint.h>
#include "cnn_typed.h"

#define cnn_transpose_f32 CNN_FOR_ISA(cnn_transpose_f32)
#define cnn_transpose_f64 CNN_FOR_ISA(cnn_transpose_f64)
void cnn_transpose_f32(int64_t rows, int64_t cols, const float *from, int64_t from_row, float *to,
                       int64_t to_row, int pad);
void cnn_transpose_f64(int64_t rows, int64_t cols, const double *from, int64_t from_row, double *to,
                       int64_t to_row, int pad);
#endif
