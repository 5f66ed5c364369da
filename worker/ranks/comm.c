#include "worker/ranks/comm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/log.h"

BIT_LOG_TOPIC("comm");

#define BYTES_AT_ONCE   ((size_t)1 << 30) /* MPI counts are int */
#define ALL_GATHER_UNIT 64
#define TAG_REDUCE      1
#define TAG_SCATTER     2

#define check(comm, call)                                                                                              \
    do {                                                                                                               \
        int result_ = (call);                                                                                          \
        if (result_ != MPI_SUCCESS)                                                                                    \
            mpi_failed((comm), #call, result_);                                                                        \
    } while (0)

static _Noreturn void mpi_failed(struct bit_comm *comm, const char *call, int result)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;

    MPI_Error_string(result, text, &length);
    bit_comm_abort(comm, bit_fail(BIT_EMPI, "%.*s: %s", (int)strcspn(call, "("), call, text));
}

static struct bit_sections *sections_of(const struct bit_comm *comm)
{
    return comm->whole != NULL ? comm->whole->sections : comm->sections;
}

/* leave() resumes the caller's section. */
static enum bit_section enter(struct bit_comm *comm)
{
    struct bit_sections *sections = sections_of(comm);

    return sections == NULL ? BIT_SECTION_COMM : bit_section_enter(sections, BIT_SECTION_COMM);
}

static void leave(struct bit_comm *comm, enum bit_section before)
{
    if (sections_of(comm) != NULL)
        bit_section_enter(sections_of(comm), before);
}

int bit_comm_init(struct bit_comm *comm, MPI_Comm parent)
{
    *comm = (struct bit_comm){.mpi = MPI_COMM_NULL};
    if (MPI_Comm_dup(parent, &comm->mpi) != MPI_SUCCESS)
        return bit_fail(BIT_EMPI, "MPI_Comm_dup");
    MPI_Comm_set_errhandler(comm->mpi, MPI_ERRORS_RETURN);
    check(comm, MPI_Comm_rank(comm->mpi, &comm->rank));
    check(comm, MPI_Comm_size(comm->mpi, &comm->size));
    comm->requests = calloc((size_t)comm->size, sizeof *comm->requests);
    if (comm->size > 1)
        comm->pieces = aligned_alloc(64, 2 * BIT_COMM_PIECE * sizeof *comm->pieces);
    int err = 0;
    if (comm->requests == NULL || (comm->size > 1 && comm->pieces == NULL))
        err = bit_fail(-ENOMEM, "buffers to reduce over %d ranks", comm->size);
    return bit_comm_agree(comm, err);
}

/* Makes a comm of the ranks of one colour, in their present order. */
static int make_part(struct bit_comm *comm, int colour, struct bit_comm **out)
{
    struct bit_comm *part = calloc(1, sizeof *part);
    MPI_Comm split;
    int err = bit_comm_agree(comm, part == NULL ? bit_fail(-ENOMEM, "a group of ranks") : 0);

    if (err < 0) {
        free(part);
        return err;
    }
    check(comm, MPI_Comm_split(comm->mpi, colour, comm->rank, &split));
    err = bit_comm_agree(comm, bit_comm_init(part, split));
    MPI_Comm_free(&split);
    part->whole = comm;
    *out = part;
    return err;
}

int bit_comm_divide(struct bit_comm *comm, int size)
{
    BIT_ASSERT(comm->group == NULL && comm->whole == NULL && size >= 1 && comm->size % size == 0);
    int err = make_part(comm, comm->rank / size, &comm->group);

    return err < 0 ? err : make_part(comm, comm->rank % size, &comm->across);
}

static void finish_part(struct bit_comm *part)
{
    if (part == NULL)
        return;
    bit_comm_finish(part);
    free(part);
}

void bit_comm_finish(struct bit_comm *comm)
{
    finish_part(comm->group);
    finish_part(comm->across);
    free(comm->requests);
    free(comm->pieces);
    if (comm->mpi != MPI_COMM_NULL && comm->size > 0)
        MPI_Comm_free(&comm->mpi);
    *comm = (struct bit_comm){.mpi = MPI_COMM_NULL};
}

_Noreturn void bit_comm_abort(struct bit_comm *comm, int err)
{
    if (comm->whole != NULL)
        comm = comm->whole;
    bit_error("abort", "code=%d at=%s why=%s", err, bit_fail_place(), bit_fail_text());
    if (comm->before_abort != NULL)
        comm->before_abort(comm->before_abort_arg, err);
    MPI_Abort(comm->mpi == MPI_COMM_NULL ? MPI_COMM_WORLD : comm->mpi, bit_exit_code(err));
    abort();
}

/* Broadcasts the note of the rank that failed. */
static void share_note(struct bit_comm *comm, int err, int from)
{
    char text[BIT_ERR_TEXT_MAX] = "", who[32];

    bit_format(text, sizeof text, "%s", bit_fail_text());
    check(comm, MPI_Bcast(text, sizeof text, MPI_CHAR, from, comm->mpi));
    snprintf(who, sizeof who, "rank %d: ", from);
    if (comm->rank != from)
        bit_fail_again(err, who, text);
}

int bit_comm_agree(struct bit_comm *comm, int err)
{
    struct {
        int err, rank;
    } mine = {BIT_MIN(err, 0), comm->rank}, lowest;
    const enum bit_section before = enter(comm);

    check(comm, MPI_Allreduce(&mine, &lowest, 1, MPI_2INT, MPI_MINLOC, comm->mpi));
    if (lowest.err < 0) {
        comm->failed_rank = lowest.rank;
        share_note(comm, lowest.err, lowest.rank);
    }
    leave(comm, before);
    return lowest.err;
}

bool bit_comm_same(struct bit_comm *comm, uint64_t value)
{
    uint64_t mine[2] = {value, ~value}, most[2];

    /* The greatest complement is the complement of the least. */
    check(comm, MPI_Allreduce(mine, most, 2, MPI_UINT64_T, MPI_MAX, comm->mpi));
    return most[0] == ~most[1];
}

void bit_comm_barrier(struct bit_comm *comm)
{
    check(comm, MPI_Barrier(comm->mpi));
}

void bit_comm_bcast(struct bit_comm *comm, void *data, size_t bytes, int root)
{
    for (size_t at = 0; at < bytes; at += BYTES_AT_ONCE)
        check(comm, MPI_Bcast((char *)data + at, (int)BIT_MIN(bytes - at, BYTES_AT_ONCE), MPI_BYTE, root, comm->mpi));
}

void bit_comm_await(struct bit_comm *comm, void *data, size_t bytes)
{
    const struct timespec nap = {.tv_nsec = 200 * 1000};
    MPI_Request request;
    int done = 0;

    BIT_ASSERT(bytes <= BYTES_AT_ONCE);
    check(comm, MPI_Ibcast(data, (int)bytes, MPI_BYTE, 0, comm->mpi, &request));
    /* MPI has no event to wait for. Polling for about a millisecond first covers the case that the daemon is ahead. */
    for (int polls = 0; !done; polls++) {
        check(comm, MPI_Test(&request, &done, MPI_STATUS_IGNORE));
        if (!done && polls > 2000)
            nanosleep(&nap, NULL);
    }
}

void bit_comm_gather(struct bit_comm *comm, const void *mine, size_t bytes, void *all)
{
    const enum bit_section before = enter(comm);
    int count = bit_to_int((int64_t)bytes);

    check(comm, MPI_Allgather(mine, count, MPI_BYTE, all, count, MPI_BYTE, comm->mpi));
    leave(comm, before);
}

void bit_comm_sum_u64(struct bit_comm *comm, uint64_t *values, int count)
{
    const enum bit_section before = enter(comm);

    check(comm, MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_UINT64_T, MPI_SUM, comm->mpi));
    leave(comm, before);
}

void bit_comm_sum_u32(struct bit_comm *comm, uint32_t *values, int count)
{
    const enum bit_section before = enter(comm);

    check(comm, MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_UINT32_T, MPI_SUM, comm->mpi));
    leave(comm, before);
}

void bit_comm_sum_f64(struct bit_comm *comm, double *values, int count)
{
    const enum bit_section before = enter(comm);

    check(comm, MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_DOUBLE, MPI_SUM, comm->mpi));
    leave(comm, before);
}

/* ---- a vector of equal parts */

void bit_comm_all_gather_begin(struct bit_comm *comm, void *vector, int64_t each, MPI_Request *request)
{
    const enum bit_section before = enter(comm);
    MPI_Datatype part; /* larger units, because a count is an int */
    const int64_t unit = each % ALL_GATHER_UNIT == 0 ? ALL_GATHER_UNIT : 1;

    *request = MPI_REQUEST_NULL;
    if (comm->size > 1 && each > 0) {
        check(comm, MPI_Type_contiguous((int)unit, MPI_BYTE, &part));
        check(comm, MPI_Type_commit(&part));
        check(comm, MPI_Iallgather(MPI_IN_PLACE, 0, part, vector, bit_to_int(each / unit), part, comm->mpi, request));
        check(comm, MPI_Type_free(&part)); /* lives on until the gather is done */
    }
    leave(comm, before);
}

void bit_comm_wait(struct bit_comm *comm, MPI_Request *request)
{
    const enum bit_section before = enter(comm);

    check(comm, MPI_Wait(request, MPI_STATUS_IGNORE));
    leave(comm, before);
}

void bit_comm_all_gather(struct bit_comm *comm, void *vector, int64_t each)
{
    MPI_Request request;

    bit_comm_all_gather_begin(comm, vector, each, &request);
    bit_comm_wait(comm, &request);
}

static void add(float *out, const float *a, const float *b, int64_t count, int threads)
{
#pragma omp parallel for simd num_threads(threads) schedule(static) if (count > 65536)
    for (int64_t i = 0; i < count; i++)
        out[i] = a[i] + b[i];
}

/* Reduces elements [at, at + count) of every part, once round the ring: each rank adds its own values to what it
 * receives and passes the sum on. */
static void reduce_piece(struct bit_comm *comm, float *vector, int64_t each, int64_t at, int64_t count, int threads)
{
    const int rank = comm->rank, size = comm->size, next = (rank + 1) % size, last = (rank + size - 1) % size;
    const float *goes = vector + last * each + at;

    for (int hop = 0; hop < size - 1; hop++) {
        const int part = (rank + 2 * size - hop - 2) % size;
        const float *own = vector + part * each + at;
        float *comes = comm->pieces + (hop & 1) * BIT_COMM_PIECE;
        check(comm, MPI_Sendrecv(goes, (int)count, MPI_FLOAT, next, TAG_REDUCE, comes, (int)count, MPI_FLOAT, last,
                                 TAG_REDUCE, comm->mpi, MPI_STATUS_IGNORE));
        add(part == rank ? vector + part * each + at : comes, comes, own, count, threads);
        goes = comes;
    }
}

void bit_comm_reduce_scatter(struct bit_comm *comm, float *vector, int64_t each, int threads)
{
    const enum bit_section before = enter(comm);

    for (int64_t at = 0; at < each && comm->size > 1; at += BIT_COMM_PIECE)
        reduce_piece(comm, vector, each, at, BIT_MIN(BIT_COMM_PIECE, each - at), threads);
    leave(comm, before);
}

/* There are fewer elements than ranks. */
static void reduce_rest(struct bit_comm *comm, float *rest, int64_t count)
{
    float *all = calloc((size_t)(comm->size * count), sizeof *all);

    if (all == NULL)
        bit_comm_abort(comm, bit_fail(-ENOMEM, "%" PRId64 " elements of %d ranks", count, comm->size));
    bit_comm_gather(comm, rest, (size_t)count * sizeof *rest, all);
    for (int64_t i = 0; i < count; i++) {
        rest[i] = all[i];
        for (int r = 1; r < comm->size; r++)
            rest[i] += all[r * count + i];
    }
    free(all);
}

void bit_comm_all_reduce(struct bit_comm *comm, float *vector, int64_t count, int threads)
{
    const int64_t each = count / comm->size, rest = count - each * comm->size;

    if (comm->size == 1)
        return;
    bit_comm_reduce_scatter(comm, vector, each, threads);
    bit_comm_all_gather(comm, vector, each * (int64_t)sizeof *vector);
    if (rest > 0)
        reduce_rest(comm, vector + each * comm->size, rest);
}

int64_t bit_comm_share(int64_t instances, int rank, int size)
{
    return instances > rank ? (instances - rank - 1) / size + 1 : 0;
}

/* Every size-th instance is an MPI vector type, so nothing is copied before it is sent. */
static void send_share(struct bit_comm *comm, const uint8_t *batch, int64_t count, int64_t bytes, int to)
{
    MPI_Datatype strided;

    check(comm, MPI_Type_vector((int)count, bit_to_int(bytes), bit_to_int(bytes * comm->size), MPI_BYTE, &strided));
    check(comm, MPI_Type_commit(&strided));
    check(comm, MPI_Isend(batch + to * bytes, 1, strided, to, TAG_SCATTER, comm->mpi, &comm->requests[to]));
    check(comm, MPI_Type_free(&strided)); /* lives on until the send is done */
}

/* Rank 0: sends the others their shares, and copies its own. */
static void hand_out(struct bit_comm *comm, const uint8_t *batch, int64_t instances, int64_t bytes, uint8_t *mine)
{
    const int64_t count = bit_comm_share(instances, 0, comm->size);

    for (int r = 1; r < comm->size; r++) {
        int64_t theirs = bit_comm_share(instances, r, comm->size);
        comm->requests[r] = MPI_REQUEST_NULL;
        if (theirs > 0)
            send_share(comm, batch, theirs, bytes, r);
    }
    for (int64_t i = 0; i < count; i++)
        memcpy(mine + i * bytes, batch + i * comm->size * bytes, (size_t)bytes);
    check(comm, MPI_Waitall(comm->size - 1, comm->requests + 1, MPI_STATUSES_IGNORE));
}

int64_t bit_comm_scatter_instances(struct bit_comm *comm, const uint8_t *batch, int64_t instances, int64_t bytes,
                                   uint8_t *mine)
{
    const int64_t count = bit_comm_share(instances, comm->rank, comm->size);
    const enum bit_section before = enter(comm);

    if (comm->rank == 0)
        hand_out(comm, batch, instances, bytes, mine);
    else if (count > 0)
        check(comm, MPI_Recv(mine, bit_to_int(count * bytes), MPI_BYTE, 0, TAG_SCATTER, comm->mpi, MPI_STATUS_IGNORE));
    leave(comm, before);
    return count;
}
