#include "daemon/run/task_results.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire/msg.h"

static void drop_so_far(struct bit_task_results *t)
{
    bit_msg_free(t->so_far);
    t->so_far = NULL;
    t->task_items = 0;
}

void bit_task_results_forget(struct bit_task_results *t)
{
    drop_so_far(t);
    t->evaluation.begun = false;
}

void bit_task_results_finish(struct bit_task_results *t)
{
    bit_task_results_forget(t);
    for (size_t i = 0; i < t->count; i++)
        bit_msg_free(t->result[i]);
    free(t->result);
    *t = (struct bit_task_results){.count = 0};
}

/* ---- the task in progress */

static int add_up(uint32_t **sum, size_t *count, const uint32_t *more, size_t more_count)
{
    if (more_count > *count) {
        uint32_t *grown = realloc(*sum, more_count * sizeof *grown);
        if (grown == NULL)
            return bit_fail(-ENOMEM, "counts of a task");
        memset(grown + *count, 0, (more_count - *count) * sizeof *grown);
        *sum = grown;
        *count = more_count;
    }
    for (size_t i = 0; i < more_count; i++)
        (*sum)[i] += more[i];
    return 0;
}

static int begin(struct bit_task_results *t, const Bit__TaskScored *m)
{
    Bit__TaskCounts counts = BIT__TASK_COUNTS__INIT;
    Bit__TaskResult r = BIT__TASK_RESULT__INIT;

    r.after_step = m->after_step;
    r.task = m->task;
    r.precision = m->precision;
    r.counts = &counts;
    drop_so_far(t);
    t->so_far = bit_msg_clone(&r);
    return t->so_far == NULL ? bit_fail(-ENOMEM, "the result of a task") : 0;
}

static bool follows(const Bit__TaskResult *so_far, const Bit__TaskScored *m)
{
    return so_far != NULL && so_far->documents == m->first && so_far->after_step == m->after_step &&
           so_far->precision == m->precision && strcmp(so_far->task, m->task) == 0;
}

static int add(Bit__TaskResult *r, const Bit__TaskScored *m)
{
    int err = add_up(&r->counts->label, &r->counts->n_label, m->counts->label, m->counts->n_label);

    if (err == 0)
        err = add_up(&r->counts->chosen, &r->counts->n_chosen, m->counts->chosen, m->counts->n_chosen);
    r->counts->correct += m->counts->correct;
    r->documents += m->documents;
    r->not_finite += m->not_finite;
    r->ms += m->ms;
    return err;
}

/* ---- results */

static int keep(struct bit_task_results *t, const Bit__TaskResult *m)
{
    Bit__TaskResult *copy = bit_msg_clone(m);
    size_t i = 0;

    if (copy == NULL)
        return bit_fail(-ENOMEM, "the result of a task");
    while (i < t->count && (t->result[i]->precision != m->precision || strcmp(t->result[i]->task, m->task) != 0))
        i++;
    if (i < t->count) {
        bit_msg_free(t->result[i]);
        t->result[i] = copy;
        return 0;
    }
    Bit__TaskResult **grown = t->count < 2 * BIT_TASKS_MAX ? realloc(t->result, (t->count + 1) * sizeof *grown) : NULL;
    if (grown == NULL) {
        bit_msg_free(copy);
        return bit_fail(t->count < 2 * BIT_TASKS_MAX ? -ENOMEM : BIT_ELIMIT, "results of %zu tasks", t->count + 1);
    }
    t->result = grown;
    t->result[t->count++] = copy;
    return 0;
}

static void count_items(struct bit_task_results *t, const Bit__TaskScored *m)
{
    if (!t->evaluation.begun || t->evaluation.after_step != m->after_step) {
        t->evaluation.begun = true;
        t->evaluation.after_step = m->after_step;
        t->evaluation.items = 0;
        t->evaluation.ms = 0;
    }
    t->task_items += m->n_sum;
    t->evaluation.items += m->n_sum;
    t->evaluation.ms += m->ms;
}

int bit_task_results_note(struct bit_task_results *t, const Bit__TaskScored *m)
{
    int err = m->first == 0 ? begin(t, m) : 0;

    if (err < 0)
        return err;
    if (!follows(t->so_far, m))
        return bit_fail(BIT_ECORRUPT, "document %" PRIu64 " of task '%s' follows on no document before it", m->first,
                        m->task);
    count_items(t, m);
    err = add(t->so_far, m);
    if (err < 0 || m->result == NULL)
        return err;
    drop_so_far(t);
    return keep(t, m->result);
}
