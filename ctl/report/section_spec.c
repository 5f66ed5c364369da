/* The section on a run's specification: what the user chose, and the whole. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/report/run_sections.h"
#include "ctl/report/spec_chosen.h"
#include "ctl/show/diff.h"
#include "proto/text/text.h"
#include "proto/wire/msg.h"

static void print_text(struct bit_page_section *s, const Bit__RunSpec *spec)
{
    char *text = NULL;

    if (bit_text_print(&spec->base, &text, NULL) < 0)
        s->h->err = -ENOMEM;
    bit_html_begin(s->h, "pre");
    bit_html_attribute(s->h, "tabindex", "0");
    bit_html_lines(s->h, text != NULL ? text : "");
    bit_html_end(s->h, "pre");
    free(text);
}

/* Settings whose value here differs from the default or the preset's. */
static void tell_differences(struct bit_page_section *s, const Bit__RunSpec *spec)
{
    static const char *const columns[] = {"Setting", "Default or preset", "Here", NULL};
    struct bit_diff_setting *setting = calloc(BIT_DIFF_SETTINGS_MAX, sizeof *setting);
    Bit__RunSpec *base = NULL;
    size_t count = 0, differ = 0;

    if (setting == NULL)
        s->h->err = -ENOMEM;
    else if (bit_spec_chosen_base(spec, &base) == 0)
        count = bit_diff_settings(base, spec, NULL, setting);
    for (size_t i = 0; i < count; i++)
        differ += strcmp(setting[i].a, "-") != 0;
    if (differ > 0) {
        bit_section_paragraph(s, "What differs from the defaults and the presets that it names:");
        bit_section_table_begin(s, "Settings that differ from defaults and presets", columns, "lll");
        for (size_t i = 0; i < count; i++) {
            if (strcmp(setting[i].a, "-") == 0)
                continue;
            bit_section_row_begin(s, false);
            bit_section_cell(s, "%s", setting[i].path);
            bit_section_cell(s, "%s", setting[i].a);
            bit_section_cell(s, "%s", setting[i].b);
            bit_section_row_end(s);
        }
        bit_section_table_end(s);
    }
    bit_msg_free(base);
    free(setting);
}

void bit_section_spec(struct bit_page_section *s)
{
    const Bit__RunSpec *spec = s->run->status->spec;
    Bit__RunSpec *chosen = NULL;

    bit_section_begin(s, "spec", "Specification");
    tell_differences(s, spec);
    if (bit_spec_chosen(spec, &chosen) == 0) {
        bit_section_paragraph(s, "The shortest form; bitctl submit accepts it unchanged. It includes the changes made "
                                 "during the run.");
        print_text(s, chosen);
    }
    bit_html_begin(s->h, "details");
    bit_html_element(s->h, "summary", "With every field");
    print_text(s, spec);
    bit_html_end(s->h, "details");
    bit_section_end(s);
    bit_msg_free(chosen);
}
