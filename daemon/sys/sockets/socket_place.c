#include "daemon/sys/sockets/socket_place.h"

#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/log.h"

BIT_LOG_TOPIC("socket_place");

int bit_socket_place_make(struct bit_socket_place *p)
{
    struct stat st;
    int err = p->make(p->data);

    p->made = err >= 0 && lstat(p->path, &st) == 0;
    if (p->made) {
        p->device = st.st_dev;
        p->inode = st.st_ino;
    }
    return err;
}

/* The folder may be missing until its user logs in again ($XDG_RUNTIME_DIR): tried each time, logged once. */
static void make_again(struct bit_socket_place *p)
{
    if (bit_socket_place_make(p) >= 0) {
        bit_info("listening again", "socket=%s", p->path);
        p->told = false;
    } else if (!p->told) {
        bit_warn("socket is gone", "socket=%s text=%s", p->path, bit_fail_text());
        p->told = true;
    }
}

static void on_looked(uv_fs_t *look)
{
    struct bit_socket_place *p = look->data;
    const int64_t result = look->result;
    const bool ours = result == 0 && p->made && look->statbuf.st_dev == p->device && look->statbuf.st_ino == p->inode;

    uv_fs_req_cleanup(look);
    p->looking = false;
    if (p->closed || ours)
        return;
    if (result == UV_ENOENT || result == UV_ENOTDIR) {
        make_again(p);
    } else if (result == 0 && !p->told) {
        bit_warn("another socket is there", "socket=%s", p->path);
        p->told = true;
    }
}

void bit_socket_place_look(struct bit_socket_place *p)
{
    if (p->path[0] == '\0' || p->looking || p->closed)
        return;
    p->look.data = p;
    p->looking = uv_fs_lstat(p->loop, &p->look, p->path, on_looked) == 0;
}

void bit_socket_place_close(struct bit_socket_place *p)
{
    struct stat st;

    p->closed = true;
    if (p->made && lstat(p->path, &st) == 0 && st.st_dev == p->device && st.st_ino == p->inode)
        unlink(p->path);
    p->made = false;
}
