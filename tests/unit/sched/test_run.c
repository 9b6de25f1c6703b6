/* Runs: specs that are accepted or refused, dependencies, rows, events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sched/event_row.h"
#include "sched/graph.h"
#include "sched/row.h"
#include "sched/run_add.h"
#include "sched/run_end.h"

struct fixture {
    struct neap_labels labels;
    struct neap_run *run;
    struct neap_spec_where where;
    struct neap_err err;
    int at;
    char order[256]; /* numbers that graph callbacks were called with */
};

static int set_up(void **state)
{
    struct fixture *f = NEAP_NEW(struct fixture);

    neap_labels_init(&f->labels);
    f->run = neap_run_create(7, 1000000000);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    neap_run_destroy(f->run);
    neap_labels_deinit(&f->labels);
    neap_free(f);
    return 0;
}

static int add(struct fixture *f, const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    int rc;

    assert_non_null(json);
    rc = neap_run_add(f->run, json, &f->labels, 2000000000, NULL, NULL, &f->at,
                      &f->where, &f->err);
    json_decref(json);
    return rc;
}

#define DIGEST                                   \
 "\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb924" \
 "27ae41e4649b934ca495991b7852b855\",\"size\":0"

static void a_full_spec_is_taken(void **state)
{
    struct fixture *f = *state;
    const struct neap_spec *spec;

    assert_int_equal(
        add(f, "[{\"n\":1,\"name\":\"a\",\"cmd\":[\"x\",\"y\"],"
               "\"res\":{\"cpu\":0.5,\"mem\":1048576,\"licence\":2},"
               "\"inputs\":[{\"place\":\"in/f/x\",\"file\":{" DIGEST "}},"
               "{\"place\":\"in/d\",\"files\":[{\"path\":\"p/q\"," DIGEST
               "}]}],\"stdin\":0,"
               "\"outputs\":[{\"name\":\"o\",\"place\":\"out/o\","
               "\"kind\":\"file\"}],\"env\":{\"K\":\"V\"},"
               "\"labels\":{\"b\":\"2\",\"a\":\"1\"},\"pool\":\"local\","
               "\"where\":{\"os\":[\"linux\",\"bsd\"]},\"timeout\":60,"
               "\"priority\":-3,\"logs\":\"failed\",\"src\":\"w.lua:3\","
               "\"retry\":{\"max\":2,\"on\":[\"oom\",\"exit:9\"],"
               "\"grow\":{\"mem\":2,\"timeout\":1.5}}}]"),
        1);
    spec = &neap_run_find(f->run, 1)->spec;
    assert_int_equal(spec->ncmd, 2);
    assert_int_equal(spec->common->need->v[NEAP_CPU], 500);
    assert_int_equal(
        spec->common->need->v[neap_labels_find(&f->labels, "licence")], 2000);
    assert_int_equal(spec->ninput, 2);
    assert_true(spec->input[1].dir);
    assert_string_equal(spec->common->env[0], "K=V");
    assert_string_equal(neap_strmap_get(spec->common->labels, "a"), "1");
    assert_int_equal(spec->common->retry->nexits, 1);
    assert_int_equal(spec->common->retry->on, NEAP_RETRY_OOM);
    assert_int_equal(spec->common->logs, NEAP_LOGS_FAILED);
}

static void what_tasks_share_is_kept_once(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(add(f, "[{\"n\":1,\"name\":\"a\",\"cmd\":\"x 1\"},"
                            "{\"n\":2,\"name\":\"a\",\"cmd\":\"x 2\"}]"),
                     2);
    assert_ptr_equal(neap_run_find(f->run, 1)->spec.common,
                     neap_run_find(f->run, 2)->spec.common);
}

static void bad_specs_are_refused_by_name(void **state)
{
    static const struct {
        const char *fields, *field, *word;
    } cases[] = {
        { "\"cmd\":\"x\",\"cpus\":1", "cpus", "unknown field" },
        { "\"name\":\"a\"", "cmd", "missing" },
        { "\"cmd\":17", "cmd", "an integer" },
        { "\"cmd\":\"\"", "cmd", "empty" },
        { "\"cmd\":[]", "cmd", "at least one" },
        { "\"cmd\":\"x\",\"res\":{\"cpu\":-1}", "res", "cpu" },
        { "\"cmd\":\"x\",\"res\":{\"cpu\":\"1\"}", "res", "a string" },
        { "\"cmd\":\"x\",\"timeout\":0", "timeout", "0" },
        { "\"cmd\":\"x\",\"logs\":\"all\"", "logs", "all" },
        { "\"cmd\":\"x\",\"stdin\":0", "stdin", "0 inputs" },
        { "\"cmd\":\"x\\u0001res.y\\u0001\"", "cmd", "res.y" },
        { "\"cmd\":\"x\",\"env\":{\"A=B\":\"\"}", "env", "A=B" },
        { "\"cmd\":\"x\",\"outputs\":[{\"name\":\"o\",\"kind\":\"file\","
          "\"place\":\"out/../../x\"}]",
          "outputs", "out/../../x" },
        { "\"cmd\":\"x\",\"outputs\":[{\"name\":\"o\",\"kind\":\"stdout\"},"
          "{\"name\":\"o\",\"kind\":\"stdout\"}]",
          "outputs", "two outputs" },
        { "\"cmd\":\"x\",\"inputs\":[{\"place\":\"in/x\"}]", "inputs",
          "one of" },
        { "\"cmd\":\"x\",\"inputs\":[{\"place\":\"/etc/x\",\"task\":1}]",
          "inputs", "/etc/x" },
        { "\"cmd\":\"x\",\"after\":[4]", "after", "task 4" },
        { "\"cmd\":\"x\",\"retry\":{\"max\":1,\"on\":[\"exit:0\"]}", "retry",
          "exit:0" },
    };
    struct fixture *f = *state;
    char text[512];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, "[{\"n\":1%s,%s}]",
                 strncmp(cases[i].fields, "\"name\"", 6) == 0
                     ? ""
                     : ",\"name\":\"a\"",
                 cases[i].fields);
        assert_int_equal(add(f, text), NEAP_EINVAL);
        assert_string_equal(f->where.field, cases[i].field);
        assert_non_null(strstr(f->err.text, cases[i].word));
        assert_int_equal(f->at, 0);
        assert_int_equal(f->run->ntasks, 0);
    }
}

static void a_bad_task_takes_none_of_its_batch(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(add(f, "[{\"n\":5,\"name\":\"a\",\"cmd\":\"x\"},"
                            "{\"n\":5,\"name\":\"a\",\"cmd\":\"x\"}]"),
                     NEAP_EINVAL);
    assert_int_equal(f->at, 1);
    assert_string_equal(f->where.field, "n");
    assert_null(neap_run_find(f->run, 5));
    assert_int_equal(add(f, "[{\"n\":5,\"name\":\"a\",\"cmd\":\"x\"}]"), 1);
    assert_int_equal(f->run->counts[NEAP_RT_WAITING], 1);
}

static void an_unknown_output_is_refused(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        add(f, "[{\"n\":1,\"name\":\"a\",\"cmd\":\"x\"},"
               "{\"n\":2,\"name\":\"b\",\"cmd\":\"x\",\"inputs\":"
               "[{\"place\":\"in/x\",\"task\":1,\"output\":\"y\"}]}]"),
        NEAP_EINVAL);
    assert_non_null(strstr(f->err.text, "'y'"));
}

/* 1 → 2 → 4, 1 → 3 → 4, and 5 alone */
static void add_diamond(struct fixture *f)
{
    assert_int_equal(
        add(f, "[{\"n\":1,\"name\":\"a\",\"cmd\":\"x\"},"
               "{\"n\":2,\"name\":\"a\",\"cmd\":\"x\",\"after\":[1]},"
               "{\"n\":3,\"name\":\"a\",\"cmd\":\"x\",\"after\":[1,1]},"
               "{\"n\":4,\"name\":\"a\",\"cmd\":\"x\",\"after\":[2,3]},"
               "{\"n\":5,\"name\":\"a\",\"cmd\":\"x\"}]"),
        5);
}

static void note(struct fixture *f, const struct neap_run_task *task)
{
    size_t n = strlen(f->order);

    snprintf(f->order + n, sizeof f->order - n, "%d ", task->spec.n);
}

static void on_ready(void *ctx, struct neap_run_task *task)
{
    note(ctx, task);
}

static void on_skip(void *ctx, struct neap_run_task *task)
{
    note(ctx, task);
    neap_run_task_set_state(task, NEAP_RT_SKIPPED, 1);
}

static void end(struct neap_run_task *task, enum neap_run_task_state state)
{
    neap_run_task_set_state(task, NEAP_RT_QUEUED, 1);
    neap_run_task_set_state(task, NEAP_RT_STAGING, 1);
    neap_run_task_set_state(task, state, 1);
}

static void tasks_become_ready_in_order(void **state)
{
    struct fixture *f = *state;
    struct neap_run_task *task[6];

    add_diamond(f);
    for (int i = 1; i <= 5; i++)
        task[i] = neap_run_find(f->run, i);
    assert_true(neap_graph_ready(task[1]) && neap_graph_ready(task[5]));
    assert_false(neap_graph_ready(task[2]) || neap_graph_ready(task[4]));
    assert_int_equal(task[4]->depth, 2);
    end(task[1], NEAP_RT_DONE);
    neap_graph_done(task[1], on_ready, f);
    assert_string_equal(f->order, "2 3 ");
    end(task[2], NEAP_RT_DONE);
    neap_graph_done(task[2], on_ready, f);
    assert_string_equal(f->order, "2 3 ");
    end(task[3], NEAP_RT_DONE);
    neap_graph_done(task[3], on_ready, f);
    assert_string_equal(f->order, "2 3 4 ");
}

static void a_failure_skips_what_depends_on_it(void **state)
{
    struct fixture *f = *state;

    add_diamond(f);
    end(neap_run_find(f->run, 1), NEAP_RT_FAILED);
    neap_graph_skip(neap_run_find(f->run, 1), on_skip, f);
    assert_string_equal(f->order, "2 3 4 ");
    assert_int_equal(f->run->counts[NEAP_RT_SKIPPED], 3);
    assert_int_equal(f->run->counts[NEAP_RT_WAITING], 1);
    /* one that comes later is broken from the start */
    assert_int_equal(add(f, "[{\"n\":6,\"name\":\"a\",\"cmd\":\"x\","
                            "\"after\":[4]}]"),
                     1);
    assert_ptr_equal(neap_graph_broken(neap_run_find(f->run, 6)),
                     neap_run_find(f->run, 4));
}

static void a_long_chain_is_skipped_without_recursion(void **state)
{
    enum { LENGTH = 50000 };
    struct fixture *f = *state;
    char text[128];

    assert_int_equal(add(f, "[{\"n\":1,\"name\":\"a\",\"cmd\":\"x\"}]"), 1);
    for (int n = 2; n <= LENGTH; n++) {
        snprintf(text, sizeof text,
                 "[{\"n\":%d,\"name\":\"a\",\"cmd\":\"x\",\"after\":[%d]}]", n,
                 n - 1);
        assert_int_equal(add(f, text), 1);
    }
    end(neap_run_find(f->run, 1), NEAP_RT_FAILED);
    neap_graph_skip(neap_run_find(f->run, 1), on_skip, f);
    assert_int_equal(f->run->counts[NEAP_RT_SKIPPED], LENGTH - 1);
}

static void the_run_ends_with_its_last_task(void **state)
{
    struct fixture *f = *state;
    struct neap_buf text = NEAP_BUF_INIT;

    assert_int_equal(add(f, "[{\"n\":1,\"name\":\"a\",\"cmd\":\"x\"}]"), 1);
    neap_run_script_ended(f->run, NEAP_RUN_DONE, NULL);
    assert_int_equal(f->run->state, NEAP_RUN_RUNNING);
    end(neap_run_find(f->run, 1), NEAP_RT_DONE);
    neap_run_check_end(f->run);
    assert_int_equal(f->run->state, NEAP_RUN_DONE);
    assert_int_equal(f->run->events.count, 1);
    neap_event_format(f->run, 1, &f->labels, &text);
    assert_non_null(strstr(text.data, "\"kind\":\"run.end\""));
    assert_non_null(strstr(text.data, "\"done\":1"));
    neap_buf_deinit(&text);
}

static void rows_are_json_whatever_is_in_them(void **state)
{
    struct fixture *f = *state;
    struct neap_buf text = NEAP_BUF_INIT;
    struct neap_json json = NEAP_JSON(&text);
    json_t *row;

    assert_int_equal(
        add(f, "[{\"n\":3,\"name\":\"q\\\"\\\\\\n\\u0007é\",\"cmd\":\"x\","
               "\"labels\":{\"k\":\"v\\t\"},\"res\":{\"cpu\":1.5}}]"),
        1);
    neap_row_task(&json, neap_run_find(f->run, 3), &f->labels);
    row = json_loads(text.data, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(row);
    assert_string_equal(json_string_value(json_object_get(row, "name")),
                        "q\"\\\n\aé");
    assert_string_equal(json_string_value(json_object_get(row, "id")), "r7.3");
    assert_true(json_number_value(json_object_get(json_object_get(row, "res"),
                                                  "cpu")) == 1.5);
    json_decref(row);
    neap_buf_clear(&text);
    json.comma = false;
    neap_json_str(&json, NULL, "a\xff\xc3\xed\xa0\x80z");
    row = json_loads(text.data, JSON_DECODE_ANY, NULL);
    assert_non_null(row); /* what was no UTF-8 has been replaced */
    json_decref(row);
    neap_buf_clear(&text);
    json.comma = false;
    neap_json_big(&json, NULL, INT64_C(100000000000000));
    neap_json_big(&json, NULL, INT64_MIN);
    neap_json_int(&json, NULL, -12);
    neap_json_micros(&json, NULL, 1020300);
    neap_json_micros(&json, NULL, 2000000);
    neap_json_time(&json, NULL, 1999);
    assert_string_equal(text.data,
                        "\"100000000000000\",\"-9223372036854775808\",-12,"
                        "1.0203,2,0.000001");
    neap_buf_deinit(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_full_spec_is_taken),
        TEST(what_tasks_share_is_kept_once),
        TEST(bad_specs_are_refused_by_name),
        TEST(a_bad_task_takes_none_of_its_batch),
        TEST(an_unknown_output_is_refused),
        TEST(tasks_become_ready_in_order),
        TEST(a_failure_skips_what_depends_on_it),
        TEST(a_long_chain_is_skipped_without_recursion),
        TEST(the_run_ends_with_its_last_task),
        TEST(rows_are_json_whatever_is_in_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
