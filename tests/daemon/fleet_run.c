#include "tests/daemon/fleet_run.h"

#include <stdio.h>
#include <string.h>

#define CONTEXT 4

bool fleet_begin(struct fix *f, const char *setting)
{
    const char *const args[] = {"--set",    "listen=127.0.0.1:0", "--set", "link=tcp",
                                "--worker", FLEET_PATH,           "--set", setting};

    memcpy(f->args, args, sizeof args);
    return fix_start(f);
}

static void write_tokens(const char *path, unsigned ranks)
{
    static const uint16_t some[CONTEXT] = {1, 2, 3, 4};
    FILE *file = fopen(path, "we");

    for (unsigned i = 0; file != NULL && i < ranks; i++)
        fwrite(some, sizeof some, 1, file);
    EXPECT(file != NULL && fclose(file) == 0);
}

void fleet_submit(struct fix *f, unsigned ranks, const char *more, char run[32])
{
    char text[1024], tokens[128];

    snprintf(tokens, sizeof tokens, "%s/fleet-%u.npy", f->dir, ranks);
    write_tokens(tokens, ranks);
    snprintf(text, sizeof text,
             "launch.ranks=%u\nbatch.instances=%u\nmodel.context=%d\ncheckpoint.every=0\ndata.train=%s\n%s", ranks,
             ranks, CONTEXT, tokens, more);
    fix_submit(f, text, run);
}

unsigned fleet_failed_attempts(const struct fix *f, const char *run)
{
    char path[256], line[1024];
    FILE *file = fopen(fix_path(f, run, "logs/worker-1.log", path, sizeof path), "re");
    unsigned count = 0;

    EXPECT(file != NULL);
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        count += strstr(line, "not connected") != NULL;
    if (file != NULL)
        fclose(file);
    return count;
}
