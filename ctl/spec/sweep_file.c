#include "ctl/spec/sweep_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/spec/model_from.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"

#define SUFFIX ".sweep"

static bool ends_with(const char *text, const char *tail)
{
    const size_t bytes = strlen(text), of_tail = strlen(tail);

    return bytes >= of_tail && strcmp(text + bytes - of_tail, tail) == 0;
}

/* ---- files */

/* The folder of a file; for a pipe the current one. Heap; NULL with the failure noted. */
static char *folder_of(const char *path)
{
    struct stat st;
    char *real = NULL, *folder = NULL;

    if (stat(path, &st) < 0 || access(path, R_OK) < 0) {
        bit_fail(-errno, "'%s'", path);
        return NULL;
    }
    if (!S_ISREG(st.st_mode))
        folder = getcwd(NULL, 0);
    else if ((real = realpath(path, NULL)) != NULL)
        folder = strdup(dirname(real));
    free(real);
    if (folder == NULL)
        bit_fail(-ENOMEM, "the folder of '%s'", path);
    return folder;
}

/* Reads one byte more than allowed, so that the parser sees that a file is too long. */
static int read_text(const char *path, char **out, size_t *bytes)
{
    FILE *f = fopen(path, "re");
    char *text = f != NULL ? malloc(BIT_SPEC_BYTES_MAX + 1) : NULL;
    int err = f == NULL ? bit_fail(-errno, "sweep '%s'", path) : text == NULL ? bit_fail(-ENOMEM, "'%s'", path) : 0;

    if (err == 0) {
        *bytes = fread(text, 1, BIT_SPEC_BYTES_MAX + 1, f);
        if (ferror(f))
            err = bit_fail(-EIO, "sweep '%s'", path);
    }
    if (f != NULL)
        fclose(f);
    if (err == 0)
        *out = text;
    else
        free(text);
    return err;
}

static int parse_sweep(struct bit_sweep_file *f)
{
    char *text = NULL;
    size_t bytes = 0;
    int err = read_text(f->path, &text, &bytes);

    if (err == 0)
        err = bit_text_parse(&bit__sweep_spec__descriptor, text, bytes, (ProtobufCMessage **)&f->sweep, &f->problems);
    free(text);
    return err;
}

/* ---- the specification */

static int take_run(struct bit_sweep_file *f)
{
    f->base = f->sweep->run;
    f->sweep->run = NULL;
    f->directory = folder_of(f->path);
    return f->directory == NULL ? BIT_EDATA : 0;
}

static int load_base(struct bit_sweep_file *f)
{
    f->directory = folder_of(f->base_path);
    if (f->directory == NULL)
        return BIT_EDATA;
    return bit_spec_load(f->base_path, &f->base, &f->base_problems);
}

/* `from` is relative to the sweep's folder; messages name it as a path from the current folder. */
static int load_from(struct bit_sweep_file *f)
{
    char *copy = strdup(f->path);
    const char *from = f->sweep->from, *folder = copy != NULL ? dirname(copy) : NULL;
    bool beside = from[0] != '/' && folder != NULL && strcmp(folder, ".") != 0;
    int printed = copy == NULL ? -1 : asprintf(&f->base_path, "%s%s%s", beside ? folder : "", beside ? "/" : "", from);

    free(copy);
    if (printed < 0) {
        f->base_path = NULL;
        return bit_fail(-ENOMEM, "'%s'", from);
    }
    int err = load_base(f);
    if (err < 0 && f->base_problems.count == 0) {
        bit_problems_add(&f->problems, "from", 0, 0, "%s", bit_fail_text());
        err = BIT_ESPEC;
    }
    return err;
}

static int find_base(struct bit_sweep_file *f)
{
    if (f->sweep->run != NULL && f->sweep->from != NULL)
        bit_problems_add(&f->problems, "from", 0, 0,
                         "this file also has a specification (run): give only one of the "
                         "two");
    else if (f->sweep->run != NULL)
        return take_run(f);
    else if (f->sweep->from != NULL && f->sweep->from[0] != '\0')
        return load_from(f);
    else
        bit_problems_add(&f->problems, NULL, 1, 1,
                         "the run's specification is missing: from: \"run.txtpb\", or run { ... } with the "
                         "specification itself");
    return bit_fail(BIT_ESPEC, "sweep '%s'", f->path);
}

static int read_specification(struct bit_sweep_file *f)
{
    static const Bit__SweepSpec empty = BIT__SWEEP_SPEC__INIT;

    f->sweep = bit_msg_clone(&empty);
    f->base_path = strdup(f->path);
    return f->sweep == NULL || f->base_path == NULL ? bit_fail(-ENOMEM, "'%s'", f->path) : load_base(f);
}

int bit_sweep_file_read(struct bit_sweep_file *f)
{
    if (strcmp(f->path, "-") == 0)
        f->path = "/dev/stdin";
    f->is_sweep = ends_with(f->path, SUFFIX);
    int err = f->is_sweep ? parse_sweep(f) : read_specification(f);
    if (err == 0 && f->is_sweep)
        err = find_base(f);
    if (err == 0)
        err = bit_model_from(f->base, f->directory, f->base_path != NULL ? &f->base_problems : &f->problems);
    return err;
}

int bit_sweep_file_set(struct bit_sweep_file *f, const char *assignment)
{
    return bit_spec_set(f->base, assignment, f->base_path != NULL ? &f->base_problems : &f->problems);
}

/* ---- problems */

void bit_sweep_file_blame(struct bit_sweep_file *f, const char *field, const char *text)
{
    char path[160];
    int line = 0, column = 0;

    if (f->base_path != NULL) {
        bit_problems_add(&f->base_problems, field, 0, 0, "%s", text);
        return;
    }
    snprintf(path, sizeof path, "run.%s", field != NULL ? field : "");
    bit_problems_find(&f->problems, path, &line, &column);
    bit_problems_add(&f->problems, field, line, column, "%s", text);
}

void bit_sweep_file_name(const struct bit_sweep_file *f, char *out)
{
    char copy[PATH_MAX];

    snprintf(copy, sizeof copy, "%s", strcmp(f->path, "/dev/stdin") == 0 ? "sweep" : f->path);
    const char *stem = basename(copy);
    size_t bytes = strcspn(stem, "."), n = 0;
    for (size_t i = 0; i < bytes && n < BIT_NAME_MAX; i++)
        out[n++] = isalnum((unsigned char)stem[i]) || strchr("._-", stem[i]) != NULL ? stem[i] : '-';
    out[n] = '\0';
}

void bit_sweep_file_finish(struct bit_sweep_file *f)
{
    bit_msg_free(f->sweep);
    bit_msg_free(f->base);
    free(f->base_path);
    free(f->directory);
    f->sweep = NULL;
    f->base = NULL;
    f->base_path = f->directory = NULL;
}
