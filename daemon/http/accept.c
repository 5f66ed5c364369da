#include "daemon/http/accept.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t"

/* The next part of *at, up to `end`, without surrounding blanks; moves *at after the end. Returns its bytes. */
static size_t next_part(const char **at, size_t *left, char end, const char **part)
{
    const char *stop = memchr(*at, end, *left);
    size_t bytes = stop != NULL ? (size_t)(stop - *at) : *left;

    *part = *at;
    *at += bytes + (stop != NULL);
    *left -= bytes + (stop != NULL);
    while (bytes > 0 && strchr(BLANKS, **part) != NULL)
        (*part)++, bytes--;
    while (bytes > 0 && strchr(BLANKS, (*part)[bytes - 1]) != NULL)
        bytes--;
    return bytes;
}

static bool is_word(const char *part, size_t bytes, const char *word)
{
    return bytes == strlen(word) && strncasecmp(part, word, bytes) == 0;
}

/* 0 to 1000; 0 for what is no number. */
static int quality_of(const char *value, size_t bytes)
{
    char text[8] = "";
    char *end;

    if (bytes == 0 || bytes >= sizeof text)
        return 0;
    memcpy(text, value, bytes);
    const double q = strtod(text, &end);
    return *end == '\0' && q >= 0 && q <= 1 ? (int)(1000 * q + 0.5) : 0;
}

/* Reads one media range; if it names one of the two formats, raises that format's quality. */
static void read_range(const char *range, size_t left, int *openmetrics, int *plain)
{
    const char *part, *value;
    size_t bytes = next_part(&range, &left, ';', &part);
    const bool is_open = is_word(part, bytes, "application/openmetrics-text"),
               is_plain = is_word(part, bytes, "text/plain");
    int quality = 1000;

    while (left > 0) {
        bytes = next_part(&range, &left, ';', &part);
        const size_t name = (value = memchr(part, '=', bytes)) != NULL ? (size_t)(value++ - part) : bytes;
        if (value != NULL && is_word(part, name, "q"))
            quality = quality_of(value, bytes - name - 1);
        else if (value != NULL && is_open && is_word(part, name, "version") &&
                 !is_word(value, bytes - name - 1, "1.0.0"))
            return;
    }
    if (is_open && quality > *openmetrics)
        *openmetrics = quality;
    if (is_plain && quality > *plain)
        *plain = quality;
}

bool bit_accept_openmetrics(const char *header)
{
    int openmetrics = 0, plain = 0;
    size_t left = header != NULL ? strlen(header) : 0;

    while (left > 0) {
        const char *range;
        const size_t bytes = next_part(&header, &left, ',', &range);
        read_range(range, bytes, &openmetrics, &plain);
    }
    return openmetrics > 0 && openmetrics >= plain;
}
