/* The agent and its shims as real processes, under a fake engine. */
#include <dirent.h>
#include <sys/stat.h>

#include "../unit.h"
#include "fake_engine.h"
#include "store/repo.h"

#define MEM (64 << 20)

static struct engine e;
static const char *mode; /* of control groups */

static const char *const modes[] = { "none", "v1" };

/* Can this machine do it? (v1 needs root and a memory controller.) */
static bool has_mode(const char *name)
{
    return strcmp(name, "none") == 0 ||
           (geteuid() == 0 &&
            access("/sys/fs/cgroup/memory/memory.limit_in_bytes", F_OK) == 0);
}

static void start(bool private_engine)
{
    const char *more[] = { "--cgroup", mode,         "--cpu", "8",
                           "--mem",    "8589934592", NULL };
    struct neap_msg msg;

    engine_start_agent(&e, more);
    assert_true(engine_accept(&e, private_engine));
    engine_lease(&e, "a1", 4000, 1 << 30, 1000);
    assert_true(engine_expect(&e, NEAP_MSG_GRANTED, &msg));
    neap_msg_deinit(&msg);
}

static int setup(void **state)
{
    (void)state;
    if (mode == NULL)
        mode = "none";
    engine_listen(&e);
    start(true);
    return 0;
}

/* Is any group of this agent left? */
static bool groups_left(pid_t agent)
{
    char *find = neap_format("find /sys/fs/cgroup -name 'neap-agent-%d' "
                             "2>/dev/null | grep -q .",
                             (int)agent);
    int status = system(find);

    neap_free(find);
    return status == 0;
}

static int teardown(void **state)
{
    pid_t agent = e.agent;

    (void)state;
    engine_hang_up(&e);
    if (agent > 0) {
        assert_int_equal(engine_wait_agent(&e), 0);
        assert_int_equal(access(e.work, F_OK), -1);
        assert_false(groups_left(agent));
    }
    engine_close(&e);
    return 0;
}

static void init_run(struct neap_msg *msg, const char **argv)
{
    static struct neap_wire_amount need[] = { { "cpu", 1000 }, { "mem", MEM } };

    neap_msg_init(msg, NEAP_MSG_RUN);
    msg->task = "r1.1";
    msg->attempt = 1;
    msg->alloc = "a1";
    msg->argv = argv;
    while (argv[msg->argc] != NULL)
        msg->argc++;
    msg->need = need;
    msg->nneed = 2;
    msg->keep_logs = 2;
}

static void expect_end(struct neap_msg *end)
{
    if (!engine_expect(&e, NEAP_MSG_ENDED, end))
        fail_msg("the task did not end");
    if (end->text != NULL)
        print_message("%s: %s\n", neap_end_cause_name(end->cause), end->text);
}

/* Run a line of shell and wait for its end. */
static void run_line(const char *line, struct neap_msg *end)
{
    const char *argv[] = { "/bin/sh", "-c", line, NULL };
    struct neap_msg run;

    init_run(&run, argv);
    engine_send(&e, &run);
    expect_end(end);
}

/* How many processes have `word` in their command line? */
static int count_processes(const char *word)
{
    DIR *dir = opendir("/proc");
    const struct dirent *entry;
    int count = 0;

    while ((entry = readdir(dir)) != NULL) {
        char path[300], text[4096];
        FILE *file;
        size_t n;

        snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9' ||
            (file = fopen(path, "re")) == NULL)
            continue;
        n = fread(text, 1, sizeof text, file);
        fclose(file);
        count += n > 0 && memmem(text, n, word, strlen(word)) != NULL;
    }
    closedir(dir);
    return count;
}

static bool gone(const char *word)
{
    for (int i = 0; i < ENGINE_WAIT_MS && count_processes(word) > 0; i++)
        usleep(1000);
    return count_processes(word) == 0;
}

/* A number of seconds to sleep that nobody else on this machine uses. */
static const char *mark(void)
{
    static char text[32];

    snprintf(text, sizeof text, "9%d.5", (int)getpid());
    return text;
}

static char *read_object(const char *digest, int64_t *size)
{
    struct neap_repo *repo;
    char *path, *data;
    struct stat st;
    FILE *file;

    assert_int_equal(neap_repo_open(e.repo, &repo, NULL), 0);
    path = neap_repo_path(repo, digest);
    assert_int_equal(stat(path, &st), 0);
    data = neap_calloc(1, (size_t)st.st_size + 1);
    file = fopen(path, "re");
    assert_int_equal(fread(data, 1, (size_t)st.st_size, file), st.st_size);
    fclose(file);
    neap_free(path);
    neap_repo_close(repo);
    *size = st.st_size;
    return data;
}

static void success_with_nothing_said(void **state)
{
    struct neap_msg end;

    (void)state;
    for (int i = 0; i < 20; i++) { /* the slot is used again */
        run_line(":", &end);
        assert_int_equal(end.cause, NEAP_END_EXIT);
        assert_int_equal(end.exit, 0);
        assert_null(end.out.digest);
        assert_null(end.err.digest);
        assert_null(end.tail);
        assert_true(end.ended_ns >= end.started_ns);
        assert_true(end.usage.mem_peak > 0);
        neap_msg_deinit(&end);
    }
}

static void logs_are_stored_and_fresh_each_time(void **state)
{
    struct neap_msg end;
    int64_t size;
    char *text;

    (void)state;
    for (int i = 0; i < 3; i++) {
        run_line("echo out $0; echo 'f\303\244il' >&2; exit 3", &end);
        assert_int_equal(end.cause, NEAP_END_EXIT);
        assert_int_equal(end.exit, 3);
        assert_string_equal(end.tail, "f\303\244il");
        text = read_object(end.out.digest, &size);
        assert_string_equal(text, "out /bin/sh\n");
        assert_true(end.out.size == size);
        neap_free(text);
        neap_msg_deinit(&end);
    }
}

static void ten_megabytes_of_stderr(void **state)
{
    struct neap_msg end;
    int64_t size;

    (void)state;
    run_line("yes 0123456789abcdef | head -c 10000000 >&2; exit 1", &end);
    assert_int_equal(end.exit, 1);
    assert_true(end.err.size == 10000000);
    assert_true(strlen(end.tail) <= 4096);
    neap_free(read_object(end.err.digest, &size));
    assert_true(size == 10000000);
    neap_msg_deinit(&end);
}

static void the_environment_is_clean(void **state)
{
    const char *argv[] = { "env", NULL }, *env[] = { "X=a b", "LANG=C" };
    struct neap_msg run, end;
    int64_t size;
    char *text;

    (void)state;
    init_run(&run, argv);
    run.env = env;
    run.nenv = 2;
    engine_send(&e, &run);
    expect_end(&end);
    text = read_object(end.out.digest, &size);
    assert_non_null(strstr(text, "X=a b\n"));
    assert_non_null(strstr(text, "LANG=C\n"));
    assert_null(strstr(text, "LANG=C.UTF-8"));
    assert_non_null(strstr(text, "NEAP_TASK_ID=r1.1\n"));
    assert_non_null(strstr(text, "NEAP_RUN_ID=r1\n"));
    assert_non_null(strstr(text, "NEAP_CPUS=1\n"));
    assert_non_null(strstr(text, "NEAP_MEM_BYTES=67108864\n"));
    assert_null(strstr(text, "SHLVL"));
    neap_free(text);
    neap_msg_deinit(&end);
}

static void programs_that_cannot_be_executed(void **state)
{
    static const struct {
        const char *program, *tail;
        int exit;
    } cases[] = {
        { "no-such-program", "neap: no-such-program: command not found", 127 },
        { "/no/such", "neap: /no/such: No such file or directory", 127 },
        { "/etc/passwd", "neap: /etc/passwd: Permission denied", 126 },
        { "/tmp", "neap: /tmp: Permission denied", 126 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *argv[] = { cases[i].program, NULL };
        struct neap_msg run, end;

        init_run(&run, argv);
        engine_send(&e, &run);
        expect_end(&end);
        assert_int_equal(end.cause, NEAP_END_EXIT);
        assert_int_equal(end.exit, cases[i].exit);
        assert_string_equal(end.tail, cases[i].tail);
        assert_non_null(end.err.digest);
        neap_msg_deinit(&end);
    }
}

static void death_by_signal(void **state)
{
    struct neap_msg end;

    (void)state;
    run_line("kill -SEGV $$", &end);
    assert_int_equal(end.cause, NEAP_END_SIGNAL);
    assert_int_equal(end.signal, SIGSEGV);
    neap_msg_deinit(&end);
}

static void a_task_that_forks_away_is_killed_as_a_tree(void **state)
{
    char *line = neap_format("(setsid sh -c 'trap \"\" TERM HUP; sleep %s & "
                             "sleep %s' &) & sleep 0.1; exit 0",
                             mark(), mark());
    struct neap_msg end;

    (void)state;
    run_line(line, &end);
    assert_int_equal(end.cause, NEAP_END_EXIT);
    assert_int_equal(count_processes(mark()), 0);
    neap_msg_deinit(&end);
    neap_free(line);
}

static void timeout_of_a_task_that_ends_on_term(void **state)
{
    const char *argv[] = { "sleep", mark(), NULL };
    struct neap_msg run, end;

    (void)state;
    init_run(&run, argv);
    run.timeout_s = 0.2;
    engine_send(&e, &run);
    expect_end(&end);
    assert_int_equal(end.cause, NEAP_END_TIMEOUT);
    assert_int_equal(end.signal, SIGTERM);
    neap_msg_deinit(&end);
}

/* The shim makes it, which may not have got so far. */
static void expect_file(const char *path)
{
    for (int i = 0; i < ENGINE_WAIT_MS && access(path, R_OK) < 0; i++)
        usleep(1000);
    assert_int_equal(access(path, R_OK), 0);
}

static void wait_for_start(void)
{
    struct neap_msg msg;

    assert_true(engine_expect(&e, NEAP_MSG_STARTED, &msg));
    expect_file(msg.out_path); /* they grow there */
    expect_file(msg.err_path);
    neap_msg_deinit(&msg);
}

static void wait_for_processes(const char *word, int count)
{
    for (int i = 0; i < ENGINE_WAIT_MS && count_processes(word) < count; i++)
        usleep(1000);
}

static void kill_of_a_task_that_ignores_term(void **state)
{
    char *line = neap_format("trap '' TERM; sleep %s & wait; sleep %s & wait; "
                             "while :; do sleep %s; done",
                             mark(), mark(), mark());
    const char *argv[] = { "/bin/sh", "-c", line, NULL };
    struct neap_msg run, end;

    (void)state;
    init_run(&run, argv);
    engine_send(&e, &run);
    wait_for_start();
    wait_for_processes(mark(), 2);
    neap_msg_init(&run, NEAP_MSG_KILL);
    run.task = "r1.1";
    run.attempt = 1;
    run.grace_s = 0.3;
    engine_send(&e, &run);
    expect_end(&end);
    assert_int_equal(end.cause, NEAP_END_KILLED);
    assert_int_equal(end.signal, SIGKILL);
    assert_int_equal(count_processes(mark()), 0);
    neap_msg_deinit(&end);
    neap_free(line);
}

static void too_much_memory(void **state)
{
    /* a shell that doubles a string; a child of the program, and the program
     * itself */
    static const char *const lines[] = {
        "sh -c 'x=0123456789abcdef; while :; do x=$x$x; done'; exit 5",
        "x=0123456789abcdef; while :; do x=$x$x; done",
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct neap_msg end;

        run_line(lines[i], &end);
        assert_int_equal(end.cause, NEAP_END_OOM);
        assert_int_equal(end.kind, NEAP_KIND_OOM);
        neap_msg_deinit(&end);
        run_line("exit 1", &end); /* the next one is not blamed */
        assert_int_equal(end.cause, NEAP_END_EXIT);
        neap_msg_deinit(&end);
    }
}

/* Run a line that is to leave `place`; other outputs of the case as given. */
static void run_output(const char *line, int kind, const char *place,
                       struct neap_msg *end)
{
    const char *argv[] = { "/bin/sh", "-c", line, NULL };
    struct neap_output output = { .name = "o", .place = place, .kind = kind };
    struct neap_msg run;

    init_run(&run, argv);
    run.output = &output;
    run.noutput = 1;
    engine_send(&e, &run);
    expect_end(end);
}

static void outputs_are_stored(void **state)
{
    static const struct {
        const char *line, *place, *path, *text;
        int kind;
    } cases[] = {
        { "echo hello >out/a", "out/a", ".", "hello\n", NEAP_OUTPUT_FILE },
        { "echo deep >out/x/y/a", "out/x/y/a", ".", "deep\n",
          NEAP_OUTPUT_FILE },
        { "echo odd >\"$NEAP_OUT/$(printf 'a b\\nc\\303\\244')\"",
          "out/a b\nc\303\244", ".", "odd\n", NEAP_OUTPUT_FILE },
        { "mkdir out/d/s; echo in >out/d/s/f", "out/d", "s/f", "in\n",
          NEAP_OUTPUT_DIR },
        { "echo said", NULL, ".", "said\n", NEAP_OUTPUT_STDOUT },
        { ":", NULL, ".", "", NEAP_OUTPUT_STDOUT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct neap_msg end;
        int64_t size;
        char *text;

        run_output(cases[i].line, cases[i].kind, cases[i].place, &end);
        assert_int_equal(end.cause, NEAP_END_EXIT);
        assert_int_equal(end.exit, 0);
        assert_int_equal(end.noutput, 1);
        assert_true(end.output[0].found);
        assert_int_equal(end.output[0].nfile, 1);
        assert_string_equal(end.output[0].file[0].path, cases[i].path);
        text = read_object(end.output[0].file[0].digest, &size);
        assert_string_equal(text, cases[i].text);
        neap_free(text);
        neap_msg_deinit(&end);
    }
}

static void wrong_outputs(void **state)
{
    static const char *const lines[] = {
        ":",                       /* missing */
        "mkdir out/a",             /* a directory */
        "ln -s /etc/passwd out/a", /* leads out */
        "mkfifo out/a",            /* no file */
        "rmdir out; ln -s /etc out; cp /etc/passwd /tmp/neap-a; true",
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct neap_msg end;

        run_output(lines[i], NEAP_OUTPUT_FILE, "out/a", &end);
        assert_int_equal(end.cause, NEAP_END_OUTPUT);
        assert_string_equal(end.output_name, "o");
        assert_non_null(end.text);
        assert_int_equal(end.noutput, 0);
        neap_msg_deinit(&end);
        run_line("ls", &end); /* nothing of it is there for the next one */
        assert_int_equal(end.exit, 0);
        assert_true(end.out.size == 4); /* "tmp" */
        neap_msg_deinit(&end);
    }
    (void)unlink("/tmp/neap-a");
}

/* Whatever a task does to its folder, the next one finds a clean one. */
static void a_task_that_ruins_its_folder(void **state)
{
    static const char *const lines[] = {
        "rm -rf \"$PWD\"",
        "rmdir tmp",
        "mkdir d; touch d/f; chmod 0 d; chmod 0 .",
        "rmdir tmp; cd ..; rmdir w; touch w",
        "mv ../w ../v; ln -s / ../w",
        "mv tmp ../t; mkdir tmp",
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct neap_msg end;

        run_line(lines[i], &end);
        neap_msg_deinit(&end);
        run_line("ls -A; touch tmp/x", &end);
        assert_int_equal(end.cause, NEAP_END_EXIT);
        assert_int_equal(end.exit, 0);
        assert_true(end.out.size == 4); /* "tmp" */
        neap_msg_deinit(&end);
        run_line("ls -A", &end);
        assert_true(end.out.size == 4); /* "tmp" */
        neap_msg_deinit(&end);
    }
}

static void inputs_are_there(void **state)
{
    char digest[NEAP_DIGEST_HEX];
    struct neap_file_ref file = { .path = ".", .digest = digest, .size = 5 };
    struct neap_input input = { .place = "in/a b/f",
                                .file = &file,
                                .nfile = 1 };
    const char *argv[] = { "/bin/sh", "-c", "cat; cat 'in/a b/f'", NULL };
    struct neap_repo *repo;
    struct neap_msg run, end;
    int64_t size;
    char *text;

    (void)state;
    assert_int_equal(neap_repo_open(e.repo, &repo, NULL), 0);
    assert_true(neap_repo_put_data(repo, "data\n", 5, digest, NULL) == 5);
    neap_repo_close(repo);
    init_run(&run, argv);
    run.input = &input;
    run.ninput = 1;
    run.stdin_input = 0;
    engine_send(&e, &run);
    expect_end(&end);
    assert_int_equal(end.exit, 0);
    text = read_object(end.out.digest, &size);
    assert_string_equal(text, "data\ndata\n");
    neap_free(text);
    neap_msg_deinit(&end);
    digest[0] = digest[0] == 'a' ? 'b' : 'a'; /* no such object */
    engine_send(&e, &run);
    expect_end(&end);
    assert_int_equal(end.cause, NEAP_END_STAGE);
    neap_msg_deinit(&end);
}

static void too_much_disk(void **state)
{
    static const char *const lines[] = {
        "head -c 3000000 /dev/zero >big", /* one file */
        "i=0; while :; do i=$((i+1)); [ $i -gt 40 ] || "
        "head -c 90000 /dev/zero >f$i; done", /* many */
    };
    struct neap_wire_amount need[] = { { "disk", 2000000 } };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const char *argv[] = { "/bin/sh", "-c", lines[i], NULL };
        struct neap_msg run, end;

        init_run(&run, argv);
        run.need = need;
        run.nneed = 1;
        engine_send(&e, &run);
        expect_end(&end);
        assert_true(end.cause == NEAP_END_DISK || end.exit != 0);
        if (i > 0)
            assert_int_equal(end.cause, NEAP_END_DISK);
        neap_msg_deinit(&end);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    const char *argv[] = { "true", NULL };
    struct neap_wire_amount need = { "cpu", 5000 };
    struct neap_msg run, end, msg;

    (void)state;
    init_run(&run, argv);
    run.need = &need;
    run.nneed = 1;
    engine_send(&e, &run); /* the alloc has 4 */
    expect_end(&end);
    assert_int_equal(end.cause, NEAP_END_LOST);
    neap_msg_deinit(&end);
    run.alloc = "a2";
    engine_send(&e, &run);
    expect_end(&end);
    assert_int_equal(end.cause, NEAP_END_LOST);
    neap_msg_deinit(&end);
    engine_lease(&e, "a2", 5000, 1, 1000); /* 4 of 8 are left */
    assert_true(engine_expect(&e, NEAP_MSG_REFUSED, &msg));
    assert_int_equal(msg.kind, NEAP_KIND_RESOURCES_EXHAUSTED);
    neap_msg_deinit(&msg);
}

static void a_lease_that_runs_out_ends_its_tasks(void **state)
{
    const char *argv[] = { "sleep", mark(), NULL };
    struct neap_msg run, end, msg;

    (void)state;
    engine_lease(&e, "a2", 1000, MEM, 0.3);
    init_run(&run, argv);
    run.alloc = "a2";
    engine_send(&e, &run);
    expect_end(&end);
    assert_int_equal(end.cause, NEAP_END_LOST);
    neap_msg_deinit(&end);
    assert_true(engine_expect(&e, NEAP_MSG_FREED, &msg));
    assert_string_equal(msg.alloc, "a2");
    neap_msg_deinit(&msg);
    assert_int_equal(count_processes(mark()), 0);
}

static void pings_are_answered(void **state)
{
    struct neap_msg msg;

    (void)state;
    neap_msg_init(&msg, NEAP_MSG_PING);
    msg.nonce = UINT64_MAX;
    engine_send(&e, &msg);
    assert_true(engine_expect(&e, NEAP_MSG_PONG, &msg));
    assert_true(msg.nonce == UINT64_MAX);
    neap_msg_deinit(&msg);
}

static void start_a_tree(void)
{
    char *line = neap_format("trap '' TERM; (setsid sleep %s &) & sleep %s",
                             mark(), mark());
    const char *argv[] = { "/bin/sh", "-c", line, NULL };
    struct neap_msg run;

    init_run(&run, argv);
    engine_send(&e, &run);
    wait_for_start();
    wait_for_processes(mark(), 3);
    neap_free(line);
}

static void the_end_of_the_engine_ends_everything(void **state)
{
    pid_t agent = e.agent;

    (void)state;
    start_a_tree();
    engine_hang_up(&e);
    assert_int_equal(engine_wait_agent(&e), 0);
    assert_int_equal(count_processes(mark()), 0);
    assert_int_equal(count_processes(e.work), 0); /* shims */
    assert_false(groups_left(agent));
}

static void bye_ends_everything(void **state)
{
    struct neap_msg msg;

    (void)state;
    start_a_tree();
    neap_msg_init(&msg, NEAP_MSG_BYE);
    engine_send(&e, &msg);
    assert_int_equal(engine_wait_agent(&e), 0);
    assert_int_equal(count_processes(mark()), 0);
}

static void a_killed_agent_takes_its_tasks_along(void **state)
{
    (void)state;
    start_a_tree();
    kill(e.agent, SIGKILL);
    assert_true(gone(mark()));
    assert_true(gone(e.work));
    assert_int_equal(WTERMSIG(engine_wait_agent(&e)), SIGKILL);
    engine_hang_up(&e);
    start(true); /* the next one cleans up after it */
}

static void a_killed_shim_loses_its_task_only(void **state)
{
    char path[64];
    struct neap_msg end;
    FILE *file;
    int shim;

    (void)state;
    start_a_tree();
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)e.agent,
             (int)e.agent);
    file = fopen(path, "re");
    assert_int_equal(fscanf(file, "%d", &shim), 1);
    fclose(file);
    kill(shim, SIGKILL);
    expect_end(&end);
    assert_int_equal(end.cause, NEAP_END_LOST);
    neap_msg_deinit(&end);
    assert_true(gone(mark()));
    run_line("exit 4", &end);
    assert_int_equal(end.exit, 4);
    neap_msg_deinit(&end);
}

static void an_agent_of_a_lasting_engine_dials_again(void **state)
{
    struct neap_msg end;

    (void)state;
    engine_hang_up(&e);
    assert_int_equal(engine_wait_agent(&e), 0);
    start(false);
    start_a_tree();
    engine_hang_up(&e);
    assert_true(engine_accept(&e, false));
    assert_true(count_processes(mark()) > 0);
    neap_msg_init(&end, NEAP_MSG_BYE);
    engine_send(&e, &end);
    assert_int_equal(engine_wait_agent(&e), 0);
    assert_int_equal(count_processes(mark()), 0);
}

/* An engine that dies before it has greeted the agent it started. */
static void an_agent_of_a_private_engine_dials_once(void **state)
{
    const char *more[] = { "--private", NULL };

    (void)state;
    engine_hang_up(&e);
    assert_int_equal(engine_wait_agent(&e), 0);
    for (int i = 0; i < 2; i++) {
        if (i == 1)
            unlink(e.sock);
        engine_start_agent(&e, more);
        if (i == 0)
            close(accept(e.listener, NULL, NULL));
        assert_int_equal(engine_wait_agent(&e), 0);
        assert_int_equal(access(e.work, F_OK), -1);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(success_with_nothing_said),
        TEST(logs_are_stored_and_fresh_each_time),
        TEST(ten_megabytes_of_stderr),
        TEST(the_environment_is_clean),
        TEST(programs_that_cannot_be_executed),
        TEST(death_by_signal),
        TEST(a_task_that_forks_away_is_killed_as_a_tree),
        TEST(timeout_of_a_task_that_ends_on_term),
        TEST(kill_of_a_task_that_ignores_term),
        TEST(too_much_memory),
        TEST(outputs_are_stored),
        TEST(wrong_outputs),
        TEST(a_task_that_ruins_its_folder),
        TEST(inputs_are_there),
        TEST(too_much_disk),
        TEST(what_does_not_fit_is_refused),
        TEST(a_lease_that_runs_out_ends_its_tasks),
        TEST(pings_are_answered),
        TEST(the_end_of_the_engine_ends_everything),
        TEST(bye_ends_everything),
        TEST(a_killed_agent_takes_its_tasks_along),
        TEST(a_killed_shim_loses_its_task_only),
        TEST(an_agent_of_a_lasting_engine_dials_again),
        TEST(an_agent_of_a_private_engine_dials_once),
    };
    int failed = 0;

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        mode = modes[i];
        print_message("control groups: %s%s\n", mode,
                      has_mode(mode) ? "" : ", not here");
        if (has_mode(mode))
            failed += cmocka_run_group_tests_name(mode, tests, NULL, NULL);
    }
    return failed;
}
