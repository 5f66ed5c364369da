/* How many connections, waits, streams and unread bytes one user, and all users together, may hold. */
#include "daemon/client/connection/quota.h"

#include "daemon/client/connection/client.h"
#include "daemon/sys/settings/config.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "tests/test.h"

#define BOB      1001
#define ALICE    1002
#define ADMIN    1003
#define MEBIBYTE (1u << 20)

static struct bit_config config;
static const struct bit_env env = {.config = &config};
static struct bit_clients clients;
static struct bit_client client[3 * BIT_CLIENTS_MAX];
static size_t count;

static void begin(void)
{
    bit_config_init(&config);
    clients = (struct bit_clients){.env = &env};
    count = 0;
}

static struct bit_client *join(uid_t uid)
{
    struct bit_client *c = &client[count++];

    *c = (struct bit_client){.all = &clients, .next = clients.first};
    c->peer = (struct bit_peer){.uid = uid, .member = true, .admin = uid == ADMIN || uid == 0};
    c->wait.kind = BIT_WAIT_REQUESTED; /* so it is not idle */
    clients.first = c;
    return c;
}

static void join_many(uid_t uid, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        join(uid);
}

static int connect_one(uid_t uid)
{
    struct bit_client *leaver;
    int err = bit_quota_connect(join(uid), &leaver);

    EXPECT(leaver == NULL);
    return err;
}

TEST(one_user_has_so_many_connections_and_others_have_theirs)
{
    begin();
    join_many(BOB, 63);
    EXPECT_EQ(connect_one(BOB), 0);
    EXPECT_EQ(connect_one(BOB), BIT_EBUSY);
    EXPECT_CONTAINS(bit_fail_text(), "too many clients of uid 1001: limit 64 (clients_per_user)");
    EXPECT_EQ(connect_one(ALICE), 0);
    EXPECT_EQ(connect_one(0), 0);
}

TEST(who_says_nothing_makes_room_for_his_own_user_alone)
{
    struct bit_client *leaver;

    begin();
    struct bit_client *idle = join(BOB), *other = join(ALICE);
    idle->wait.kind = other->wait.kind = BIT_WAIT_NONE;
    join_many(BOB, 63);
    EXPECT_EQ(bit_quota_connect(join(BOB), &leaver), 0);
    EXPECT(leaver == idle);
    idle->closing = true; /* closing takes a while: it counts until it is closed */
    EXPECT_EQ(bit_quota_connect(join(BOB), &leaver), BIT_EBUSY);
    EXPECT(leaver == NULL);
}

TEST(all_users_together_leave_root_and_administrators_their_own)
{
    begin();
    for (uid_t uid = 2000; uid < 2000 + BIT_CLIENTS_MAX / 64; uid++)
        join_many(uid, 64);
    EXPECT_EQ(connect_one(ALICE), BIT_EBUSY);
    EXPECT_CONTAINS(bit_fail_text(), "limit 1024 for users together");
    EXPECT_EQ(connect_one(ADMIN), 0);
    join_many(ADMIN, BIT_CLIENTS_MAX - BIT_CLIENTS_RESERVED - 1);
    EXPECT_EQ(connect_one(ADMIN), BIT_EBUSY);
    EXPECT_EQ(connect_one(0), 0); /* one administrator cannot take the places of all */
}

TEST(waits_and_streams_leave_room_for_other_requests)
{
    begin();
    struct bit_client *c = join(BOB);
    c->wait.kind = BIT_WAIT_NONE;
    join_many(BOB, 47);
    EXPECT_EQ(bit_quota_wait(c), 0);
    join(BOB);
    EXPECT_EQ(bit_quota_wait(c), BIT_EBUSY);
    EXPECT_CONTAINS(bit_fail_text(), "too many waits of uid 1001: limit 48 (waits_per_user)");
    EXPECT_EQ(bit_quota_stream(c), 0);
    for (int i = 0; i < 32; i++)
        join(BOB)->stream = (struct bit_stream *)c; /* any pointer: it is not dereferenced */
    EXPECT_EQ(bit_quota_stream(c), BIT_EBUSY);
    EXPECT_CONTAINS(bit_fail_text(), "too many streams of uid 1001: limit 32 (streams_per_user)");
    c->peer.admin = true;
    EXPECT_EQ(bit_quota_wait(c), 0);
    EXPECT_EQ(bit_quota_stream(c), 0);
}

static struct bit_client *join_queued(uid_t uid, size_t bytes)
{
    struct bit_client *c = join(uid);

    c->pipe.write_queue_size = bytes;
    return c;
}

TEST(a_user_who_does_not_read_holds_so_many_bytes)
{
    begin();
    struct bit_client *c = join_queued(BOB, 100000);
    EXPECT(bit_quota_has_room(c));
    for (int i = 0; i < 16; i++)
        join_queued(BOB, MEBIBYTE / 4);
    EXPECT(!bit_quota_has_room(c));
    EXPECT(bit_quota_has_room(join_queued(BOB, 0))); /* a client that reads is not held up */
    EXPECT(bit_quota_has_room(join_queued(ALICE, 100000)));
    EXPECT_EQ(bit_quota_ask(c), 0);
    for (int i = 0; i < 60; i++)
        join_queued(BOB, MEBIBYTE / 4);
    EXPECT_EQ(bit_quota_ask(c), BIT_EBUSY);
    EXPECT_CONTAINS(bit_fail_text(), "clients of uid 1001 do not read their answers");
    EXPECT_EQ(bit_quota_ask(join_queued(ALICE, 0)), 0);
}

TEST(all_users_who_do_not_read_hold_so_many_bytes)
{
    begin();
    for (uid_t uid = 2000; uid < 2032; uid++)
        for (int i = 0; i < 8; i++)
            join_queued(uid, MEBIBYTE / 4);
    EXPECT(!bit_quota_has_room(join_queued(ALICE, 100000)));
    EXPECT(bit_quota_has_room(join_queued(ALICE, 0)));
    EXPECT(bit_quota_has_room(join_queued(ADMIN, 100000)));
}

TEST_MAIN
