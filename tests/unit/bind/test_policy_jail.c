/* The guard alone: raw Lua chunks with all libraries, FFI and coroutines
 * included, as bad as can be; each in a VM that is thrown away. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "base/clock.h"
#include "bind/policy/arena.h"
#include "bind/policy/jail.h"

#define BUDGET_NS (20 * NEAP_MSEC)
#define ROUNDS    5

static const struct chunk {
    const char *text;
    enum neap_jail_end end;
} chunks[] = {
    { "while true do end", NEAP_JAIL_OVERRUN },
    { "local x=0 while true do x=x+1 end", NEAP_JAIL_OVERRUN },
    { "local s='' while true do s=s..'x' if #s>1000 then s='' end end",
      NEAP_JAIL_OVERRUN },
    { "local p=require'ffi'.cast('int*',0) p[0]=1", NEAP_JAIL_FAULT },
    { "local p=require'ffi'.cast('int*',16) local s=0 "
      "for i=1,1e9 do s=s+p[i] end",
      NEAP_JAIL_FAULT },
    { "require'ffi'.string(require'ffi'.cast('char*',64))", NEAP_JAIL_FAULT },
    { "local function f() return f() end f()", NEAP_JAIL_OVERRUN },
    { "local function f() f() end f()", NEAP_JAIL_RETURNED },
    { "local t={} while true do t[#t+1]=('x'):rep(1e6)..#t end",
      NEAP_JAIL_RETURNED },
    { "local s=string.rep('a',30000) s:find(('.-'):rep(30)..'b')",
      NEAP_JAIL_OVERRUN },
    { "for i=1,1e7 do coroutine.wrap(function() while true do end end)() end",
      NEAP_JAIL_OVERRUN },
    { "error('x')", NEAP_JAIL_RETURNED },
    { "return pcall(function() while true do end end)", NEAP_JAIL_OVERRUN },
    { "while true do pcall(error,'x') end", NEAP_JAIL_OVERRUN },
    { "return 1", NEAP_JAIL_RETURNED },
};

/* cmocka has its own handlers of faults in each test; these are the jail's. */
static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE };
static struct sigaction jail_action[3];

static void learn_handlers(void)
{
    neap_jail_destroy(neap_jail_create(NULL));
    for (int i = 0; i < 3; i++)
        sigaction(faults[i], NULL, &jail_action[i]);
}

static void use_handlers(void)
{
    for (int i = 0; i < 3; i++)
        sigaction(faults[i], &jail_action[i], NULL);
}

static void call_lua(void *L)
{
    (void)lua_pcall(L, 0, 0, 0);
}

static enum neap_jail_end run_chunk(struct neap_jail *jail, const char *text)
{
    struct neap_arena arena;
    enum neap_jail_end end;
    lua_State *L;

    assert_int_equal(neap_arena_init(&arena, 64 << 20), 0);
    L = lua_newstate(neap_arena_alloc, &arena);
    assert_non_null(L);
    luaL_openlibs(L);
    assert_int_equal(luaL_loadstring(L, text), 0);
    end = neap_jail_call(jail, BUDGET_NS, call_lua, L);
    if (end == NEAP_JAIL_RETURNED)
        lua_close(L);
    neap_arena_deinit(&arena);
    return end;
}

static void every_chunk_is_contained(void **state)
{
    struct neap_jail *jail = neap_jail_create(NULL);
    int64_t worst_ns = 0;

    (void)state;
    assert_non_null(jail);
    use_handlers();
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < sizeof(chunks) / sizeof(*chunks); i++) {
            int64_t start_ns = neap_clock_mono_ns();
            enum neap_jail_end end = run_chunk(jail, chunks[i].text);

            start_ns = neap_clock_mono_ns() - start_ns;
            if (start_ns > worst_ns)
                worst_ns = start_ns;
            /* a slow machine may stop what ends by itself elsewhere */
            if (end != chunks[i].end && !(chunks[i].end == NEAP_JAIL_RETURNED &&
                                          end == NEAP_JAIL_OVERRUN))
                fail_msg("'%s' ended with %d", chunks[i].text, end);
        }
    }
    print_message("worst call: %.1f ms of %d\n", (double)worst_ns / 1e6,
                  (int)(BUDGET_NS / NEAP_MSEC));
    neap_jail_destroy(jail);
}

static void count_up(void *arg)
{
    ++*(int *)arg;
}

/* Short calls share a timer that fires now and then: none is cut off. */
static void short_calls_return(void **state)
{
    struct neap_jail *jail = neap_jail_create(NULL);
    int64_t start_ns = neap_clock_mono_ns();
    int n = 0, calls = 0;

    (void)state;
    while (neap_clock_mono_ns() - start_ns < 100 * NEAP_MSEC) {
        calls++;
        assert_int_equal(neap_jail_call(jail,
                                        2 * NEAP_MSEC + NEAP_SEC * (calls % 2),
                                        count_up, &n),
                         NEAP_JAIL_RETURNED);
    }
    assert_int_equal(n, calls);
    /* a long budget before does not make a short one longer */
    assert_int_equal(run_chunk(jail, "while true do end"), NEAP_JAIL_OVERRUN);
    neap_jail_destroy(jail);
    neap_jail_destroy(NULL);
}

/* A crash of the program itself stays a crash. */
static void faults_outside_are_not_hidden(void **state)
{
    pid_t pid = fork();
    int status;

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0) {
        struct neap_jail *jail = neap_jail_create(NULL);
        volatile int *volatile wild = (volatile int *)(uintptr_t)64;

        use_handlers();
        (void)run_chunk(jail, "return 1");
        fclose(stderr); /* a sanitizer's report */
        *wild = 1;
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void arena_gives_and_takes(void **state)
{
    struct neap_arena a;
    char *p, *q;

    (void)state;
    assert_int_equal(neap_arena_init(&a, 4096), 0);
    p = neap_arena_alloc(&a, NULL, 0, 100);
    assert_non_null(p);
    p[99] = 'x';
    p = neap_arena_alloc(&a, p, 100, 1000);
    assert_int_equal(p[99], 'x');
    q = neap_arena_alloc(&a, NULL, 0, 100); /* the first block again */
    assert_non_null(q);
    assert_int_equal(a.used, 128 + 1024);
    assert_null(neap_arena_alloc(&a, NULL, 0, 4096));
    assert_null(neap_arena_alloc(&a, NULL, 0, SIZE_MAX));
    assert_null(neap_arena_alloc(&a, p, 1000, 1 << 20));
    assert_int_equal(p[99], 'x'); /* a failed growth leaves the block */
    assert_null(neap_arena_alloc(&a, p, 1000, 0));
    assert_ptr_equal(neap_arena_alloc(&a, NULL, 0, 1024), p);
    neap_arena_deinit(&a);
    neap_arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_gives_and_takes),
        cmocka_unit_test(short_calls_return),
        cmocka_unit_test(every_chunk_is_contained),
        cmocka_unit_test(faults_outside_are_not_hidden),
    };

    learn_handlers();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
