/* `bitctl doctor`: which rank lags and where, what is old, full or wrong, and what to do about it. */
#ifndef BIT_DAEMON_DOCTOR_H
#define BIT_DAEMON_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/client/connection/client.h"
#include "daemon/store/runs/runner.h"

#define BIT_DOCTOR_FINDINGS_MAX 12

/* The facts to judge, taken from the run, its job and the disk. Times in seconds, < 0: not known. */
struct bit_doctor_facts {
    const struct bit_run *run;
    Bit__RunState state; /* of bit_status_state */
    const char *reason;
    bool damaged;   /* the journal or spec.pb is damaged: the run cannot be resumed */
    bool spec_lost; /* damaged, and it is spec.pb */
    double report_s, watchdog_s;
    struct {
        uint32_t rank;
        double s;
        char host[64], section[16];
        uint64_t step;
    } silent; /* the rank that has been silent longest; host is empty if there is none */
    struct {
        bool known;
        uint32_t rank;
        double ratio;
        const char *place;
    } slow; /* the rank that takes longest */
    uint64_t disk_free, checkpoint_bytes;
};

struct bit_doctor {
    Bit__Finding item[BIT_DOCTOR_FINDINGS_MAX], *list[BIT_DOCTOR_FINDINGS_MAX];
    char text[BIT_DOCTOR_FINDINGS_MAX][320];
    char resume[192]; /* the advice on how to resume */
    size_t count;
};

/** Judge the facts; the worst finding comes first. Pure. */
void bit_doctor_judge(const struct bit_doctor_facts *f, struct bit_doctor *out);
/** A DoctorRequest. */
void bit_doctor_answer(struct bit_client *c, const Bit__DoctorRequest *m);

#endif
