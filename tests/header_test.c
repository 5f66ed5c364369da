/*
 * Each public header compiles alone, and when included twice; each folder includes only what it may; a unit test lies
 * in the folder of what it tests.
 * The headers are found in the source tree and compiled with the flags that compile_commands.json has for their
 * folder's sources. Where a folder is compiled with several sets of flags (one per processor), one that works is
 * enough. $BIT_SOURCE_ROOT and $BIT_BUILD_ROOT are the source and the build folder.
 */
#include <glob.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "proto/check.h"
#include "tests/test.h"

/*
 * What the files of each folder may include: headers that lie directly in one of the listed folders, or a listed
 * header. The lists are built from the lowest layer up.
 */
#define BASE  "proto", "config.h"
#define SPEC  "proto/ckpt", "proto/data", "proto/spec", "proto/text", "proto/wire", BASE
#define PROTO "proto/dryrun", SPEC
/* Parts of the daemon that need only some of its sys. */
#define SETTINGS "daemon/sys/settings", PROTO
#define LINK     "daemon/link", "daemon/sys/files", "daemon/sys/sockets", SETTINGS
#define FEED     "daemon/feed", "daemon/link/payload.h", "daemon/run/orders/task_orders.h", "daemon/sys/files", PROTO
/* The others may use all of it. */
#define SYS "daemon/sys", "daemon/sys/files", "daemon/sys/lists", "daemon/sys/processes", "daemon/sys/sockets", SETTINGS
/* The layers of a run without files: its state, and what follows from it. */
#define STATE  "daemon/run", "daemon/sys/lists", PROTO
#define ORDERS "daemon/run/orders", STATE
#define RUN    "daemon/run/guard", "daemon/run/plans", "daemon/run/ranks", ORDERS
/* The layers of what is on disk. */
#define JOURNAL     "daemon/store/journal", "daemon/sys/files", PROTO
#define BOARD       "daemon/store/board", "daemon/sys/settings", RUN
#define RUNS        "daemon/store/runs", "daemon/store/board", "daemon/store/journal", SYS, RUN
#define CHECKPOINTS "daemon/store/checkpoints", RUNS
#define NEW_RUNS    "daemon/store/new_runs", CHECKPOINTS
#define SWEEPS      "daemon/store/sweeps", NEW_RUNS
#define RETENTION   "daemon/store/retention", SWEEPS
#define STORE       "daemon/store", RETENTION
/* From a launch up to a job. */
#define LAUNCH "daemon/launch", STORE
#define JOB    "daemon/job", "daemon/feed", "daemon/link", LAUNCH
/* The layers of the client side: from the connection up to the requests. */
#define CONNECTION "daemon/client/connection", STORE
#define QUERY      "daemon/client/query", "daemon/client/connection", JOB
#define STREAM     "daemon/client/stream", CONNECTION
#define CHANGE     "daemon/client/change", "daemon/client/stream", QUERY
#define SUBMIT     "daemon/client/submit", "daemon/client/connection", "daemon/feed", LAUNCH
#define SWEEP      "daemon/client/sweep", "daemon/client/submit", CHANGE
#define CLIENT     "daemon/client", SWEEP
#define HTTP       "daemon/http", QUERY

#define SHOW "ctl/show", "proto/spec", "proto/text", BASE
#define CLI  "ctl/cli", SHOW
#define ASK  "ctl/client", "ctl/chart", CLI

#define EXEC    "kernels/exec", "proto/err.h", "proto/check.h", "proto/limits.h", "config.h"
#define KERNELS "kernels", EXEC
#define DEVICE  "kernels/cuda", KERNELS
/* The kernels that compute a checkpoint's codes. */
#define TERNARISE                                                                                                      \
    "kernels/exec/exec.h", "kernels/exec/op.h", "kernels/pack_codes.h", "kernels/ternarise.h",                         \
        "kernels/weight_measure.h"
#define MODEL   "worker/model", KERNELS, PROTO
#define PROCESS "worker/process", "kernels/exec/exec.h", PROTO
#define RANKS   "worker/ranks", "worker/process", MODEL

static const struct folder {
    const char *name;
    const char *may_include[64];
    const char *libraries[4]; /* guarded libraries whose headers it may include */
} folders[] = {
    {"proto", {BASE}, {NULL}},
    {"proto/ckpt", {"proto/ckpt", "proto/wire", BASE}, {NULL}},
    {"proto/data", {"proto/data", BASE}, {NULL}},
    {"proto/dryrun", {PROTO}, {NULL}},
    {"proto/spec", {SPEC}, {NULL}},
    {"proto/text", {"proto/text", BASE}, {NULL}},
    {"proto/wire", {"proto/wire", BASE}, {NULL}},
    {"kernels", {KERNELS}, {NULL}},
    {"kernels/exec", {EXEC}, {NULL}},
    {"kernels/ref", {KERNELS, "kernels/ref"}, {NULL}},
    {"kernels/cpu", {KERNELS, "kernels/cpu"}, {NULL}},
    {"kernels/cuda", {DEVICE}, {"cuda", "cublasLt"}},
    {"kernels/cuda/gemm", {"kernels/cuda/gemm", DEVICE}, {"cuda", "cublasLt"}},
    {"kernels/cuda/attention", {"kernels/cuda/attention", DEVICE}, {"cuda", "cudnn"}},
    {"worker", {"worker", "worker/ckpt", "worker/link", RANKS}, {"mpi"}},
    {"worker/ckpt", {"worker/ckpt", RANKS}, {NULL}},
    {"worker/link", {"worker/link", PROCESS}, {NULL}},
    {"worker/model", {MODEL}, {NULL}},
    {"worker/process", {PROCESS}, {NULL}},
    {"worker/ranks", {RANKS, "kernels/cuda"}, {"mpi", "nccl", "cuda"}},
    {"daemon", {"daemon", "daemon/http", CLIENT}, {"uv"}},
    {"daemon/http", {HTTP}, {"uv", "microhttpd"}},
    {"daemon/client", {CLIENT}, {"uv"}},
    {"daemon/client/sweep", {SWEEP}, {NULL}},
    {"daemon/client/submit", {SUBMIT}, {NULL}},
    {"daemon/client/change", {CHANGE}, {NULL}},
    {"daemon/client/stream", {STREAM}, {NULL}},
    {"daemon/client/query", {QUERY}, {NULL}},
    {"daemon/client/connection", {CONNECTION}, {"uv"}},
    {"daemon/job", {JOB}, {"uv"}},
    {"daemon/launch", {LAUNCH}, {"uv"}},
    {"daemon/feed", {FEED}, {NULL}},
    {"daemon/link", {LINK}, {"uv"}},
    {"daemon/store", {STORE}, {NULL}},
    {"daemon/store/retention", {RETENTION}, {"uv"}},
    {"daemon/store/sweeps", {SWEEPS}, {"uv"}},
    {"daemon/store/new_runs", {NEW_RUNS}, {NULL}},
    {"daemon/store/checkpoints", {CHECKPOINTS}, {"uv"}},
    {"daemon/store/runs", {RUNS}, {"uv"}},
    {"daemon/store/board", {BOARD}, {NULL}},
    {"daemon/store/journal", {JOURNAL}, {NULL}},
    {"daemon/run", {STATE}, {NULL}},
    {"daemon/run/guard", {"daemon/run/guard", "daemon/run/ranks", STATE}, {NULL}},
    {"daemon/run/orders", {ORDERS}, {NULL}},
    {"daemon/run/plans", {"daemon/run/plans", ORDERS}, {NULL}},
    {"daemon/run/ranks", {"daemon/run/ranks", PROTO}, {NULL}},
    {"daemon/sys", {"daemon/sys", SETTINGS}, {"uv"}},
    {"daemon/sys/sockets", {"daemon/sys/sockets", SETTINGS}, {"uv"}},
    {"daemon/sys/processes", {"daemon/sys/processes", "daemon/sys/lists", SETTINGS}, {"uv"}},
    {"daemon/sys/settings", {SETTINGS}, {NULL}},
    {"daemon/sys/files", {"daemon/sys/files", PROTO}, {NULL}},
    {"daemon/sys/lists", {"daemon/sys/lists", PROTO}, {NULL}},
    {"ctl", {"ctl/spec", "ctl/verbs", CLI}, {NULL}},
    {"ctl/verbs",
     {"ctl/verbs", "ctl/compare", "ctl/data", "ctl/export", "ctl/report", "ctl/spec", "ctl/tokenize", ASK, PROTO},
     {NULL}},
    {"ctl/report", {"ctl/report", "ctl/compare", ASK, PROTO}, {NULL}},
    {"ctl/spec", {"ctl/spec", ASK, PROTO}, {NULL}},
    {"ctl/data", {"ctl/data", "ctl/tokenize/tokenizer.h", ASK, PROTO}, {NULL}},
    {"ctl/tokenize", {"ctl/tokenize", "proto/data/request_file.h", "proto/data/request_cut.h", BASE}, {NULL}},
    {"ctl/export", {"ctl/export", "ctl/tokenize/tokenizer.h", TERNARISE, SHOW, PROTO}, {NULL}},
    {"ctl/client", {ASK, "proto/ckpt/weight_index.h", "proto/wire"}, {NULL}},
    {"ctl/chart", {"ctl/chart", SHOW}, {NULL}},
    {"ctl/compare", {"ctl/compare", ASK, PROTO}, {NULL}},
    {"ctl/cli", {CLI}, {NULL}},
    {"ctl/show", {SHOW}, {NULL}},
};

static const char *const guarded[] = {"uv", "microhttpd", "mpi", "nccl", "dnnl", "cuda", "cublasLt", "cudnn"};

static const char *root(const char *variable)
{
    const char *path = getenv(variable);

    if (path == NULL)
        SKIP_ALL("$BIT_SOURCE_ROOT and $BIT_BUILD_ROOT are set by meson test");
    return path;
}

static void list_files(const char *folder, const char *pattern, glob_t *out)
{
    char all[512];

    snprintf(all, sizeof all, "%s/%s/%s", root("BIT_SOURCE_ROOT"), folder, pattern);
    if (glob(all, 0, NULL, out) != 0)
        *out = (glob_t){0};
}

/* Call `show` for every .c file in a folder and its subfolders. Returns their number. */
static size_t each_source_below(const char *folder, void (*show)(const char *path))
{
    static const char *const depths[] = {"*.c", "*/*.c", "*/*/*.c", "*/*/*/*.c", "*/*/*/*/*.c"};
    size_t count = 0;

    for (size_t d = 0; d < BIT_COUNT(depths); d++) {
        glob_t files;
        list_files(folder, depths[d], &files);
        for (size_t i = 0; i < files.gl_pathc; i++)
            show(files.gl_pathv[i]);
        count += files.gl_pathc;
        globfree(&files);
    }
    return count;
}

static const char *below_root(const char *path)
{
    return path + strlen(root("BIT_SOURCE_ROOT")) + 1;
}

/* ---- alone and twice */

#define FLAVOURS_MAX  8
#define COMMAND_BYTES 8192

/* The distinct commands by which a folder's sources are compiled. */
struct flavours {
    char command[FLAVOURS_MAX][COMMAND_BYTES];
    int count;
};

static bool is_in(const char *file, const char *folder)
{
    char part[64];
    size_t bytes = (size_t)snprintf(part, sizeof part, "../%s/", folder);
    const char *name = strstr(file, part);

    return name != NULL && strchr(name + bytes, '/') == NULL && strcmp(file + strlen(file) - 2, ".c") == 0;
}

/* The command without its input and outputs; it reads C from standard input instead. */
static void make_check_command(const char *command, char *out, size_t bytes)
{
    static const char *const with_argument[] = {"-o", "-c", "-MQ", "-MF"};
    char *copy = strdup(command), *rest = NULL;
    int at = snprintf(out, bytes, "cd '%s' &&", root("BIT_BUILD_ROOT"));

    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        bool dropped = strcmp(word, "-MD") == 0;
        for (size_t i = 0; i < BIT_COUNT(with_argument); i++)
            if (strcmp(word, with_argument[i]) == 0)
                dropped = strtok_r(NULL, " ", &rest) != NULL;
        if (!dropped)
            at += snprintf(out + at, bytes - (size_t)at, " %s", word);
        BIT_ASSERT((size_t)at < bytes);
    }
    /* standard input is clang's main file, and it warns about unused static functions there */
    at += snprintf(out + at, bytes - (size_t)at, " -Werror -Wno-unused-function -fsyntax-only -x c -");
    BIT_ASSERT((size_t)at < bytes);
    free(copy);
}

static void add_flavour(struct flavours *all, const char *command)
{
    char *next = all->command[all->count];

    if (all->count == FLAVOURS_MAX)
        return;
    make_check_command(command, next, COMMAND_BYTES);
    for (int i = 0; i < all->count; i++)
        if (strcmp(all->command[i], next) == 0)
            return;
    all->count++;
}

static void find_flavours(json_t *commands, const char *folder, struct flavours *out)
{
    size_t i;
    json_t *entry;

    out->count = 0;
    json_array_foreach(commands, i, entry)
    {
        const char *file = json_string_value(json_object_get(entry, "file"));
        const char *command = json_string_value(json_object_get(entry, "command"));
        if (file != NULL && command != NULL && is_in(file, folder))
            add_flavour(out, command);
    }
}

static bool compiles(const char *command, const char *header, const char *redirection)
{
    char whole[COMMAND_BYTES + 32];
    FILE *compiler;

    snprintf(whole, sizeof whole, "%s %s", command, redirection);
    compiler = popen(whole, "w");
    BIT_ASSERT(compiler != NULL);
    fprintf(compiler, "#include \"%s\"\n#include \"%s\"\n", header, header);
    return pclose(compiler) == 0;
}

/* A header of the GPU backend, which a build without CUDA leaves out. */
static bool is_of_device(const char *header)
{
    return strstr(header, "cuda") != NULL || strstr(header, "nccl") != NULL || strstr(header, "cudnn") != NULL;
}

static void check_header(const struct flavours *all, const char *header)
{
    bool held = false;

    if (is_of_device(header) && !BIT_HAVE_CUDA)
        return;
    for (int i = 0; i < all->count && !held; i++)
        held = compiles(all->command[i], header, "2>/dev/null");
    if (EXPECT(held))
        return;
    fprintf(stderr, "    %s does not compile alone, or not twice:\n", header);
    compiles(all->command[0], header, "");
}

TEST(headers_compile_alone_and_twice)
{
    static struct flavours all;
    json_error_t why;
    json_t *commands;
    char path[512];

    snprintf(path, sizeof path, "%s/compile_commands.json", root("BIT_BUILD_ROOT"));
    commands = json_load_file(path, 0, &why);
    if (!EXPECT(commands != NULL)) {
        fprintf(stderr, "    %s: %s\n", path, why.text);
        return;
    }
    for (size_t f = 0; f < BIT_COUNT(folders); f++) {
        glob_t headers;
        find_flavours(commands, folders[f].name, &all);
        if (all.count == 0) /* not in this build, as the worker without MPI */
            continue;
        list_files(folders[f].name, "*.h", &headers);
        for (size_t i = 0; i < headers.gl_pathc; i++)
            check_header(&all, below_root(headers.gl_pathv[i]));
        globfree(&headers);
    }
    json_decref(commands);
}

/* ---- who includes whom */

static bool is_any_of(const char *text, size_t bytes, const char *const *names, size_t most)
{
    for (size_t i = 0; i < most && names[i] != NULL; i++)
        if (strlen(names[i]) == bytes && strncmp(text, names[i], bytes) == 0)
            return true;
    return false;
}

/* Allowed by the header's folder or by its path. */
static bool may_include(const struct folder *f, const char *header)
{
    const char *slash = strrchr(header, '/');

    return is_any_of(header, strlen(header), f->may_include, BIT_COUNT(f->may_include)) ||
           (slash != NULL && is_any_of(header, (size_t)(slash - header), f->may_include, BIT_COUNT(f->may_include)));
}

/* "oneapi/dnnl/dnnl.h" belongs to dnnl, "uv.h" to uv, "uvula.h" to neither. */
static bool is_of_library(const char *header, const char *library)
{
    const char *base = strrchr(header, '/') != NULL ? strrchr(header, '/') + 1 : header;
    size_t bytes = strlen(library);

    return strncmp(base, library, bytes) == 0 && (base[bytes] == '.' || base[bytes] == '_');
}

static bool may_see(const struct folder *f, const char *header)
{
    for (size_t i = 0; i < BIT_COUNT(guarded); i++)
        if (is_of_library(header, guarded[i]))
            return is_any_of(guarded[i], strlen(guarded[i]), f->libraries, BIT_COUNT(f->libraries));
    return true;
}

static void check_includes(const struct folder *folder, const char *path)
{
    FILE *f = fopen(path, "r");
    char line[512], header[256];

    BIT_ASSERT(f != NULL);
    while (fgets(line, sizeof line, f) != NULL) {
        bool allowed = true;
        if (sscanf(line, " # include \"%255[^\"]\"", header) == 1)
            allowed = may_include(folder, header);
        else if (sscanf(line, " # include <%255[^>]>", header) == 1)
            allowed = may_see(folder, header);
        else
            continue;
        if (!EXPECT(allowed))
            fprintf(stderr, "    %s may not include %s\n", below_root(path), header);
    }
    fclose(f);
}

static const char *const patterns[] = {"*.h", "*.c", "*.cu", "*.cuh"};

TEST(folders_include_only_what_they_may)
{
    for (size_t f = 0; f < BIT_COUNT(folders); f++)
        for (size_t p = 0; p < BIT_COUNT(patterns); p++) {
            glob_t files;
            list_files(folders[f].name, patterns[p], &files);
            for (size_t i = 0; i < files.gl_pathc; i++)
                check_includes(&folders[f], files.gl_pathv[i]);
            globfree(&files);
        }
}

static bool is_listed(const char *folder)
{
    for (size_t f = 0; f < BIT_COUNT(folders); f++)
        if (strcmp(folders[f].name, folder) == 0)
            return true;
    return false;
}

static void check_listed(const char *path)
{
    char folder[512];

    snprintf(folder, sizeof folder, "%s", below_root(path));
    *strrchr(folder, '/') = '\0';
    if (!EXPECT(is_listed(folder)))
        fprintf(stderr, "    %s: say in tests/header_test.c what this folder may include\n", folder);
}

TEST(every_folder_is_listed)
{
    for (size_t f = 0; f < BIT_COUNT(folders); f++)
        EXPECT(each_source_below(folders[f].name, check_listed) > 0);
}

/* ---- where a unit test lies */

static bool includes_one_of(const char *path, const char *folder)
{
    FILE *f = fopen(path, "r");
    char line[512], header[256];
    bool found = false;

    BIT_ASSERT(f != NULL);
    while (!found && fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, " # include \"%255[^\"]\"", header) == 1 && strrchr(header, '/') != NULL) {
            *strrchr(header, '/') = '\0';
            found = strcmp(header, folder) == 0;
        }
    fclose(f);
    return found;
}

/* tests/unit/proto/wire/test_frame.c tests proto/wire; a test directly in tests/unit tests the helpers in tests/. */
static void check_place(const char *path)
{
    char folder[512];

    snprintf(folder, sizeof folder, "%s", below_root(path) + strlen("tests/unit/"));
    if (strrchr(folder, '/') != NULL)
        *strrchr(folder, '/') = '\0';
    else
        snprintf(folder, sizeof folder, "tests");
    if (!EXPECT(includes_one_of(path, folder)))
        fprintf(stderr, "    %s includes no header of %s/: it lies in the folder of what it tests\n", below_root(path),
                folder);
}

TEST(a_unit_test_lies_in_the_folder_of_what_it_tests)
{
    EXPECT(each_source_below("tests/unit", check_place) > 0);
}

TEST_MAIN
