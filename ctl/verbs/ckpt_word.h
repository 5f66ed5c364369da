/* A word that is a checkpoint's folder, for which no daemon is needed, or a run. */
#ifndef BIT_CTL_CKPT_WORD_H
#define BIT_CTL_CKPT_WORD_H

#include <stdbool.h>

#include "proto/limits.h"

/** Whether it is a folder: it has a slash, or a manifest is in it. */
bool bit_ckpt_word_is_folder(const char *word);
/** The folder without slashes at its end, which shell completion leaves there; in `out`. */
const char *bit_ckpt_word_folder(const char *word, char out[BIT_PATH_MAX]);

#endif
