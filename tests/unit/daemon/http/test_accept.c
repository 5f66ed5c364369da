#include "daemon/http/accept.h"

#include <stddef.h>

#include "tests/test.h"

TEST(what_asks_for_openmetrics)
{
    static const struct {
        const char *header;
        bool openmetrics;
    } rows[] = {
        {NULL, false},
        {"", false},
        {"*/*", false},
        {"text/html,application/xhtml+xml,*/*;q=0.8", false},
        {"application/openmetrics-text", true},
        {"APPLICATION/OpenMetrics-Text ; Version=1.0.0", true},
        /* sent by Prometheus 2.42, and by 2.5 */
        {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
         "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         true},
        {"application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", false},
        {"text/plain;version=0.0.4;q=1,*/*;q=0.1", false},
        {"text/plain, application/openmetrics-text;q=0.9", false},
        {"text/plain;q=0.9, application/openmetrics-text;q=0.9", true},
        {"application/openmetrics-text;q=0", false},
        {"application/openmetrics-text;q=", false},
        {"application/openmetrics-text;q=2", false},
        {"application/openmetrics-text;q=nan", false},
        {"application/openmetrics-text;;;q=0.5;", true},
        {",,;;=,=;q,application/openmetrics-text", true},
        {"application/openmetrics-textual", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!EXPECT_EQ((int)bit_accept_openmetrics(rows[i].header), (int)rows[i].openmetrics))
            fprintf(stderr, "    %s\n", rows[i].header ? rows[i].header : "none");
    }
}

TEST_MAIN
