#include "daemon/sys/processes/hooks.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/log.h"

BIT_LOG_TOPIC("hooks");

extern char **environ;

/* A waiting call. */
struct call {
    struct call *next;
    struct bit_argv facts;
    char *input;
};

/* One hook of the settings. Its handles are open only while its program runs. */
struct hook {
    struct bit_hooks *all;
    const char *name, *line; /* "on_end", and the setting's value */
    struct call *first, **last;
    int waiting;
    uv_process_t process;
    uv_timer_t timer;
    int handles; /* not closed yet */
    bool late;
    bool failed, full; /* logged already */
};

struct bit_hooks {
    uv_loop_t *loop;
    const struct bit_config *config;
    struct hook hook[BIT_HOOKS];
    bool closing;
};

static void begin_next(struct hook *h);

static void free_call(struct call *call)
{
    bit_argv_finish(&call->facts);
    free(call->input);
    free(call);
}

static void free_all_if_closed(struct bit_hooks *hooks)
{
    for (int i = 0; i < BIT_HOOKS; i++)
        if (hooks->hook[i].handles > 0)
            return;
    free(hooks);
}

static void on_closed(uv_handle_t *handle)
{
    struct hook *h = handle->data;

    if (--h->handles > 0)
        return;
    if (h->all->closing)
        free_all_if_closed(h->all);
    else
        begin_next(h);
}

static void close_handles(struct hook *h)
{
    uv_close((uv_handle_t *)&h->timer, on_closed);
    if (h->handles > 1)
        uv_close((uv_handle_t *)&h->process, on_closed);
}

/* ---- the end of a call */

static void say_failed(struct hook *h, const char *why)
{
    if (!h->failed)
        bit_warn("hook failed", "hook=%s command=\"%s\" why=\"%s\" more=\"not logged again until it works\"", h->name,
                 h->line, why);
    h->failed = true;
}

static void on_exit_status(uv_process_t *process, int64_t status, int signal)
{
    struct hook *h = process->data;
    char why[96];

    if (h->late) {
        snprintf(why, sizeof why, "took longer than %g s (hook_timeout) and was killed",
                 (double)h->all->config->hook_ms / 1000);
        say_failed(h, why);
    } else if (status != 0 || signal != 0) {
        snprintf(why, sizeof why, signal != 0 ? "ended by signal %d" : "exit code %d",
                 signal != 0 ? signal : (int)status);
        say_failed(h, why);
    } else if (h->failed || h->full) {
        bit_info("hook works again", "hook=%s", h->name);
        h->failed = h->full = false;
    }
    close_handles(h);
}

/* The program leads a process group of its own; the whole group is killed. */
static void on_late(uv_timer_t *timer)
{
    struct hook *h = timer->data;

    h->late = true;
    if (kill(-h->process.pid, SIGKILL) < 0)
        uv_process_kill(&h->process, SIGKILL);
}

/* ---- the start of a call */

/* A memfd: unlike a pipe, writing it never blocks. */
static int open_input(const char *text)
{
    const size_t bytes = strlen(text);
    int fd = memfd_create("hook", MFD_CLOEXEC);

    if (fd < 0)
        return bit_fail(-errno, "its input: %s", strerror(errno));
    if (write(fd, text, bytes) != (ssize_t)bytes || lseek(fd, 0, SEEK_SET) < 0) {
        close(fd);
        return bit_fail(-EIO, "its input: %s", strerror(errno));
    }
    return fd;
}

static void split_words(const char *line, struct bit_argv *out)
{
    for (const char *at = line + strspn(line, " \t"); *at != '\0'; at += strspn(at, " \t")) {
        const size_t bytes = strcspn(at, " \t");
        bit_argv_add(out, "%.*s", (int)bytes, at);
        at += bytes;
    }
}

static int spawn(struct hook *h, struct bit_argv *words, struct bit_argv *env, int input)
{
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_INHERIT_FD, .data.fd = input}, {.flags = UV_IGNORE}, {.flags = UV_IGNORE}};
    const uv_process_options_t options = {.exit_cb = on_exit_status,
                                          .file = words->item[0],
                                          .args = words->item,
                                          .env = env->item,
                                          .flags = UV_PROCESS_DETACHED,
                                          .stdio_count = 3,
                                          .stdio = stdio};
    int err = uv_spawn(h->all->loop, &h->process, &options);

    h->process.data = h;
    h->handles++; /* must be closed even if uv_spawn failed */
    return err < 0 ? bit_fail(err, "%s: %s", words->item[0], uv_strerror(err)) : 0;
}

static int begin(struct hook *h, struct call *call)
{
    struct bit_argv words = {0}, env = {0};
    size_t count = 0;
    int input = open_input(call->input), err = input < 0 ? input : 0;

    while (environ[count] != NULL)
        count++;
    bit_argv_add_all(&env, environ, count);
    for (size_t i = 0; i < call->facts.count; i++)
        bit_argv_set(&env, call->facts.item[i]);
    split_words(h->line, &words);
    if (err == 0)
        err = bit_argv_check(&env) < 0 ? bit_argv_check(&env) : bit_argv_check(&words);
    if (err == 0)
        err = spawn(h, &words, &env, input);
    if (input >= 0)
        close(input);
    bit_argv_finish(&words);
    bit_argv_finish(&env);
    return err;
}

/* If the program could not be started, its handles are closed first and on_closed begins the next call. */
static void begin_next(struct hook *h)
{
    struct call *call = h->first;

    if (call == NULL || h->handles > 0)
        return;
    h->first = call->next;
    if (h->first == NULL)
        h->last = &h->first;
    h->waiting--;
    h->late = false;
    h->handles = 1;
    uv_timer_init(h->all->loop, &h->timer);
    memset(&h->process, 0, sizeof h->process);
    h->timer.data = h;
    if (begin(h, call) < 0) {
        say_failed(h, bit_fail_text());
        close_handles(h);
    } else {
        uv_timer_start(&h->timer, on_late, h->all->config->hook_ms, 0);
    }
    free_call(call);
}

/* ---- all hooks */

struct bit_hooks *bit_hooks_create(uv_loop_t *loop, const struct bit_config *config)
{
    static const char *const names[] = {[BIT_HOOK_END] = "on_end",
                                        [BIT_HOOK_CHECKPOINT] = "on_checkpoint",
                                        [BIT_HOOK_SWITCH] = "on_switch",
                                        [BIT_HOOK_ANOMALY] = "on_anomaly"};
    struct bit_hooks *hooks = calloc(1, sizeof *hooks);

    if (hooks == NULL) {
        bit_fail(-ENOMEM, "hooks");
        return NULL;
    }
    hooks->loop = loop;
    hooks->config = config;
    for (int i = 0; i < BIT_HOOKS; i++) {
        struct hook *h = &hooks->hook[i];
        *h = (struct hook){.all = hooks, .name = names[i], .line = config->hook[i]};
        h->last = &h->first;
    }
    return hooks;
}

void bit_hooks_destroy(struct bit_hooks *hooks)
{
    bool open = false;

    if (hooks == NULL)
        return;
    hooks->closing = true;
    for (int i = 0; i < BIT_HOOKS; i++) {
        struct hook *h = &hooks->hook[i];
        for (struct call *call = h->first; call != NULL; call = h->first) {
            h->first = call->next;
            free_call(call);
        }
        open = open || h->handles > 0;
        if (h->handles > 0 && !uv_is_closing((uv_handle_t *)&h->timer))
            close_handles(h);
    }
    if (!open)
        free(hooks);
}

bool bit_hooks_wants(const struct bit_hooks *hooks, enum bit_hook hook)
{
    return hooks != NULL && hooks->config->hook[hook][0] != '\0';
}

void bit_hooks_run(struct bit_hooks *hooks, enum bit_hook hook, struct bit_argv *facts, char *input)
{
    struct hook *h = &hooks->hook[hook];
    struct call *call = calloc(1, sizeof *call);

    if (call != NULL) {
        call->facts = *facts;
        call->input = input;
    }
    if (call == NULL || input == NULL || bit_argv_check(facts) < 0 || h->waiting >= BIT_HOOKS_WAITING_MAX) {
        if (!h->full)
            bit_warn("hook left out", "hook=%s waiting=%d more=\"not logged again until it works\"", h->name,
                     h->waiting);
        h->full = true;
        if (call == NULL) {
            bit_argv_finish(facts);
            free(input);
        } else {
            free_call(call);
        }
        return;
    }
    *h->last = call;
    h->last = &call->next;
    h->waiting++;
    begin_next(h);
}
