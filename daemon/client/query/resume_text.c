#include "daemon/client/query/resume_text.h"

#include <inttypes.h>
#include <string.h>

#include "proto/format.h"
#include "proto/spec/spec.h"

static void describe_steps(const struct bit_run *run, const Bit__RunResumed *m, char *text, size_t room)
{
    const Bit__ScheduleSpec *schedule = run->spec->schedule;

    if (!m->has_steps)
        return;
    bit_format_more(text, room, "; %" PRIu64 " steps now", m->steps);
    if (m->has_cosine_steps)
        bit_format_more(text, room, ", and the cosine ends with them: the learning rates from here on are different");
    else if (m->steps > schedule->cosine_steps)
        bit_format_more(text, room, "; the cosine ends at step %" PRIu64 " as before, and the rate stays %g after it",
                        schedule->cosine_steps, schedule->final * schedule->peak_lr);
}

void bit_resume_text(const struct bit_run *run, char *text, size_t room)
{
    const Bit__RunResumed *m = run->resumed;
    const char *state = bit_run_state_name(m->was);
    bool says_state = strncmp(m->reason, state, strlen(state)) == 0;

    const char *from = bit_spec_evaluates_only(run->spec) ? "where it was" : "from the beginning";
    bit_format(text, room, "%s%s%s; goes on %s%s", says_state ? "" : state, m->reason[0] && !says_state ? ": " : "",
               m->reason, m->checkpoint ? "from " : from, m->checkpoint ? m->checkpoint : "");
    if (m->again > 0)
        bit_format_more(text, room, ", %" PRIu64 " step%s %s done again", m->again, bit_format_s(m->again),
                        m->again == 1 ? "is" : "are");
    if (m->has_skip && m->skip > 0)
        bit_format_more(text, room, ", %" PRIu64 " batch%s left out", m->skip, m->skip == 1 ? " is" : "es are");
    describe_steps(run, m, text, room);
    if (m->other_data != NULL && strstr(m->reason, m->other_data) != NULL)
        bit_format_more(text, room, "; with the file as it is now");
    else if (m->other_data != NULL)
        bit_format_more(text, room, "; with %s", m->other_data);
}
