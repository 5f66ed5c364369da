#include "daemon/client/depends.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/init_from.h"
#include "daemon/store/runs.h"

static bool is_below(const char *path, const char *folder)
{
    const size_t bytes = strlen(folder);

    return strncmp(path, folder, bytes) == 0 && (path[bytes] == '\0' || path[bytes] == '/');
}

/* The real path that it begins from, or what its specification has where none was kept. */
static bool begins_below(const struct bit_runner *r, const char *folder)
{
    const char *from = r->run.spec->model->init_from;

    if (from == NULL || from[0] == '\0')
        return false;
    struct bit_init_from *kept = calloc(1, sizeof *kept);
    char *path = bit_runner_path(r, "init.pb");
    if (kept != NULL && path != NULL && bit_init_from_load(path, kept) == 0)
        from = kept->path;
    const bool below = is_below(from, folder);
    free(path);
    free(kept);
    return below;
}

static bool needs_it(const struct bit_run *run)
{
    return run->checkpoints.count == 0 && run->state != BIT__RUN_STATE__COMPLETED;
}

size_t bit_depends_list(const struct bit_runner *r, const char *below, bool need, char *out, size_t room)
{
    const struct bit_runs *runs = r->runs;
    char *folder = bit_runner_path(r, below), *real = folder != NULL ? realpath(folder, NULL) : NULL;
    size_t count = 0, at = 0;

    out[0] = '\0';
    for (size_t i = 0; real != NULL && i < runs->count; i++) {
        const struct bit_runner *other = runs->runner[i];
        if (other == r || (need && !needs_it(&other->run)) || !begins_below(other, real))
            continue;
        count++;
        if (at < room)
            at += (size_t)snprintf(out + at, room - at, "%s%s", at > 0 ? ", " : "", other->run.id);
    }
    free(real);
    free(folder);
    return count;
}
