#include "daemon/client/submit/submission_answer.h"

#include "daemon/client/submit/command_lines.h"
#include "daemon/client/submit/submission.h"
#include "daemon/store/checkpoints/init_from.h"
#include "daemon/store/new_runs/new_run.h"
#include "daemon/store/retention/beginnings.h"
#include "daemon/store/runs/runs.h"
#include "proto/check.h"
#include "proto/dryrun/dry_reply.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/wire/msg.h"

/* notes: the effects of a fork's changes; NULL: none. */
static void answer_submitted(struct bit_client *c, const struct bit_runner *r, bool known,
                             const struct bit_problems *notes)
{
    Bit__SubmitReply m = BIT__SUBMIT_REPLY__INIT;
    char text[BIT_PROBLEMS_MAX][BIT_ERR_TEXT_MAX], *list[BIT_PROBLEMS_MAX];

    for (int i = 0; notes != NULL && i < bit_problems_kept(notes); i++) {
        list[m.n_note++] = text[i];
        bit_format(text[i], sizeof text[i], "%s: %s", notes->item[i].field, notes->item[i].text);
    }
    m.note = list;

    m.run = bit_lend(r->run.id);
    m.name = r->run.spec->name ? r->run.spec->name : m.run;
    m.event = r->run.seq;
    m.has_known = m.known = known;
    bit_client_send(c, BIT_MSG_SUBMIT_REPLY, &m);
    bit_client_end(c);
}

void bit_submission_answer_known(struct bit_client *c, const struct bit_runner *r)
{
    answer_submitted(c, r, true, NULL);
}

/* Writes data.pb and init.pb: the run may read the files that they name, and no others. Without them another user's run
 * may read none, so it fails. */
static void keep_proof(const struct bit_submission *s, struct bit_runner *r)
{
    int err = bit_submission_keep(s, r->dir);

    if (err < 0)
        bit_runner_fail(r, bit_exit_code(err), "%s", bit_fail_text());
}

static int add_run(struct bit_submission *s, Bit__RunSpec *spec, struct bit_runner **out)
{
    Bit__RunSubmitted asked = BIT__RUN_SUBMITTED__INIT;

    asked.request_id = s->request_id;
    asked.uid = s->uid;
    asked.paused = s->paused;
    asked.has_priority = s->priority != 0;
    asked.priority = s->priority;
    asked.after = s->after.item;
    asked.n_after = s->after.count;
    return bit_new_run_make(s->runs, spec, &asked, s->fork, NULL, out);
}

void bit_submission_answer_run(struct bit_submission *s)
{
    struct bit_runner *r = bit_runs_find_request(s->runs, s->request_id); /* if the request was sent twice */
    const bool known = r != NULL;

    if (!known) {
        Bit__RunSpec *spec = s->spec;
        s->spec = NULL;
        int err = s->init_from != NULL ? bit_beginnings_check(s->runs, s->init_from->origin.path) : 0;
        if (err == 0)
            err = add_run(s, spec, &r);
        else
            bit_msg_free(spec);
        if (err == 0)
            keep_proof(s, r);
        if (err < 0) {
            bit_submission_refuse(s, err, bit_fail_text());
            return;
        }
    }
    answer_submitted(s->client, r, known, s->fork != NULL ? &s->notes : NULL);
    bit_submission_destroy(s);
    bit_runs_schedule(r->runs);
}

/* Answers of sbatch that are no reason to refuse the run become warnings. */
static void warn_of_slurm(const struct bit_submission *s, struct bit_dry_reply *reply)
{
    char text[BIT_ERR_TEXT_MAX];

    if (s->slurm == BIT_SBATCH_TAKEN)
        return;
    bit_format(text, sizeof text, "%s: %s",
               s->slurm == BIT_SBATCH_NOT_NOW ? "sbatch --test-only did not tell whether Slurm would take the job"
                                              : "with the nodes that Slurm has now, it would not start the job",
               s->slurm_text);
    bit_dry_reply_warn(reply, "launch.slurm", text);
}

void bit_submission_answer_dry_run(struct bit_submission *s, const struct bit_plan_answer *plan)
{
    const struct bit_dry_facts facts = {
        .tokens = &s->tokens, .notes = &s->notes, .plan = plan, .state = s->env->config->state};
    struct bit_dry_reply reply;
    struct bit_argv lines = {0};
    int err = bit_dry_reply_make(&reply, s->spec, &facts);

    if (err < 0) {
        bit_submission_refuse(s, err, bit_fail_text());
        return;
    }
    if (bit_command_lines_make(s->env->config, s->spec, &lines) < 0)
        bit_dry_reply_warn(&reply, NULL, bit_fail_text());
    warn_of_slurm(s, &reply);
    reply.m.command = lines.item;
    reply.m.n_command = lines.count;
    bit_client_send(s->client, BIT_MSG_DRY_RUN_REPLY, &reply.m);
    bit_client_end(s->client);
    bit_argv_finish(&lines);
    bit_submission_destroy(s);
}

void bit_submission_answer_looked(struct bit_submission *s)
{
    bit_submission_looked *looked = s->looked;

    s->looked = NULL;
    s->client->submission = NULL;
    s->client = NULL;
    looked(s->looked_arg, s);
    bit_submission_destroy(s);
}
