/* Prints a line for each step of a specification, for schedules.py: step, learning rate, weight decay. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/err.h"
#include "proto/spec/schedule.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"

static void print(const Bit__RunSpec *spec)
{
    struct bit_switch_plan plan;
    struct bit_step_plan at;

    bit_switch_plan_init(&plan, spec);
    for (uint64_t step = 1; step <= spec->schedule->steps; step++) {
        bit_schedule_at(spec, &plan, step, &at);
        printf("%" PRIu64 " %.17g %.17g\n", step, at.lr, at.weight_decay);
    }
}

int main(int argc, char **argv)
{
    struct bit_problems *problems = calloc(1, sizeof *problems);
    Bit__RunSpec *spec = NULL;
    int err = argc == 2 && problems != NULL ? bit_spec_load(argv[1], &spec, problems) : BIT_EUSAGE;

    if (err == 0)
        err = bit_spec_normalise(spec, NULL, problems);
    if (err == 0)
        err = bit_spec_validate(spec, problems);
    if (err == 0)
        print(spec);
    else
        fprintf(stderr, "%s: %s\n", bit_strerror(err), problems != NULL ? problems->item[0].text : "no memory");
    bit_msg_free(spec);
    free(problems);
    return err < 0;
}
