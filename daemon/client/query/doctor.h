/* What `bitctl doctor` is told: which rank lags and where, what is old, full or wrong, and what helps. */
#ifndef BIT_DAEMON_DOCTOR_H
#define BIT_DAEMON_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/client/connection/client.h"
#include "daemon/store/runner.h"

#define BIT_DOCTOR_FINDINGS_MAX 12

/* What is judged; taken from the run, its job and the disk. Times in seconds, < 0: not known. */
struct bit_doctor_facts {
    const struct bit_run *run;
    Bit__RunState state; /* as people see it */
    const char *reason;
    bool damaged; /* its journal is: nothing can be done about the run */
    double report_s, watchdog_s;
    struct {
        uint32_t rank;
        double s;
        char host[64], section[16];
        uint64_t step;
    } silent; /* the rank that was not heard for longest; host empty where none is known */
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
    char resume[192]; /* the advice how to go on */
    size_t count;
};

/** Pure. The worst comes first. */
void bit_doctor_judge(const struct bit_doctor_facts *f, struct bit_doctor *out);
/** A DoctorRequest. */
void bit_doctor_answer(struct bit_client *c, const Bit__DoctorRequest *m);

#endif
