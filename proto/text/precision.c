#include "proto/text/precision.h"

#include <errno.h>
#include <strings.h>

#include "proto/check.h"

static const struct {
    const char *text;
    Bit__Precision precision;
} spellings[] = {
    {"16bit", BIT__PRECISION__SIXTEEN_BIT},       {"16-bit", BIT__PRECISION__SIXTEEN_BIT},
    {"sixteen_bit", BIT__PRECISION__SIXTEEN_BIT}, {"ternary", BIT__PRECISION__TERNARY},
    {"1.58bit", BIT__PRECISION__TERNARY},         {"1.58-bit", BIT__PRECISION__TERNARY},
};

const char *bit_precision_name(Bit__Precision precision)
{
    return precision == BIT__PRECISION__TERNARY ? "ternary" : "16bit";
}

int bit_precision_parse(const char *text, Bit__Precision *out)
{
    for (size_t i = 0; i < BIT_COUNT(spellings); i++)
        if (strcasecmp(text, spellings[i].text) == 0) {
            *out = spellings[i].precision;
            return 0;
        }
    return -EINVAL;
}
