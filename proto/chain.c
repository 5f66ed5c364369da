#include "proto/chain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "proto/check.h"
#include "proto/format.h"

static uint64_t bits_of(double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static void put_u64(uint8_t *out, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t hash_words(const uint64_t *words, size_t count)
{
    uint8_t bytes[16 * 8];

    BIT_ASSERT(8 * count <= sizeof bytes);
    for (size_t i = 0; i < count; i++)
        put_u64(bytes + 8 * i, words[i]);
    return XXH3_64bits(bytes, 8 * count);
}

void bit_fact_from_report(struct bit_fact *fact, const Bit__StepReport *m)
{
    *fact = (struct bit_fact){
        .loss = m->loss,
        .grad_norm = m->grad_norm,
        .lr = m->lr,
        .strength = m->strength,
        .position = m->has_position ? m->position : m->step,
        .link = m->link,
        .token_crc = m->token_crc,
        .precision = (uint8_t)m->precision,
        .skipped = m->has_skipped && m->skipped,
    };
}

uint64_t bit_chain_begin(uint64_t weights_digest)
{
    return hash_words(&weights_digest, 1);
}

uint64_t bit_chain_next(uint64_t before, uint64_t step, const struct bit_fact *f)
{
    const uint64_t words[] = {before,
                              step,
                              f->position,
                              f->token_crc,
                              f->precision,
                              f->skipped,
                              bits_of(f->strength),
                              bits_of(f->lr),
                              bits_of(f->loss),
                              bits_of(f->grad_norm)};

    return hash_words(words, BIT_COUNT(words));
}

static void text_of_double(double v, char out[64])
{
    snprintf(out, 64, "0x%016" PRIx64 " (%.17g)", bits_of(v), v);
}

void bit_text_of_u64(uint64_t v, char out[64])
{
    snprintf(out, 64, "0x%016" PRIx64 " (%" PRIu64 ")", v, v);
}

static bool same_double(const char *field, double was, double is, struct bit_difference *out)
{
    if (bits_of(was) == bits_of(is))
        return true;
    out->field = field;
    text_of_double(was, out->was);
    text_of_double(is, out->is);
    return false;
}

static bool same_u64(const char *field, uint64_t was, uint64_t is, struct bit_difference *out)
{
    if (was == is)
        return true;
    out->field = field;
    bit_text_of_u64(was, out->was);
    bit_text_of_u64(is, out->is);
    return false;
}

static const char *precision_name(uint8_t precision)
{
    return precision == BIT__PRECISION__TERNARY ? "1.58-bit" : "16-bit";
}

static bool same_precision(uint8_t was, uint8_t is, struct bit_difference *out)
{
    if (was == is)
        return true;
    out->field = "phase";
    snprintf(out->was, sizeof out->was, "%u (%s)", was, precision_name(was));
    snprintf(out->is, sizeof out->is, "%u (%s)", is, precision_name(is));
    return false;
}

static bool same_skipped(bool was, bool is, struct bit_difference *out)
{
    if (was == is)
        return true;
    out->field = "update";
    snprintf(out->was, sizeof out->was, "%d (%s)", was, was ? "skipped" : "made");
    snprintf(out->is, sizeof out->is, "%d (%s)", is, is ? "skipped" : "made");
    return false;
}

bool bit_fact_equal(const struct bit_fact *was, const struct bit_fact *is, bool arithmetic, struct bit_difference *out)
{
    *out = (struct bit_difference){.field = NULL};
    if (!same_u64("data position", was->position, is->position, out) ||
        !same_u64("tokens", was->token_crc, is->token_crc, out) ||
        !same_precision(was->precision, is->precision, out) ||
        !same_double("strength", was->strength, is->strength, out) ||
        !same_double("learning rate", was->lr, is->lr, out))
        return false;
    return !arithmetic ||
           (same_skipped(was->skipped, is->skipped, out) && same_double("loss", was->loss, is->loss, out) &&
            same_double("gradient norm", was->grad_norm, is->grad_norm, out));
}

bool bit_machine_equal(const struct bit_machine *was, const struct bit_machine *is, char *text, size_t room)
{
    if (was->ranks != is->ranks)
        bit_format(text, room, "ranks %u -> %u", was->ranks, is->ranks);
    else if (was->micro_instances != is->micro_instances)
        bit_format(text, room, "micro-batch %u -> %u", was->micro_instances, is->micro_instances);
    else if (was->products[0] != '\0' && is->products[0] != '\0' && strcmp(was->products, is->products) != 0)
        bit_format(text, room, "products by '%s' -> '%s'", was->products, is->products);
    else if (strcmp(was->backend, is->backend) != 0)
        bit_format(text, room, "'%s' -> '%s'", was->backend, is->backend);
    else
        return true;
    return false;
}

void bit_machine_from_ready(struct bit_machine *machine, const Bit__WorkerReady *ready, uint32_t ranks)
{
    *machine = (struct bit_machine){.ranks = ready->has_ranks ? ready->ranks : ranks,
                                    .micro_instances = ready->micro_instances};
    bit_format(machine->backend, sizeof machine->backend, "%s", ready->backend);
    for (size_t i = 0; i < ready->n_product; i++) {
        const size_t at = strlen(machine->products);
        bit_format(machine->products + at, sizeof machine->products - at, "%s%s", at > 0 ? "; " : "",
                   ready->product[i]->card);
    }
}
