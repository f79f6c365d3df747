/* tile_list.h - the tiles (tile.h) that are built, X(rows, vectors of columns).
 *
 * Up to MAX_VECS vectors of columns, then up to MAX_ROWS[vectors] rows: most registers hold
 * sums, and at least eight of them, which is what two multiply-adds per cycle with a latency
 * of four need.  A single row may be much wider.
 * PANEL_ROWS: rows of a copied panel of A, and of the tiles that copy B or ask for it ahead.
 * HALF_ROWS: rows of the tile of half a vector of columns; 0: there is none.
 */
#ifndef CNN_TILE_LIST_H
#define CNN_TILE_LIST_H
#include "vector.h"

#define ROWS_1_TO_6(X, v)   X(1, v) X(2, v) X(3, v) X(4, v) X(5, v) X(6, v)
#define ROWS_1_TO_12(X, v)  ROWS_1_TO_6(X, v) X(7, v) X(8, v) X(9, v) X(10, v) X(11, v) X(12, v)
#define ONE_ROW_4_TO_8(X)   X(1, 4) X(1, 5) X(1, 6) X(1, 7) X(1, 8)

#if N_REGISTER == 32
#  define EACH_TILE(X)                                                                        \
    ROWS_1_TO_12(X, 1) X(13, 1) X(14, 1) X(15, 1) X(16, 1)                                    \
    ROWS_1_TO_12(X, 2)                                                                        \
    ROWS_1_TO_6(X, 3) X(7, 3) X(8, 3)                                                         \
    ONE_ROW_4_TO_8(X) X(1, 16)
#  define EACH_PANEL_TILE(X) X(8, 1) X(8, 2) X(8, 3)
#  define PANEL_ROWS   8
enum { MAX_VECS = 3, MAX_VECS_ONE_ROW = 16 };
static const int MAX_ROWS[MAX_VECS + 1] = {0, 16, 12, 8};
#else
#  define EACH_TILE(X)                                                                        \
    ROWS_1_TO_12(X, 1)                                                                        \
    ROWS_1_TO_6(X, 2)                                                                         \
    X(1, 3) ONE_ROW_4_TO_8(X)
#  define EACH_PANEL_TILE(X) X(6, 1) X(6, 2)
#  define PANEL_ROWS   6
enum { MAX_VECS = 2, MAX_VECS_ONE_ROW = 8 };
static const int MAX_ROWS[MAX_VECS + 1] = {0, 12, 6};
#endif
#ifdef HALF
#  define HALF_ROWS 16
#else
#  define HALF_ROWS 0
#endif
#endif
