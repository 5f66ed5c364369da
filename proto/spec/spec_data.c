#include "proto/spec/spec_data.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/check.h"
#include "proto/limits.h"
#include "proto/spec/spec.h"
#include "proto/spec/spec_wrong.h"

void bit_spec_data_check_name(const char *name, const char *field, struct bit_problems *problems)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t good = strspn(name, allowed), len = strlen(name);

    if (len == 0)
        WRONG(field, "empty");
    else if (len > BIT_NAME_MAX)
        WRONG(field, "%zu characters are more than %d", len, BIT_NAME_MAX);
    else if (good < len)
        WRONG(field, "'%.64s' may hold letters, digits, '.', '_' and '-' only", name);
    else if (name[0] == '.' || name[0] == '-')
        WRONG(field, "'%s' may not begin with '%c'", name, name[0]);
}

static void check_path(const char *path, const char *field, struct bit_problems *problems)
{
    if (path[0] == '\0')
        WRONG(field, "empty path");
    else if (strlen(path) >= BIT_PATH_MAX)
        WRONG(field, "a path of %zu bytes; at most %d", strlen(path), BIT_PATH_MAX - 1);
}

static void check_paths(char *const *path, size_t count, const char *field, struct bit_problems *problems)
{
    char one[96];

    if (count == 0)
        WRONG(field, "no token files: bitctl tokenize makes them");
    if (count > BIT_DATA_FILES_MAX)
        WRONG(field, "%zu files are more than %d", count, BIT_DATA_FILES_MAX);
    for (size_t i = 0; i < count; i++) {
        snprintf(one, sizeof one, "%s[%zu]", field, i);
        check_path(path[i], one, problems);
    }
}

static void check_source_name(const Bit__DataSpec *data, size_t i, const char *field, struct bit_problems *problems)
{
    const char *name = data->source[i]->name;

    if (name == NULL) {
        WRONG(field, "not set");
        return;
    }
    bit_spec_data_check_name(name, field, problems);
    for (size_t k = 0; k < i; k++)
        if (data->source[k]->name != NULL && strcmp(data->source[k]->name, name) == 0)
            WRONG(field, "'%.64s' is the name of another source", name);
}

static void check_source(const Bit__DataSpec *data, size_t i, struct bit_problems *problems)
{
    const struct bit_spec_range *range = bit_spec_range("data.source[].weight");
    const Bit__DataSource *source = data->source[i];
    char field[64];

    snprintf(field, sizeof field, "data.source[%zu].name", i);
    check_source_name(data, i, field, problems);
    snprintf(field, sizeof field, "data.source[%zu].path", i);
    check_paths(source->path, source->n_path, field, problems);
    snprintf(field, sizeof field, "data.source[%zu].weight", i);
    if (!source->has_weight && data->n_source > 1)
        WRONG(field, "not set: its share of the tokens, relative to the others'");
    if (source->has_weight && !(source->weight >= range->least && source->weight <= range->most)) /* or NaN */
        WRONG(field, "%g is not from %g to %g", source->weight, range->least, range->most);
}

void bit_spec_data_check(const Bit__DataSpec *data, struct bit_problems *problems)
{
    if (data->n_source == 0) {
        check_paths(data->train, data->n_train, "data.train", problems);
        return;
    }
    if (data->n_train > 0)
        WRONG("data.train", "not together with data.source: give these files a source of their own");
    if (data->n_source > BIT_SOURCES_MAX)
        WRONG("data.source", "%zu sources are more than %d", data->n_source, BIT_SOURCES_MAX);
    for (size_t i = 0; i < BIT_MIN(data->n_source, (size_t)BIT_SOURCES_MAX); i++)
        check_source(data, i, problems);
}

static void check_eval_set(const Bit__EvalSpec *eval, size_t i, struct bit_problems *problems)
{
    const Bit__EvalSet *set = eval->set[i];
    char field[64];

    snprintf(field, sizeof field, "eval.set[%zu].name", i);
    if (set->name == NULL) {
        WRONG(field, "not set");
    } else {
        bit_spec_data_check_name(set->name, field, problems);
        for (size_t k = 0; k < i; k++)
            if (eval->set[k]->name != NULL && strcmp(eval->set[k]->name, set->name) == 0)
                WRONG(field, "'%.64s' is the name of another set", set->name);
    }
    snprintf(field, sizeof field, "eval.set[%zu].path", i);
    if (set->n_path == 0)
        WRONG(field, "no token files");
    for (size_t k = 0; k < set->n_path; k++) {
        snprintf(field, sizeof field, "eval.set[%zu].path[%zu]", i, k);
        check_path(set->path[k], field, problems);
    }
}

void bit_spec_data_check_at(const uint64_t *at, size_t count, const char *name, const Bit__ScheduleSpec *schedule,
                            struct bit_problems *problems)
{
    char field[64];

    if (count > BIT_AT_MAX)
        WRONG(name, "%zu steps are more than %d", count, BIT_AT_MAX);
    for (size_t i = 0; i < BIT_MIN(count, (size_t)BIT_AT_MAX); i++) {
        snprintf(field, sizeof field, "%s[%zu]", name, i);
        if (at[i] == 0 || at[i] > schedule->steps)
            WRONG(field, "there is no step %" PRIu64 ": the run has %s%" PRIu64, at[i],
                  schedule->steps > 0 ? "1 to " : "", schedule->steps);
    }
}

void bit_spec_data_check_eval(const Bit__EvalSpec *eval, const Bit__ScheduleSpec *schedule,
                              struct bit_problems *problems)
{
    if (eval->n_set > BIT_EVAL_SETS_MAX)
        WRONG("eval.set", "%zu sets are more than %d", eval->n_set, BIT_EVAL_SETS_MAX);
    for (size_t i = 0; i < BIT_MIN(eval->n_set, (size_t)BIT_EVAL_SETS_MAX); i++)
        check_eval_set(eval, i, problems);
    if (eval->every > 0 && eval->n_set == 0)
        WRONG("eval.every", "every %llu steps, but there is no eval.set", (unsigned long long)eval->every);
    if (eval->n_at > 0 && eval->n_set == 0)
        WRONG("eval.at", "there is no eval.set");
    bit_spec_data_check_at(eval->at, eval->n_at, "eval.at", schedule, problems);
}

static void check_task(const Bit__EvalSpec *eval, size_t i, struct bit_problems *problems)
{
    const Bit__TaskSpec *task = eval->task[i];
    char field[64];

    snprintf(field, sizeof field, "eval.task[%zu].name", i);
    if (task->name != NULL)
        bit_spec_data_check_name(task->name, field, problems);
    for (size_t k = 0; k < i && task->name != NULL; k++)
        if (eval->task[k]->name != NULL && strcmp(eval->task[k]->name, task->name) == 0)
            WRONG(field, "'%.64s' is the name of another task", task->name);
    snprintf(field, sizeof field, "eval.task[%zu].path", i);
    if (task->path == NULL)
        WRONG(field, "not set: a request file, of `bitctl tokenize --requests`");
    else
        check_path(task->path, field, problems);
}

void bit_spec_data_check_tasks(const Bit__EvalSpec *eval, const Bit__ScheduleSpec *schedule,
                               struct bit_problems *problems)
{
    if (eval->n_task > BIT_TASKS_MAX)
        WRONG("eval.task", "%zu tasks are more than %d", eval->n_task, BIT_TASKS_MAX);
    for (size_t i = 0; i < BIT_MIN(eval->n_task, (size_t)BIT_TASKS_MAX); i++)
        check_task(eval, i, problems);
    if (eval->tasks_every > 0 && eval->n_task == 0)
        WRONG("eval.tasks_every", "every %" PRIu64 " steps, but there is no eval.task", eval->tasks_every);
    if (eval->n_tasks_at > 0 && eval->n_task == 0)
        WRONG("eval.tasks_at", "there is no eval.task");
    bit_spec_data_check_at(eval->tasks_at, eval->n_tasks_at, "eval.tasks_at", schedule, problems);
}
