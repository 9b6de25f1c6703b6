#include <stdatomic.h>

#include "../unit.h"
#include "base/mem.h"
#include "io/pool.h"

#define JOBS 64

struct task {
    struct neap_job job;
    atomic_int *ran;
    int *done, *canceled;
    uv_sem_t *gate; /* to wait for, or NULL */
};

static void work(struct neap_job *job)
{
    struct task *task = neap_container_of(job, struct task, job);

    if (task->gate)
        uv_sem_wait(task->gate);
    atomic_fetch_add(task->ran, 1);
}

static void done(struct neap_job *job, bool canceled)
{
    struct task *task = neap_container_of(job, struct task, job);

    ++*task->done;
    *task->canceled += canceled;
    neap_free(task);
}

static void test_each_is_done_once(void **state)
{
    atomic_int ran = 0;
    int finished = 0, canceled = 0;
    uv_loop_t loop;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    for (int i = 0; i < JOBS; i++) {
        struct task *task = NEAP_NEW(struct task);

        task->ran = &ran;
        task->done = &finished;
        task->canceled = &canceled;
        neap_job_start(&task->job, &loop, work, done);
    }
    assert_int_equal(finished, 0); /* never before the loop turns */
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(ran, JOBS);
    assert_int_equal(finished, JOBS);
    assert_int_equal(canceled, 0);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* Jobs that hold all threads are canceled while they run, the others before. */
static void test_cancel(void **state)
{
    struct task *tasks[JOBS];
    atomic_int ran = 0;
    int finished = 0, canceled = 0;
    uv_sem_t gate;
    uv_loop_t loop;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(uv_sem_init(&gate, 0), 0);
    for (int i = 0; i < JOBS; i++) {
        tasks[i] = NEAP_NEW(struct task);
        tasks[i]->ran = &ran;
        tasks[i]->done = &finished;
        tasks[i]->canceled = &canceled;
        tasks[i]->gate = &gate;
        neap_job_start(&tasks[i]->job, &loop, work, done);
    }
    for (int i = 0; i < JOBS; i++) {
        neap_job_cancel(&tasks[i]->job);
        neap_job_cancel(&tasks[i]->job);
    }
    for (int i = 0; i < JOBS; i++)
        uv_sem_post(&gate);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(finished, JOBS);
    assert_int_equal(canceled, JOBS);
    assert_true(ran < JOBS); /* at most as many as there are threads */
    assert_int_equal(uv_loop_close(&loop), 0);
    uv_sem_destroy(&gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_done_once),
        cmocka_unit_test(test_cancel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
