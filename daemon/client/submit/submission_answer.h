/* What comes of a submission, and what its client is told. Each of these ends it. */
#ifndef BIT_DAEMON_SUBMISSION_ANSWER_H
#define BIT_DAEMON_SUBMISSION_ANSWER_H

struct bit_client;
struct bit_plan_answer;
struct bit_runner;
struct bit_submission;

/** A run is made of it, or its request's run is there by now: SubmitReply, and it may begin. */
void bit_submission_answer_run(struct bit_submission *s);
/** A dry run: DryRunReply. */
void bit_submission_answer_dry_run(struct bit_submission *s, const struct bit_plan_answer *plan);
/** Who had it looked at is told; it has no client any more then, who may begin another. */
void bit_submission_answer_looked(struct bit_submission *s);
/** There is no submission: the same request made this run before. */
void bit_submission_answer_known(struct bit_client *c, const struct bit_runner *r);

#endif
