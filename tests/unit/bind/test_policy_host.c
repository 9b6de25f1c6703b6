/* What policies in Lua decide, seen from C. */
#include "policy_fixture.h"

/* ---- placing ---- */

static void best_fit_is_the_default(void **state)
{
    struct fixture *f = *state;

    must_load(f, NEAP_POLICY_PACK, PACK(""));
    add_alloc(f, 8, 32 * GIB);
    add_alloc(f, 2, 8 * GIB);
    add_class(f, 1, 2, GIB);
    must_pack(f);
    assert_int_equal(assigned(f, 0, 1), 1);
    assert_int_equal(lines(f, NEAP_LINE_ASSIGN), 1);
}

static void cost_decides(void **state)
{
    struct fixture *f = *state;

    must_load(f, NEAP_POLICY_PACK,
              PACK("cost = function(t, a) return -a.free.cpu end"));
    add_alloc(f, 4, 32 * GIB);
    add_alloc(f, 8, 32 * GIB);
    add_class(f, 4, 1, GIB);
    must_pack(f);
    /* 8 7 6 5 against 4: all go to the wide one */
    assert_int_equal(assigned(f, 0, 1), 4);
    f->classes[0].count = 6;
    must_pack(f);
    /* 8 7 6 5, then 4 and 4: ties go to the lower id */
    assert_int_equal(assigned(f, 0, 1), 5);
    assert_int_equal(assigned(f, 0, 0), 1);
}

static void never_more_than_fits(void **state)
{
    struct fixture *f = *state;

    must_load(f, NEAP_POLICY_PACK, PACK(""));
    add_alloc(f, 1, 3 * GIB);
    add_class(f, 100, 0.3, GIB);
    must_pack(f);
    assert_int_equal(assigned(f, 0, 0), 3);
    f->allocs[0].free.mem = 100 * GIB;
    f->classes[0].res.cpu = 0.1; /* ten times 0.1 is not 1 in doubles */
    must_pack(f);
    assert_int_equal(assigned(f, 0, 0), 10);
}

static void what_does_not_fit_blocks_nobody(void **state)
{
    struct fixture *f = *state;

    must_load(f, NEAP_POLICY_PACK, PACK(""));
    add_alloc(f, 4, 16 * GIB);
    add_class(f, 1, 16, GIB);
    add_class(f, 2, 1, GIB);
    must_pack(f);
    assert_int_equal(assigned(f, 0, 0), 0);
    assert_int_equal(assigned(f, 1, 0), 2);
}

static void other_labels_and_constraints_count(void **state)
{
    struct fixture *f = *state;
    static const uint8_t only_second[ROWS] = { 0, 1 };

    assert_int_equal(neap_labels_intern(&f->labels, "licence", NULL), 4);
    f->view.nlabels = f->labels.count;
    must_load(f, NEAP_POLICY_PACK, PACK(""));
    add_alloc(f, 4, 16 * GIB)->free.other[0] = 1;
    add_alloc(f, 4, 16 * GIB);
    add_class(f, 3, 1, GIB)->res.other[0] = 1;
    add_class(f, 3, 1, GIB)->may_alloc = only_second;
    must_pack(f);
    assert_int_equal(assigned(f, 0, 0), 1);
    assert_int_equal(assigned(f, 0, 1), 0);
    assert_int_equal(assigned(f, 1, 0), 0);
    assert_int_equal(assigned(f, 1, 1), 3);
}

static void only_open_allocs_are_looked_at(void **state)
{
    struct fixture *f = *state;

    must_load(f, NEAP_POLICY_PACK, PACK(""));
    add_alloc(f, 4, 16 * GIB);
    add_alloc(f, 4, 16 * GIB);
    add_class(f, 1, 1, GIB);
    f->open[0] = 1;
    f->view.nopen = 1;
    must_pack(f);
    assert_int_equal(assigned(f, 0, 1), 1);
}

static void a_refusal_has_its_words(void **state)
{
    struct fixture *f = *state;
    const struct neap_pack_policy *p;
    char words[128];

    must_load(f, NEAP_POLICY_PACK,
              PACK("cost = function(t, a)\n"
                   "  if a.life_left < 1860 then\n"
                   "    return nil, 'ends in %ds, task wants %ds',"
                   " a.life_left, 1860\n"
                   "  end\n"
                   "  return 1\n"
                   "end"));
    add_alloc(f, 4, 16 * GIB)->life_left = 211;
    add_alloc(f, 4, 16 * GIB);
    add_class(f, 1, 1, GIB);
    must_pack(f);
    assert_int_equal(assigned(f, 0, 1), 1);
    p = neap_policy_host_pack(f->host);
    p->explain(p->ctx, &f->view, 0, 0, words, sizeof(words));
    assert_string_equal(words, "ends in 211s, task wants 1860s");
    p->explain(p->ctx, &f->view, 0, 1, words, sizeof(words));
    assert_string_equal(words, "");
}

static void every_field_can_be_read(void **state)
{
    struct fixture *f = *state;
    struct neap_strmap *labels = neap_strmap_create();
    struct neap_class_view *c;

    neap_strmap_set(labels, "deadline", "17");
    must_load(
        f, NEAP_POLICY_PACK,
        PACK(
            "cost = function(t, a, ctx)\n"
            "  if t.id ~= 'r1.1' then return 1 end\n" /* a check */
            "  assert(t.name == 'align' and t.user == 'ada')\n"
            "  assert(t.run == 'r1' and t.count >= 1 and t.seq == 9)\n"
            "  assert(t.priority == -3 and t.labels.deadline == '17')\n"
            "  assert(t.labels.other == nil and t.res.disk == 5)\n"
            "  assert(t.res.fpga == 0 and t.expect == nil)\n"
            "  assert(t.dur_mean == 7 and t.due == nil)\n"
            "  assert(t.timeout == nil and t.rank == 0)\n"
            "  assert(a.id == 'a1' and a.pool == 'local')\n"
            "  assert(a.state == 'live' and a.total.cpu == 4)\n"
            "  assert(a.bandwidth == math.huge and a.ntasks <= 1 and t.count > 0)\n"
            "  assert(a:local_bytes(t) == t.input_bytes)\n"
            "  assert(a:has('sha256:0') == false and a.eta == nil)\n"
            "  assert(ctx.now == 1.8e9 and ctx.queue_len == 2)\n"
            "  assert(ctx.pending_allocs == 0)\n"
            "  assert(ctx.pools[1] == 'cloud' and not ctx.pools[2])\n"
            "  local x = ctx.rand()\n"
            "  assert(x >= 0 and x < 1)\n"
            "  return 1\n"
            "end"));
    add_alloc(f, 4, 16 * GIB);
    add_shape(f, "small", 4, 16 * GIB, 1);
    c = add_class(f, 2, 1, GIB);
    c->seq = 9;
    c->priority = -3;
    c->labels = labels;
    c->res.disk = 5;
    c->dur_mean = 7;
    f->allocs[0].free.disk = 100;
    must_pack(f);
    assert_int_equal(assigned(f, 0, 0), 2);
    neap_strmap_destroy(labels);
}

static void place_has_full_control(void **state)
{
    struct fixture *f = *state;

    must_load(f, NEAP_POLICY_PACK,
              PACK("acquire = false, release = false,\n"
                   "place = function(view, plan, ctx)\n"
                   "  local t, a, p = view.tasks[1], view.allocs[1],"
                   " view.pending[1]\n"
                   "  if not (t and a and p and t.id == 'r1.1') then"
                   " return end\n"
                   "  assert(plan:assign(t, a, 100) == 4)\n"
                   "  assert(t.count == 6 and a.free.cpu == 0)\n"
                   "  assert(plan:assign(t, a) == 0)\n"
                   "  plan:release(view.allocs[2])\n"
                   "  plan:release(view.allocs[2])\n"
                   "  plan:cancel(p)\n"
                   "  assert(plan:request { shape = 'big', count = 2,"
                   " walltime = 60 } == 2)\n"
                   "  assert(plan:request { shape = view.menu[1], count = 99 }"
                   " == 2)\n"
                   "  ctx.wake_at(ctx.now + 5)\n"
                   "end"));
    add_alloc(f, 4, 16 * GIB);
    add_alloc(f, 4, 16 * GIB);
    add_class(f, 10, 1, GIB);
    add_shape(f, "small", 4, 16 * GIB, 1);
    add_shape(f, "big", 8, 32 * GIB, 3);
    f->view.npending = 1;
    f->pending[0].phase = NEAP_VIEW_PENDING;
    f->pending[0].id = "a9";
    must_pack(f);
    assert_int_equal(assigned(f, 0, 0), 4);
    assert_int_equal(lines(f, NEAP_LINE_RELEASE), 1);
    assert_int_equal(line(f, NEAP_LINE_RELEASE, 0)->b, 1);
    assert_int_equal(lines(f, NEAP_LINE_CANCEL), 1);
    assert_int_equal(line(f, NEAP_LINE_REQUEST, 0)->a, 1);
    assert_int_equal(line(f, NEAP_LINE_REQUEST, 0)->n, 2);
    assert_true(line(f, NEAP_LINE_REQUEST, 0)->at == 60);
    /* five may be outstanding: one is, two were just asked for */
    assert_int_equal(line(f, NEAP_LINE_REQUEST, 1)->a, 0);
    assert_int_equal(line(f, NEAP_LINE_REQUEST, 1)->n, 2);
    assert_true(line(f, NEAP_LINE_WAKE, 0)->at == NOW + 5);
}

/* ---- asking and giving back ---- */

static void asks_for_the_cheapest_that_is_used(void **state)
{
    struct fixture *f = *state;

    must_load(f, NEAP_POLICY_PACK, PACK(""));
    add_shape(f, "small", 4, 16 * GIB, 0.2);
    add_shape(f, "big", 64, 256 * GIB, 3.2);
    add_class(f, 3, 1, GIB);
    must_pack(f);
    assert_int_equal(lines(f, NEAP_LINE_REQUEST), 1);
    assert_int_equal(line(f, NEAP_LINE_REQUEST, 0)->a, 0);
    f->classes[0].res.cpu = 16; /* only the big one holds it */
    must_pack(f);
    assert_int_equal(lines(f, NEAP_LINE_REQUEST), 1);
    assert_int_equal(line(f, NEAP_LINE_REQUEST, 0)->a, 1);
}

static void elastic_shapes_are_as_large_as_needed(void **state)
{
    struct fixture *f = *state;
    const struct neap_plan_line *l;

    must_load(f, NEAP_POLICY_PACK, PACK(""));
    add_shape(f, "local", 16, 64 * GIB, 0)->elastic = 1;
    add_class(f, 3, 1, GIB);
    add_class(f, 1, 2, 4 * GIB);
    must_pack(f);
    assert_int_equal(lines(f, NEAP_LINE_REQUEST), 1);
    l = line(f, NEAP_LINE_REQUEST, 0);
    assert_true(l->res.cpu == 5 && l->res.mem == 7 * GIB);
    f->classes[0].count = 1000; /* never more than there is */
    f->shapes[0].quota = 1;
    must_pack(f);
    assert_int_equal(lines(f, NEAP_LINE_REQUEST), 1);
    assert_true(line(f, NEAP_LINE_REQUEST, 0)->res.cpu <= 16);
}

static void pending_counts_whole(void **state)
{
    struct fixture *f = *state;

    must_load(f, NEAP_POLICY_PACK, PACK(""));
    add_shape(f, "small", 4, 16 * GIB, 0.2);
    add_class(f, 4, 1, GIB);
    f->view.npending = 1;
    f->pending[0].total.cpu = f->pending[0].free.cpu = 4;
    f->pending[0].total.mem = f->pending[0].free.mem = 16 * GIB;
    f->pending[0].phase = NEAP_VIEW_PENDING;
    must_pack(f);
    assert_int_equal(lines(f, NEAP_LINE_REQUEST), 0);
    f->classes[0].count = 5;
    must_pack(f);
    assert_int_equal(lines(f, NEAP_LINE_REQUEST), 1);
    f->view.max_pending = 1;
    must_pack(f);
    assert_int_equal(lines(f, NEAP_LINE_REQUEST), 0);
}

static void acquire_may_change_what_the_built_in_one_wants(void **state)
{
    struct fixture *f = *state;

    must_load(f, NEAP_POLICY_PACK,
              PACK("acquire = function(demand, ctx)\n"
                   "  local reqs = ctx.base.acquire(demand, ctx)\n"
                   "  for _, r in ipairs(reqs) do\n"
                   "    r.walltime = math.max(60, 2 * demand:max('expect'))\n"
                   "  end\n"
                   "  assert(demand.count >= #demand and demand:sum('cpu') > 0"
                   " or demand:max('cpu') == 0)\n"
                   "  return reqs\n"
                   "end"));
    add_shape(f, "small", 4, 16 * GIB, 0.2);
    add_class(f, 3, 1, GIB)->expect = 500;
    must_pack(f);
    assert_true(line(f, NEAP_LINE_REQUEST, 0)->at == 1000);
}

static void acquire_is_not_asked_where_nothing_is_to_be_had(void **state)
{
    struct fixture *f = *state;
    struct neap_shape_view *shape;

    must_load(f, NEAP_POLICY_PACK,
              PACK("acquire = function(demand)\n"
                   "  local own = demand:max('cpu') == 77\n"
                   "  return own and { { shape = 'small' } } or {}\n"
                   "end"));
    shape = add_shape(f, "small", 4, 16 * GIB, 0.2);
    add_class(f, 1, 77, GIB);
    shape->name = "other"; /* asked, it would fail */
    shape->quota = 0;
    must_pack(f);
    shape->name = "small";
    shape->quota = 1;
    must_pack(f);
    assert_int_equal(lines(f, NEAP_LINE_REQUEST), 1);
}

static void a_bad_request_is_explained(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        load_text(f, NEAP_POLICY_PACK,
                  PACK("acquire = function() return { { shap = 'x' } } end"),
                  NULL),
        NEAP_EEVAL);
    assert_text(f->err.text, "bad request 1");
    assert_text(f->err.text, "unknown field 'shap' of a request "
                             "(did you mean 'shape'?)");
}

static void idle_allocs_go_back(void **state)
{
    struct fixture *f = *state;

    must_load(f, NEAP_POLICY_PACK, PACK(""));
    add_alloc(f, 4, 16 * GIB)->idle = 299;
    add_alloc(f, 4, 16 * GIB)->idle = 300;
    add_alloc(f, 4, 16 * GIB)->ntasks = 1;
    must_pack(f);
    assert_int_equal(lines(f, NEAP_LINE_RELEASE), 1);
    assert_int_equal(line(f, NEAP_LINE_RELEASE, 0)->b, 1);
    f->view.nopen = 2;       /* the third one is full */
    add_class(f, 8, 1, GIB); /* work for both: nobody goes */
    must_pack(f);
    assert_int_equal(assigned(f, 0, 0), 4);
    assert_int_equal(assigned(f, 0, 1), 4);
    assert_int_equal(lines(f, NEAP_LINE_RELEASE), 0);
}

static void an_idle_alloc_makes_room_for_a_larger_one(void **state)
{
    struct fixture *f = *state;
    struct neap_shape_view *shape = add_shape(f, "node", 8, 64 * GIB, 0);

    must_load(f, NEAP_POLICY_PACK, PACK(""));
    shape->pool_name = "local";
    shape->elastic = 1;
    add_alloc(f, 2, 8 * GIB)->idle = 2;
    add_class(f, 1, 8, GIB);
    must_pack(f);
    assert_int_equal(lines(f, NEAP_LINE_RELEASE), 1);
    assert_int_equal(lines(f, NEAP_LINE_REQUEST), 1);
}

static void release_is_the_policy_s_own(void **state)
{
    struct fixture *f = *state;

    must_load(f, NEAP_POLICY_PACK,
              PACK("release = function(a) return a.idle >= 10 end"));
    add_alloc(f, 4, 16 * GIB)->idle = 9;
    must_pack(f);
    assert_int_equal(lines(f, NEAP_LINE_RELEASE), 0);
    assert_true(line(f, NEAP_LINE_WAKE, 0)->at == NOW + 9); /* asks again */
    f->allocs[0].idle = 18;
    must_pack(f);
    assert_int_equal(lines(f, NEAP_LINE_RELEASE), 1);
}

/* ---- priority ---- */

static int key(struct fixture *f, struct neap_key_view *task, double *out)
{
    const struct neap_priority_policy *p = neap_policy_host_priority(f->host);

    assert_non_null(p);
    f->err.text[0] = '\0';
    return p->key(p->ctx, task, out, &f->err);
}

static struct neap_key_view key_task(double seq)
{
    return (struct neap_key_view){ .id = "r1.1",
                                   .name = "align",
                                   .user = "ada",
                                   .run = "r1",
                                   .now = NOW,
                                   .seq = seq,
                                   .attempt = 1,
                                   .priority = 5,
                                   .res = { .cpu = 2 } };
}

static void keys_come_back(void **state)
{
    struct fixture *f = *state;
    struct neap_key_view task = key_task(7);
    double out[NEAP_KEYS_MAX];

    must_load(f, NEAP_POLICY_PRIORITY,
              PRIORITY("refresh = 10, key = function(t, ctx)\n"
                       "  return t.priority, -t.res.cpu, t.seq,"
                       " t.user == 'ada' and 1 or 0\n"
                       "end"));
    assert_int_equal(key(f, &task, out), 4);
    assert_true(out[0] == 5 && out[1] == -2 && out[2] == 7 && out[3] == 1);
    assert_true(neap_policy_host_priority(f->host)->refresh == 10);
    assert_null(neap_policy_host_priority(f->host)->ended);
}

static const char counting[] =
    PRIORITY("init = function(ctx) ctx.state.n = ctx.state.n or 0 end,\n"
             "key = function(t, ctx) return ctx.state.n, t.seq end,\n"
             "on = { ['task.done'] = function(ev, ctx)\n"
             "  ctx.state.n = ctx.state.n + ev.runtime * ev.task.res.cpu\n"
             "end }");

static void state_outlives_a_reload(void **state)
{
    struct fixture *f = *state;
    struct neap_key_view task = key_task(7);
    const struct neap_priority_policy *p;
    double out[NEAP_KEYS_MAX];

    must_load(f, NEAP_POLICY_PRIORITY, counting);
    p = neap_policy_host_priority(f->host);
    assert_non_null(p->ended);
    p->ended(p->ctx, &task, 10, 1);
    p->ended(p->ctx, &task, 5, 0);
    assert_int_equal(key(f, &task, out), 2);
    assert_true(out[0] == 30); /* the checks have left nothing behind */
    must_load(f, NEAP_POLICY_PRIORITY, counting);
    assert_int_equal(key(f, &task, out), 2);
    assert_true(out[0] == 30);
}

static void bad_keys_are_refused(void **state)
{
    struct fixture *f = *state;
    struct neap_key_view task = key_task(7);
    double out[NEAP_KEYS_MAX] = { 42 };

    must_load(f, NEAP_POLICY_PRIORITY,
              PRIORITY("key = function(t) return t.seq == 7 and 0/0 or 1 end"));
    assert_true(key(f, &task, out) < 0);
    assert_text(f->err.text, "key() gave nan as value 1 for task 'r1.1'");
    assert_true(out[0] == 42);
    must_load(f, NEAP_POLICY_PRIORITY,
              PRIORITY("key = function(t)\n"
                       "  if t.seq == 7 then return 1, t.name end\n"
                       "  if t.seq == 8 then return end\n"
                       "  return 1, 2, 3, 4, 5, 6, 7, 8\n"
                       "end"));
    assert_true(key(f, &task, out) < 0);
    assert_text(f->err.text, "key() gave string as value 2");
    task.seq = 8;
    assert_true(key(f, &task, out) < 0);
    assert_text(f->err.text, "returned 0 values");
    task.seq = 9;
    assert_int_equal(key(f, &task, out), 8);
}

/* ---- what is known about a policy ---- */

static void info_tells(void **state)
{
    struct fixture *f = *state;
    struct neap_policy_info info;

    neap_policy_host_info(f->host, NEAP_POLICY_PACK, &info);
    assert_int_equal(info.state, NEAP_POLICY_NONE);
    assert_string_equal(info.name, "");
    assert_null(neap_policy_host_pack(f->host));
    must_load(f, NEAP_POLICY_PACK,
              PACK("cost = function() return 1 end, release = false"));
    add_alloc(f, 4, 16 * GIB);
    add_class(f, 1, 1, GIB);
    must_pack(f);
    neap_policy_host_info(f->host, NEAP_POLICY_PACK, &info);
    assert_int_equal(info.state, NEAP_POLICY_ACTIVE);
    assert_true(strncmp(info.name, "made@", 5) == 0);
    assert_int_equal(strlen(info.name), 9);
    assert_string_equal(info.hooks, "cost");
    assert_int_equal(info.calls, 1);
    assert_int_equal(info.candidates, 1);
    assert_true(info.mean_ns > 0);
    assert_string_equal(neap_policy_host_pack(f->host)->name, info.name);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(best_fit_is_the_default),
        TEST(cost_decides),
        TEST(never_more_than_fits),
        TEST(what_does_not_fit_blocks_nobody),
        TEST(other_labels_and_constraints_count),
        TEST(only_open_allocs_are_looked_at),
        TEST(a_refusal_has_its_words),
        TEST(every_field_can_be_read),
        TEST(place_has_full_control),
        TEST(asks_for_the_cheapest_that_is_used),
        TEST(elastic_shapes_are_as_large_as_needed),
        TEST(pending_counts_whole),
        TEST(acquire_may_change_what_the_built_in_one_wants),
        TEST(acquire_is_not_asked_where_nothing_is_to_be_had),
        TEST(a_bad_request_is_explained),
        TEST(idle_allocs_go_back),
        TEST(an_idle_alloc_makes_room_for_a_larger_one),
        TEST(release_is_the_policy_s_own),
        TEST(keys_come_back),
        TEST(state_outlives_a_reload),
        TEST(bad_keys_are_refused),
        TEST(info_tells),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
