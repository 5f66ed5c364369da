#include "ctl/verbs/ckpt_word.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/ckpt/checkpoint.h"

bool bit_ckpt_word_is_folder(const char *word)
{
    char path[BIT_PATH_MAX + sizeof BIT_CHECKPOINT_MANIFEST];
    struct stat st;

    snprintf(path, sizeof path, "%s/%s", word, BIT_CHECKPOINT_MANIFEST);
    return strchr(word, '/') != NULL || stat(path, &st) == 0;
}

const char *bit_ckpt_word_folder(const char *word, char out[BIT_PATH_MAX])
{
    snprintf(out, BIT_PATH_MAX, "%s", word);
    for (size_t n = strlen(out); n > 1 && out[n - 1] == '/'; n--)
        out[n - 1] = '\0';
    return out;
}
