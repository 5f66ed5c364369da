#include "ctl/export/hf_files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/check.h"
#include "proto/err.h"

#define LENGTH_BYTES 8
#define ALIGN        64 /* alignment of the data in the file */

int bit_hf_files_init(struct bit_hf_files *f, struct bit_hf_tensor *tensors, int count, enum bit_number_type type,
                      uint64_t most)
{
    uint64_t bytes = 0;

    *f = (struct bit_hf_files){.tensors = tensors, .count = count, .type = type};
    f->starts = calloc((size_t)count + 2, sizeof *f->starts);
    if (f->starts == NULL)
        return bit_fail(-ENOMEM, "the files of %d tensors", count);
    for (int t = 0; t < count; t++) {
        const uint64_t here = bit_hf_tensor_bytes(&tensors[t], type);
        if (f->files == 0 || bytes + here > most) {
            f->starts[f->files++] = t;
            bytes = 0;
        }
        bytes += here;
    }
    f->starts[f->files] = count;
    return 0;
}

void bit_hf_files_finish(struct bit_hf_files *f)
{
    free(f->tensors);
    free(f->starts);
    *f = (struct bit_hf_files){0};
}

void bit_hf_files_name(const struct bit_hf_files *f, int file, char out[64])
{
    if (f->files == 1)
        snprintf(out, 64, "model.safetensors");
    else
        snprintf(out, 64, "model-%05d-of-%05d.safetensors", file + 1, f->files);
}

static void print_header(const struct bit_hf_files *f, int file, FILE *out)
{
    uint64_t at = 0;

    fputs("{\"__metadata__\":{\"format\":\"pt\"}", out);
    for (int t = f->starts[file]; t < f->starts[file + 1]; t++) {
        const struct bit_hf_tensor *tensor = &f->tensors[t];
        int64_t shape[2];
        const int dims = bit_hf_tensor_shape(tensor, shape);
        fprintf(out, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%" PRId64, tensor->name,
                bit_hf_tensor_dtype(tensor, f->type), shape[0]);
        if (dims == 2)
            fprintf(out, ",%" PRId64, shape[1]);
        const uint64_t end = at + bit_hf_tensor_bytes(tensor, f->type);
        fprintf(out, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", at, end);
        at = end;
    }
    fputc('}', out);
}

int bit_hf_files_header(const struct bit_hf_files *f, int file, char **out, size_t *bytes)
{
    char *buf = NULL;
    size_t at = 0;
    FILE *text = open_memstream(&buf, &at);

    if (text == NULL)
        return bit_fail(-errno, "a safetensors header");
    for (int i = 0; i < LENGTH_BYTES; i++)
        fputc(0, text);
    print_header(f, file, text);
    fflush(text); /* updates `at` */
    fprintf(text, "%*s", (int)(bit_round_up((int64_t)at, ALIGN) - (int64_t)at), "");
    if (fclose(text) != 0 || buf == NULL) {
        free(buf);
        return bit_fail(-ENOMEM, "a safetensors header of %d tensors", f->count);
    }
    for (int i = 0; i < LENGTH_BYTES; i++)
        buf[i] = (char)((at - LENGTH_BYTES) >> 8 * i);
    *out = buf;
    *bytes = at;
    return 0;
}

static void print_index(const struct bit_hf_files *f, FILE *out)
{
    uint64_t all = 0;
    char name[64];

    for (int t = 0; t < f->count; t++)
        all += bit_hf_tensor_bytes(&f->tensors[t], f->type);
    fprintf(out, "{\n  \"metadata\": {\"total_size\": %" PRIu64 "},\n  \"weight_map\": {", all);
    for (int file = 0; file < f->files; file++)
        for (int t = f->starts[file]; t < f->starts[file + 1]; t++) {
            bit_hf_files_name(f, file, name);
            fprintf(out, "%s\n    \"%s\": \"%s\"", t == 0 ? "" : ",", f->tensors[t].name, name);
        }
    fputs("\n  }\n}\n", out);
}

int bit_hf_files_write_index(const struct bit_hf_files *f, struct bit_output *output)
{
    char *buf = NULL;
    size_t bytes = 0;
    int err = 0;

    if (f->files == 1)
        return 0;
    FILE *text = open_memstream(&buf, &bytes);
    if (text == NULL)
        return bit_fail(-errno, "an index of %d tensors", f->count);
    print_index(f, text);
    if (fclose(text) != 0)
        err = bit_fail(-ENOMEM, "an index of %d tensors", f->count);
    if (err >= 0)
        err = bit_output_file(output, "model.safetensors.index.json", buf, bytes);
    free(buf);
    return err;
}
