/* Readers of journals and logs get what they request, and delay no other client. */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/daemon/fixture.h"

#define ENDLESS (1ull << 40) /* bytes of a log without a newline; sparse, so it costs nothing */
#define STEPS   3000

static struct fix f;

/* Other clients are answered before the log is read to its end, which would take minutes. */
TEST(others_are_answered_while_a_log_is_searched)
{
    char run[32], path[256];

    fix_init(&f);
    if (!fix_start(&f))
        return;
    fix_submit(&f, NULL, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    int log = open(fix_path(&f, run, "logs/worker-1.log", path, sizeof path), O_WRONLY | O_CLOEXEC);
    EXPECT_EQ(ftruncate(log, ENDLESS), 0);
    close(log);
    Bit__LogRequest m = BIT__LOG_REQUEST__INIT;
    m.run = run;
    m.has_tail_lines = true;
    m.tail_lines = 10;
    int readers[4];
    for (int i = 0; i < 4; i++) {
        readers[i] = fix_connect(&f);
        EXPECT(fix_send(readers[i], BIT_MSG_LOG_REQUEST, &m));
    }
    for (int i = 0; i < 100; i++)
        bit_msg_free(fix_status(&f, run));
    for (int i = 0; i < 4; i++) {
        char byte;
        EXPECT(recv(readers[i], &byte, 1, MSG_DONTWAIT) < 0); /* no answer yet */
        close(readers[i]);
    }
    fix_finish(&f);
}

/* One thread serves the readers in turn, and each gets all its records in order. */
TEST(readers_beside_each_other_get_every_record)
{
    char run[32];
    struct fix_events events;

    fix_init(&f);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "schedule.steps=3000\ncheckpoint.every=100", run);
    Bit__EventsRequest m = BIT__EVENTS_REQUEST__INIT;
    m.run = run;
    m.has_follow = m.follow = true;
    int plain = fix_connect(&f), steps = fix_connect(&f);
    EXPECT(fix_send(plain, BIT_MSG_EVENTS_REQUEST, &m)); /* before the run begins */
    m.has_steps = m.steps = true;
    EXPECT(fix_send(steps, BIT_MSG_EVENTS_REQUEST, &m));
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    fix_events(&f, run, &events);
    size_t others = events.count - fix_count(&events, BIT__JOURNAL_RECORD__WHAT_STEP);
    EXPECT_EQ(fix_count(&events, BIT__JOURNAL_RECORD__WHAT_STEP), (size_t)STEPS);
    for (int i = 0; i < 2; i++) {
        uint64_t seq = 0;
        size_t count = 0;
        void *reply;
        while (fix_receive(i == 0 ? plain : steps, &reply) == BIT_MSG_EVENT_REPLY) {
            Bit__EventReply *event = reply;
            EXPECT(event->record->seq > seq);
            seq = event->record->seq;
            count++;
            bit_msg_free(reply);
        }
        bit_msg_free(reply);
        EXPECT_EQ(count, i == 0 ? others : events.count);
    }
    close(plain);
    close(steps);
    fix_events_free(&events);
    fix_finish(&f);
}

TEST_MAIN
