/* The Accept header of a metrics request. OpenMetrics is chosen only if named, and always if preferred. */
#include <string.h>

#include "daemon/http/accept.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char text[512];

    if (bytes > 400 || memchr(data, '\0', bytes) != NULL)
        return 0;
    memcpy(text, data, bytes);
    text[bytes] = '\0';
    if (bit_accept_openmetrics(text))
        FUZZ_CHECK(strcasestr(text, "application/openmetrics-text") != NULL);
    strcat(text, ", application/openmetrics-text");
    FUZZ_CHECK(bit_accept_openmetrics(text));
    return 0;
}
