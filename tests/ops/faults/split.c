/* split - a kernel that runs another one in pieces, the last first, as threads would. */
#include "cnn_core.h"

cnn_kernel split_kernel;   /* set before each run */
int64_t    split_piece;

cnn_status split_run(const cnn_call *whole)
{
    cnn_status status = CNN_OK;
    int64_t    end = whole->end;

    while (end > whole->begin && status == CNN_OK) {
        cnn_call part = *whole;
        part.end = end;
        part.begin = (end - 1) / split_piece * split_piece;
        if (part.begin < whole->begin)
            part.begin = whole->begin;
        status = split_kernel(&part);
        end = part.begin;
    }
    return status;
}
