/* Graphs by cuDNN's C interface: a descriptor for each tensor, operation and setting, each finalised once. */
#include "kernels/cuda/attention/cudnn_graph.h"

#include <stdbool.h>
#include <string.h>

#include "proto/check.h"

#define RANK 4

void bit_cudnn_graph_init(struct bit_cudnn_graph *g)
{
    *g = (struct bit_cudnn_graph){.next_id = BIT_CUDNN_REAL_MAX};
}

void bit_cudnn_graph_finish(struct bit_cudnn_graph *g)
{
    for (int i = g->descriptor_count - 1; i >= 0; i--)
        cudnnBackendDestroyDescriptor(g->descriptors[i]);
    g->descriptor_count = 0;
}

static void note(struct bit_cudnn_graph *g, cudnnStatus_t status, const char *what)
{
    if (status == CUDNN_STATUS_SUCCESS || g->status != CUDNN_STATUS_SUCCESS)
        return;
    g->status = status;
    g->failed = what;
}

/* A descriptor that the graph owns. */
static cudnnBackendDescriptor_t create(struct bit_cudnn_graph *g, cudnnBackendDescriptorType_t type, const char *what)
{
    cudnnBackendDescriptor_t d = NULL;

    if (g->status != CUDNN_STATUS_SUCCESS)
        return NULL;
    BIT_ASSERT(g->descriptor_count < BIT_CUDNN_DESCRIPTORS_MAX);
    note(g, cudnnBackendCreateDescriptor(type, &d), what);
    if (g->status == CUDNN_STATUS_SUCCESS)
        g->descriptors[g->descriptor_count++] = d;
    return d;
}

static void set(struct bit_cudnn_graph *g, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                cudnnBackendAttributeType_t type, int64_t count, const void *value, const char *what)
{
    if (g->status == CUDNN_STATUS_SUCCESS)
        note(g, cudnnBackendSetAttribute(d, name, type, count, value), what);
}

static void set_one(struct bit_cudnn_graph *g, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                    cudnnBackendDescriptor_t value, const char *what)
{
    if (value != NULL)
        set(g, d, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value, what);
}

static void finalise(struct bit_cudnn_graph *g, cudnnBackendDescriptor_t d, const char *what)
{
    if (g->status == CUDNN_STATUS_SUCCESS)
        note(g, cudnnBackendFinalize(d), what);
}

static void finalise_op(struct bit_cudnn_graph *g, cudnnBackendDescriptor_t d, const char *what)
{
    finalise(g, d, what);
    if (g->status != CUDNN_STATUS_SUCCESS)
        return;
    BIT_ASSERT(g->op_count < BIT_CUDNN_OPS_MAX);
    g->ops[g->op_count++] = d;
}

/* ---- tensors */

static bit_cudnn_tensor tensor(struct bit_cudnn_graph *g, int64_t id, cudnnDataType_t type,
                               const struct bit_cudnn_shape *shape, bool is_virtual, bool by_value)
{
    const int64_t alignment = 16;
    bit_cudnn_tensor t = create(g, CUDNN_BACKEND_TENSOR_DESCRIPTOR, "tensor");

    set(g, t, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type, "tensor's type");
    set(g, t, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, RANK, shape->dim, "tensor's dimensions");
    set(g, t, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, RANK, shape->stride, "tensor's strides");
    set(g, t, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &id, "tensor's id");
    set(g, t, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment, "tensor's alignment");
    if (is_virtual)
        set(g, t, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &is_virtual, "virtual tensor");
    if (by_value)
        set(g, t, CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, 1, &by_value, "scalar");
    finalise(g, t, "tensor");
    return t;
}

bit_cudnn_tensor bit_cudnn_real(struct bit_cudnn_graph *g, int64_t id, cudnnDataType_t type,
                                const struct bit_cudnn_shape *shape)
{
    BIT_ASSERT(id > 0 && id < BIT_CUDNN_REAL_MAX);
    return tensor(g, id, type, shape, false, false);
}

bit_cudnn_tensor bit_cudnn_scalar(struct bit_cudnn_graph *g, int64_t id)
{
    const struct bit_cudnn_shape one = {{1, 1, 1, 1}, {1, 1, 1, 1}};

    BIT_ASSERT(id > 0 && id < BIT_CUDNN_REAL_MAX);
    return tensor(g, id, CUDNN_DATA_FLOAT, &one, false, true);
}

bit_cudnn_tensor bit_cudnn_virtual(struct bit_cudnn_graph *g, cudnnDataType_t type, const struct bit_cudnn_shape *shape)
{
    return tensor(g, g->next_id++, type, shape, true, false);
}

/* ---- operations */

void bit_cudnn_matmul(struct bit_cudnn_graph *g, bit_cudnn_tensor a, bit_cudnn_tensor b, bit_cudnn_tensor y)
{
    const cudnnDataType_t compute = CUDNN_DATA_FLOAT;
    cudnnBackendDescriptor_t how = create(g, CUDNN_BACKEND_MATMUL_DESCRIPTOR, "matmul"), op;

    set(g, how, CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &compute, "matmul's type");
    finalise(g, how, "matmul");
    op = create(g, CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR, "matmul");
    set_one(g, op, CUDNN_ATTR_OPERATION_MATMUL_ADESC, a, "matmul's a");
    set_one(g, op, CUDNN_ATTR_OPERATION_MATMUL_BDESC, b, "matmul's b");
    set_one(g, op, CUDNN_ATTR_OPERATION_MATMUL_CDESC, y, "matmul's y");
    set_one(g, op, CUDNN_ATTR_OPERATION_MATMUL_DESC, how, "matmul");
    finalise_op(g, op, "matmul");
}

/* axis < 0: the mode has no axis. */
static void pointwise(struct bit_cudnn_graph *g, cudnnPointwiseMode_t mode, cudnnDataType_t compute, int64_t axis,
                      const bit_cudnn_tensor in[3], bit_cudnn_tensor y)
{
    cudnnBackendDescriptor_t how = create(g, CUDNN_BACKEND_POINTWISE_DESCRIPTOR, "pointwise"), op;

    set(g, how, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode, "pointwise mode");
    set(g, how, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &compute, "pointwise type");
    if (axis >= 0)
        set(g, how, CUDNN_ATTR_POINTWISE_AXIS, CUDNN_TYPE_INT64, 1, &axis, "pointwise axis");
    finalise(g, how, "pointwise");
    op = create(g, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, "pointwise");
    set_one(g, op, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how, "pointwise");
    set_one(g, op, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, in[0], "pointwise x");
    set_one(g, op, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, in[1], "pointwise b");
    set_one(g, op, CUDNN_ATTR_OPERATION_POINTWISE_TDESC, in[2], "pointwise t");
    set_one(g, op, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y, "pointwise y");
    finalise_op(g, op, "pointwise");
}

void bit_cudnn_pointwise(struct bit_cudnn_graph *g, cudnnPointwiseMode_t mode, cudnnDataType_t compute,
                         bit_cudnn_tensor x, bit_cudnn_tensor b, bit_cudnn_tensor t, bit_cudnn_tensor y)
{
    const bit_cudnn_tensor in[3] = {x, b, t};

    pointwise(g, mode, compute, -1, in, y);
}

void bit_cudnn_index(struct bit_cudnn_graph *g, int64_t axis, bit_cudnn_tensor x, bit_cudnn_tensor y)
{
    const bit_cudnn_tensor in[3] = {x, NULL, NULL};

    pointwise(g, CUDNN_POINTWISE_GEN_INDEX, CUDNN_DATA_FLOAT, axis, in, y);
}

void bit_cudnn_reduce(struct bit_cudnn_graph *g, cudnnReduceTensorOp_t reduction, bit_cudnn_tensor x,
                      bit_cudnn_tensor y)
{
    const cudnnDataType_t compute = CUDNN_DATA_FLOAT;
    cudnnBackendDescriptor_t how = create(g, CUDNN_BACKEND_REDUCTION_DESCRIPTOR, "reduction"), op;

    set(g, how, CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, 1, &reduction, "reduction");
    set(g, how, CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &compute, "reduction's type");
    finalise(g, how, "reduction");
    op = create(g, CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR, "reduction");
    set_one(g, op, CUDNN_ATTR_OPERATION_REDUCTION_DESC, how, "reduction");
    set_one(g, op, CUDNN_ATTR_OPERATION_REDUCTION_XDESC, x, "reduction's x");
    set_one(g, op, CUDNN_ATTR_OPERATION_REDUCTION_YDESC, y, "reduction's y");
    finalise_op(g, op, "reduction");
}

void bit_cudnn_reshape(struct bit_cudnn_graph *g, bit_cudnn_tensor x, bit_cudnn_tensor y)
{
    cudnnBackendDescriptor_t op = create(g, CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR, "reshape");

    set_one(g, op, CUDNN_ATTR_OPERATION_RESHAPE_XDESC, x, "reshape's x");
    set_one(g, op, CUDNN_ATTR_OPERATION_RESHAPE_YDESC, y, "reshape's y");
    finalise_op(g, op, "reshape");
}

/* ---- plans */

#define CONFIGS_MAX 8

/* The heuristics' proposals, best first. The graph owns the descriptors. */
static int propose(struct bit_cudnn_graph *g, cudnnHandle_t handle, cudnnBackendDescriptor_t configs[CONFIGS_MAX])
{
    const cudnnBackendHeurMode_t mode = CUDNN_HEUR_MODE_A;
    cudnnBackendDescriptor_t graph = create(g, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, "graph"), heuristics;
    int64_t count = 0;

    set(g, graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle, "graph's handle");
    set(g, graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, g->op_count, g->ops, "graph's ops");
    finalise(g, graph, "graph");
    heuristics = create(g, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, "heuristics");
    set_one(g, heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph, "heuristics' graph");
    set(g, heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode, "heuristics' mode");
    finalise(g, heuristics, "heuristics");
    for (int i = 0; i < CONFIGS_MAX; i++)
        configs[i] = create(g, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, "engine");
    if (g->status == CUDNN_STATUS_SUCCESS)
        note(g,
             cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                      CONFIGS_MAX, &count, configs),
             "engines");
    return (int)BIT_MIN(count, CONFIGS_MAX);
}

static cudnnStatus_t plan_of(cudnnHandle_t handle, cudnnBackendDescriptor_t config, cudnnBackendDescriptor_t *out,
                             int64_t *workspace_bytes)
{
    cudnnBackendDescriptor_t plan = NULL;
    cudnnStatus_t status = cudnnBackendCreateDescriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, &plan);
    int64_t count = 0;

    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    if ((status = cudnnBackendSetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle)) !=
            CUDNN_STATUS_SUCCESS ||
        (status = cudnnBackendSetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                           1, &config)) != CUDNN_STATUS_SUCCESS ||
        (status = cudnnBackendFinalize(plan)) != CUDNN_STATUS_SUCCESS ||
        (status = cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &count,
                                           workspace_bytes)) != CUDNN_STATUS_SUCCESS) {
        cudnnBackendDestroyDescriptor(plan);
        return status;
    }
    *out = plan;
    return status;
}

cudnnStatus_t bit_cudnn_plan(struct bit_cudnn_graph *g, cudnnHandle_t handle, cudnnBackendDescriptor_t *plan,
                             int64_t *workspace_bytes)
{
    cudnnBackendDescriptor_t configs[CONFIGS_MAX];
    const int count = propose(g, handle, configs);
    cudnnStatus_t status = CUDNN_STATUS_NOT_SUPPORTED;

    if (g->status != CUDNN_STATUS_SUCCESS)
        return g->status;
    g->failed = "plan";
    for (int i = 0; i < count && status != CUDNN_STATUS_SUCCESS; i++)
        status = plan_of(handle, configs[i], plan, workspace_bytes);
    return status;
}

cudnnStatus_t bit_cudnn_run(cudnnHandle_t handle, cudnnBackendDescriptor_t plan, int count, const int64_t *ids,
                            void *const *memory, void *workspace)
{
    cudnnBackendDescriptor_t pack = NULL;
    cudnnStatus_t status = cudnnBackendCreateDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack);

    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    if ((status = cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, ids)) ==
            CUDNN_STATUS_SUCCESS &&
        (status = cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count,
                                           memory)) == CUDNN_STATUS_SUCCESS &&
        (status = cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1,
                                           &workspace)) == CUDNN_STATUS_SUCCESS &&
        (status = cudnnBackendFinalize(pack)) == CUDNN_STATUS_SUCCESS)
        status = cudnnBackendExecute(handle, plan, pack);
    cudnnBackendDestroyDescriptor(pack);
    return status;
}
