#include "ctl/client/hangups.h"

#include "proto/check.h"

#define CALM_S         10
#define PAUSE_FIRST_MS 100
#define PAUSE_LAST_MS  5000

int bit_hangups_note(struct bit_hangups *h, int32_t pid, double lived_s)
{
    if (lived_s >= CALM_S)
        *h = (struct bit_hangups){0};
    h->same = pid == h->pid ? h->same + 1 : 1;
    h->pid = pid;
    h->row++;
    if (h->same > BIT_HANGUPS_SAME_MAX || h->row > BIT_HANGUPS_MAX)
        return -1;
    unsigned doublings = BIT_MIN(h->row > 2 ? h->row - 2 : 0, 10u);
    return h->row == 1 ? 0 : BIT_MIN(PAUSE_FIRST_MS << doublings, PAUSE_LAST_MS);
}
