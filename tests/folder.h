/*
 * Temporary folders of a test program: /tmp/bit-PROGRAM-XXXXXX, short enough for a Unix socket below it. They are
 * removed with their contents when the program exits; a forked child removes nothing. After a crash they stay;
 * BIT_TEST_KEEP=1 always keeps them and prints their paths. The files of a program share them.
 */
#ifndef BIT_TESTS_FOLDER_H
#define BIT_TESTS_FOLDER_H

#include <errno.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEST_FOLDERS_MAX 64

struct test_folders {
    char path[TEST_FOLDERS_MAX][64]; /* "": a free entry */
    const char *common;              /* test_folder()'s; NULL before its first call */
    pid_t owner;                     /* the process that removes them; 0 before the first was made */
};
__attribute__((weak)) struct test_folders test_folders;

static inline int test_remove_entry(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    if (remove(path) < 0 && errno != ENOENT)
        fprintf(stderr, "%s: not removed: %s\n", path, strerror(errno));
    return 0;
}

/** Remove a folder of test_folder_new() with its contents now, before the program exits. */
static inline void test_folder_remove(const char *path)
{
    for (int i = 0; i < TEST_FOLDERS_MAX; i++) {
        if (test_folders.path[i][0] == '\0' || strcmp(test_folders.path[i], path) != 0)
            continue;
        if (getenv("BIT_TEST_KEEP") != NULL)
            fprintf(stderr, "kept %s\n", path);
        else
            nftw(test_folders.path[i], test_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        test_folders.path[i][0] = '\0';
        return;
    }
}

static inline void test_folders_remove(void)
{
    for (int i = 0; i < TEST_FOLDERS_MAX && test_folders.owner == getpid(); i++)
        if (test_folders.path[i][0] != '\0')
            test_folder_remove(test_folders.path[i]);
}

/** Make one more folder, for a test that needs its own. The returned path is valid until the folder is removed. Exits
 * if none can be made. */
static inline const char *test_folder_new(void)
{
    int at = 0;

    while (at < TEST_FOLDERS_MAX && test_folders.path[at][0] != '\0')
        at++;
    if (at == TEST_FOLDERS_MAX) {
        fprintf(stderr, "more than %d temporary folders at once: raise TEST_FOLDERS_MAX\n", TEST_FOLDERS_MAX);
        exit(1);
    }
    char *path = test_folders.path[at];
    snprintf(path, sizeof test_folders.path[at], "/tmp/bit-%.24s-XXXXXX", program_invocation_short_name);
    if (mkdtemp(path) == NULL) {
        fprintf(stderr, "%s: cannot be made: %s\n", path, strerror(errno));
        path[0] = '\0';
        exit(1);
    }
    if (test_folders.owner == 0) {
        test_folders.owner = getpid();
        atexit(test_folders_remove);
    }
    return path;
}

/** The folder that the tests of this program share. */
static inline const char *test_folder(void)
{
    if (test_folders.common == NULL)
        test_folders.common = test_folder_new();
    return test_folders.common;
}

/** The path of a name in test_folder(); valid for the next seven calls. */
static inline const char *test_path(const char *name)
{
    static char path[8][256];
    static int turn;

    turn = (turn + 1) % 8;
    if (snprintf(path[turn], sizeof path[turn], "%s/%s", test_folder(), name) >= (int)sizeof path[turn]) {
        fprintf(stderr, "%s: too long for a test's path\n", name);
        exit(1);
    }
    return path[turn];
}

/** Write a file of these bytes, in place of one of that name. Exits if that fails. */
static inline void test_write(const char *path, const void *bytes, size_t count)
{
    FILE *f = fopen(path, "we");

    if (f == NULL || fwrite(bytes, 1, count, f) != count || fclose(f) != 0) {
        fprintf(stderr, "%s: not written: %s\n", path, strerror(errno));
        exit(1);
    }
}

/** The same with the characters of a text. */
static inline void test_write_text(const char *path, const char *text)
{
    test_write(path, text, strlen(text));
}

#endif
