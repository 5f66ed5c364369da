/* The table of daemon/client/connection/access.h, cell by cell. */
#include "daemon/client/connection/access.h"

#include "proto/err.h"
#include "tests/test.h"

static const char letters[] =
    "cprxstfkd"; /* checkpoint, pause, resume, cancel, switch, set and tag, start from, keep, delete */

/* The letters of the verbs that this peer may use. */
static const char *allowed(struct bit_peer peer, bool shared)
{
    static char out[sizeof letters];
    Bit__RunSpec spec = BIT__RUN_SPEC__INIT;
    struct bit_run run = {.spec = &spec, .uid = 1001, .id = "r7"};
    size_t n = 0;

    spec.has_shared = true;
    spec.shared = shared;
    for (int verb = BIT_VERB_CHECKPOINT; verb <= BIT_VERB_REMOVE; verb++) {
        int err = bit_access_check(&peer, &run, (enum bit_verb)verb);
        EXPECT(err == 0 || err == BIT_EAUTH);
        if (err == 0)
            out[n++] = letters[verb];
    }
    out[n] = '\0';
    return out;
}

TEST(owners_and_admins_do_everything)
{
    EXPECT_STREQ(allowed((struct bit_peer){.uid = 1001}, false), letters);
    EXPECT_STREQ(allowed((struct bit_peer){.uid = 1001, .member = true}, false), letters);
    EXPECT_STREQ(allowed((struct bit_peer){.uid = 1002, .admin = true}, false), letters);
}

TEST(members_do_to_shared_runs_what_costs_no_work)
{
    EXPECT_STREQ(allowed((struct bit_peer){.uid = 1002, .member = true}, true), "cpxf");
    EXPECT_STREQ(allowed((struct bit_peer){.uid = 1002, .member = true}, false), "");
    EXPECT_STREQ(allowed((struct bit_peer){.uid = 1002}, true), "");
}

TEST(a_refusal_names_who_what_and_whose)
{
    Bit__RunSpec spec = BIT__RUN_SPEC__INIT;
    struct bit_run run = {.spec = &spec, .uid = 1001, .id = "r7"};
    const struct bit_peer peer = {.uid = 1002, .member = true};

    EXPECT_EQ(bit_access_check(&peer, &run, BIT_VERB_SWITCH), BIT_EAUTH);
    EXPECT_STREQ(bit_fail_text(), "uid 1002 may not switch r7: it is uid 1001's and not shared: not authorised");
}

TEST(groups_must_exist_and_make_sense)
{
    struct bit_config config;
    struct bit_access a;

    bit_config_init(&config);
    EXPECT_EQ(bit_access_init(&a, &config), 0);
    EXPECT_EQ(a.group, (gid_t)-1);
    EXPECT_EQ(bit_config_set(&config, "admin_group", "root"), 0);
    EXPECT_EQ(bit_access_init(&a, &config), BIT_EUSAGE);
    EXPECT_CONTAINS(bit_fail_text(), "set `group`, too");
    EXPECT_EQ(bit_config_set(&config, "group", "no-such-group"), 0);
    EXPECT_EQ(bit_access_init(&a, &config), BIT_EUSAGE);
    EXPECT_CONTAINS(bit_fail_text(), "group = no-such-group");
    EXPECT_EQ(bit_config_set(&config, "group", "root"), 0);
    EXPECT_EQ(bit_access_init(&a, &config), 0);
    EXPECT_EQ(a.group, 0u);
    EXPECT_EQ(a.admin_group, 0u);
}

TEST_MAIN
