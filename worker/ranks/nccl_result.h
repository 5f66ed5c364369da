/* Results of NCCL's calls as error codes. */
#ifndef BIT_WORKER_NCCL_RESULT_H
#define BIT_WORKER_NCCL_RESULT_H

#include <nccl.h>

/** 0, or BIT_ENCCL, noted with the call, NCCL's error, and its last one of this communicator (NULL: of any). */
int bit_nccl_result(ncclComm_t communicator, ncclResult_t result, const char *call);
#define bit_nccl_try(communicator, call) bit_nccl_result((communicator), (call), #call)

#endif
