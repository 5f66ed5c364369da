/* A graph of cuDNN operations on tensors of four dimensions, and the plan that computes it. For attention_cudnn.c. */
#ifndef BIT_KERNELS_CUDA_CUDNN_GRAPH_H
#define BIT_KERNELS_CUDA_CUDNN_GRAPH_H

#include <cudnn_graph.h>
#include <stddef.h>
#include <stdint.h>

#define BIT_CUDNN_DESCRIPTORS_MAX 128
#define BIT_CUDNN_OPS_MAX         32
#define BIT_CUDNN_REAL_MAX        16

/* A tensor's dimensions and strides. */
struct bit_cudnn_shape {
    int64_t dim[4], stride[4];
};
typedef cudnnBackendDescriptor_t bit_cudnn_tensor;

/*
 * A graph under construction. The first call that fails stores its status and name here, and later calls do nothing: it
 * is enough to check bit_cudnn_plan's result. The functions for operations take their output tensor as an argument.
 */
struct bit_cudnn_graph {
    cudnnStatus_t status;
    const char *failed;
    cudnnBackendDescriptor_t descriptors[BIT_CUDNN_DESCRIPTORS_MAX], ops[BIT_CUDNN_OPS_MAX];
    int descriptor_count, op_count;
    int64_t next_id; /* of virtual tensors: above those of the real ones */
};
void bit_cudnn_graph_init(struct bit_cudnn_graph *g);
void bit_cudnn_graph_finish(struct bit_cudnn_graph *g);

/** A tensor in memory, aligned to 16 bytes; id (1 .. BIT_CUDNN_REAL_MAX - 1) names it to bit_cudnn_run. */
bit_cudnn_tensor bit_cudnn_real(struct bit_cudnn_graph *g, int64_t id, cudnnDataType_t type,
                                const struct bit_cudnn_shape *shape);
/** A float in the host's memory, read by the call of bit_cudnn_run. */
bit_cudnn_tensor bit_cudnn_scalar(struct bit_cudnn_graph *g, int64_t id);
/** An intermediate tensor, which need not be stored in memory. */
bit_cudnn_tensor bit_cudnn_virtual(struct bit_cudnn_graph *g, cudnnDataType_t type,
                                   const struct bit_cudnn_shape *shape);

/** y = a b, matrices in the last two dimensions. */
void bit_cudnn_matmul(struct bit_cudnn_graph *g, bit_cudnn_tensor a, bit_cudnn_tensor b, bit_cudnn_tensor y);
/** y = mode(x, b), b and t NULL if the mode has none; t selects in BINARY_SELECT. compute: the arithmetic's type. */
void bit_cudnn_pointwise(struct bit_cudnn_graph *g, cudnnPointwiseMode_t mode, cudnnDataType_t compute,
                         bit_cudnn_tensor x, bit_cudnn_tensor b, bit_cudnn_tensor t, bit_cudnn_tensor y);
/** y = the index along `axis`, in the shape of x. */
void bit_cudnn_index(struct bit_cudnn_graph *g, int64_t axis, bit_cudnn_tensor x, bit_cudnn_tensor y);
/** y = x reduced along the dimensions that are 1 in y. */
void bit_cudnn_reduce(struct bit_cudnn_graph *g, cudnnReduceTensorOp_t op, bit_cudnn_tensor x, bit_cudnn_tensor y);
/** y = x with another shape. */
void bit_cudnn_reshape(struct bit_cudnn_graph *g, bit_cudnn_tensor x, bit_cudnn_tensor y);

/** The first plan of cuDNN's heuristics that this machine can run; destroy it with cudnnBackendDestroyDescriptor. */
cudnnStatus_t bit_cudnn_plan(struct bit_cudnn_graph *g, cudnnHandle_t handle, cudnnBackendDescriptor_t *plan,
                             int64_t *workspace_bytes);
/** Enqueue: memory[i] is the tensor of id ids[i]. */
cudnnStatus_t bit_cudnn_run(cudnnHandle_t handle, cudnnBackendDescriptor_t plan, int count, const int64_t *ids,
                            void *const *memory, void *workspace);

#endif
