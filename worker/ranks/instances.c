#include "worker/ranks/instances.h"

#include <inttypes.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "worker/model/model.h"

static bool is_elsewhere(const struct bit_instances *t)
{
    return t->exec->backend == BIT_BACKEND_CUDA;
}

static size_t slot_bytes(int64_t elements)
{
    return (size_t)elements * sizeof(uint32_t);
}

static void free_slot(struct bit_instances *t, struct bit_instance_slot *slot)
{
    if (is_elsewhere(t))
        bit_exec_free(t->exec, slot->operands, slot_bytes(slot->capacity));
    bit_exec_free_host(t->exec, slot->host, slot_bytes(slot->capacity));
    *slot = (struct bit_instance_slot){0};
}

static int make_slot(struct bit_instances *t, int64_t elements, struct bit_instance_slot *out)
{
    struct bit_instance_slot slot = {.capacity = elements};
    int err = bit_exec_alloc_host(t->exec, slot_bytes(elements), (void **)&slot.host);

    if (err >= 0 && is_elsewhere(t))
        err = bit_exec_alloc(t->exec, slot_bytes(elements), (void **)&slot.operands);
    else
        slot.operands = slot.host;
    if (err < 0) {
        free_slot(t, &slot);
        return bit_fail_within(err, "%" PRId64 " tokens", elements);
    }
    *out = slot;
    return 0;
}

int bit_instances_init(struct bit_instances *t, struct bit_comm *comm, const struct bit_worker_plan *plan,
                       struct bit_exec *exec)
{
    int err;

    *t = (struct bit_instances){.comm = comm, .plan = plan, .exec = exec};
    err = bit_lane_init(&t->lane, exec);
    for (int s = 0; s < 2 && err >= 0; s++)
        err = make_slot(t, bit_comm_share(plan->instances, 0, comm->size) * plan->context, &t->slot[s]);
    if (err < 0)
        bit_instances_finish(t);
    return err;
}

void bit_instances_finish(struct bit_instances *t)
{
    if (t->exec == NULL)
        return;
    bit_lane_finish(&t->lane);
    free_slot(t, &t->slot[0]);
    free_slot(t, &t->slot[1]);
    *t = (struct bit_instances){0};
}

/* ---- the present batch */

/* Every rank has room for the largest share, so for the same order either all grow or none. */
static int make_room(struct bit_instances *t, int64_t instances)
{
    const int64_t most = bit_comm_share(instances, 0, t->comm->size) * t->plan->context;
    struct bit_instance_slot larger = {0}, *slot = &t->slot[t->now];
    int err;

    if (most <= slot->capacity)
        return 0;
    err = bit_comm_agree(t->comm, make_slot(t, most, &larger));
    if (err < 0) {
        free_slot(t, &larger);
        return err;
    }
    free_slot(t, slot);
    *slot = larger;
    return 0;
}

/* Widens ids of 2 bytes, at the end of the buffer for `count` ids of 4: from the first on, each is read before it is
 * overwritten. */
static void widen(uint32_t *ids, int64_t count)
{
    const uint8_t *narrow = (const uint8_t *)ids + count * 2;

    for (int64_t i = 0; i < count; i++)
        ids[i] = narrow[2 * i] | (uint32_t)narrow[2 * i + 1] << 8;
}

/* Ids are little-endian on the wire, as on every machine that this runs on. */
static int64_t hand_out(struct bit_instances *t, struct bit_instance_slot *slot, const uint8_t *batch,
                        int64_t instances)
{
    const int64_t instance_bytes = t->plan->context * t->plan->token_bytes;
    const int64_t mine = bit_comm_share(instances, t->comm->rank, t->comm->size);
    const bool narrow = t->plan->token_bytes == sizeof(uint16_t);
    uint8_t *to = (uint8_t *)slot->host + (narrow ? mine * instance_bytes : 0);

    bit_comm_scatter_instances(t->comm, batch, instances, instance_bytes, to);
    if (narrow)
        widen(slot->host, mine * t->plan->context);
    return mine;
}

int64_t bit_instances_take(struct bit_instances *t, const uint8_t *batch, int64_t instances, bool came_ahead)
{
    struct bit_instance_slot *slot;
    int64_t mine;
    int err;

    if (came_ahead) {
        BIT_ASSERT(t->ahead.step != 0 && t->ahead.instances == instances);
        t->ahead = (struct bit_batch_id){0};
        t->now = !t->now;
        err = bit_lane_lead(&t->lane);
        return err < 0 ? err : bit_comm_share(instances, t->comm->rank, t->comm->size);
    }
    err = make_room(t, instances);
    if (err < 0)
        return err;
    slot = &t->slot[t->now];
    mine = hand_out(t, slot, batch, instances);
    if (is_elsewhere(t))
        err = bit_exec_copy(t->exec, slot->operands, slot->host, slot_bytes(mine * t->plan->context));
    return err < 0 ? err : mine;
}

int bit_instances_check(const struct bit_instances *t, int64_t instances)
{
    return bit_model_check_tokens(t->plan, t->slot[t->now].host, instances);
}

const uint32_t *bit_instances_at(const struct bit_instances *t, int64_t i)
{
    return t->slot[t->now].operands + i * t->plan->context;
}

/* ---- the next batch */

int bit_instances_take_ahead(struct bit_instances *t, const uint8_t *batch, struct bit_batch_id next)
{
    struct bit_instance_slot *slot = &t->slot[!t->now];
    int64_t mine;
    int err = 0;

    if (bit_comm_share(next.instances, 0, t->comm->size) * t->plan->context > slot->capacity)
        next.step = 0;
    bit_comm_bcast(t->comm, &next, sizeof next, 0);
    t->ahead = next;
    if (next.step == 0)
        return 0;
    mine = hand_out(t, slot, batch, next.instances);
    if (is_elsewhere(t))
        err = bit_lane_copy(&t->lane, slot->operands, slot->host, slot_bytes(mine * t->plan->context));
    return err;
}

bool bit_instances_came_ahead(const struct bit_instances *t, struct bit_batch_id batch)
{
    return t->ahead.step != 0 && t->ahead.step == batch.step && t->ahead.instances == batch.instances &&
           t->ahead.crc == batch.crc;
}
