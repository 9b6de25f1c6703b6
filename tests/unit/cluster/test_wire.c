/* Wire messages: what is packed is what is parsed, and nothing that comes
 * from outside does harm. The seed is printed; NEAP_SEED repeats a run. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../unit.h"
#include "base/mem.h"
#include "cluster/frame.h"
#include "cluster/wire.h"

enum { ROUNDS = 2000, MAX_ITEMS = 5 };

static unsigned seed;

static unsigned pick(unsigned below)
{
    return (unsigned)rand_r(&seed) % below;
}

/* Everything that a random message borrows is freed at once at the end. */
static void *made[4096];
static int nmade;

static void *keep(void *p)
{
    assert_true(nmade < 4096);
    made[nmade++] = p;
    return p;
}

static void forget(void)
{
    while (nmade > 0)
        neap_free(made[--nmade]);
}

static const char *random_text(void)
{
    static const char *const some[] = { "a",
                                        "r7.12",
                                        "",
                                        "with blank",
                                        "line\nbreak",
                                        "\xc3\xa4\xe2\x82\xac",
                                        "\xff\xfe not UTF-8" };
    if (pick(4) == 0) {
        size_t n = pick(70000);
        char *text = keep(neap_alloc(n + 1));

        memset(text, 'x', n);
        text[n] = '\0';
        return text;
    }
    return some[pick(sizeof some / sizeof *some)];
}

static const char *random_digest(void)
{
    char *text = keep(neap_alloc(65));

    for (int i = 0; i < 64; i++)
        text[i] = "0123456789abcdef"[pick(16)];
    text[64] = '\0';
    return text;
}

static int64_t random_size(void)
{
    return ((int64_t)rand_r(&seed) << 31 | rand_r(&seed)) >> pick(62);
}

static struct neap_file_ref *random_files(int count)
{
    struct neap_file_ref *file =
        keep(neap_calloc((size_t)count + 1, sizeof *file));

    for (int i = 0; i < count; i++) {
        file[i].path = random_text();
        file[i].digest = random_digest();
        file[i].size = random_size();
        file[i].executable = pick(2);
        file[i].source = pick(2) ? random_text() : NULL;
        file[i].dev = (uint64_t)random_size();
        file[i].ino = UINT64_MAX - (uint64_t)random_size();
        file[i].mtime_ns = -random_size();
        file[i].ctime_ns = random_size();
    }
    return file;
}

static const char **random_texts(int count, const char *prefix)
{
    const char **text = keep(neap_calloc((size_t)count + 1, sizeof *text));

    for (int i = 0; i < count; i++)
        text[i] = keep(neap_format("%s%s", prefix, random_text()));
    return text;
}

static struct neap_wire_amount *random_amounts(int count)
{
    struct neap_wire_amount *amount =
        keep(neap_calloc((size_t)count + 1, sizeof *amount));

    for (int i = 0; i < count; i++) {
        amount[i].label = random_text();
        amount[i].amount = random_size();
    }
    return amount;
}

static struct neap_input *random_inputs(int count)
{
    struct neap_input *input =
        keep(neap_calloc((size_t)count + 1, sizeof *input));

    for (int i = 0; i < count; i++) {
        input[i].place = random_text();
        input[i].dir = pick(2);
        input[i].nfile = input[i].dir ? (int)pick(MAX_ITEMS) : 1;
        input[i].file = random_files(input[i].nfile);
    }
    return input;
}

static struct neap_output *random_outputs(int count)
{
    struct neap_output *output =
        keep(neap_calloc((size_t)count + 1, sizeof *output));

    for (int i = 0; i < count; i++) {
        output[i].name = random_text();
        output[i].place = random_text();
        output[i].kind = (int)pick(NEAP_OUTPUT_STDOUT + 1);
        output[i].optional = pick(2);
        output[i].found = pick(2);
        output[i].nfile = (int)pick(MAX_ITEMS);
        output[i].file = random_files(output[i].nfile);
    }
    return output;
}

static void random_msg(struct neap_msg *msg)
{
    neap_msg_init(msg, NEAP_MSG_HELLO + (int)pick(NEAP_MSG_BYE));
    msg->version = (int)pick(3);
    msg->node = random_text();
    msg->session = random_text();
    msg->ncapacity = (int)pick(MAX_ITEMS);
    msg->capacity = random_amounts(msg->ncapacity);
    msg->nfacts = 2 * (int)pick(MAX_ITEMS);
    msg->facts = random_texts(msg->nfacts, "");
    msg->pid = random_size();
    msg->engine = pick(2) ? random_text() : NULL;
    msg->out_path = pick(2) ? random_text() : NULL;
    msg->err_path = pick(2) ? random_text() : NULL;
    msg->private_engine = pick(2);
    msg->alloc = random_text();
    msg->lease_s = pick(1000) / 8.0;
    msg->nonce = UINT64_MAX >> pick(64);
    msg->task = random_text();
    msg->attempt = (int)pick(9);
    msg->argc = 1 + (int)pick(MAX_ITEMS);
    msg->argv = random_texts(msg->argc, "/");
    msg->nenv = (int)pick(MAX_ITEMS);
    msg->env = random_texts(msg->nenv, "K=");
    msg->ninput = (int)pick(MAX_ITEMS);
    msg->input = random_inputs(msg->ninput);
    msg->stdin_input = -1;
    if (msg->ninput > 0 && !msg->input[0].dir && pick(2))
        msg->stdin_input = 0;
    msg->noutput = (int)pick(MAX_ITEMS);
    msg->output = random_outputs(msg->noutput);
    msg->nneed = (int)pick(MAX_ITEMS);
    msg->need = random_amounts(msg->nneed);
    msg->timeout_s = pick(2) ? 1e-3 * pick(100000) : 0;
    msg->name = pick(2) ? random_text() : NULL;
    msg->keep_logs = (int)pick(3);
    msg->at_ns = random_size();
    msg->cause = (int)pick(NEAP_END_DISK + 1);
    msg->exit = (int)pick(256);
    msg->signal = (int)pick(65);
    msg->usage.utime_us = random_size();
    msg->usage.mem_peak = pick(2) ? random_size() : 0;
    msg->started_ns = random_size();
    msg->ended_ns = random_size();
    msg->staged_bytes = random_size();
    if (pick(2))
        msg->out = *random_files(1);
    msg->tail = pick(2) ? random_text() : NULL;
    msg->text = pick(2) ? random_text() : NULL;
    msg->kind = (int)pick(NEAP_KINDS);
    msg->grace_s = pick(100);
}

static void same_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a != NULL)
        assert_string_equal(a, b);
}

static void same_files(const struct neap_file_ref *a,
                       const struct neap_file_ref *b, int count)
{
    for (int i = 0; i < count; i++) {
        same_text(a[i].path, b[i].path);
        same_text(a[i].digest, b[i].digest);
        same_text(a[i].source, b[i].source);
        assert_true(a[i].size == b[i].size && a[i].dev == b[i].dev &&
                    a[i].ino == b[i].ino && a[i].mtime_ns == b[i].mtime_ns &&
                    a[i].ctime_ns == b[i].ctime_ns &&
                    a[i].executable == b[i].executable);
    }
}

static void same_lists(const struct neap_msg *a, const struct neap_msg *b)
{
    assert_int_equal(a->argc, b->argc);
    for (int i = 0; i < a->argc; i++)
        same_text(a->argv[i], b->argv[i]);
    assert_int_equal(a->nenv, b->nenv);
    for (int i = 0; i < a->nenv; i++)
        same_text(a->env[i], b->env[i]);
    assert_int_equal(a->nfacts, b->nfacts);
    for (int i = 0; i < a->nfacts; i++)
        same_text(a->facts[i], b->facts[i]);
    assert_int_equal(a->nneed, b->nneed);
    for (int i = 0; i < a->nneed; i++) {
        same_text(a->need[i].label, b->need[i].label);
        assert_true(a->need[i].amount == b->need[i].amount);
    }
    assert_int_equal(a->ninput, b->ninput);
    for (int i = 0; i < a->ninput; i++) {
        same_text(a->input[i].place, b->input[i].place);
        assert_int_equal(a->input[i].dir, b->input[i].dir);
        assert_int_equal(a->input[i].nfile, b->input[i].nfile);
        same_files(a->input[i].file, b->input[i].file, a->input[i].nfile);
    }
    assert_int_equal(a->noutput, b->noutput);
    for (int i = 0; i < a->noutput; i++) {
        same_text(a->output[i].name, b->output[i].name);
        assert_int_equal(a->output[i].kind, b->output[i].kind);
        assert_int_equal(a->output[i].found, b->output[i].found);
        assert_int_equal(a->output[i].nfile, b->output[i].nfile);
        same_files(a->output[i].file, b->output[i].file, a->output[i].nfile);
    }
}

static void same(const struct neap_msg *a, const struct neap_msg *b)
{
    assert_int_equal(a->type, b->type);
    same_text(a->node, b->node);
    same_text(a->engine, b->engine);
    same_text(a->out_path, b->out_path);
    same_text(a->err_path, b->err_path);
    same_text(a->task, b->task);
    same_text(a->name, b->name);
    same_text(a->tail, b->tail);
    same_text(a->text, b->text);
    assert_int_equal(a->private_engine, b->private_engine);
    assert_int_equal(a->stdin_input, b->stdin_input);
    assert_int_equal(a->keep_logs, b->keep_logs);
    assert_int_equal(a->cause, b->cause);
    assert_int_equal(a->exit, b->exit);
    assert_int_equal(a->kind, b->kind);
    assert_true(a->nonce == b->nonce && a->pid == b->pid);
    assert_true(a->timeout_s == b->timeout_s && a->lease_s == b->lease_s);
    assert_memory_equal(&a->usage, &b->usage, sizeof a->usage);
    same_files(&a->out, &b->out, 1);
    same_files(&a->err, &b->err, 1);
    same_lists(a, b);
}

static void what_is_packed_is_parsed(void **state)
{
    struct neap_buf buf = NEAP_BUF_INIT;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct neap_msg msg, back;
        struct neap_err err;
        int64_t n;

        random_msg(&msg);
        neap_buf_clear(&buf);
        assert_int_equal(neap_msg_pack(&msg, &buf), 0);
        n = neap_msg_parse(buf.data, buf.len, &back, &err);
        if (n < 0)
            print_message("%s\n", err.text);
        assert_true(n == (int64_t)buf.len);
        same(&msg, &back);
        neap_msg_deinit(&back);
        assert_true(neap_msg_parse(buf.data, pick((unsigned)buf.len), &back,
                                   &err) == 0);
        forget();
    }
    neap_buf_deinit(&buf);
}

/* Bytes of a good frame changed at random: parsed or refused, no more. */
static void damaged_frames_do_no_harm(void **state)
{
    struct neap_buf buf = NEAP_BUF_INIT;
    int parsed = 0, refused = 0;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct neap_msg msg, back;
        int64_t n;

        random_msg(&msg);
        neap_buf_clear(&buf);
        assert_int_equal(neap_msg_pack(&msg, &buf), 0);
        for (unsigned k = 1 + pick(8); k > 0; k--) {
            unsigned reach = buf.len < 400 || pick(2) ? (unsigned)buf.len : 400;

            buf.data[4 + pick(reach - 4)] = (char)pick(256);
        }
        n = neap_msg_parse(buf.data, buf.len, &back, NULL);
        if (n > 0) {
            assert_int_equal(neap_msg_check(&back, NULL), 0);
            neap_msg_deinit(&back);
            parsed++;
        } else {
            assert_int_equal(n, NEAP_EINVAL);
            refused++;
        }
        forget();
    }
    assert_true(parsed > 0 && refused > 0);
    neap_buf_deinit(&buf);
}

static void refuse(const char *bytes, size_t len)
{
    struct neap_msg msg;
    struct neap_err err = { 0 };

    assert_int_equal(neap_msg_parse(bytes, len, &msg, &err), NEAP_EINVAL);
    assert_true(err.text[0] != '\0');
}

#define REFUSE(bytes) refuse(bytes, sizeof(bytes) - 1)

static void bad_frames_are_refused(void **state)
{
    static char deep[4 + 64] = { 0, 0, 0, 64 };

    (void)state;
    REFUSE("\0\0\0\0");                     /* empty */
    REFUSE("\xff\xff\xff\xff");             /* too long */
    REFUSE("\0\0\0\1\x80");                 /* no type */
    REFUSE("\0\0\0\1\x01");                 /* no map */
    REFUSE("\0\0\0\4\x81\xa1t\x7f");        /* unknown type */
    REFUSE("\0\0\0\4\x81\xa1t\x05\x05");    /* GRANTED without alloc */
    REFUSE("\0\0\0\5\xdd\xff\xff\xff\xff"); /* an array of 4 G values */
    REFUSE("\0\0\0\5\xdb\xff\xff\xff\xff"); /* a string of 4 GB */
    REFUSE("\0\0\0\5\x81\xa1t\x0f\xc0");    /* a byte too many */
    REFUSE("\0\0\0\4\x81\xa1t\xc7");        /* an extension */
    memset(deep + 4, '\x91', 64);
    refuse(deep, sizeof deep);
}

static void too_many_values_are_refused(void **state)
{
    enum { COUNT = 100 };
    unsigned char data[3 + COUNT] = { 0xdc, 0, COUNT };

    (void)state;
    assert_int_equal(neap_frame_check(data, sizeof data, COUNT + 1, NULL), 0);
    assert_int_equal(neap_frame_check(data, sizeof data, COUNT, NULL),
                     NEAP_EINVAL);
}

static void unknown_keys_are_skipped(void **state)
{
    static const char frame[] = "\0\0\0\x0e\x82\xa1t\x0f\xa3new\x92\x81\xa1k"
                                "\xc0\x01";
    struct neap_msg msg;

    (void)state;
    assert_true(neap_msg_parse(frame, sizeof frame - 1, &msg, NULL) ==
                sizeof frame - 1);
    assert_int_equal(msg.type, NEAP_MSG_BYE);
    assert_int_equal(msg.stdin_input, -1);
    neap_msg_deinit(&msg);
}

static void an_oversized_message_is_not_packed(void **state)
{
    struct neap_buf buf = NEAP_BUF_INIT;
    size_t size = NEAP_FRAME_MAX;
    char *text = neap_alloc(size + 1);
    struct neap_msg msg;

    (void)state;
    memset(text, 'x', size);
    text[size] = '\0';
    neap_msg_init(&msg, NEAP_MSG_BYE);
    msg.text = text;
    neap_buf_puts(&buf, "before");
    assert_int_equal(neap_msg_pack(&msg, &buf), NEAP_EEXHAUSTED);
    assert_string_equal(buf.data, "before");
    neap_buf_deinit(&buf);
    neap_free(text);
}

static void every_number_has_a_name(void **state)
{
    (void)state;
    for (int i = NEAP_MSG_HELLO; i <= NEAP_MSG_BYE; i++)
        assert_string_not_equal(neap_msg_type_name(i), "?");
    for (int i = NEAP_END_EXIT; i <= NEAP_END_DISK; i++)
        assert_string_not_equal(neap_end_cause_name(i), "?");
    assert_string_equal(neap_msg_type_name(0), "?");
    assert_string_equal(neap_end_cause_name(NEAP_END_DISK + 1), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_is_parsed),
        cmocka_unit_test(damaged_frames_do_no_harm),
        cmocka_unit_test(bad_frames_are_refused),
        cmocka_unit_test(too_many_values_are_refused),
        cmocka_unit_test(unknown_keys_are_skipped),
        cmocka_unit_test(an_oversized_message_is_not_packed),
        cmocka_unit_test(every_number_has_a_name),
    };
    const char *given = getenv("NEAP_SEED");

    seed = given != NULL ? (unsigned)strtoul(given, NULL, 10)
                         : (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
