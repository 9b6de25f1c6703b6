/* See the header.
 *
 * The first half of a budget is time on the clock, which costs nothing to
 * read; the second half is time of this thread on a processor, so that a call
 * is not cut off for what others on the machine do.
 *
 * One timer per jail. It is not set and cleared around each call, which would
 * cost more than a short call: it is set when a call begins and it is not
 * running; when it fires, the handler looks whether a call has overrun, and
 * sets it again while one is under way. A burst of short calls costs two
 * system calls per budget.
 *
 * Handlers run on an alternate stack with nothing blocked (SA_NODEFER), so a
 * jump out of them leaves the signal mask as it was.
 */
#include "bind/policy/jail.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define STACK_BYTES (256 * 1024)
#define RETRY_NS    (200 * NEAP_USEC)
#define RANGES_MAX  256

#ifdef NEAP_SANITIZE
# define NO_SANITIZE __attribute__((no_sanitize("address", "undefined")))
void __asan_handle_no_return(void);
# define NO_RETURN_COMING() __asan_handle_no_return()
#else
# define NO_SANITIZE
# define NO_RETURN_COMING() ((void)0)
#endif

struct neap_jail {
    timer_t timer;
    sigjmp_buf out;
    int signal;
    volatile int64_t half_ns;  /* of the budget; 0: no call under way */
    volatile int64_t begin_ns; /* of the call, monotonic */
    volatile int64_t cpu_ns; /* of this thread when half was over; 0: not yet */
    volatile int64_t tick_ns; /* when the timer fires; 0: it is not set */
};

/* Code in which a call must not be cut off: of all objects but the one that is
 * LuaJIT. Filled once. */
static struct range {
    uintptr_t lo, hi;
    int is_ours;
} no_jump[RANGES_MAX];
static int no_jump_count;

static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE };
static struct sigaction old_action[3]; /* of faults[] */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *once_problem; /* NULL: ready */

/* The jail that is calling on this thread. */
static _Thread_local struct neap_jail *volatile calling;

NO_SANITIZE static int64_t read_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return t.tv_sec * NEAP_SEC + t.tv_nsec;
}

NO_SANITIZE static void set_timer(struct neap_jail *jail, int64_t ns)
{
    struct itimerspec spec = { .it_value = { ns / NEAP_SEC, ns % NEAP_SEC } };

    jail->tick_ns = read_ns(CLOCK_MONOTONIC) + ns;
    timer_settime(jail->timer, 0, &spec, NULL);
}

static int holds(const struct dl_phdr_info *info, uintptr_t address)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        uintptr_t lo = info->dlpi_addr + ph->p_vaddr;

        if (ph->p_type == PT_LOAD && address >= lo &&
            address < lo + ph->p_memsz)
            return 1;
    }
    return 0;
}

/* Addresses inside LuaJIT and inside our own code. They must be in different
 * objects: libluajit and a program, or a stock luajit and a module of ours. */
struct scan {
    uintptr_t luajit, ours;
    int found;
};

static int note_object(struct dl_phdr_info *info, size_t size, void *ud)
{
    struct scan *scan = ud;
    int is_ours = holds(info, scan->ours);

    (void)size;
    if (!is_ours && holds(info, scan->luajit)) {
        scan->found = 1;
        return 0;
    }
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        struct range *range = &no_jump[no_jump_count];

        if (ph->p_type != PT_LOAD || !(ph->p_flags & PF_X))
            continue;
        if (no_jump_count == RANGES_MAX)
            return 1;
        range->lo = info->dlpi_addr + ph->p_vaddr;
        range->hi = range->lo + ph->p_memsz;
        range->is_ours = is_ours;
        no_jump_count++;
    }
    return 0;
}

static uintptr_t program_counter(const void *context)
{
    const ucontext_t *uc = context;
#if defined(__x86_64__)
    return (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)uc->uc_mcontext.pc;
#else
# error "where is the program counter on this machine?"
#endif
}

/* Is `pc` in an object that is not LuaJIT? In one of ours, if `only_ours`? */
NO_SANITIZE static int is_foreign(uintptr_t pc, int only_ours)
{
    for (int i = 0; i < no_jump_count; i++) {
        if (pc >= no_jump[i].lo && pc < no_jump[i].hi)
            return !only_ours || no_jump[i].is_ours;
    }
    return 0;
}

NO_SANITIZE static _Noreturn void leave(struct neap_jail *jail, int sig)
{
    jail->signal = sig;
    jail->half_ns = 0;
    NO_RETURN_COMING();
    siglongjmp(jail->out,
               sig == SIGRTMIN ? NEAP_JAIL_OVERRUN : NEAP_JAIL_FAULT);
}

/* How long the call may still go on, in nanoseconds. */
NO_SANITIZE static int64_t left_ns(struct neap_jail *jail)
{
    int64_t left = jail->begin_ns + jail->half_ns - read_ns(CLOCK_MONOTONIC);
    int64_t cpu = read_ns(CLOCK_THREAD_CPUTIME_ID);

    if (jail->cpu_ns == 0) {
        if (left > 0)
            return left;
        jail->cpu_ns = cpu;
    }
    return jail->cpu_ns + jail->half_ns - cpu;
}

NO_SANITIZE static void on_timer(int sig, siginfo_t *info, void *context)
{
    struct neap_jail *jail = info->si_value.sival_ptr;
    int64_t left;

    if (jail != calling || jail->half_ns == 0) {
        jail->tick_ns = 0;
        return;
    }
    left = left_ns(jail);
    if (left <= 0 && !is_foreign(program_counter(context), 0)) {
        jail->tick_ns = 0;
        leave(jail, sig);
    }
    set_timer(jail, left > RETRY_NS ? left : RETRY_NS);
}

/* A fault in a jailed call ends the call, also one in libc, which was given a
 * wild pointer. A fault in our own code is a real crash, as is any
 * outside of a call: what was installed before gets it when the instruction
 * runs again. */
NO_SANITIZE static void on_fault(int sig, siginfo_t *info, void *context)
{
    struct neap_jail *jail = calling;

    (void)info;
    if (jail && jail->half_ns != 0 && !is_foreign(program_counter(context), 1))
        leave(jail, sig);
    for (int i = 0; i < 3; i++) {
        if (faults[i] == sig)
            sigaction(sig, &old_action[i], NULL);
    }
    if (info->si_code <= 0) /* sent by kill(): it would not come again */
        raise(sig);
}

static void install(void)
{
    struct sigaction action = { .sa_flags = SA_ONSTACK | SA_SIGINFO |
                                            SA_NODEFER | SA_RESTART };
    struct scan scan = { .luajit =
                             (uintptr_t)dlsym(RTLD_DEFAULT, "lua_newstate"),
                         .ours = (uintptr_t)install };

    if (dl_iterate_phdr(note_object, &scan) != 0)
        once_problem = "too many shared objects are loaded";
    else if (!scan.found)
        once_problem = "LuaJIT is part of this program here";
    if (once_problem)
        return;
    sigemptyset(&action.sa_mask);
    action.sa_sigaction = on_timer;
    sigaction(SIGRTMIN, &action, NULL);
    action.sa_sigaction = on_fault;
    for (int i = 0; i < 3; i++)
        sigaction(faults[i], &action, &old_action[i]);
}

/* The signal stack of a thread; its jails share it and come and go in any
 * order. */
static _Thread_local struct {
    void *memory;
    stack_t before;
    int users;
} stack;

static int take_stack(void)
{
    stack_t mine = { .ss_size = STACK_BYTES };

    if (stack.users++ > 0)
        return 0;
    mine.ss_sp = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    stack.memory = mine.ss_sp;
    if (mine.ss_sp != MAP_FAILED && sigaltstack(&mine, &stack.before) == 0)
        return 0;
    if (mine.ss_sp != MAP_FAILED)
        munmap(mine.ss_sp, STACK_BYTES);
    stack.users--;
    return -1;
}

static void give_stack(void)
{
    if (--stack.users > 0)
        return;
    sigaltstack(&stack.before, NULL);
    munmap(stack.memory, STACK_BYTES);
}

static int make_timer(struct neap_jail *jail)
{
    struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID,
                              .sigev_signo = SIGRTMIN };

    event.sigev_value.sival_ptr = jail;
    event._sigev_un._tid = (int)syscall(SYS_gettid);
    return timer_create(CLOCK_MONOTONIC, &event, &jail->timer);
}

struct neap_jail *neap_jail_create(struct neap_err *err)
{
    struct neap_jail *jail;

    pthread_once(&once, install);
    if (once_problem) {
        neap_err_set(err, NEAP_ENOTSUPPORTED,
                     "policies in Lua cannot be guarded: %s", once_problem);
        return NULL;
    }
    jail = NEAP_NEW(struct neap_jail);
    if (take_stack() != 0) {
        neap_err_set(err, NEAP_EUNAVAILABLE,
                     "no signal stack for the guard of policies");
        goto fail;
    }
    if (make_timer(jail) != 0) {
        neap_err_set(err, NEAP_EUNAVAILABLE,
                     "no timer for the guard of policies");
        goto fail_stack;
    }
    return jail;

fail_stack:
    give_stack();
fail:
    neap_free(jail);
    return NULL;
}

void neap_jail_destroy(struct neap_jail *jail)
{
    struct timespec none = { 0 };
    sigset_t mine, before;

    if (!jail)
        return;
    /* a tick that is under way must not find a freed jail */
    sigemptyset(&mine);
    sigaddset(&mine, SIGRTMIN);
    pthread_sigmask(SIG_BLOCK, &mine, &before);
    timer_delete(jail->timer);
    while (sigtimedwait(&mine, NULL, &none) == SIGRTMIN)
        ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    give_stack();
    neap_free(jail);
}

enum neap_jail_end neap_jail_call(struct neap_jail *jail, int64_t budget_ns,
                                  void (*fn)(void *arg), void *arg)
{
    struct neap_jail *volatile mine = jail;
    int end = sigsetjmp(jail->out, 0);

    if (end == NEAP_JAIL_RETURNED) {
        calling = mine;
        mine->begin_ns = read_ns(CLOCK_MONOTONIC);
        mine->cpu_ns = 0;
        mine->half_ns = budget_ns / 2 + 1;
        if (mine->tick_ns == 0 ||
            mine->tick_ns > mine->begin_ns + mine->half_ns)
            set_timer(mine, mine->half_ns);
        fn(arg);
        mine->half_ns = 0;
    }
    calling = NULL;
    return (enum neap_jail_end)end;
}

int neap_jail_signal(const struct neap_jail *jail)
{
    return jail->signal;
}
