#include "ctl/export/mark.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "config.h"
#include "ctl/export/export.h"
#include "ctl/export/json_file.h"
#include "ctl/export/trained.h"
#include "ctl/show/print.h"

int bit_mark_write(struct bit_export *e)
{
    const Bit__Manifest *m = e->source.manifest;
    char digest[17];

    snprintf(digest, sizeof digest, "%016" PRIx64, m->weights_digest);
    json_t *mark = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s?}", "form", e->form->name, "type",
                             bit_numbers_type_name(e->type), "writer", "bitctl " BIT_VERSION " " BIT_COMMIT, "run",
                             m->run, "name", m->spec->name, "step", (json_int_t)m->step, "trained_as",
                             bit_text_precision(m->phase->precision), "weights_digest", digest, "note",
                             bit_trained_note(e));
    return bit_json_file_write(&e->output, BIT_OUTPUT_MARK, mark);
}
