#include "daemon/sys/settings/metrics_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "daemon/sys/settings/config.h"
#include "proto/err.h"
#include "tests/test.h"

TEST(what_is_loopback)
{
    static const struct {
        const char *text;
        int family;
        bool loopback;
    } rows[] = {
        {"9105", AF_INET, true},
        {":9105", AF_INET, true},
        {"localhost:9105", AF_INET, true},
        {"127.0.0.1:0", AF_INET, true},
        {"127.9.9.9:9105", AF_INET, true},
        {"[::1]:9105", AF_INET6, true},
        {"*:9105", AF_INET, false},
        {"0.0.0.0:9105", AF_INET, false},
        {"[::]:9105", AF_INET6, false},
        {"192.0.2.7:9105", AF_INET, false},
        {"[::ffff:127.0.0.1]:9105", AF_INET6, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bit_metrics_address a = {0};
        if (!EXPECT_EQ(bit_metrics_address_parse(rows[i].text, &a), 0) || !EXPECT(!a.is_path) ||
            !EXPECT_EQ((int)a.address.ss_family, rows[i].family) || !EXPECT_EQ((int)a.loopback, (int)rows[i].loopback))
            fprintf(stderr, "    %s\n", rows[i].text);
    }
}

TEST(what_is_no_address)
{
    static const char *const texts[] = {"metrics.sock", "example.org:9105", "9105-9106", "::1:9105",
                                        "70000",        "lo:9105",          ""};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct bit_metrics_address a;
        if (!EXPECT_EQ(bit_metrics_address_parse(texts[i], &a), BIT_EUSAGE))
            fprintf(stderr, "    %s\n", texts[i]);
    }
}

static int finish_with(const char *metrics, const char *remote)
{
    struct bit_config c;

    bit_config_init(&c);
    bit_config_set(&c, "state", "/tmp/none");
    int err = bit_config_set(&c, "metrics", metrics);
    if (err == 0 && remote != NULL)
        err = bit_config_set(&c, "metrics_remote", remote);
    return err == 0 ? bit_config_finish(&c) : err;
}

TEST(beyond_this_host_only_where_it_is_said)
{
    EXPECT_EQ(finish_with("9105", NULL), 0);
    EXPECT_EQ(finish_with("/run/bitd/metrics.sock", NULL), 0);
    EXPECT_EQ(finish_with("", NULL), 0);
    EXPECT_EQ(finish_with("0.0.0.0:9105", NULL), BIT_EUSAGE);
    EXPECT_CONTAINS(bit_fail_text(), "metrics_remote = yes");
    EXPECT_EQ(finish_with("0.0.0.0:9105", "no"), BIT_EUSAGE);
    EXPECT_EQ(finish_with("0.0.0.0:9105", "yes"), 0);
    EXPECT_EQ(finish_with("0.0.0.0:9105", "1"), BIT_EUSAGE);
    EXPECT_CONTAINS(bit_fail_text(), "yes or no");
    EXPECT_EQ(finish_with("here", NULL), BIT_EUSAGE);
    EXPECT_CONTAINS(bit_fail_text(), "metrics");
}

TEST_MAIN
