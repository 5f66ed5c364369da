#include "ctl/tokenize/regex_read.h"

#include <stdarg.h>
#include <stdio.h>

#include "proto/err.h"
#include "proto/utf8.h"

int bit_regex_refuse(const struct bit_regex_parse *p, const char *fmt, ...)
{
    char text[320];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return bit_fail(BIT_EDATA, "the pattern at offset %td: %s", p->at - p->begin, text);
}

uint8_t bit_regex_peek(const struct bit_regex_parse *p, size_t ahead)
{
    return (size_t)(p->end - p->at) > ahead ? p->at[ahead] : 0;
}

int bit_regex_take(struct bit_regex_parse *p, uint32_t *c)
{
    if (p->at == p->end)
        return bit_regex_refuse(p, "it ends too early");
    size_t step = bit_utf8_decode((const char *)p->at, (size_t)(p->end - p->at), c);
    if (step == 0)
        return bit_regex_refuse(p, "is no UTF-8");
    p->at += step;
    return 0;
}
