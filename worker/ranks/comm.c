#include "worker/ranks/comm.h"

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

#define BYTES_AT_ONCE ((size_t)1 << 30) /* MPI counts are int */
#define TAG_GATHER    1
#define TAG_REDUCE    2
#define TAG_SCATTER   3

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

/* What the caller was doing is resumed by leave. */
static enum bit_section enter(struct bit_comm *comm)
{
    return comm->sections == NULL ? BIT_SECTION_COMM : bit_section_enter(comm->sections, BIT_SECTION_COMM);
}

static void leave(struct bit_comm *comm, enum bit_section before)
{
    if (comm->sections != NULL)
        bit_section_enter(comm->sections, before);
}

int bit_comm_init(struct bit_comm *comm, MPI_Comm parent)
{
    *comm = (struct bit_comm){.mpi = MPI_COMM_NULL};
    if (MPI_Comm_dup(parent, &comm->mpi) != MPI_SUCCESS)
        return bit_fail(BIT_EMPI, "MPI_Comm_dup");
    MPI_Comm_set_errhandler(comm->mpi, MPI_ERRORS_RETURN);
    check(comm, MPI_Comm_rank(comm->mpi, &comm->rank));
    check(comm, MPI_Comm_size(comm->mpi, &comm->size));
    comm->requests = calloc(4 * (size_t)comm->size, sizeof *comm->requests);
    if (comm->size > 1)
        comm->pieces = aligned_alloc(64, 2 * (size_t)comm->size * BIT_COMM_PIECE * sizeof *comm->pieces);
    int err = 0;
    if (comm->requests == NULL || (comm->size > 1 && comm->pieces == NULL))
        err = bit_fail(-ENOMEM, "buffers to reduce over %d ranks", comm->size);
    return bit_comm_agree(comm, err);
}

void bit_comm_finish(struct bit_comm *comm)
{
    free(comm->requests);
    free(comm->pieces);
    if (comm->mpi != MPI_COMM_NULL && comm->size > 0)
        MPI_Comm_free(&comm->mpi);
    *comm = (struct bit_comm){.mpi = MPI_COMM_NULL};
}

_Noreturn void bit_comm_abort(struct bit_comm *comm, int err)
{
    bit_error("abort", "code=%d at=%s why=%s", err, bit_fail_place(), bit_fail_text());
    if (comm->before_abort != NULL)
        comm->before_abort(comm->before_abort_arg, err);
    MPI_Abort(comm->mpi == MPI_COMM_NULL ? MPI_COMM_WORLD : comm->mpi, bit_exit_code(err));
    abort();
}

/* The note of the rank that failed, to all others. */
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
    /* MPI has no event to wait for. About a millisecond of asking at once covers a daemon that is ahead. */
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

static void receive(struct bit_comm *comm, void *to, size_t bytes, int from, int tag, MPI_Request *request)
{
    if (bytes > 0)
        check(comm, MPI_Irecv(to, (int)bytes, MPI_BYTE, from, tag, comm->mpi, request));
    else
        *request = MPI_REQUEST_NULL;
}

static void send(struct bit_comm *comm, const void *from, size_t bytes, int to, int tag, MPI_Request *request)
{
    if (bytes > 0)
        check(comm, MPI_Isend(from, (int)bytes, MPI_BYTE, to, tag, comm->mpi, request));
    else
        *request = MPI_REQUEST_NULL;
}

/* Where piece `round` of a range begins, and how many elements it has: none after the range's end. */
static int64_t piece_of(const int64_t *starts, int rank, int64_t round, int64_t most, int64_t *count)
{
    int64_t begin = BIT_MIN(starts[rank] + round * most, starts[rank + 1]);

    *count = BIT_MIN(most, starts[rank + 1] - begin);
    return begin;
}

static int64_t round_count(const struct bit_comm *comm, const int64_t *starts, int64_t most)
{
    int64_t longest = 0;

    for (int r = 0; r < comm->size; r++)
        longest = BIT_MAX(longest, starts[r + 1] - starts[r]);
    return (longest + most - 1) / most;
}

void bit_comm_gather_ranges(struct bit_comm *comm, void *vector, size_t element_bytes, const int64_t *starts)
{
    const int64_t most = (int64_t)(((size_t)64 << 20) / element_bytes);
    const int64_t rounds = comm->size > 1 ? round_count(comm, starts, most) : 0;
    const enum bit_section before = enter(comm);
    int64_t begin, count;

    for (int64_t round = 0; round < rounds; round++) {
        int64_t own = piece_of(starts, comm->rank, round, most, &count);
        size_t own_bytes = (size_t)count * element_bytes;
        for (int r = 0; r < comm->size; r++) {
            bool self = r == comm->rank;
            begin = piece_of(starts, r, round, most, &count);
            receive(comm, (char *)vector + (size_t)begin * element_bytes, self ? 0 : (size_t)count * element_bytes, r,
                    TAG_GATHER, &comm->requests[2 * r]);
            send(comm, (char *)vector + (size_t)own * element_bytes, self ? 0 : own_bytes, r, TAG_GATHER,
                 &comm->requests[2 * r + 1]);
        }
        check(comm, MPI_Waitall(2 * comm->size, comm->requests, MPI_STATUSES_IGNORE));
    }
    leave(comm, before);
}

static float *piece_buffer(const struct bit_comm *comm, int set, int rank)
{
    return comm->pieces + ((int64_t)set * comm->size + rank) * BIT_COMM_PIECE;
}

static void post_piece(struct bit_comm *comm, const float *vector, const int64_t *starts, int64_t round)
{
    const int set = round & 1;
    MPI_Request *requests = comm->requests + 2 * (size_t)set * comm->size;
    int64_t mine, theirs;

    piece_of(starts, comm->rank, round, BIT_COMM_PIECE, &mine);
    for (int r = 0; r < comm->size; r++) {
        bool self = r == comm->rank;
        int64_t begin = piece_of(starts, r, round, BIT_COMM_PIECE, &theirs);
        receive(comm, piece_buffer(comm, set, r), self ? 0 : (size_t)mine * sizeof(float), r, TAG_REDUCE,
                &requests[2 * r]);
        send(comm, vector + begin, self ? 0 : (size_t)theirs * sizeof(float), r, TAG_REDUCE, &requests[2 * r + 1]);
    }
}

/* In rank order, our own term in its place among the others. */
static void add_piece(struct bit_comm *comm, float *vector, const int64_t *starts, int64_t round, int threads)
{
    const int set = round & 1;
    const int rank = comm->rank, size = comm->size;
    int64_t count, begin = piece_of(starts, rank, round, BIT_COMM_PIECE, &count);
    const int64_t run = 4096;
    float *out = vector + begin;

    check(comm, MPI_Waitall(2 * size, comm->requests + 2 * (size_t)set * size, MPI_STATUSES_IGNORE));
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t at = 0; at < count; at += run) {
        int64_t length = BIT_MIN(run, count - at);
        float sum[4096];
        memcpy(sum, (rank == 0 ? out : piece_buffer(comm, set, 0)) + at, (size_t)length * sizeof *sum);
        for (int r = 1; r < size; r++) {
            const float *term = (r == rank ? out : piece_buffer(comm, set, r)) + at;
            for (int64_t i = 0; i < length; i++)
                sum[i] += term[i];
        }
        memcpy(out + at, sum, (size_t)length * sizeof *sum);
    }
}

void bit_comm_reduce_ranges(struct bit_comm *comm, float *vector, const int64_t *starts, int threads)
{
    const int64_t rounds = comm->size > 1 ? round_count(comm, starts, BIT_COMM_PIECE) : 0;
    const enum bit_section before = enter(comm);

    if (rounds > 0)
        post_piece(comm, vector, starts, 0);
    for (int64_t round = 0; round < rounds; round++) {
        if (round + 1 < rounds)
            post_piece(comm, vector, starts, round + 1); /* crosses while this piece is added */
        add_piece(comm, vector, starts, round, threads);
    }
    leave(comm, before);
}

int64_t bit_comm_share(int64_t instances, int rank, int size)
{
    return instances > rank ? (instances - rank - 1) / size + 1 : 0;
}

/* Every size-th instance is a vector type to MPI, so nothing is copied to be sent. */
static void send_share(struct bit_comm *comm, const uint8_t *batch, int64_t count, int64_t bytes, int to)
{
    MPI_Datatype strided;

    check(comm, MPI_Type_vector((int)count, bit_to_int(bytes), bit_to_int(bytes * comm->size), MPI_BYTE, &strided));
    check(comm, MPI_Type_commit(&strided));
    check(comm, MPI_Isend(batch + to * bytes, 1, strided, to, TAG_SCATTER, comm->mpi, &comm->requests[to]));
    check(comm, MPI_Type_free(&strided)); /* lives on until the send is done */
}

/* Rank 0: everybody else's share, and our own by copying. */
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
