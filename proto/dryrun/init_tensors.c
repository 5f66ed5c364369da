#include "proto/dryrun/init_tensors.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "proto/format.h"

#define FIELD "model.init_from"

/* A tensor that the files should have. */
struct wanted {
    const struct bit_tensor *tensor;
    struct bit_tensor_part part;
    const struct bit_safetensors_entry *found; /* NULL: missing */
    bool said;                                 /* reported with an equal one of another block */
};

struct comparison {
    const struct bit_weight_files *files;
    bool one_head; /* the embedding is the head: a separate head in the files is a problem */
    struct wanted *wanted;
    size_t count;
    bool *said; /* for each of files->weight: it is wanted, or was reported */
};

/* ---- the model's tensors */

static bool differ_alike(const struct bit_safetensors_entry *a, const struct bit_safetensors_entry *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return a->dims == b->dims && memcmp(a->shape, b->shape, (size_t)a->dims * sizeof a->shape[0]) == 0 &&
           strcmp(a->dtype, b->dtype) == 0;
}

/* Marks the tensors of other blocks that are wrong in the same way. Returns their number. */
static int mark_alike(struct comparison *c, size_t first)
{
    const struct wanted *a = &c->wanted[first];
    int more = 0;

    for (size_t i = first + 1; i < c->count; i++) {
        struct wanted *b = &c->wanted[i];
        if (bit_tensor_names_alike(a->part.name, b->part.name) && differ_alike(a->found, b->found)) {
            b->said = true;
            more++;
        }
    }
    return more;
}

static void compare(struct comparison *c, struct bit_problems *problems)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct wanted *w = &c->wanted[i];
        if (w->said || bit_weight_files_check(c->files, w->tensor, &w->part) >= 0)
            continue;
        const int more = mark_alike(c, i);
        if (more == 0)
            bit_problems_add(problems, FIELD, 0, 0, "%s", bit_fail_text());
        else
            bit_problems_add(problems, FIELD, 0, 0, "%s; alike in %d more block%s", bit_fail_text(), more,
                             bit_format_s(more));
    }
}

/* ---- tensors that the model does not use */

static int mark_left_alike(struct comparison *c, size_t first)
{
    const struct bit_weight *weight = c->files->weight;
    int more = 0;

    for (size_t i = first + 1; i < c->files->weight_count; i++)
        if (!c->said[i] && bit_tensor_names_alike(weight[first].entry->name, weight[i].entry->name)) {
            c->said[i] = true;
            more++;
        }
    return more;
}

static void tell_left_over(const struct comparison *c, const struct bit_weight *weight, int more,
                           struct bit_problems *problems, struct bit_problems *notes)
{
    const char *name = weight->entry->name, *path = weight->file->path;
    char alike[64] = "";

    if (more > 0)
        bit_format(alike, sizeof alike, " and %d more like it", more);
    if (c->one_head && bit_tensor_names_is_head(name))
        bit_problems_add(problems, FIELD, 0, 0,
                         "'%s' has a separate head '%s', but the model's head is its embedding; set model.tied: false",
                         path, name);
    else if (bit_tensor_names_is_foreign(name))
        bit_problems_add(
            problems, FIELD, 0, 0,
            "'%s' has '%s'%s, but OLMo's norms have no weights and its linears no biases: it is of another "
            "architecture",
            path, name, alike);
    else
        bit_problems_add(notes, FIELD, 0, 0, "the model has no use for '%s'%s in '%s'", name, alike, path);
}

static void look_for_left_over(struct comparison *c, struct bit_problems *problems, struct bit_problems *notes)
{
    for (size_t i = 0; i < c->files->weight_count; i++) {
        if (c->said[i])
            continue;
        const int more = mark_left_alike(c, i);
        tell_left_over(c, &c->files->weight[i], more, problems, notes);
    }
}

/* ---- all of them */

static int list_wanted(struct comparison *c, const struct bit_tensor *tensors, int count)
{
    c->wanted = calloc((size_t)count * BIT_NAMES_PARTS_MAX + 1, sizeof *c->wanted);
    c->said = calloc(c->files->weight_count + 1, sizeof *c->said);
    if (c->wanted == NULL || c->said == NULL)
        return bit_fail(-ENOMEM, "the tensors of a model");
    for (int t = 0; t < count; t++) {
        struct bit_tensor_part part[BIT_NAMES_PARTS_MAX];
        const int parts = bit_tensor_names_parts(c->files->names, &tensors[t], part);
        for (int p = 0; p < parts; p++) {
            const struct bit_weight *found = bit_weight_files_find(c->files, part[p].name);
            c->wanted[c->count++] = (struct wanted){&tensors[t], part[p], found != NULL ? found->entry : NULL, false};
            if (found != NULL)
                c->said[found - c->files->weight] = true;
        }
    }
    return 0;
}

int bit_init_tensors_check(const struct bit_weight_files *files, const Bit__ModelSpec *model, bool head_again,
                           struct bit_problems *problems, struct bit_problems *notes)
{
    const int known = problems->count;
    struct bit_tensor *tensors = NULL;
    struct comparison c = {.files = files, .one_head = model->tied && !head_again};
    int count = bit_checkpoint_tensors(model, &tensors);
    int err = count < 0 ? bit_fail(count, "the tensors of a model") : list_wanted(&c, tensors, count);

    if (err >= 0) {
        compare(&c, problems);
        look_for_left_over(&c, problems, notes);
    }
    free(c.wanted);
    free(c.said);
    free(tensors);
    if (err < 0)
        return err;
    return problems->count > known ? bit_fail(BIT_ESPEC, "the tensors are of another model") : 0;
}
