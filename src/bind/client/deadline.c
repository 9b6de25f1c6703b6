/* The end for a script that never turns the loop: it cannot see that its time
 * is over, nor that somebody asked it to end. alarm() can end it all the same;
 * the engine notices and ends the run.
 *
 * The alarm is a matter of the process, hence the static state.
 */
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "bind/client/parts.h"

#define LONGEST_S 100000000.0 /* what alarm() takes everywhere: 3 years */

static atomic_int exit_code;

static void on_alarm(int number)
{
    static const char text[] = "neap: the script never waits, so it cannot "
                               "end by itself; it is stopped\n";

    (void)number;
    /* nobody is left to whom a failure to say it could be told */
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        _exit(atomic_load(&exit_code));
    _exit(atomic_load(&exit_code));
}

void neap_client_deadline_set(unsigned seconds, int code)
{
    atomic_store(&exit_code, code);
    (void)alarm(seconds);
}

void neap_client_deadline_clear(void)
{
    (void)alarm(0);
}

/* core.deadline(seconds, code): unless it is cleared by then, the process
 * exits with `code`, whatever Lua is doing. core.deadline(): none.
 *
 * Whole seconds, rounded up. There is one; the later call counts. */
static int core_deadline(lua_State *L)
{
    double seconds;
    int code;

    if (lua_isnoneornil(L, 1)) {
        neap_client_deadline_clear();
        return 0;
    }
    seconds = luaL_checknumber(L, 1);
    luaL_argcheck(L, seconds > 0, 1, "a positive number of seconds");
    code = (int)luaL_checkinteger(L, 2);
    luaL_argcheck(L, code >= 0 && code <= 255, 2, "an exit code, 0 to 255");
    neap_client_deadline_catch();
    neap_client_deadline_set((unsigned)ceil(fmin(seconds, LONGEST_S)), code);
    return 0;
}

void neap_client_deadline_catch(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_alarm;
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGALRM, &action, NULL);
}

const luaL_Reg neap_client_deadline_functions[] = {
    { "deadline", core_deadline },
    { NULL, NULL },
};
