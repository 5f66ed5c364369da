/* bitworker score: log-likelihoods of requests by one model, where it runs, without a daemon. */
#ifndef BIT_WORKER_SCORE_VERB_H
#define BIT_WORKER_SCORE_VERB_H

extern const char bit_score_help[];
/** The verb: argv[0] is "score". Returns an exit code. */
int bit_score_main(int argc, char **argv);

#endif
