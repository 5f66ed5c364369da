#include "proto/ckpt/codes_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"

#define NAME_BYTES (sizeof(((struct bit_tensor *)0)->name) + sizeof "_scale")

/* The two tensors of each linear: its scales, and its codes. */
struct tables {
    struct bit_safetensors_entry *entry; /* all scales, then all codes */
    char (*name)[NAME_BYTES];            /* names of the scales */
    size_t linears;
};

static int segments_of(const struct bit_tensor *linear, Bit__Granularity granularity)
{
    return granularity == BIT__GRANULARITY__PROJECTION ? bit_tensor_projections(linear) : 1;
}

static int count_scales(const struct bit_tensor *tensors, int count, Bit__Granularity granularity)
{
    int scales = 0;

    for (int i = 0; i < count; i++)
        scales += bit_tensor_is_linear(&tensors[i]) ? segments_of(&tensors[i], granularity) : 0;
    return scales;
}

static uint64_t put_scales(struct tables *t, size_t i, const struct bit_tensor *linear, int segments, uint64_t begin)
{
    struct bit_safetensors_entry *e = &t->entry[i];

    snprintf(t->name[i], NAME_BYTES, "%s_scale", linear->name);
    *e = (struct bit_safetensors_entry){
        .name = t->name[i], .dtype = "F32", .shape = {segments}, .dims = 1, .begin = begin};
    e->end = begin + sizeof(float) * (uint64_t)segments;
    return e->end;
}

static uint64_t put_codes(struct tables *t, size_t i, const struct bit_tensor *linear, uint64_t begin)
{
    struct bit_safetensors_entry *e = &t->entry[t->linears + i];

    *e = (struct bit_safetensors_entry){.name = bit_lend(linear->name),
                                        .dtype = "U8",
                                        .shape = {linear->rows, linear->cols / 4},
                                        .dims = 2,
                                        .begin = begin};
    e->end = begin + (uint64_t)(linear->rows * (linear->cols / 4));
    return e->end;
}

static void fill(struct tables *t, const struct bit_tensor *tensors, int count, Bit__Granularity granularity)
{
    uint64_t at = 0;
    size_t linear = 0;

    for (int i = 0; i < count; i++)
        if (bit_tensor_is_linear(&tensors[i]))
            at = put_scales(t, linear++, &tensors[i], segments_of(&tensors[i], granularity), at);
    linear = 0;
    for (int i = 0; i < count; i++)
        if (bit_tensor_is_linear(&tensors[i]))
            at = put_codes(t, linear++, &tensors[i], at);
}

static size_t count_linears(const struct bit_tensor *tensors, int count)
{
    size_t linears = 0;

    for (int i = 0; i < count; i++)
        linears += bit_tensor_is_linear(&tensors[i]) != 0;
    return linears;
}

int bit_codes_file_begin(const struct bit_tensor *tensors, int count, Bit__Granularity granularity,
                         const char *metadata, uint8_t **out, size_t *scales_at, size_t *bytes)
{
    const size_t scales_bytes = (size_t)count_scales(tensors, count, granularity) * sizeof(float);
    struct tables t = {.linears = count_linears(tensors, count)};
    uint8_t *header = NULL, *grown;
    size_t header_bytes = 0;
    int err = 0;

    t.entry = calloc(2 * t.linears + 1, sizeof *t.entry);
    t.name = calloc(t.linears + 1, sizeof *t.name);
    if (t.entry == NULL || t.name == NULL)
        err = bit_fail(-ENOMEM, "codes of %zu linears", t.linears);
    if (err == 0) {
        fill(&t, tensors, count, granularity);
        err = bit_safetensors_print(t.entry, 2 * t.linears, metadata, &header, &header_bytes);
    }
    free(t.entry);
    free(t.name);
    if (err < 0)
        return err;
    grown = realloc(header, header_bytes + scales_bytes);
    if (grown == NULL) {
        free(header);
        return bit_fail(-ENOMEM, "codes of %zu linears", t.linears);
    }
    *out = grown;
    *scales_at = header_bytes;
    *bytes = header_bytes + scales_bytes;
    return 0;
}
