/* A model on one rank without MPI, shared by the tests and benchmarks of the model. */
#ifndef BIT_TESTS_SINGLE_H
#define BIT_TESTS_SINGLE_H

#include "worker/model/model.h"

/* A run of one rank: specification, plan, model and the fp32 master weights, which a worker would hold in shards. */
struct single {
    Bit__RunSpec *spec;
    struct bit_worker_plan plan;
    struct bit_model *model;
    float *master; /* (elements) */
};

/** From a specification in text format; missing fields take their defaults. The master has its initial values. */
int single_init(struct single *s, const char *spec_text, int threads, enum bit_backend backend);
void single_finish(struct single *s);
/** Set the phase and publish the master weights to the model, as all ranks of a run do together. */
int single_publish(struct single *s, Bit__Precision precision, double strength);

#endif
