/* cnn_ext.h - what the Cython modules see of the C core. */
#ifndef CNN_EXT_H
#define CNN_EXT_H
#include "cnn_core.h"
#include "core/denormals.h"
#include "gemm/cnn_gemm.h"
#endif
