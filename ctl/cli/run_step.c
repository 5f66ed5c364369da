#include "ctl/cli/run_step.h"

#include <string.h>

#include "ctl/cli/options.h"

size_t bit_run_step_parse(const char *word, uint64_t *step)
{
    const char *at = strrchr(word, '@');

    if (at == NULL || at == word || strchr(word, '/') != NULL || !bit_parse_u64(at + 1, step))
        return 0;
    return (size_t)(at - word);
}

const char *bit_run_step_wrong(const char *word)
{
    const char *at = strrchr(word, '@');
    uint64_t step;

    if (at == NULL || at == word || strchr(word, '/') != NULL || bit_run_step_parse(word, &step) > 0)
        return NULL;
    return at + 1;
}
