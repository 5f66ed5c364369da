#include "ctl/spec/spec_file.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/cli/failure.h"
#include "ctl/show/fold.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "proto/check.h"
#include "proto/dryrun/init_look.h"
#include "proto/dryrun/refusal.h"
#include "proto/dryrun/task_look.h"
#include "proto/dryrun/token_look.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/spec/model_from.h"
#include "proto/spec/spec.h"
#include "proto/spec/spec_more_problems.h"
#include "proto/spec/spec_slurm.h"
#include "proto/wire/msg.h"

void bit_spec_file_finish(struct bit_spec_file *f)
{
    bit_msg_free(f->spec);
    bit_msg_free(f->normal);
    free(f->directory);
}

/* ---- problems */

static void print_problem(FILE *f, const char *path, const struct bit_problem *p)
{
    bit_show(f, "%s:", path);
    if (p->line)
        bit_show(f, "%d:%d:", p->line, p->column);
    bit_show(f, " %s%s%s\n", p->field, *p->field ? ": " : "", p->text);
}

static void print_problems(FILE *f, const struct bit_spec_file *file)
{
    const struct bit_problems *p = &file->problems;

    for (int i = 0; i < bit_problems_kept(p); i++)
        print_problem(f, file->path, &p->item[i]);
    if (p->count > bit_problems_kept(p))
        bit_show(f, "and %d more\n", p->count - bit_problems_kept(p));
}

/* On a terminal, folded between words. */
static void fold_problems(const struct bit_spec_file *file)
{
    char *text = NULL;
    size_t bytes;
    FILE *f = bit_terminal(stderr) ? open_memstream(&text, &bytes) : NULL;

    print_problems(f != NULL ? f : stderr, file);
    if (f == NULL || fclose(f) != 0)
        return;
    bit_fold_text(stderr, text, bit_terminal_columns(stderr));
    free(text);
}

static void print_problems_json(const struct bit_problems *p, int err)
{
    struct bit_refusal refusal;

    bit_refusal_make(&refusal, err, p);
    refusal.m.name = bit_lend(bit_err_name(err));
    bit_print_json(&refusal.m);
}

/* Prints each problem as compilers do, so that editors can jump to it. */
int bit_spec_file_refuse(struct bit_cli *cli, struct bit_spec_file *f, int err)
{
    const struct bit_problems *p = &f->problems;

    if (p->count == 0)
        return bit_failure_print(cli, err);
    bit_problems_sort(&f->problems);
    if (cli->json) {
        print_problems_json(p, err);
        return bit_exit_code(err);
    }
    fold_problems(f);
    bit_show(stderr, "bitctl: %d problem%s in %s%s\n", p->count, bit_format_s((uint64_t)p->count), f->path,
             f->submits ? "; nothing was submitted" : "");
    return bit_exit_code(err);
}

/* ---- folder and name */

static bool is_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The folder at which its relative paths start: the file's, or the current one for a pipe; heap, or NULL with errno. */
static char *directory_of(const char *path)
{
    if (!is_file(path))
        return access(path, R_OK) == 0 ? getcwd(NULL, 0) : NULL;
    char *real = realpath(path, NULL), *directory = real ? strdup(dirname(real)) : NULL;
    free(real);
    return directory;
}

static int set_name(Bit__RunSpec *spec, const char *name, const char *path)
{
    char stem[BIT_PATH_MAX], *copy;

    if (!name && spec->name)
        return 0;
    if (!name && !is_file(path)) {
        name = "run"; /* a pipe has no name */
    } else if (!name) {
        snprintf(stem, sizeof stem, "%s", path);
        name = basename(stem);
        char *dot = strrchr(name, '.');
        if (dot && dot != name)
            *dot = '\0';
    }
    copy = strdup(name);
    if (!copy)
        return -ENOMEM;
    free(spec->name);
    spec->name = copy;
    return 0;
}

/* ---- checks */

int bit_spec_file_look(struct bit_spec_file *f, bool rules_hold, struct bit_token_look *tokens,
                       struct bit_problems *notes)
{
    const Bit__ModelSpec *model = f->normal->model;
    struct bit_init_from *from = NULL;
    int of_init = 0;

    if (rules_hold && model->init_from != NULL && model->init_from[0] != '\0') {
        from = calloc(1, sizeof *from);
        of_init = from == NULL ? -ENOMEM : bit_init_look(model, NULL, "", &f->problems, notes, from);
    }
    free(from);
    int of_tokens = bit_token_look(f->normal, NULL, rules_hold, &f->problems, tokens);
    int of_tasks = bit_task_look(f->normal, NULL, rules_hold, &f->problems);
    if (of_init < 0)
        return of_init;
    return of_tokens < 0 ? of_tokens : of_tasks;
}

static bool is_of_files(const char *field)
{
    return field != NULL && (strncmp(field, "data.", 5) == 0 || strncmp(field, "eval.", 5) == 0 ||
                             strcmp(field, "model.init_from") == 0);
}

/* bitd looks at the files only after its rules passed. If one of those was broken, the files are checked here. */
int bit_spec_file_refused(struct bit_cli *cli, struct bit_spec_file *f, const Bit__ErrorReply *error)
{
    struct bit_problems *notes = calloc(1, sizeof *notes);
    struct bit_token_look tokens;
    bool looked = notes == NULL || error->error != BIT_ESPEC;

    for (size_t i = 0; i < error->n_problem; i++) {
        const Bit__Problem *p = error->problem[i];
        bit_problems_add(&f->problems, p->field, 0, 0, "%s", p->text);
        looked = looked || is_of_files(p->field);
    }
    if (error->has_problem_count && error->problem_count > error->n_problem)
        f->problems.count += (int)(error->problem_count - error->n_problem);
    if (error->n_problem > 0 && !looked)
        bit_spec_file_look(f, true, &tokens, notes);
    free(notes);
    return error->n_problem > 0 ? bit_spec_file_refuse(cli, f, error->error) : bit_failure_print_reply(cli, error);
}

/* Removes unknown presets, so that the rest can be normalised to check its files. */
static void drop_presets(Bit__RunSpec *spec)
{
    char **const presets[] = {spec->model ? &spec->model->preset : NULL,
                              spec->quantizer ? &spec->quantizer->preset : NULL,
                              spec->guard ? &spec->guard->preset : NULL};

    for (size_t i = 0; i < BIT_COUNT(presets); i++)
        if (presets[i] != NULL) {
            free(*presets[i]);
            *presets[i] = NULL;
        }
}

/* After problems were found: also collects those of later rules and of the files. */
static void look_all_the_same(struct bit_spec_file *f)
{
    struct bit_problems *aside = calloc(1, sizeof *aside);
    struct bit_token_look tokens;

    bit_msg_free(f->normal);
    f->normal = f->spec != NULL ? bit_msg_clone(f->spec) : NULL;
    if (aside != NULL && f->normal != NULL && bit_spec_normalise(f->normal, f->directory, aside) < 0) {
        drop_presets(f->normal);
        if (bit_spec_normalise(f->normal, f->directory, aside) < 0) {
            bit_msg_free(f->normal);
            f->normal = NULL;
        }
    }
    if (aside != NULL && f->normal != NULL) {
        bit_spec_more_problems(f->normal, &f->problems);
        bit_spec_file_look(f, false, &tokens, aside);
    }
    free(aside);
}

static int check(struct bit_spec_file *f)
{
    f->normal = bit_msg_clone(f->spec);
    int err = f->normal != NULL ? bit_spec_normalise(f->normal, f->directory, &f->problems) : -ENOMEM;

    if (err >= 0)
        err = bit_spec_validate(f->normal, &f->problems);
    if ((err >= 0 || err == BIT_ESPEC) && bit_spec_check_slurm_options(f->normal, &f->problems) < 0)
        err = BIT_ESPEC;
    if ((err >= 0 || err == BIT_ESPEC) && bit_spec_check_new_name(f->spec, &f->problems) < 0)
        err = BIT_ESPEC;
    return err;
}

/* bitd checks again, but only here problems have line and column. err: the result of loading. */
static int change_and_check(struct bit_spec_file *f, int err)
{
    for (size_t i = 0; f->spec != NULL && i < f->set_count; i++) {
        int of_set = bit_spec_set(f->spec, f->set[i], &f->problems);
        err = err < 0 ? err : of_set;
    }
    if (err >= 0)
        err = bit_model_from(f->spec, f->directory, &f->problems);
    if (err >= 0)
        err = set_name(f->spec, f->name, f->path);
    if (err >= 0)
        err = check(f);
    if (err < 0 && f->problems.count > 0)
        look_all_the_same(f);
    return err;
}

int bit_spec_file_read(struct bit_cli *cli, struct bit_spec_file *f)
{
    if (strcmp(f->path, "-") == 0)
        f->path = "/dev/stdin";
    if (is_folder(f->path))
        return bit_failure_print(cli,
                                 bit_fail(-EISDIR, "'%s' is a folder: name the file of the specification", f->path));
    f->directory = directory_of(f->path);
    if (f->directory == NULL)
        return bit_failure_print(cli, bit_fail(-errno, "specification '%s'", f->path));
    int err = change_and_check(f, bit_spec_load_some(f->path, &f->spec, &f->problems));
    return err < 0 ? bit_spec_file_refuse(cli, f, err) : 0;
}

int bit_spec_file_take(struct bit_cli *cli, struct bit_spec_file *f, Bit__RunSpec *spec)
{
    f->spec = spec;
    f->directory = getcwd(NULL, 0);
    if (f->directory == NULL)
        return bit_failure_print(cli, bit_fail(-errno, "this folder"));
    int err = change_and_check(f, 0);
    return err < 0 ? bit_spec_file_refuse(cli, f, err) : 0;
}
