#include "worker/link/session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/wire/msg.h"
#include "worker/process/clock.h"

BIT_LOG_TOPIC("session");

#define WELCOME_MS   10000 /* a daemon that accepts answers within this time */
#define PAUSE_MS     50    /* between attempts, doubled ... */
#define PAUSE_MS_MAX 1000  /* ... up to this */

void bit_session_init(struct bit_session *session, const struct bit_link_config *config, uint32_t ranks,
                      const struct bit_sections *sections)
{
    *session = (struct bit_session){.ranks = ranks, .sections = sections};
    bit_link_init(&session->link, config);
}

static void forget_oldest(struct bit_session *session)
{
    struct bit_kept_report *oldest = &session->kept[session->kept_head];

    session->forgotten = oldest->step;
    free(oldest->frame);
    *oldest = (struct bit_kept_report){0};
    session->kept_head = (session->kept_head + 1) % BIT_SESSION_KEPT_MAX;
    session->kept_count--;
}

void bit_session_finish(struct bit_session *session)
{
    bit_heartbeat_stop(&session->beat);
    while (session->kept_count > 0)
        forget_oldest(session);
    bit_link_finish(&session->link);
}

/* ---- connecting */

static int connect_once(struct bit_session *session, bool training, Bit__Welcome **welcome)
{
    Bit__WorkerHello hello = BIT__WORKER_HELLO__INIT;

    hello.ranks = session->ranks;
    hello.step = atomic_load(&session->sections->step);
    hello.training = training;
    return bit_link_connect(&session->link, &hello, WELCOME_MS, welcome);
}

/* There is no event for a new socket, so attempts are separated by a pause. */
static void pause_ms(int ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    nanosleep(&t, NULL);
}

/* Retries until it works, cannot work, or retry_ms is over since the link was lost. */
static int connect_again(struct bit_session *session, bool training, Bit__Welcome **welcome)
{
    int wait_ms = PAUSE_MS, err;

    while ((err = connect_once(session, training, welcome)) < 0 && bit_link_is_lost(err)) {
        if (bit_clock_ms() - session->lost_since_ms > (double)session->link.config.retry_ms)
            break;
        bit_debug("retry", "in_ms=%d why=%s", wait_ms, bit_fail_text());
        pause_ms(wait_ms);
        wait_ms = BIT_MIN(2 * wait_ms, PAUSE_MS_MAX);
    }
    return err;
}

int bit_session_open(struct bit_session *session, Bit__Welcome **welcome)
{
    int err;

    session->lost_since_ms = bit_clock_ms();
    err = connect_again(session, false, welcome);
    if (err < 0)
        return err;
    if ((*welcome)->has_fence_ms)
        session->link.config.retry_ms = (int64_t)(*welcome)->fence_ms;
    err = bit_heartbeat_start(&session->beat, &session->link, session->sections, *welcome);
    if (err < 0) {
        bit_msg_free(*welcome);
        *welcome = NULL;
    }
    return err;
}

/* In their original order. A report of a boundary is sent again if the step after the boundary may still be ordered. */
static void send_again(struct bit_session *session, uint64_t last_step)
{
    for (unsigned i = 0; i < session->kept_count; i++) {
        const struct bit_kept_report *kept = &session->kept[(session->kept_head + i) % BIT_SESSION_KEPT_MAX];
        if (kept->is_step ? kept->step <= last_step : kept->step < last_step)
            continue;
        if (bit_link_write(&session->link, kept->frame, kept->bytes) < 0)
            return; /* next() will handle it */
    }
}

static int reconnect(struct bit_session *session)
{
    const uint64_t step = atomic_load(&session->sections->step);
    Bit__Welcome *welcome;
    uint64_t last_step;
    int err;

    if (session->lost_since_ms == 0)
        session->lost_since_ms = bit_clock_ms();
    err = connect_again(session, true, &welcome);
    if (err < 0)
        return err;
    last_step = welcome->last_step;
    bit_msg_free(welcome);
    if (last_step > step)
        return bit_fail(BIT_ESTATE, "the daemon knows step %" PRIu64 ", but this worker did only %" PRIu64, last_step,
                        step);
    if (last_step < session->forgotten)
        return bit_fail(BIT_ESTATE, "the daemon knows only step %" PRIu64 ", reports up to %" PRIu64 " are gone",
                        last_step, session->forgotten);
    send_again(session, last_step);
    bit_info("reconnected", "step=%" PRIu64 " journalled=%" PRIu64, step, last_step);
    return 1;
}

int bit_session_next(struct bit_session *session, const struct bit_link_order **out)
{
    int err = bit_link_next(&session->link, out);

    if (err >= 0) {
        session->lost_since_ms = 0;
        return 0;
    }
    if (err == -EINTR || !bit_link_is_lost(err))
        return err;
    bit_warn("lost", "why=%s", bit_fail_text());
    if (session->lost_since_ms != 0)
        pause_ms(PAUSE_MS); /* a link that is lost before its first order must not cause a busy loop */
    return reconnect(session);
}

int bit_session_peek(struct bit_session *session, const struct bit_link_order **out)
{
    return bit_link_peek(&session->link, out);
}

void bit_session_wake(void *arg)
{
    struct bit_session *session = arg;

    bit_link_wake(&session->link);
}

/* ---- reporting */

void bit_session_ready(struct bit_session *session, const Bit__WorkerReady *ready)
{
    bit_link_send(&session->link, BIT_MSG_WORKER_READY, ready);
}

int bit_session_report(struct bit_session *session, uint16_t type, uint64_t step, const void *msg)
{
    struct bit_kept_report report = {.step = step, .is_step = type == BIT_MSG_STEP_REPORT};
    int err = bit_link_encode(&session->link, type, msg, &report.frame, &report.bytes);

    if (err < 0)
        return err;
    if (session->kept_count == BIT_SESSION_KEPT_MAX)
        forget_oldest(session);
    session->kept[(session->kept_head + session->kept_count++) % BIT_SESSION_KEPT_MAX] = report;
    bit_link_write(&session->link, report.frame, report.bytes);
    return 0;
}

/* Sends `count` rows of one card, as a table. */
static void tell_products(struct bit_session *session, const struct bit_product_view *view, size_t from, size_t count)
{
    Bit__ProductsFound m = BIT__PRODUCTS_FOUND__INIT;
    struct bit_product_set part = {0};

    if (bit_product_set_add(&part, &view->maker, view->rows + from * BIT_PRODUCT_ROW_BYTES, count) >= 0) {
        m.products.data = part.bytes;
        m.products.len = part.size;
        bit_link_send(&session->link, BIT_MSG_PRODUCTS_FOUND, &m);
    }
    bit_product_set_finish(&part);
}

void bit_session_products(struct bit_session *session, const struct bit_product_set *found)
{
    struct bit_product_view view;

    for (size_t at = 0; bit_product_set_next(found, &at, &view);)
        for (size_t i = 0; i < view.count; i += BIT_PRODUCTS_FOUND_MAX)
            tell_products(session, &view, i, BIT_MIN(view.count - i, (size_t)BIT_PRODUCTS_FOUND_MAX));
}

void bit_session_failed(struct bit_session *session, uint32_t rank, int err, const char *text)
{
    Bit__WorkerFailed failed = BIT__WORKER_FAILED__INIT;
    char copy[BIT_ERR_TEXT_MAX];

    bit_format(copy, sizeof copy, "%s", text);
    failed.rank = rank;
    failed.error = err;
    failed.step = atomic_load(&session->sections->step);
    failed.text = copy;
    bit_link_send(&session->link, BIT_MSG_WORKER_FAILED, &failed);
}

void bit_session_done(struct bit_session *session, const Bit__WorkerDone *done)
{
    bit_link_send(&session->link, BIT_MSG_WORKER_DONE, done);
}
