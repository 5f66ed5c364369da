#include "proto/dryrun/init_tensors.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/ckpt/init_file.h"
#include "proto/ckpt/safetensors.h"
#include "proto/err.h"
#include "proto/format.h"

#define FIELD "model.init_from"

/* ---- whose names */

static const struct {
    const char *lead, *whose, *why;
} forms[] = {
    {"model.transformer.", "allenai's class for Hugging Face (model.transformer.*)",
     "they are the model's own with \"model.\" before them, which is not taken off yet"},
    {"model.layers.", "Hugging Face (model.layers.*)",
     "q, k and v, and gate and up, are tensors of their own there, and one here (att_proj, ff_proj); that is not "
     "converted yet"},
};

static bool begins_with(const char *name, const char *lead)
{
    return strncmp(name, lead, strlen(lead)) == 0;
}

/* True, with a problem, if the names are of a form that is known and not ours. */
static bool is_foreign(const struct bit_safetensors *file, const char *path, struct bit_problems *problems)
{
    for (size_t f = 0; f < BIT_COUNT(forms); f++)
        for (size_t i = 0; i < file->count; i++)
            if (begins_with(file->entries[i].name, forms[f].lead)) {
                bit_problems_add(problems, FIELD, 0, 0, "'%s' has the names of %s, as '%s': %s", path, forms[f].whose,
                                 file->entries[i].name, forms[f].why);
                return true;
            }
    return false;
}

/* ---- what is said once of several blocks */

/* "transformer.blocks.12.att_proj.weight": what stands before the number, and after it. */
static const char *after_block(const char *name)
{
    static const char lead[] = "transformer.blocks.";

    if (!begins_with(name, lead))
        return NULL;
    const char *number = name + sizeof lead - 1, *rest = number + strspn(number, "0123456789");
    return rest > number && *rest == '.' ? rest : NULL;
}

static bool is_same_place(const char *a, const char *b)
{
    const char *in_a = after_block(a), *in_b = after_block(b);

    return in_a != NULL && in_b != NULL && strcmp(in_a, in_b) == 0;
}

/* ---- the model's tensors */

static bool differ_alike(const struct bit_safetensors_entry *a, const struct bit_safetensors_entry *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return a->dims == b->dims && memcmp(a->shape, b->shape, (size_t)a->dims * sizeof a->shape[0]) == 0 &&
           strcmp(a->dtype, b->dtype) == 0;
}

struct comparison {
    const char *path;
    const struct bit_tensor *tensors;
    const struct bit_safetensors_entry **found; /* (count), NULL where there is none */
    bool *said;                                 /* (count) */
    int count;
};

/* Marks those of other blocks that are wrong in the same way; how many. */
static int mark_alike(struct comparison *c, int first)
{
    int more = 0;

    for (int i = first + 1; i < c->count; i++)
        if (is_same_place(c->tensors[first].name, c->tensors[i].name) && differ_alike(c->found[first], c->found[i])) {
            c->said[i] = true;
            more++;
        }
    return more;
}

static void compare(struct comparison *c, struct bit_problems *problems)
{
    for (int i = 0; i < c->count; i++) {
        if (c->said[i] || bit_init_file_check_entry(c->path, &c->tensors[i], c->found[i]) >= 0)
            continue;
        const int more = mark_alike(c, i);
        if (more == 0)
            bit_problems_add(problems, FIELD, 0, 0, "%s", bit_fail_text());
        else
            bit_problems_add(problems, FIELD, 0, 0, "%s; alike in %d more block%s", bit_fail_text(), more,
                             bit_format_s(more));
    }
}

/* ---- what is left over */

static bool is_of_model(const struct comparison *c, const char *name)
{
    for (int i = 0; i < c->count; i++)
        if (strcmp(c->tensors[i].name, name) == 0)
            return true;
    return false;
}

static void note_left_over(const struct comparison *c, const struct bit_safetensors *file, struct bit_problems *notes)
{
    const char *first = NULL;
    size_t left = 0;

    for (size_t i = 0; i < file->count; i++)
        if (!is_of_model(c, file->entries[i].name) && left++ == 0)
            first = file->entries[i].name;
    if (left > 0)
        bit_problems_add(notes, FIELD, 0, 0, "the model has no use for %zu of the tensors in '%s', as '%s'", left,
                         c->path, first);
}

/* ---- the file */

static int compare_all(struct comparison *c, const struct bit_safetensors *file, struct bit_problems *problems,
                       struct bit_problems *notes)
{
    c->found = calloc((size_t)c->count, sizeof(struct bit_safetensors_entry *));
    c->said = calloc((size_t)c->count, sizeof *c->said);
    if (c->found == NULL || c->said == NULL)
        return bit_fail(-ENOMEM, "the tensors of '%s'", c->path);
    for (int i = 0; i < c->count; i++)
        c->found[i] = bit_safetensors_find(file, c->tensors[i].name);
    compare(c, problems);
    note_left_over(c, file, notes);
    return 0;
}

int bit_init_tensors_check(int fd, const char *path, const Bit__ModelSpec *model, struct bit_problems *problems,
                           struct bit_problems *notes)
{
    const int known = problems->count;
    struct bit_safetensors file = {0};
    struct bit_tensor *tensors = NULL;
    struct comparison c = {.path = path};
    int count = bit_checkpoint_tensors(model, &tensors);
    int err = count < 0 ? bit_fail(count, "the tensors of a model") : bit_safetensors_read(fd, path, &file);

    c.tensors = tensors;
    c.count = count;
    if (err >= 0 && !is_foreign(&file, path, problems))
        err = compare_all(&c, &file, problems, notes);
    free(c.found);
    free(c.said);
    bit_safetensors_finish(&file);
    free(tensors);
    if (err < 0)
        return err;
    return problems->count > known ? bit_fail(BIT_ESPEC, "the tensors of '%s' are of another model", path) : 0;
}
