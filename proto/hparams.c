/*
 * The plugin's message, by its fields:
 *     HParamsPluginData   3 session_start_info   4 session_end_info
 *     SessionStartInfo    1 hparams, a map: { 1 key string, 2 value }   5 start_time_secs double
 *     SessionEndInfo      1 status, 1 is a success and 2 a failure   2 end_time_secs double
 *     Value               2 number double   3 string   4 bool
 * Source      tensorflow/tensorboard: plugins/hparams/plugin_data.proto; protobuf: struct.proto
 */
#include "proto/hparams.h"

#include <limits.h>

#include "proto/err.h"
#include "proto/field_writer.h"

static int finish(const struct bit_field_writer *w)
{
    if (w->at > w->bytes || w->at > INT_MAX)
        return bit_fail(BIT_ELIMIT, "hyperparameters of %zu bytes where %zu fit", w->at, w->bytes);
    return (int)w->at;
}

static void put_value(struct bit_field_writer *w, const struct bit_hparam *h)
{
    if (h->text != NULL)
        bit_field_writer_text(w, 3, h->text);
    else if (h->is_truth)
        bit_field_writer_varint(w, 4, h->number != 0);
    else
        bit_field_writer_double(w, 2, h->number);
}

static void put_hparam(struct bit_field_writer *w, const struct bit_hparam *h)
{
    struct bit_field_writer counted = {0};

    put_value(&counted, h);
    bit_field_writer_text(w, 1, h->name);
    bit_field_writer_head(w, 2, counted.at);
    put_value(w, h);
}

static void put_start(struct bit_field_writer *w, double start_s, const struct bit_hparam *hparams, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct bit_field_writer counted = {0};
        put_hparam(&counted, &hparams[i]);
        bit_field_writer_head(w, 1, counted.at);
        put_hparam(w, &hparams[i]);
    }
    bit_field_writer_double(w, 5, start_s);
}

int bit_hparams_start(double start_s, const struct bit_hparam *hparams, size_t count, uint8_t *out, size_t out_bytes)
{
    struct bit_field_writer w = {.out = out, .bytes = out_bytes}, counted = {0};

    put_start(&counted, start_s, hparams, count);
    bit_field_writer_head(&w, 3, counted.at);
    put_start(&w, start_s, hparams, count);
    return finish(&w);
}

static void put_end(struct bit_field_writer *w, double end_s, enum bit_hparams_end status)
{
    bit_field_writer_varint(w, 1, (uint64_t)status);
    bit_field_writer_double(w, 2, end_s);
}

int bit_hparams_end(double end_s, enum bit_hparams_end status, uint8_t *out, size_t out_bytes)
{
    struct bit_field_writer w = {.out = out, .bytes = out_bytes}, counted = {0};

    put_end(&counted, end_s, status);
    bit_field_writer_head(&w, 4, counted.at);
    put_end(&w, end_s, status);
    return finish(&w);
}
