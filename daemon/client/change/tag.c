#include "daemon/client/change/tag.h"

#include <stdio.h>

#include "daemon/client/change/mutate.h"
#include "daemon/store/runs/runner.h"
#include "proto/err.h"
#include "proto/format.h"

static void answer(struct bit_client *c, const struct bit_runner *r, uint64_t event)
{
    const struct bit_tags *t = &r->run.tags;
    char text[512] = "no tags";

    for (size_t i = 0; i < t->count; i++) {
        if (i == 0)
            text[0] = '\0';
        bit_format_more(text, sizeof text, "%s%s", i > 0 ? ", " : "tagged ", t->item[i]);
    }
    if (t->note != NULL)
        bit_format_more(text, sizeof text, "; %s", t->note);
    bit_mutate_done(c, r, r->run.step, event, text);
}

static int record(struct bit_client *c, struct bit_runner *r, const Bit__TagRequest *m)
{
    Bit__RunTagged tagged = BIT__RUN_TAGGED__INIT;
    Bit__Mutation asked = bit_mutate_mutation(c, "tag", m->request_id);

    tagged.asked = &asked;
    tagged.n_add = m->n_add;
    tagged.add = m->add;
    tagged.n_remove = m->n_remove;
    tagged.remove = m->remove;
    tagged.note = m->note;
    return bit_try_record(r, TAGGED, tagged, &tagged);
}

void bit_tag_asked(struct bit_client *c, const Bit__TagRequest *m)
{
    struct bit_runner *r = bit_mutate_begin(c, m->run, m->request_id, BIT_VERB_CHANGE);

    if (r == NULL)
        return;
    const struct bit_run_applied *applied = bit_run_find_applied(&r->run, m->request_id);
    int err = applied != NULL ? 0 : bit_tags_check(&r->run.tags, m);
    if (err == 0 && applied == NULL)
        err = record(c, r, m);
    if (err < 0)
        bit_client_refuse(c, err, "%s", bit_fail_text());
    else
        answer(c, r, applied != NULL ? applied->seq : r->run.seq);
}
