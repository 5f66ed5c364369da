#include "daemon/sys/settings/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/sys/settings/config_key.h"
#include "daemon/sys/settings/metrics_address.h"
#include "proto/dryrun/plan_answer.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/state_folder.h"
#include "proto/utf8.h"

void bit_config_init(struct bit_config *c)
{
    *c = (struct bit_config){
        .mpirun = "mpirun",
        .log_level = BIT_LOG_INFO,
        .slots = 1,
        .runs_per_user = 1000,
        .lookahead = 4,
        .clients_per_user = 64,
        .waits_per_user = 48,
        .streams_per_user = 32,
        .start_ms = 600000,
        .launch_patience_ms = 600000,
        .restart_delay_max_ms = 60000,
        .reconnect_ms = 60000,
        .heartbeat_ms = 5000,
        .stall_ms = 10000,
        .stall_factor = 5,
        .long_ms = 300000,
        .fence_ms = 300000,
        .grace_ms = 5000,
        .checkpoint_retry_ms = 5000,
        .read_patience_ms = 600000,
        .shutdown_ms = 120000,
        .plan_ms = 30000,
        .slurm_poll_ms = 5000,
        .client_ms = 10000,
        .hook_ms = 30000,
        .metrics_keep_ms = 600000,
    };
    bit_state_folder_default(c->state, sizeof c->state);
}

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return text;
}

static int load_line(struct bit_config *c, const char *path, int number, char *line)
{
    line[strcspn(line, "#\n")] = '\0';
    char *key = trim(line);
    if (*key == '\0')
        return 0;
    char *equals = strchr(key, '=');
    if (equals == NULL)
        return bit_fail(BIT_EUSAGE, "%s:%d: expected key = value", path, number);
    *equals = '\0';
    int err = bit_config_set(c, trim(key), trim(equals + 1));
    if (err == 0)
        return 0;
    char why[BIT_ERR_TEXT_MAX];
    bit_format(why, sizeof why, "%s", bit_fail_text());
    return bit_fail(err, "%s:%d: %s", path, number, why);
}

int bit_config_load(struct bit_config *c, const char *path)
{
    char line[BIT_ALLOW_MAX + 256];
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return bit_fail(-errno, "%s: %s", path, strerror(errno));
    int err = 0;
    for (int number = 1; err == 0 && fgets(line, sizeof line, file) != NULL; number++)
        err = load_line(c, path, number, line + (number == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0 ? 3 : 0));
    if (err == 0 && ferror(file))
        err = bit_fail(-errno, "%s: %s", path, strerror(errno));
    fclose(file);
    if (err == 0)
        snprintf(c->file, sizeof c->file, "%s", path);
    return err;
}

static int default_socket(struct bit_config *c)
{
    const char *named = getenv("BITD_SOCKET"), *runtime = getenv("XDG_RUNTIME_DIR");
    int n;

    if (named != NULL && *named != '\0')
        n = snprintf(c->socket, sizeof c->socket, "%s", named);
    else if (runtime != NULL && *runtime != '\0')
        n = snprintf(c->socket, sizeof c->socket, "%s/bitd.sock", runtime);
    else
        n = snprintf(c->socket, sizeof c->socket, "%s/bitd.sock", c->state);
    if (n >= (int)sizeof c->socket)
        return bit_fail(BIT_EUSAGE, "socket: a path longer than %zu bytes", sizeof c->socket - 1);
    return 0;
}

static int make_absolute(char *path, size_t room, const char *what)
{
    char cwd[BIT_CONFIG_PATH_MAX], joined[2 * BIT_CONFIG_PATH_MAX];

    if (path[0] == '/')
        return 0;
    if (getcwd(cwd, sizeof cwd) == NULL)
        return bit_fail(-errno, "the current folder: %s", strerror(errno));
    snprintf(joined, sizeof joined, "%s/%s", cwd, path);
    if (strlen(joined) >= room)
        return bit_fail(BIT_EUSAGE, "%s: a path longer than %zu bytes", what, room - 1);
    memcpy(path, joined, strlen(joined) + 1);
    return 0;
}

/* Texts are sent to clients, and strings in messages must be UTF-8. */
static int check_texts(const struct bit_config *c)
{
    const struct bit_config_key *key;

    for (size_t i = 0; (key = bit_config_key(i)) != NULL; i++) {
        const char *text = (const char *)c + key->offset;
        if ((key->kind == BIT_CONFIG_TEXT || key->kind == BIT_CONFIG_HOOK) && !bit_utf8_valid(text, strlen(text)))
            return bit_fail(BIT_EUSAGE, "%s = %s: not UTF-8 (its bytes shown as ?); bitd accepts only names in UTF-8",
                            key->name, text);
    }
    return 0;
}

/* Other hosts may read the numbers only if metrics_remote says so. */
static int check_metrics(const struct bit_config *c)
{
    struct bit_metrics_address address;
    int err = c->metrics[0] == '\0' ? 0 : bit_metrics_address_parse(c->metrics, &address);

    if (err < 0 || c->metrics[0] == '\0' || address.loopback || c->metrics_remote)
        return err;
    return bit_fail(BIT_EUSAGE,
                    "metrics = %s: other hosts reach that address, and everybody there would read the numbers; if "
                    "that is intended, set metrics_remote = yes, else use 127.0.0.1 or a Unix socket",
                    c->metrics);
}

int bit_config_finish(struct bit_config *c)
{
    if (c->state[0] == '\0')
        return bit_fail(BIT_EUSAGE, "state: no folder is known: set `state` or $HOME");
    int err = make_absolute(c->state, sizeof c->state, "state");
    if (err == 0 && snprintf(c->link, sizeof c->link, "%s/link.sock", c->state) >= (int)sizeof c->link)
        err = bit_fail(BIT_EUSAGE, "state: a path longer than %zu bytes", sizeof c->link - sizeof "/link.sock");
    if (err == 0 && c->link_kind == BIT_LINK_TCP && c->listen[0] == '\0')
        err = bit_fail(BIT_EUSAGE, "link = tcp: set `listen`, too: the address for the workers");
    if (err == 0 && c->socket[0] == '\0')
        err = default_socket(c);
    if (err == 0)
        err = make_absolute(c->socket, sizeof c->socket, "socket");
    if (err == 0 && c->log[0] != '\0')
        err = make_absolute(c->log, sizeof c->log, "log");
    if (err == 0 && c->run[0] != '\0')
        err = make_absolute(c->run, sizeof c->run, "run");
    if (err == 0 && c->worker[0] == '\0')
        bit_plan_answer_find_worker(c->worker, sizeof c->worker);
    else if (err == 0 && strchr(c->worker, '/') != NULL)
        err = make_absolute(c->worker, sizeof c->worker, "worker");
    if (err == 0)
        err = check_metrics(c);
    return err < 0 ? err : check_texts(c);
}
