#include "ctl/show/csv_field.h"

#include <string.h>

#include "ctl/show/show.h"

void bit_csv_field(FILE *f, const char *text)
{
    if (text[strcspn(text, ",\"\r\n")] == '\0') {
        bit_show(f, "%s", text);
        return;
    }
    bit_show(f, "\"");
    while (*text != '\0') {
        const size_t plain = strcspn(text, "\"");
        bit_show(f, "%.*s", (int)plain, text);
        text += plain;
        if (*text == '"') {
            bit_show(f, "\"\"");
            text++;
        }
    }
    bit_show(f, "\"");
}
