#include "daemon/manual.h"

#include <string.h>

#include "daemon/sys/settings/config.h"
#include "proto/text/roff.h"

#define COLUMNS 104

const struct bit_flag bit_flags[BIT_FLAG_COUNT] = {
    [BIT_FLAG_STATE] = {"state", "DIR", "The folder of the runs; $XDG_STATE_HOME/bitd, or ~/.local/state/bitd."},
    [BIT_FLAG_SOCKET] = {"socket", "PATH",
                         "The socket for bitctl, besides DIR/bitd.sock, which always exists; $BITD_SOCKET, or "
                         "$XDG_RUNTIME_DIR/bitd.sock. A socket that the service manager passes at this path is used."},
    [BIT_FLAG_CONFIG] = {"config", "FILE", "Settings, one \"key = value\" a line; flags override the file."},
    [BIT_FLAG_SLOTS] = {"slots", "N", "Runs that train at once; 1."},
    [BIT_FLAG_GROUP] = {"group", "GROUP", "Users of GROUP may submit and read, too; the owner alone."},
    [BIT_FLAG_WORKER] = {"worker", "PATH", "The bitworker to start; the one beside bitd, else from PATH."},
    [BIT_FLAG_SET] = {"set", "KEY=VALUE", "Any setting of the file."},
    [BIT_FLAG_LOG_FILE] = {"log", "FILE", "Append the log to FILE, opened again at SIGHUP; stderr."},
    [BIT_FLAG_LOG_LEVEL] = {"log-level", "LEVEL", "error, warn, info or debug; info."},
    [BIT_FLAG_RUN] =
        {"run", "SPEC",
         "Train SPEC and no other run of DIR, and end with its exit code; a run of SPEC that is unfinished "
         "or failed goes on, one that is completed is not trained again, and one that cannot be launched "
         "here is left (105). The branches of a sweep file (*.sweep) are trained one after another."},
    [BIT_FLAG_HOLDS] = {"holds", "SPEC", "End with 0 if DIR has a run of SPEC, else with 1."},
    [BIT_FLAG_REQUEUE] = {"requeue", NULL,
                          "In a Slurm job that ends before its runs do (SIGUSR1, SIGTERM): requeue it."},
    [BIT_FLAG_FOREGROUND] = {"foreground", NULL, "No effect: bitd never detaches."},
    [BIT_FLAG_SETTINGS] = {"settings", NULL, "Print a configuration file that has every setting with its default."},
    [BIT_FLAG_VERSION] = {"version", NULL, "Print the version."},
    [BIT_FLAG_HELP] = {"help", NULL, "Print this help."},
    [BIT_FLAG_MAN] = {"man", "PAGE", NULL},
};

static const char about[] =
    "bitd coordinates training runs: it owns their schedule, their data order and their journal, starts their\n"
    "workers, and broadcasts the switch from 16-bit to ternary training. bitctl talks to it.";

static const char signals[] =
    "SIGTERM and SIGUSR1 write a last checkpoint of each run that trains and end bitd; those runs continue\n"
    "when it is back. If it is killed instead, they keep training and wait for it: so a newer bitd replaces\n"
    "an older one without stopping a run. SIGHUP reads the log level from the file again, and opens the log\n"
    "again, which may have been renamed.";

static const char exit_codes[] =
    "The run's with --run, else 0 stopped as asked, 2 usage, 70 internal, 75 another bitd has the state folder or\n"
    "the socket, 78 configuration.";

static const char examples[] = "  bitd --state /tmp/try --log /tmp/try.log &\n"
                               "  bitctl submit --state /tmp/try --follow run.txtpb";

/* ---- help */

/* Prints words in lines of COLUMNS, each beginning with `lead`; the first line is printed already up to column `at`. */
static void print_words(FILE *f, const char *text, size_t at, const char *lead)
{
    const size_t indent = strlen(lead);

    while (*text != '\0') {
        const size_t bytes = strcspn(text, " ");
        if (at + bytes > COLUMNS && at > indent) {
            fprintf(f, "\n%s", lead);
            at = indent;
        } else if (at > indent) {
            fputc(' ', f);
            at++;
        }
        fwrite(text, 1, bytes, f);
        at += bytes;
        text += bytes + (text[bytes] == ' ');
    }
    fputc('\n', f);
}

static void print_flag(FILE *f, const struct bit_flag *flag)
{
    char left[64];

    snprintf(left, sizeof left, "--%s%s%s", flag->name, flag->arg ? " " : "", flag->arg ? flag->arg : "");
    fprintf(f, "  %-20s ", left);
    print_words(f, flag->help, 23, "                       ");
}

static void print_names(FILE *f)
{
    struct bit_config_setting s;
    size_t at = 0;

    for (size_t i = 0; bit_config_describe(i, &s); i++) {
        if (at + strlen(s.name) + 1 > COLUMNS)
            at = 0;
        fprintf(f, "%s%s", at > 0 ? " " : i > 0 ? "\n  " : "  ", s.name);
        at += strlen(s.name) + (at > 0 ? 1 : 2);
    }
    fputc('\n', f);
}

void bit_manual_help(FILE *f)
{
    fprintf(f, "%s\n\nusage: bitd [options]\n\n", about);
    for (int i = 0; i < BIT_FLAG_COUNT; i++)
        if (bit_flags[i].help != NULL)
            print_flag(f, &bit_flags[i]);
    fprintf(f, "\nsettings of the file, which bitd.conf(5) explains and --settings prints:\n");
    print_names(f);
    fprintf(f, "\n%s\n\nexit codes: %s\n\n%s\n", signals, exit_codes, examples);
}

/* ---- manual pages */

void bit_manual_bitd(FILE *f)
{
    char left[64];

    bit_roff_head(f, "bitd", 8, "coordinator of training runs");
    bit_roff_section(f, "SYNOPSIS");
    bit_roff_text(f, "bitd [options]");
    bit_roff_section(f, "DESCRIPTION");
    bit_roff_text(f, about);
    bit_roff_section(f, "OPTIONS");
    for (int i = 0; i < BIT_FLAG_COUNT; i++) {
        if (bit_flags[i].help == NULL)
            continue;
        snprintf(left, sizeof left, "--%s%s%s", bit_flags[i].name, bit_flags[i].arg ? " " : "",
                 bit_flags[i].arg ? bit_flags[i].arg : "");
        bit_roff_item(f, left, bit_flags[i].help);
    }
    bit_roff_section(f, "SIGNALS");
    bit_roff_text(f, signals);
    bit_roff_section(f, "FILES");
    bit_roff_item(f, "DIR/runs/rN", "A run: its specification, journal, checkpoints, logs and TensorBoard files.");
    bit_roff_item(f, "DIR/products",
                  "Which algorithms of matrix products launches have timed, card by card "
                  "(launch.search_products). It is read at each launch: removing it forgets them.");
    bit_roff_item(f, "DIR/tensorboard/NAME-rN",
                  "The same folder by the run's name: `tensorboard --logdir DIR/tensorboard`.");
    bit_roff_item(f, "DIR/bitd.sock", "A socket for bitctl, always at this place.");
    bit_roff_section(f, "EXIT STATUS");
    bit_roff_text(f, exit_codes);
    bit_roff_section(f, "EXAMPLES");
    bit_roff_lines(f, examples);
    bit_roff_see_also(f, "bitctl(1), bitworker(8), bitd.conf(5), bit-run(5)");
}

static void man_setting(FILE *f, const struct bit_config_setting *s)
{
    char text[256];

    bit_roff_item(f, s->name, s->help);
    snprintf(text, sizeof text, "%s: %s%s%s", s->is_value ? "Default" : "Without it", s->fallback,
             s->range[0] != '\0' ? "; " : "", s->range);
    bit_roff_line(f, text);
}

void bit_manual_conf(FILE *f)
{
    struct bit_config_setting s;

    bit_roff_head(f, "bitd.conf", 5, "settings of bitd");
    bit_roff_section(f, "DESCRIPTION");
    bit_roff_text(f,
                  "A file for bitd --config; the system's unit uses /etc/bitd/bitd.conf: one \"key = value\" a line; # "
                  "begins a comment. Times are in seconds, with a fraction if need be. A flag of the command line "
                  "overrides the file. A setting that is not known, or out of its range, is refused with file and line "
                  "(78). bitd reads it when it starts; SIGHUP reads log_level again.\n\n"
                  "bitd --settings prints a file that has all settings.");
    bit_roff_section(f, "SETTINGS");
    for (size_t i = 0; bit_config_describe(i, &s); i++) {
        if (s.group != NULL)
            bit_roff_subsection(f, s.group);
        man_setting(f, &s);
    }
    bit_roff_see_also(f, "bitd(8), bitctl(1)");
}

void bit_manual_settings(FILE *f)
{
    struct bit_config_setting s;

    fprintf(f, "# bitd --config FILE. One \"key = value\" a line; what is commented out is the default. Times are in\n"
               "# seconds. A flag of the command line overrides the file. SIGHUP reads log_level again.\n");
    for (size_t i = 0; bit_config_describe(i, &s); i++) {
        if (s.group != NULL)
            fprintf(f, "\n# ---- %s\n", s.group);
        fprintf(f, "\n# ");
        print_words(f, s.help, 2, "# ");
        if (s.range[0] != '\0')
            fprintf(f, "# %s.\n", s.range);
        if (s.is_value)
            fprintf(f, "# %s = %s\n", s.name, s.fallback);
        else
            fprintf(f, "# %s =        # without it: %s\n", s.name, s.fallback);
    }
}
