#include "proto/wire/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

static int parse_port(const char *text, const char **end, uint16_t *out)
{
    unsigned long v = 0;
    const char *p = text;

    while (*p >= '0' && *p <= '9' && v <= UINT16_MAX)
        v = 10 * v + (unsigned long)(*p++ - '0');
    if (p == text || v > UINT16_MAX)
        return bit_fail(BIT_EUSAGE, "'%s': a port is a number from 0 to 65535", text);
    *end = p;
    *out = (uint16_t)v;
    return 0;
}

static int parse_ports(const char *text, struct bit_address *out)
{
    const char *end = text;
    int err = parse_port(text, &end, &out->first);

    out->last = out->first;
    if (err == 0 && *end == '-')
        err = parse_port(end + 1, &end, &out->last);
    if (err < 0)
        return err;
    if (*end != '\0')
        return bit_fail(BIT_EUSAGE, "'%s': a port, or a range as 4100-4199", text);
    if (out->last < out->first || (out->first == 0 && out->last != 0))
        return bit_fail(BIT_EUSAGE, "'%s': no range of ports", text);
    return 0;
}

/* Finds the host, and returns the start of the port; NULL if the text does not have this form. */
static const char *split(const char *text, const char **host, size_t *host_bytes)
{
    const char *colon = strrchr(text, ':'), *bracket = strchr(text, ']');

    *host = text;
    *host_bytes = 0;
    if (text[0] == '[') {
        *host = text + 1;
        if (bracket == NULL || bracket[1] != ':')
            return NULL;
        *host_bytes = (size_t)(bracket - *host);
        return bracket + 2;
    }
    if (colon == NULL)
        return text;
    *host_bytes = (size_t)(colon - text);
    return memchr(text, ':', *host_bytes) != NULL ? NULL : colon + 1; /* two colons without brackets */
}

int bit_address_parse(const char *text, struct bit_address *out)
{
    struct bit_address a = {0};
    const char *host;
    size_t bytes;
    const char *ports = split(text, &host, &bytes);

    if (ports == NULL)
        return bit_fail(BIT_EUSAGE, "'%s': an IPv6 address stands in brackets, [::1]:4100", text);
    if (memchr(host, '[', bytes) != NULL || memchr(host, ']', bytes) != NULL)
        return bit_fail(BIT_EUSAGE, "'%s': no host has a bracket in its name", text);
    if (bytes >= sizeof a.host)
        return bit_fail(BIT_EUSAGE, "a host of %zu bytes, at most %zu", bytes, sizeof a.host - 1);
    if (bytes != 1 || host[0] != '*')
        memcpy(a.host, host, bytes);
    int err = parse_ports(ports, &a);
    if (err == 0)
        *out = a;
    return err;
}

void bit_address_print(const char *host, uint16_t port, char out[BIT_ADDRESS_MAX])
{
    if (strchr(host, ':') != NULL)
        snprintf(out, BIT_ADDRESS_MAX, "[%.255s]:%u", host, port);
    else
        snprintf(out, BIT_ADDRESS_MAX, "%.255s:%u", host, port);
}

bool bit_address_is_path(const char *text)
{
    return strchr(text, '/') != NULL;
}
