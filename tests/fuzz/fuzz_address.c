/* An address of the settings or of BITD_LINK. An accepted address is the same after printing and parsing. */
#include <string.h>

#include "proto/err.h"
#include "proto/wire/address.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char text[400], printed[BIT_ADDRESS_MAX];
    struct bit_address a, again;

    if (bytes >= sizeof text || memchr(data, '\0', bytes) != NULL)
        return 0;
    memcpy(text, data, bytes);
    text[bytes] = '\0';
    int err = bit_address_parse(text, &a);
    FUZZ_CHECK(err == 0 || err == BIT_EUSAGE);
    if (err < 0)
        return 0;
    FUZZ_CHECK(a.first <= a.last && strlen(a.host) < sizeof a.host);
    bit_address_print(a.host, a.first, printed);
    err = bit_address_parse(printed, &again);
    FUZZ_CHECK(err == 0 && again.first == a.first && strcmp(again.host, a.host) == 0);
    return 0;
}
