/* Policies that break: each is contained, and the host can be used after. */
#include "policy_fixture.h"

#define BOUND_NS (2 * NEAP_SEC) /* generous: other work on the machine */

/* A packing policy that is harmless in its checks and, for the task that the
 * tests use, does `body` in cost. */
#define HOSTILE(body)                \
 PACK("cost = function(t, a, ctx)\n" \
      "  if t.id ~= 'r1.1' then return 1 end\n" body "\nend")

static void one_task_one_alloc(struct fixture *f)
{
    clear_view(f);
    add_alloc(f, 4, 16 * GIB);
    add_class(f, 1, 1, GIB);
}

/* After whatever happened: a sound policy loads and decides. */
static void check_usable(struct fixture *f)
{
    must_load(f, NEAP_POLICY_PACK, PACK("cost = function() return 1 end"));
    one_task_one_alloc(f);
    must_pack(f);
    assert_int_equal(assigned(f, 0, 0), 1);
}

static const struct hostile {
    const char *name, *text;
    int code; /* 0: memory or time, whichever ends first */
    const char *says;
} hostile[] = {
    { "endless loop", HOSTILE("while true do end"), NEAP_ETIMEOUT,
      "ran for more than" },
    { "compiled loop", HOSTILE("local x = 0 while true do x = x + 1 end"),
      NEAP_ETIMEOUT, "ran for more than" },
    { "loop behind pcall",
      HOSTILE("while true do pcall(function() while true do end end) end"),
      NEAP_ETIMEOUT, "ran for more than" },
    { "errors behind pcall", HOSTILE("while true do pcall(error, 'x') end"),
      NEAP_ETIMEOUT, "ran for more than" },
    { "tail calls", HOSTILE("local function f() return f() end return f()"),
      NEAP_ETIMEOUT, "ran for more than" },
    { "pattern bomb",
      HOSTILE("local s = string.rep('a', 30000)\n"
              "return s:find(('.-'):rep(30) .. 'b')"),
      NEAP_ETIMEOUT, "ran for more than" },
    { "string bomb",
      HOSTILE("local s = 'xxxxxxxx' while true do s = s .. s end"), 0,
      "made@" },
    { "long string", HOSTILE("return #string.rep('a', 1e9)"), NEAP_EEVAL,
      "larger than 1 MiB" },
    { "memory bomb", HOSTILE("local t = {} while true do t[#t + 1] = {} end"),
      0, "" },
    { "deep recursion",
      HOSTILE("local function f() return 1 + f() end\n"
              "return f()"),
      NEAP_EEVAL, "stack overflow" },
    { "nil field", HOSTILE("local x return x.y"), NEAP_EEVAL,
      "attempt to index" },
    { "unknown field", HOSTILE("return a.life_lef"), NEAP_EEVAL,
      "made.lua:5: 'alloc.life_lef' is no field of alloc "
      "(did you mean 'life_left'?)" },
    { "unknown resource", HOSTILE("return a.free.memory"), NEAP_EEVAL,
      "did you mean 'mem'?" },
    { "unknown field of ctx", HOSTILE("return ctx.stat"), NEAP_EEVAL,
      "did you mean 'state'?" },
    { "unknown parameter", HOSTILE("return ctx.params.x"), NEAP_EEVAL,
      "'x' is no parameter of this policy" },
    { "nan", HOSTILE("return 0 / 0"), NEAP_EEVAL,
      "cost() gave nan for task 'align' on alloc a1" },
    { "text", HOSTILE("return 'cheap'"), NEAP_EEVAL,
      "cost() gave the string \"cheap\"" },
    { "table", HOSTILE("return {}"), NEAP_EEVAL, "no number but a table" },
    { "error", HOSTILE("error('I give up')"), NEAP_EEVAL,
      "made.lua:5: I give up" },
    { "error that is a table", HOSTILE("error({})"), NEAP_EEVAL,
      "an error that is no text" },
    { "writes to the view", HOSTILE("a.idle = 3 return 1"), NEAP_EEVAL,
      "alloc.idle cannot be set: the view is read-only" },
    { "writes to free", HOSTILE("a.free.cpu = 99 return 1"), NEAP_EEVAL,
      "read-only" },
    { "globals", HOSTILE("return os.time()"), NEAP_EEVAL,
      "there is no global 'os'" },
    { "coroutines", HOSTILE("return coroutine.wrap(cost)()"), NEAP_EEVAL,
      "there is no global 'coroutine'" },
    { "other modules", HOSTILE("return require('ffi').new('int')"), NEAP_EEVAL,
      "a policy can require 'neap.policy', 'neap.policy.craft' and "
      "'policies.NAME', not 'ffi'" },
};

/* What is refused at load does not get to a round. */
static void run_hostile(struct fixture *f, const struct hostile *h)
{
    int64_t start_ns;
    int rc = load_text(f, NEAP_POLICY_PACK, h->text, NULL);

    if (rc == 0) {
        one_task_one_alloc(f);
        start_ns = neap_clock_mono_ns();
        rc = pack(f);
        assert_true(neap_clock_mono_ns() - start_ns < BOUND_NS);
        assert_int_equal(f->plan.count, 0);
        assert_int_equal(f->errors, 1);
        assert_text(f->error, "made@");
    }
    if (rc >= 0 || (h->code && rc != h->code) || !strstr(f->err.text, h->says))
        fail_msg("%s: %d %s", h->name, rc, f->err.text);
    f->errors = 0;
}

static void each_is_contained(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
        run_hostile(f, &hostile[i]);
        check_usable(f);
    }
}

static const char keeping[] =
    "local policy = require 'neap.policy'\n"
    "local kept, kept_free, kept_task\n"
    "return policy.pack 'made' { api = 1, release = false,\n"
    "  place = function(view, plan, ctx)\n"
    "    local t, a = view.tasks[1], view.allocs[1]\n"
    "    if not (t and t.id:find('^r1')) then return end\n"
    "    if t.id == 'r1.1' then\n"
    "      kept, kept_free, kept_task = a, a.free, t\n"
    "    elseif t.id == 'r1.2' then return kept.idle\n"
    "    elseif t.id == 'r1.3' then return kept_free.cpu\n"
    "    else plan:assign(kept_task, a) end\n"
    "  end }\n";

static void a_kept_view_is_stale(void **state)
{
    struct fixture *f = *state;
    static const char *const ids[] = { "r1.2", "r1.3", "r1.4" };

    for (int i = 0; i < 3; i++) {
        must_load(f, NEAP_POLICY_PACK, keeping);
        one_task_one_alloc(f);
        must_pack(f);
        f->classes[0].id = ids[i];
        assert_int_equal(pack(f), NEAP_EEVAL);
        assert_text(f->err.text, "stale view: this");
        assert_text(f->err.text, "belongs to an earlier call");
        assert_text(f->err.text, "made.lua:");
        assert_int_equal(f->plan.count, 0);
    }
    check_usable(f);
}

/* Three failures of an otherwise sound policy within a minute. */
static void three_strikes(void **state)
{
    struct fixture *f = *state;
    const struct neap_pack_policy *p;
    struct neap_policy_info info;

    must_load(f, NEAP_POLICY_PACK, HOSTILE("error('no')"));
    p = neap_policy_host_pack(f->host);
    one_task_one_alloc(f);
    assert_true(pack(f) < 0);
    f->classes[0].id = "r1.2";
    must_pack(f); /* it goes on meanwhile */
    f->classes[0].id = "r1.1";
    assert_true(pack(f) < 0);
    assert_int_equal(f->errors, 2);
    neap_policy_host_info(f->host, NEAP_POLICY_PACK, &info);
    assert_int_equal(info.strikes, 2);
    assert_int_equal(info.state, NEAP_POLICY_ACTIVE);
    assert_true(pack(f) < 0);
    assert_int_equal(f->errors, 4); /* the third, and the quarantine */
    assert_null(neap_policy_host_pack(f->host));
    neap_policy_host_info(f->host, NEAP_POLICY_PACK, &info);
    assert_int_equal(info.state, NEAP_POLICY_QUARANTINED);
    assert_int_equal(info.errors, 3);
    assert_text(info.last_error, "made.lua:5: no");
    /* who still holds it is told so */
    assert_int_equal(p->pack(p->ctx, &f->view, &f->plan, &f->err),
                     NEAP_EUNAVAILABLE);
    assert_int_equal(f->errors, 4);
    check_usable(f);
}

/* A VM that was thrown away comes back with the state that was saved. */
static void state_outlives_a_kill(void **state)
{
    struct fixture *f = *state;

    must_load(f, NEAP_POLICY_PACK,
              PACK("cost = function(t, a, ctx)\n"
                   "  if t.id == 'r1.9' then while true do end end\n"
                   "  if t.id == 'r1.1' then ctx.state.seen = t.name end\n"
                   "  if t.id == 'r1.2' then error(ctx.state.seen) end\n"
                   "  return 1\n"
                   "end"));
    one_task_one_alloc(f);
    must_pack(f);
    f->classes[0].id = "r1.9";
    assert_int_equal(pack(f), NEAP_ETIMEOUT);
    f->classes[0].id = "r1.2";
    assert_int_equal(pack(f), NEAP_EEVAL);
    assert_text(f->err.text, "made.lua:6: align");
}

/* State is plain data: anything else is a failure, not a surprise later. */
static void state_is_plain_data(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(load_text(f, NEAP_POLICY_PACK,
                               PACK("init = function(ctx)\n"
                                    "  ctx.state.f = function() end\n"
                                    "end"),
                               NULL),
                     NEAP_EEVAL);
    assert_text(f->err.text, "ctx.state holds more than plain data");
}

static void a_broken_file_changes_nothing(void **state)
{
    struct fixture *f = *state;

    check_usable(f);
    assert_int_equal(load_text(f, NEAP_POLICY_PACK, "return {", NULL),
                     NEAP_EEVAL);
    assert_text(f->err.text, "made.lua:1:");
    assert_int_equal(neap_policy_host_load(f->host, NEAP_POLICY_PACK, "defalt",
                                           NULL, &f->err),
                     NEAP_ENOTEXIST);
    assert_text(f->err.text, "there is no policy 'defalt'");
    assert_text(f->err.text, "default");
    assert_int_equal(neap_policy_host_load(f->host, NEAP_POLICY_PACK,
                                           "/nowhere/x.lua", NULL, &f->err),
                     NEAP_ENOTEXIST);
    must_pack(f);
    assert_int_equal(assigned(f, 0, 0), 1);
}

static void all_problems_are_listed(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(load_text(f, NEAP_POLICY_PACK,
                               PACK("cots = 1, fill = function() end,"
                                    " release = 3"),
                               NULL),
                     NEAP_EEVAL);
    assert_text(f->err.text, "unknown field 'cots' of policy.pack "
                             "(did you mean 'cost'?)");
    assert_text(f->err.text, "'fill' is not carried out by this version");
    assert_text(f->err.text, "'release' must be a function, not a number");
    assert_int_equal(load_text(f, NEAP_POLICY_PACK,
                               PACK("cost = function(t, a)\n"
                                    "  return a.idle / t.res.cpu - a.idle /"
                                    " t.res.cpu\nend"),
                               NULL),
                     NEAP_EEVAL);
    assert_text(f->err.text, "case \"zero sizes\": cost() gave nan");
    assert_int_equal(load_text(f, NEAP_POLICY_PACK,
                               "local x = ipair\n"
                               "if x then y = io.open end\n",
                               NULL),
                     NEAP_EEVAL);
    assert_text(f->err.text, "made.lua:1: there is no global 'ipair' in a "
                             "policy (did you mean 'ipairs'?)");
    assert_text(f->err.text, "made.lua:2: there is no global 'io'");
    assert_text(f->err.text, "made.lua:2: a policy has no globals: write "
                             "'local y'");
    assert_int_equal(load_text(f, NEAP_POLICY_PRIORITY, PACK(""), NULL),
                     NEAP_EEVAL);
    assert_text(f->err.text, "is a pack policy, not a priority policy");
    assert_int_equal(load_text(f, NEAP_POLICY_PRIORITY, PRIORITY(""), NULL),
                     NEAP_EEVAL);
    assert_text(f->err.text, "needs a function `key`");
}

static const char with_params[] =
    PACK("params = { margin = { default = '60s', type = 'duration' },\n"
         "  w = { default = 1, min = 0, max = 5 },\n"
         "  mode = { default = 'a', allowed = { 'a', 'fast' } } },\n"
         "cost = function(t, a, ctx)\n"
         "  local p = ctx.params\n"
         "  return p.margin + p.w + #p.mode\n"
         "end");

static void parameters_are_checked(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *json, *says;
    } bad[] = {
        { "{\"margn\": 1}", "unknown parameter 'margn' (did you mean "
                            "'margin'?)" },
        { "{\"margin\": \"long\"}", "parameter 'margin': 'long' is no time" },
        { "{\"w\": \"x\"}", "parameter 'w': expected a number, got \"x\"" },
        { "{\"w\": -1}", "parameter 'w': must be at least 0, not -1" },
        { "{\"w\": 6}", "parameter 'w': must be at most 5, not 6" },
        { "{\"mode\": \"fsat\"}", "must be one of a, fast, not \"fsat\" (did "
                                  "you mean 'fast'?)" },
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(load_text(f, NEAP_POLICY_PACK, with_params,
                                   bad[i].json),
                         NEAP_EEVAL);
        assert_text(f->err.text, bad[i].says);
    }
    assert_int_equal(load_text(f, NEAP_POLICY_PACK, with_params, "[1]"),
                     NEAP_EINVAL);
    assert_int_equal(load_text(f, NEAP_POLICY_PACK, with_params, "{\"w\": "),
                     NEAP_EINVAL);
    assert_int_equal(load_text(f, NEAP_POLICY_PACK, with_params,
                               "{\"margin\": \"2m\", \"w\": 2.5}"),
                     0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_is_contained),       TEST(a_kept_view_is_stale),
        TEST(three_strikes),           TEST(state_outlives_a_kill),
        TEST(state_is_plain_data),     TEST(a_broken_file_changes_nothing),
        TEST(all_problems_are_listed), TEST(parameters_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
