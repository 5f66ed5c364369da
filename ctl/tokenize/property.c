#include "ctl/tokenize/property.h"

#include <string.h>

#include "ctl/tokenize/property_table.h"
#include "proto/check.h"
#include "proto/err.h"

/* Which rows of property_runs belong to a property. */
struct selection {
    uint32_t categories; /* one bit for each category */
    uint8_t flags;       /* a row with any of these flags belongs */
    int script;          /* < 0: none */
};

static int add_rows(const struct selection *s, struct bit_codeset *out)
{
    int err = 0;

    for (size_t i = 0; i < BIT_COUNT(property_runs) && err == 0; i++) {
        uint32_t last = i + 1 < BIT_COUNT(property_runs) ? property_runs[i + 1].first - 1 : BIT_CODE_LAST;
        if ((s->categories >> property_runs[i].category & 1) != 0 || (s->flags & property_runs[i].flags) != 0 ||
            s->script == property_runs[i].script)
            err = bit_codeset_add(out, property_runs[i].first, last);
    }
    return err;
}

/* ---- by name */

#define BIT(category) (1u << CATEGORY_##category)
enum {
    LETTERS = BIT(LU) | BIT(LL) | BIT(LT) | BIT(LM) | BIT(LO),
    MARKS = BIT(MN) | BIT(MC) | BIT(ME),
    PUNCTUATION = BIT(PC) | BIT(PD) | BIT(PS) | BIT(PE) | BIT(PI) | BIT(PF) | BIT(PO),
    SYMBOLS = BIT(SM) | BIT(SC) | BIT(SK) | BIT(SO),
    SPACES = BIT(ZS) | BIT(ZL) | BIT(ZP),
    EVERYTHING = (1 << BIT_COUNT(category_names)) - 1,
};

/* Names other than the two-letter codes of categories, in lower case and without '_'. */
static const struct {
    const char *name;
    uint32_t categories;
    uint8_t flags;
} names[] = {
    {"l", LETTERS, 0},
    {"letter", LETTERS, 0},
    {"lc", BIT(LU) | BIT(LL) | BIT(LT), 0},
    {"casedletter", BIT(LU) | BIT(LL) | BIT(LT), 0},
    {"uppercaseletter", BIT(LU), 0},
    {"lowercaseletter", BIT(LL), 0},
    {"titlecaseletter", BIT(LT), 0},
    {"modifierletter", BIT(LM), 0},
    {"otherletter", BIT(LO), 0},
    {"m", MARKS, 0},
    {"mark", MARKS, 0},
    {"nonspacingmark", BIT(MN), 0},
    {"spacingmark", BIT(MC), 0},
    {"enclosingmark", BIT(ME), 0},
    {"n", BIT(ND) | BIT(NL) | BIT(NO), 0},
    {"number", BIT(ND) | BIT(NL) | BIT(NO), 0},
    {"decimalnumber", BIT(ND), 0},
    {"letternumber", BIT(NL), 0},
    {"othernumber", BIT(NO), 0},
    {"p", PUNCTUATION, 0},
    {"punctuation", PUNCTUATION, 0},
    {"punct", PUNCTUATION, 0}, /* as in \p; [[:punct:]] includes the symbols too */
    {"s", SYMBOLS, 0},
    {"symbol", SYMBOLS, 0},
    {"mathsymbol", BIT(SM), 0},
    {"currencysymbol", BIT(SC), 0},
    {"modifiersymbol", BIT(SK), 0},
    {"othersymbol", BIT(SO), 0},
    {"z", SPACES, 0},
    {"separator", SPACES, 0},
    {"spaceseparator", BIT(ZS), 0},
    {"lineseparator", BIT(ZL), 0},
    {"paragraphseparator", BIT(ZP), 0},
    {"c", BIT(CC) | BIT(CF) | BIT(CN) | BIT(CO) | BIT(CS), 0},
    {"other", BIT(CC) | BIT(CF) | BIT(CN) | BIT(CO) | BIT(CS), 0},
    {"control", BIT(CC), 0},
    {"format", BIT(CF), 0},
    {"unassigned", BIT(CN), 0},
    {"privateuse", BIT(CO), 0},
    {"any", EVERYTHING, 0},
    {"assigned", EVERYTHING & ~BIT(CN), 0},
    {"alphabetic", 0, ALPHABETIC},
    {"alpha", 0, ALPHABETIC},
    {"uppercase", 0, UPPERCASE},
    {"lowercase", 0, LOWERCASE},
};

/* Convert a name to lower case, without spaces, '-' and '_'. False if the result is not a name. */
static bool plain_name(const char *name, size_t bytes, char out[BIT_PROPERTY_NAME_MAX])
{
    size_t used = 0;

    for (size_t i = 0; i < bytes; i++) {
        char c = name[i];
        if (c == ' ' || c == '-' || c == '_')
            continue;
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) || used == BIT_PROPERTY_NAME_MAX - 1)
            return false;
        out[used++] = c;
    }
    out[used] = '\0';
    return used > 0;
}

static bool find_category(const char *name, struct selection *out)
{
    for (int i = 0; i < (int)BIT_COUNT(category_names); i++) {
        const char code[] = {(char)(category_names[i][0] - 'A' + 'a'), category_names[i][1], '\0'};
        if (strcmp(name, code) == 0) {
            out->categories = 1u << i;
            return true;
        }
    }
    return false;
}

static bool find_name(const char *name, struct selection *out)
{
    for (size_t i = 0; i < BIT_COUNT(names); i++) {
        if (strcmp(name, names[i].name) == 0) {
            out->categories = names[i].categories;
            out->flags = names[i].flags;
            return true;
        }
    }
    return false;
}

static bool find_script(const char *name, struct selection *out)
{
    for (int i = 0; i < (int)BIT_COUNT(script_names); i++) {
        for (size_t k = 0; k < BIT_COUNT(script_names[i]) && script_names[i][k] != NULL; k++) {
            if (strcmp(name, script_names[i][k]) == 0) {
                out->script = i;
                return true;
            }
        }
    }
    return false;
}

/* White_Space and hexadecimal digits are not categories. */
static int add_space(struct bit_codeset *out)
{
    const struct selection s = {.categories = SPACES, .script = -1};
    int err = bit_codeset_add(out, 0x09, 0x0d);

    if (err == 0)
        err = bit_codeset_add(out, 0x85, 0x85);
    return err < 0 ? err : add_rows(&s, out);
}

static int add_hexadecimal(struct bit_codeset *out)
{
    int err = bit_codeset_add(out, '0', '9');

    if (err == 0)
        err = bit_codeset_add(out, 'A', 'F');
    return err < 0 ? err : bit_codeset_add(out, 'a', 'f');
}

int bit_property(const char *name, size_t bytes, struct bit_codeset *out)
{
    struct selection s = {.script = -1};
    char plain[BIT_PROPERTY_NAME_MAX];

    if (!plain_name(name, bytes, plain))
        return bit_fail(BIT_EDATA, "'%.*s' is no property", (int)BIT_MIN(bytes, (size_t)64), name);
    if (strcmp(plain, "whitespace") == 0)
        return add_space(out);
    if (strcmp(plain, "ascii") == 0)
        return bit_codeset_add(out, 0, 0x7f);
    if (!find_category(plain, &s) && !find_name(plain, &s) && !find_script(plain, &s))
        return bit_fail(BIT_EDATA, "the property '%s' is not supported", plain);
    return add_rows(&s, out);
}

/* ---- [[:name:]] */

/* Everything but white space, controls, surrogates and unassigned code points. */
static int add_graph(struct bit_codeset *out)
{
    const struct selection unseen = {.categories = BIT(CC) | BIT(CN) | BIT(CS), .script = -1};
    struct bit_codeset set = {0};
    int err = add_space(&set);

    if (err == 0)
        err = add_rows(&unseen, &set);
    if (err == 0)
        err = bit_codeset_invert(&set);
    if (err == 0)
        err = bit_codeset_unite(out, &set);
    bit_codeset_finish(&set);
    return err;
}

static int add_print(struct bit_codeset *out)
{
    const struct selection blank = {.categories = BIT(ZS), .script = -1};
    int err = add_graph(out);

    return err < 0 ? err : add_rows(&blank, out);
}

static int add_blank(struct bit_codeset *out)
{
    const struct selection blank = {.categories = BIT(ZS), .script = -1};
    int err = bit_codeset_add(out, '\t', '\t');

    return err < 0 ? err : add_rows(&blank, out);
}

static int add_ascii(struct bit_codeset *out)
{
    return bit_codeset_add(out, 0, 0x7f);
}

static const struct {
    const char *name;
    struct selection rows;
    int (*add)(struct bit_codeset *out); /* used instead of rows */
} posix[] = {
    {"alnum", {BIT(ND), ALPHABETIC, -1}, NULL},
    {"alpha", {0, ALPHABETIC, -1}, NULL},
    {"ascii", {0, 0, -1}, add_ascii},
    {"blank", {0, 0, -1}, add_blank},
    {"cntrl", {BIT(CC), 0, -1}, NULL},
    {"digit", {BIT(ND), 0, -1}, NULL},
    {"graph", {0, 0, -1}, add_graph},
    {"lower", {0, LOWERCASE, -1}, NULL},
    {"print", {0, 0, -1}, add_print},
    {"punct", {PUNCTUATION | SYMBOLS, 0, -1}, NULL},
    {"space", {0, 0, -1}, add_space},
    {"upper", {0, UPPERCASE, -1}, NULL},
    {"word", {MARKS | BIT(ND) | BIT(PC), ALPHABETIC, -1}, NULL},
    {"xdigit", {0, 0, -1}, add_hexadecimal},
};

int bit_property_posix(const char *name, size_t bytes, struct bit_codeset *out)
{
    for (size_t i = 0; i < BIT_COUNT(posix); i++) {
        if (strlen(posix[i].name) == bytes && memcmp(posix[i].name, name, bytes) == 0)
            return posix[i].add != NULL ? posix[i].add(out) : add_rows(&posix[i].rows, out);
    }
    return bit_fail(BIT_EDATA, "[:%.*s:] is not supported", (int)BIT_MIN(bytes, (size_t)64), name);
}

int bit_property_word(struct bit_codeset *out)
{
    int err = bit_property_posix("word", 4, out);

    if (err == 0)
        err = bit_codeset_add(out, 0xb2, 0xb3);
    if (err == 0)
        err = bit_codeset_add(out, 0xb9, 0xb9);
    return err < 0 ? err : bit_codeset_add(out, 0xbc, 0xbe);
}

/* ---- case */

static bool same_long_fold(size_t a, size_t b)
{
    return memcmp(long_folds[a].to, long_folds[b].to, sizeof long_folds[a].to) == 0;
}

static int add_long_folds(const struct bit_codeset *set, struct bit_codeset *out)
{
    int err = 0;

    for (size_t i = 0; i < BIT_COUNT(long_folds) && err == 0; i++) {
        for (size_t k = 0; k < BIT_COUNT(long_folds) && err == 0; k++) {
            if (same_long_fold(i, k) && bit_codeset_has(set, long_folds[i].from))
                err = bit_codeset_add(out, long_folds[k].from, long_folds[k].from);
        }
    }
    return err;
}

int bit_property_fold(struct bit_codeset *set)
{
    struct bit_codeset to = {0}, more = {0};
    int err = 0;

    for (size_t i = 0; i < BIT_COUNT(folds) && err == 0; i++) {
        if (bit_codeset_has(set, folds[i].from) || bit_codeset_has(set, folds[i].to))
            err = bit_codeset_add(&to, folds[i].to, folds[i].to);
    }
    for (size_t i = 0; i < BIT_COUNT(folds) && err == 0; i++) {
        if (bit_codeset_has(&to, folds[i].to))
            err = bit_codeset_add(&more, folds[i].from, folds[i].from);
    }
    if (err == 0)
        err = add_long_folds(set, &more);
    if (err == 0)
        err = bit_codeset_unite(&more, &to);
    if (err == 0)
        err = bit_codeset_unite(set, &more);
    bit_codeset_finish(&to);
    bit_codeset_finish(&more);
    return err;
}

bool bit_property_folds_long(const struct bit_codeset *set)
{
    for (size_t i = 0; i < BIT_COUNT(long_folds); i++) {
        if (bit_codeset_has(set, long_folds[i].from))
            return true;
    }
    return false;
}

static uint32_t fold(uint32_t c)
{
    size_t low = 0, high = BIT_COUNT(folds);

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (folds[middle].from < c)
            low = middle + 1;
        else
            high = middle;
    }
    return low < BIT_COUNT(folds) && folds[low].from == c ? folds[low].to : c;
}

bool bit_property_ends_long(const uint32_t *c, size_t count)
{
    uint32_t last[BIT_COUNT(long_folds[0].to)];
    const size_t kept = BIT_MIN(count, BIT_COUNT(last));

    for (size_t i = 0; i < kept; i++)
        last[i] = fold(c[count - kept + i]);
    for (size_t i = 0; i < BIT_COUNT(long_folds); i++) {
        size_t length = long_folds[i].to[2] == 0 ? 2 : 3;
        if (length <= kept && memcmp(last + kept - length, long_folds[i].to, length * sizeof *last) == 0)
            return true;
    }
    return false;
}
