#include "worker/ranks/nccl_result.h"

#include <string.h>

#include "proto/err.h"

int bit_nccl_result(ncclComm_t communicator, ncclResult_t result, const char *call)
{
    const char *detail;

    if (result == ncclSuccess)
        return 0;
    detail = ncclGetLastError(communicator);
    return bit_fail(BIT_ENCCL, "%.*s: %s%s%s", (int)strcspn(call, "("), call, ncclGetErrorString(result),
                    detail != NULL && detail[0] != '\0' ? ": " : "", detail != NULL ? detail : "");
}
