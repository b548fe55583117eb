/* The text of framings: what is understood, and what the message says about what is not. */
#include "unit.h"

#include <framed/framing.h>

#include <errno.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *named(void *context, const char *name)
{
    (void)context;
    if (strcmp(name, "mine") == 0)
        return "length:be4,offset=1,counts=frame";
    if (strcmp(name, "yours") == 0)
        return "mine,strip=none";
    if (strcmp(name, "loop") == 0)
        return "pool";
    if (strcmp(name, "selfish") == 0)
        return "typed:A=(selfish)";
    if (strcmp(name, "far") == 0)
        return "farther";
    if (strcmp(name, "farther") == 0)
        return "farthest,min=1";
    if (strcmp(name, "farthest") == 0)
        return "typed:A=(typed:A=(typed:A=(yours)))";
    return strcmp(name, "pool") == 0 ? "loop" : NULL;
}

static const struct framed_names names = {.text = named};

START_TEST(every_preset_parses)
{
    const struct framed_preset *preset = &framed_presets()[_i];
    struct framed_framing *framing;
    char error[512] = "";

    ck_assert_msg(framed_framing_parse(preset->name, NULL, &framing, error, sizeof(error)) == 0,
                  "%s", error);
    ck_assert_str_eq(framed_framing_name(framing), preset->name);
    ck_assert_uint_eq(framed_framing_max(framing), FRAMED_MESSAGE_DEFAULT);
    framed_framing_free(framing);
    ck_assert_msg(framed_framing_parse(preset->text, NULL, &framing, error, sizeof(error)) == 0,
                  "%s", error);
    framed_framing_free(framing);
    ck_assert_uint_gt(strlen(preset->grammar), 4);
    ck_assert_uint_lt(strlen(preset->grammar), 100);
}
END_TEST

static const char *const good[] = {
    "length:be4,counts=frame,offset=1",
    "length:native2,unit=4,adjust=-4,counts=rest,trailer=\\xce\\n",
    "length:hex,end=\\s,leading_zero=allow",
    "length:be2,header=8,offset=4,pad_at=6,strip=none",
    "length:be4,magic=ab,magic_at=4,header=6",
    "length:be4,strip=4",
    "length:be4,offset=2,strip=2",
    "length:decimal10,zero=reject,min=1",
    "fixed:1036",
    "fixed:2000000",
    "delimited:\\r\\n,or=\\n,or=\\0,or=x",
    "delimited:z,or=y,strip_cr=yes,eof=yes,oversize=discard",
    "typed:at=3,A=(fixed:5),0x42-0x43=(u8,offset=1,strip=none)",
    "typed:a-z=(line),case=0-9=(u8),default=(line)",
    "typed:at=1,\\n=(fixed:3),default=reject",
    "chunked:(length:be4,mask=0x7fffffff,strip=payload),last_bit=0x80",
    "chunked:(u16be),last=\\0\\0,fragment=100",
    "chunked:(length:le2,offset=1,magic=\\0,magic_at=3,header=4,strip=payload),more_bit=1,bit_at=0",
    "line,first=(u8),reply=(raw),greeting=hi\\r\\n",
    "line,first=u8,reply=raw",
    "chunked:u8,last=\\0",
    "eof",
    "raw",
    "mine",
    "mine,strip=none,min=5",
    "yours",
    "typed:A=(yours)",
    "far",
    "typed:A=u8,B-C=line",
    "syslog,<=(crlf),0-4=(netstring)",
    "sunrpc,last_bit=0x80",
    "sunrpc,more_bit=0x80",
    "sunrpc,last=\\0\\0\\0\\0",
    "netconf-chunked,last=\\n",
    "u32be,zero=skip",
    "u8,min=255",
    "length:be1,adjust=-255",
    "length:be8,unit=65536,min=1073741824",
    "typed:at=3,A=(fixed:4)",
    "netstring,leading_zero=allow",
};

START_TEST(good_texts_parse)
{
    struct framed_framing *framing;
    char error[512] = "";
    ck_assert_msg(framed_framing_parse(good[_i], &names, &framing, error, sizeof(error)) == 0, "%s",
                  error);
    framed_framing_free(framing);
}
END_TEST

/* What is wrong, and words that the message has about it. */
static const struct {
    const char *text;
    const char *told;
} bad[] = {
    {"", "found \"\""},
    {"lime", "\"line\""},
    {"xyzzyxyzzy", "framed framings"},
    {"length", "allowed: be1 to be8"},
    {"length:be9", "found \"be9\", allowed: be1 to be8"},
    {"length:be5x", "found \"be5x\""},
    {"length:be0", "be1 to be8"},
    {"length:decimal", "end: found nothing"},
    {"length:decimal11,end=:", "decimal10"},
    {"length:be4,end=:", "end: allowed only with decimal and hex"},
    {"length:decimal,end=5", "end: found a digit"},
    {"length:hex,end=a", "end: found a digit"},
    {"length:be4,end=", "end: found \"\", allowed: one byte"},
    {"length:be4,offset=32", "offset: found \"32\", allowed: 0 to 31"},
    {"length:be4,offset=-1", "offset: found \"-1\""},
    {"length:be4,offset=1 ", "offset: found \"1 \""},
    {"length:be4,offset=30", "more than 32 bytes"},
    {"length:be4,counts=all", "counts: found \"all\", allowed: payload, rest, frame"},
    {"length:varint,counts=frame", "counts: found frame"},
    {"length:be4,unit=0", "unit: found \"0\", allowed: 1 to 65536"},
    {"length:be4,mask=0", "mask: found \"0\""},
    {"length:be1,mask=0x1ff", "mask: found more bits"},
    {"length:decimal4,mask=1", "allowed only with be, le and native"},
    {"length:be4,mask=1,signed=yes", "found both"},
    {"length:be4,signed=maybe", "signed: found \"maybe\", allowed: yes, no"},
    {"length:be4,adjust=70000", "adjust: found \"70000\", allowed: -65536 to 65536"},
    {"length:be4,adjust=x", "adjust: found \"x\""},
    {"length:be4,header=3", "header: found 3, allowed: 4 or more"},
    {"length:varint,header=3", "header and pad_at"},
    {"length:be4,pad_at=1", "pad_at: allowed"},
    {"length:be4,pad_at=8", "pad_at: allowed"},
    {"length:be4,magic_at=1", "magic_at: allowed only with magic"},
    {"length:be4,magic=ab", "magic: it lies where the length is"},
    {"length:be4,magic=ab,magic_at=4", "magic: it lies behind the header"},
    {"length:be4,magic=", "magic: found \"\", allowed: 1 to 16 bytes"},
    {"length:be4,trailer=123456789", "trailer: found \"123456789\", allowed: 1 to 8 bytes"},
    {"length:be4,trailer=\\q", "trailer: found \"\\q\""},
    {"length:be4,marks=256", "marks: found \"256\""},
    {"length:varint,marks=1", "marks: allowed only"},
    {"length:be4,strip=2", "cuts through the length"},
    {"length:varint,strip=1", "cuts through the length"},
    {"length:be4,strip=33", "strip: found \"33\""},
    {"length:be4,strip=5", "strip: found 5, allowed: no more than the header, which has 4"},
    {"line,strip=none", "this one is for length"},
    {"u8,leading_zero=allow", "leading_zero: allowed only with decimal, hex and varint"},
    {"u8,min=256", "min: found 256, allowed: 0 to 255"},
    {"ascii4,min=10000", "allowed: 0 to 9999"},
    {"length:be1,signed=yes,unit=2,min=255", "allowed: 0 to 254"},
    {"length:be1,counts=frame,strip=none,trailer=x,min=256", "allowed: 0 to 255"},
    {"length:be1,adjust=-256", "too small for any frame"},
    {"length:be1,counts=frame,mask=1,header=2", "too small for any frame"},
    {"raw,min=1", "this one is for all but fixed and raw"},
    {"length:be4,offset=1,zero=skip", "zero: allowed only with strip=payload"},
    {"u8,zero=never", "zero: found \"never\", allowed: deliver, skip, reject"},
    {"u8,leading_zero=maybe", "leading_zero: found \"maybe\""},
    {"u8,min=-1", "min: found \"-1\""},
    {"fixed:3,min=4", "this one is for all but fixed and raw"},
    {"fixed:3,zero=skip", "this one is for all but fixed and raw"},
    {"typed:at=3,A=(fixed:3)", "case: found a size of 3, allowed: more than 3"},
    {"typed:at=3,A=(u32be),default=fixed:1", "default: found a size of 1, "},
    {"u8,ofset=1", "did you mean \"offset\"?"},
    {"u8,or=x", "this one is for delimited"},
    {"u8,zero", "found \"zero\", allowed: KEY=VALUE"},
    {"u8,,", "allowed: KEY=VALUE"},
    {"u8,min=1,min=2", "found \"min\", allowed: it once"},
    {"u8:4", "found a colon behind \"u8\""},
    {"fixed", "fixed: found \"\", allowed: 1 to 1073741824"},
    {"fixed:0", "fixed: found \"0\""},
    {"fixed:1073741825", "fixed: found"},
    {"eof:1", "eof: found \"1\", allowed: no value"},
    {"delimited", "delimited: found \"\""},
    {"delimited:a,or=b,or=c,or=d,or=e", "more than 4 delimiters"},
    {"delimited:12345678901234567", "fewer bytes"},
    {"line,oversize=drop", "oversize: found \"drop\", allowed: close, discard"},
    {"typed:at=0", "found no case"},
    {"typed:A=(u8),A=(u8)", "it once"},
    {"typed:A=(u8),case=A=(u8)", "found type 0x41 twice"},
    {"typed:B-A=(u8)", "case: found"},
    {"typed:Az=u8", "parameter: found \"Az\""},
    {"typed:A=(u9)", "u9"},
    {"typed:A=(eof)", "case: found eof"},
    {"typed:A=(line,eof=yes)", "eof=yes"},
    {"typed:A=(line,first=(u8))", "found first, reply or greeting"},
    {"chunked:(u8)", "one of last, last_bit, more_bit"},
    {"chunked:(u8),last=a,last_bit=1", "one of last, last_bit, more_bit"},
    {"chunked:(u8),last_bit=1,more_bit=1", "found \"more_bit\", allowed: one of last"},
    {"chunked:(u8),last_bit=1", "the bit lies in the length"},
    {"chunked:(u8),last=a,bit_at=1", "bit_at: allowed only"},
    {"chunked:(u8),last=a,fragment=7", "fragment: found \"7\""},
    {"chunked:(line),last=a", "fragments of the kind length"},
    {"chunked:,last=a", "such as u8 or (length:be4,offset=1)"},
    {"line,first=(eof)", "first: found eof"},
    {"line,first=(u8),oversize=discard", "oversize: found discard, allowed with first: close"},
    {"line,first=", "first: found \"\", allowed: a framing, such as u8"},
    {"line,first=u9", "found \"u9\""},
    {"line,reply=(line,reply=(u8))", "reply: found"},
    {"line,greeting=", "greeting: found \"\""},
    {"raw,reply=(u8)", "raw: it is for replies"},
    {"line,reply=(u8", "a parenthesis lacks its other half"},
    {"line)", "a parenthesis lacks its other half"},
    {"loop", "found \"loop\", allowed: a name that does not stand for itself in the end, as it "
             "does through \"pool\" of \"loop\""},
    {"typed:A=(selfish)", "through \"selfish\""},
    {"typed:A=(typed:A=(typed:A=(typed:A=(typed:A=(u8)))))", "deep, allowed: 4"},
};

START_TEST(bad_texts_are_refused_with_a_reason)
{
    struct framed_framing *framing = NULL;
    char error[512] = "";
    char small[8] = "";

    ck_assert_int_eq(framed_framing_parse(bad[_i].text, &names, &framing, error, sizeof(error)),
                     -EINVAL);
    ck_assert_ptr_null(framing);
    ck_assert_msg(strstr(error, bad[_i].told) != NULL, "%s: no \"%s\" in: %s", bad[_i].text,
                  bad[_i].told, error);
    ck_assert_int_eq(strncmp(error, "framing \"", 9), 0);
    ck_assert_int_eq(framed_framing_parse(bad[_i].text, &names, &framing, small, sizeof(small)),
                     -EINVAL);
    ck_assert_uint_lt(strlen(small), sizeof(small));
}
END_TEST

START_TEST(every_name_is_listed_once)
{
    const struct framed_preset *all = framed_presets();

    for (size_t i = 0; all[i].name; i++)
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(all[i].name, all[j].name);
}
END_TEST

START_TEST(every_parameter_is_listed_once)
{
    const struct framed_parameter *all = framed_parameters();

    for (size_t i = 0; all[i].key; i++) {
        ck_assert(all[i].kinds[0] && all[i].allowed[0] && all[i].text[0]);
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(all[i].key, all[j].key);
    }
}
END_TEST

START_TEST(limits_reach_the_framings_within)
{
    struct framed_framing *framing;
    char error[512];

    ck_assert_int_eq(framed_framing_parse("typed:A=(fixed:50),B=(u8)", NULL, &framing, error, 512),
                     0);
    ck_assert_int_eq(framed_framing_set_max(framing, 49), -EINVAL);
    ck_assert_int_eq(framed_framing_set_max(framing, 50), 0);
    ck_assert_int_eq(framed_framing_set_max(framing, 0), -EINVAL);
    ck_assert_int_eq(framed_framing_set_max(framing, FRAMED_MESSAGE_LIMIT + 1), -EINVAL);
    ck_assert_uint_eq(framed_framing_max(framing), 50);
    framed_framing_free(framing);
    framed_framing_free(NULL);
}
END_TEST

START_TEST(parts_can_be_asked_for)
{
    struct framed_framing *framing;
    const uint8_t *greeting;
    size_t length;
    char error[512];

    ck_assert_int_eq(framed_framing_parse("line,first=(u8),reply=(eof),greeting=a\\0b", NULL,
                                          &framing, error, 512),
                     0);
    greeting = framed_framing_greeting(framing, &length);
    ck_assert_uint_eq(length, 3);
    ck_assert_mem_eq(greeting, "a\0b", 3);
    ck_assert(!framed_framing_discards(framing) && framed_framing_decodes(framing));
    ck_assert_str_eq(framed_framing_name(framed_framing_first(framing)), "u8");
    ck_assert(framed_framing_ends_stream(framed_framing_reply(framing)));
    ck_assert(!framed_framing_ends_stream(framing));
    framed_framing_free(framing);
    ck_assert_int_eq(framed_framing_parse("line,oversize=discard", NULL, &framing, error, 512), 0);
    ck_assert(framed_framing_discards(framing));
    framed_framing_free(framing);
}
END_TEST

/* What is said of a name's parameter replaces what the name has said. */
static const struct {
    const char *text;
    const char *wire;
    size_t size;
    size_t frame; /* bytes of the first frame */
    int verdict;
} replacements[] = {
    {"syslog,<=(nul)", "<a\n\0", 4, 4, FRAMED_OK},
    {"syslog,<=(nul)", "2 xy", 4, 4, FRAMED_OK},
    {"sunrpc,more_bit=0x80", "\0\0\0\1x", 5, 5, FRAMED_OK},
    {"sunrpc,last_bit=0x80", "\0\0\0\1x", 5, 5, FRAMED_FRAGMENT},
    {"sunrpc,last=\\0\\0\\0\\0", "\0\0\0\0", 4, 4, FRAMED_OK},
    {"octet-count,end=:", "2:xy", 4, 4, FRAMED_OK},
};

START_TEST(a_text_replaces_what_its_name_says)
{
    struct framed_decoder decoder = {0};
    struct framed_frame frame;
    struct framed_framing *framing;
    char error[512] = "";

    ck_assert_msg(
        framed_framing_parse(replacements[_i].text, NULL, &framing, error, sizeof(error)) == 0,
        "%s", error);
    ck_assert_int_eq(framed_decode(framing, &decoder, (const uint8_t *)replacements[_i].wire,
                                   replacements[_i].size, &frame),
                     replacements[_i].verdict);
    ck_assert_uint_eq(frame.size, replacements[_i].frame);
    framed_framing_free(framing);
}
END_TEST

static int preset_count(void)
{
    int count = 0;

    while (framed_presets()[count].name)
        count++;
    return count;
}

int main(void)
{
    Suite *suite = suite_create("framing, names");
    TCase *tests = tcase_create("texts");

    tcase_add_loop_test(tests, every_preset_parses, 0, preset_count());
    tcase_add_loop_test(tests, good_texts_parse, 0, (int)COUNT(good));
    tcase_add_loop_test(tests, bad_texts_are_refused_with_a_reason, 0, (int)COUNT(bad));
    tcase_add_loop_test(tests, a_text_replaces_what_its_name_says, 0, (int)COUNT(replacements));
    tcase_add_test(tests, every_name_is_listed_once);
    tcase_add_test(tests, every_parameter_is_listed_once);
    tcase_add_test(tests, limits_reach_the_framings_within);
    tcase_add_test(tests, parts_can_be_asked_for);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
