/* The answers to a submission. Each of these functions destroys it. */
#ifndef BIT_DAEMON_SUBMISSION_ANSWER_H
#define BIT_DAEMON_SUBMISSION_ANSWER_H

struct bit_client;
struct bit_plan_answer;
struct bit_runner;
struct bit_submission;

/** Make the run, unless a repeated request has made it by now; send SubmitReply, and let it start. */
void bit_submission_answer_run(struct bit_submission *s);
/** Answer a dry run: DryRunReply. */
void bit_submission_answer_dry_run(struct bit_submission *s, const struct bit_plan_answer *plan);
/** Call `looked`. The submission has no client by then, so that the client may begin another one. */
void bit_submission_answer_looked(struct bit_submission *s);
/** Without a submission: the same request made this run before. */
void bit_submission_answer_known(struct bit_client *c, const struct bit_runner *r);

#endif
