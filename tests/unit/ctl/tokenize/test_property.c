#include "ctl/tokenize/property.h"

#include <errno.h>

#include "ctl/tokenize/unicode.h"
#include "proto/err.h"
#include "tests/test.h"

static struct bit_codeset named(const char *name)
{
    struct bit_codeset set = {0};

    EXPECT_EQ(bit_property(name, strlen(name), &set), 0);
    return set;
}

static struct bit_codeset posix(const char *name)
{
    struct bit_codeset set = {0};

    EXPECT_EQ(bit_property_posix(name, strlen(name), &set), 0);
    return set;
}

static size_t size_of(const struct bit_codeset *set)
{
    size_t count = 0;

    for (size_t i = 0; i < set->count; i++)
        count += set->ranges[i].last - set->ranges[i].first + 1;
    return count;
}

/* GPT-2's matcher and \p{L}, \p{N}, [[:space:]] use two tables, which must agree. */
TEST(classes_of_both_tables_are_equal)
{
    struct bit_codeset letter = named("L"), number = named("N"), space = posix("space");

    for (uint32_t c = 0; c <= BIT_CODE_LAST; c++) {
        enum bit_unicode_class want = bit_codeset_has(&letter, c)   ? BIT_UNICODE_LETTER
                                      : bit_codeset_has(&number, c) ? BIT_UNICODE_NUMBER
                                      : bit_codeset_has(&space, c)  ? BIT_UNICODE_SPACE
                                                                    : BIT_UNICODE_OTHER;
        if (!EXPECT_EQ(bit_unicode(c)->class, want))
            break;
    }
    bit_codeset_finish(&letter);
    bit_codeset_finish(&number);
    bit_codeset_finish(&space);
}

/* The number of characters of each, from DerivedGeneralCategory.txt and Scripts.txt of Unicode 16.0. */
TEST(sizes_are_those_of_the_standard)
{
    static const struct {
        const char *name;
        size_t size;
    } cases[] = {
        {"Lu", 1858}, {"Ll", 2258},   {"Lt", 31},        {"Nd", 760},       {"Nl", 236},
        {"Zs", 17},   {"Cc", 65},     {"Hiragana", 381}, {"Katakana", 321}, {"Hang", 11739},
        {"Thai", 86}, {"ASCII", 128}, {"Any", 0x110000},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bit_codeset set = named(cases[i].name);
        EXPECT_EQ(size_of(&set), cases[i].size);
        bit_codeset_finish(&set);
    }
}

TEST(names_are_read_loosely)
{
    static const char *const same[][2] = {
        {"Lu", "uppercase-letter"}, {"Han", " h_a n"}, {"L", "LETTER"}, {"Hira", "hiragana"}};
    struct bit_codeset set = {0};

    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        struct bit_codeset a = named(same[i][0]), b = named(same[i][1]);
        EXPECT(bit_codeset_equal(&a, &b));
        bit_codeset_finish(&a);
        bit_codeset_finish(&b);
    }
    EXPECT_EQ(bit_property("Nonsense", 8, &set), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "nonsense");
    EXPECT_EQ(bit_property("", 0, &set), BIT_EDATA);
    EXPECT_EQ(bit_property("L}", 2, &set), BIT_EDATA);
    EXPECT_EQ(bit_property_posix("Alpha", 5, &set), BIT_EDATA);
    EXPECT_EQ(set.count, 0);
}

TEST(space_is_without_the_mongolian_vowel_separator)
{
    struct bit_codeset space = posix("space"), blank = posix("blank"), white = named("White_Space");

    EXPECT_EQ(size_of(&space), 25);
    EXPECT(bit_codeset_equal(&space, &white));
    EXPECT(!bit_codeset_has(&space, 0x180e));
    EXPECT(bit_codeset_has(&space, 0x85));
    EXPECT(!bit_codeset_has(&blank, '\n'));
    bit_codeset_finish(&space);
    bit_codeset_finish(&blank);
    bit_codeset_finish(&white);
}

TEST(word_is_wider_outside_of_brackets)
{
    struct bit_codeset inside = posix("word"), outside = {0};

    EXPECT_EQ(bit_property_word(&outside), 0);
    EXPECT_EQ(size_of(&outside), size_of(&inside) + 6);
    EXPECT(bit_codeset_has(&inside, 0x301) && bit_codeset_has(&inside, 0x24d0) && bit_codeset_has(&inside, '_'));
    EXPECT(bit_codeset_has(&outside, 0xb2) && !bit_codeset_has(&inside, 0xb2));
    bit_codeset_finish(&inside);
    bit_codeset_finish(&outside);
}

static size_t folded(uint32_t c, uint32_t also)
{
    struct bit_codeset set = {0};

    EXPECT_EQ(bit_codeset_add(&set, c, c), 0);
    EXPECT_EQ(bit_property_fold(&set), 0);
    EXPECT(bit_codeset_has(&set, c));
    EXPECT(bit_codeset_has(&set, also));
    size_t size = size_of(&set);
    bit_codeset_finish(&set);
    return size;
}

TEST(case_is_folded)
{
    EXPECT_EQ(folded('a', 'A'), 2);
    EXPECT_EQ(folded('I', 'i'), 2);     /* not the dotless one, which is Turkish */
    EXPECT_EQ(folded('S', 0x17f), 3);   /* the long s */
    EXPECT_EQ(folded(0x212a, 'k'), 3);  /* the sign of Kelvin */
    EXPECT_EQ(folded(0x3c2, 0x3a3), 3); /* final sigma */
    EXPECT_EQ(folded(0xdf, 0x1e9e), 2); /* both are "ss" */
    EXPECT_EQ(folded('1', '1'), 1);
}

TEST(case_of_several_characters_is_known)
{
    struct bit_codeset set = {0};
    const uint32_t row[] = {'x', 's', 0x17f}, fine[] = {'s', 'x', 's'}, three[] = {'F', 'f', 'I'};

    EXPECT_EQ(bit_codeset_add(&set, 'a', 'z'), 0);
    EXPECT(!bit_property_folds_long(&set));
    EXPECT_EQ(bit_codeset_add(&set, 0x130, 0x130), 0);
    EXPECT(bit_property_folds_long(&set));
    bit_codeset_finish(&set);
    EXPECT(bit_property_ends_long(row, 3));
    EXPECT(!bit_property_ends_long(row, 2));
    EXPECT(!bit_property_ends_long(fine, 3));
    EXPECT(bit_property_ends_long(three, 3));
    EXPECT(!bit_property_ends_long(row, 0));
}

TEST_MAIN
