#include "ctl/show/screen.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl/show/print.h"
#include "ctl/show/show.h"

static volatile sig_atomic_t stopped;
static void on_signal(int sig)
{
    (void)sig;
    stopped = 1;
}

bool bit_screen_enter(struct bit_screen *s)
{
    *s = (struct bit_screen){0};
    if (!bit_terminal(stdout) || !isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &s->saved) != 0)
        return false;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    struct termios raw = s->saved;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    bit_show(stdout, "\033[?1049h\033[?25l");
    fflush(stdout);
    s->on = true;
    return true;
}

void bit_screen_leave(struct bit_screen *s)
{
    if (!s->on)
        return;
    bit_show(stdout, "\033[?25h\033[?1049l");
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSANOW, &s->saved);
    s->on = false;
}

void bit_screen_draw(const struct bit_screen *s, void (*print)(FILE *f, void *arg, int columns, int rows), void *arg,
                     const char *last)
{
    int columns, rows;
    char *page = NULL;
    size_t bytes = 0;
    FILE *f = open_memstream(&page, &bytes);

    if (f == NULL)
        return;
    bit_terminal_size(stdout, &columns, &rows);
    if (s->on)
        bit_show(f, "\033[H\033[J");
    print(f, arg, columns, rows - 1);
    if (s->on)
        bit_show(f, "\033[%d;1H%.*s", rows, columns, last);
    else
        fputc('\n', f);
    fclose(f);
    bit_show_raw(stdout, page, bytes);
    fflush(stdout);
    free(page);
}

bool bit_screen_wait(const struct bit_screen *s, int ms)
{
    struct pollfd p = {.fd = s->on ? STDIN_FILENO : -1, .events = POLLIN};
    char key;

    if (stopped)
        return true;
    if (poll(&p, 1, ms) <= 0)
        return stopped != 0;
    return read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q' || key == 27;
}
