/* The table of verbs, in the order of the help. To add one: write cmd_VERB.c, declare and list it here, list it in
 * meson.build. */
#include "ctl/cli/verb.h"

extern const struct bit_cli_verb bit_cmd_submit, bit_cmd_ps, bit_cmd_status, bit_cmd_top, bit_cmd_log, bit_cmd_events,
    bit_cmd_wait, bit_cmd_checkpoint, bit_cmd_pause, bit_cmd_resume, bit_cmd_cancel, bit_cmd_switch, bit_cmd_ckpt,
    bit_cmd_diff, bit_cmd_doctor, bit_cmd_tokenize, bit_cmd_data, bit_cmd_version;

const struct bit_cli_verb *const bit_verbs[] = {
    &bit_cmd_submit,
    &bit_cmd_ps,
    &bit_cmd_status,
    &bit_cmd_top,
    &bit_cmd_log,
    &bit_cmd_events,
    &bit_cmd_wait,
    &bit_cmd_switch,
    &bit_cmd_checkpoint,
    &bit_cmd_pause,
    &bit_cmd_resume,
    &bit_cmd_cancel,
    &bit_cmd_ckpt,
    &bit_cmd_diff,
    &bit_cmd_doctor,
    &bit_cmd_tokenize,
    &bit_cmd_data,
    &bit_cmd_version,
    NULL,
};
