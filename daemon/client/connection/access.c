#include "daemon/client/connection/access.h"

#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"

#define GROUPS_FEW 64

static int find_group(const char *key, const char *name, gid_t *out)
{
    *out = (gid_t)-1;
    if (name[0] == '\0')
        return 0;
    const struct group *group = getgrnam(name);
    if (group == NULL)
        return bit_fail(BIT_EUSAGE, "%s = %s: there is no such group", key, name);
    *out = group->gr_gid;
    return 0;
}

int bit_access_init(struct bit_access *a, const struct bit_config *config)
{
    int err = find_group("group", config->group, &a->group);

    if (err == 0)
        err = find_group("admin_group", config->admin_group, &a->admin_group);
    if (err == 0 && config->group[0] == '\0' && config->admin_group[0] != '\0')
        err = bit_fail(BIT_EUSAGE, "admin_group = %s: set `group`, too, because only its users can reach the socket",
                       config->admin_group);
    return err;
}

static bool is_among(gid_t gid, const gid_t *groups, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (groups[i] == gid)
            return true;
    return false;
}

static void set_roles(const struct bit_access *a, struct bit_peer *peer, const gid_t *groups, size_t count)
{
    bool in_admin = a->admin_group != (gid_t)-1 &&
                    (peer->gid == a->admin_group || is_among(a->admin_group, groups, count));

    peer->admin = in_admin || bit_peer_is_owner(peer);
    peer->member = a->group != (gid_t)-1 && (peer->gid == a->group || is_among(a->group, groups, count));
}

static int read_groups(int fd, gid_t **groups, size_t *count)
{
    socklen_t bytes = (socklen_t)(*count * sizeof **groups);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, *groups, &bytes) == 0) {
        *count = bytes / sizeof **groups;
        return 0;
    }
    if (errno != ERANGE)
        return bit_fail(-errno, "the groups of the client: %s", strerror(errno));
    *groups = malloc(bytes); /* at most 65536, the kernel's limit */
    if (*groups == NULL)
        return bit_fail(-ENOMEM, "%zu groups", bytes / sizeof **groups);
    *count = bytes / sizeof **groups;
    return getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, *groups, &bytes) < 0 ? bit_fail(-errno, "the groups") : 0;
}

int bit_access_admit(const struct bit_access *a, const uv_pipe_t *pipe, struct bit_peer *out)
{
    uv_os_fd_t fd;
    int err = uv_fileno((const uv_handle_t *)pipe, &fd);

    return err < 0 ? err : bit_access_admit_fd(a, fd, out);
}

int bit_access_admit_fd(const struct bit_access *a, int fd, struct bit_peer *out)
{
    gid_t few[GROUPS_FEW], *groups = few;
    size_t count = GROUPS_FEW;
    int err = bit_peer_get_of(fd, out);

    if (err == 0)
        err = read_groups(fd, &groups, &count);
    if (err == 0)
        set_roles(a, out, groups, count);
    if (groups != few)
        free(groups);
    if (err == 0 && !out->admin && !out->member)
        err = bit_fail(BIT_EAUTH, "uid %u is not a user of this daemon", out->uid);
    return err;
}

int bit_access_check_priority(const struct bit_peer *peer, int32_t priority)
{
    if (priority < -BIT_PRIORITY_MAX || priority > BIT_PRIORITY_MAX)
        return bit_fail(BIT_EUSAGE, "a priority is from -%d to %d, not %d", BIT_PRIORITY_MAX, BIT_PRIORITY_MAX,
                        priority);
    if (priority > 0 && !peer->admin)
        return bit_fail(BIT_EAUTH, "uid %u may not give a run a priority above 0: bitd's user and administrators may",
                        peer->uid);
    return 0;
}

static const struct {
    const char *name;
    bool group; /* members of the group may do it to a shared run */
} verbs[] = {
    [BIT_VERB_CHECKPOINT] = {"checkpoint", true}, [BIT_VERB_PAUSE] = {"pause", true},
    [BIT_VERB_RESUME] = {"resume", false},        [BIT_VERB_CANCEL] = {"cancel", true},
    [BIT_VERB_SWITCH] = {"switch", false},        [BIT_VERB_CHANGE] = {"change", false},
    [BIT_VERB_FROM] = {"start a run from", true}, [BIT_VERB_PIN] = {"pin or remove checkpoints of", false},
    [BIT_VERB_REMOVE] = {"remove", false},
};

int bit_access_check(const struct bit_peer *peer, const struct bit_run *run, enum bit_verb verb)
{
    bool shared = run->spec->has_shared && run->spec->shared;

    if (peer->admin || peer->uid == run->uid || (shared && peer->member && verbs[verb].group))
        return 0;
    return bit_fail(BIT_EAUTH, "uid %u may not %s %s: it is uid %u's%s", peer->uid, verbs[verb].name, run->id, run->uid,
                    shared ? ", which is shared for checkpoint, pause and cancel only" : " and not shared");
}
