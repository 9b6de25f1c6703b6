#include "cluster/taskenv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int64_t neap_taskenv_need(const struct neap_msg *run, const char *label)
{
    for (int i = 0; i < run->nneed; i++) {
        if (strcmp(run->need[i].label, label) == 0)
            return run->need[i].amount;
    }
    return 0;
}

/* Does the message bring this variable itself? */
static bool given(const struct neap_msg *run, const char *name)
{
    size_t length = strlen(name);

    for (int i = 0; i < run->nenv; i++) {
        if (strncmp(run->env[i], name, length) == 0 &&
            run->env[i][length] == '=')
            return true;
    }
    return false;
}

struct put {
    const struct neap_msg *run;
    struct neap_buf *out;
    int count;
};

/* NAME=value, unless given. */
static void put_text(struct put *p, const char *name, const char *value,
                     size_t length)
{
    if (given(p->run, name))
        return;
    neap_buf_puts(p->out, name);
    neap_buf_putc(p->out, '=');
    neap_buf_append(p->out, value, length);
    neap_buf_putc(p->out, '\0');
    p->count++;
}

static void put(struct put *p, const char *name, const char *value)
{
    put_text(p, name, value, strlen(value));
}

static void put_folder(struct put *p, const char *name, const char *work,
                       const char *sub)
{
    if (given(p->run, name))
        return;
    neap_buf_puts(p->out, name);
    neap_buf_putc(p->out, '=');
    neap_buf_puts(p->out, work);
    neap_buf_puts(p->out, sub);
    neap_buf_putc(p->out, '\0');
    p->count++;
}

static void put_number(struct put *p, const char *name, int64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, value);
    put(p, name, text);
}

/* An amount in 1/1000. */
static void put_milli(struct put *p, const char *name, int64_t value)
{
    char text[40];

    if (value % 1000 == 0) {
        put_number(p, name, value / 1000);
        return;
    }
    snprintf(text, sizeof text, "%.15g", (double)value / 1000);
    put(p, name, text);
}

static void put_needs(struct put *p)
{
    int64_t cpu = neap_taskenv_need(p->run, "cpu");

    put_milli(p, "NEAP_CPUS", cpu);
    put_number(p, "OMP_NUM_THREADS", cpu < 1000 ? 1 : cpu / 1000);
    put_number(p, "NEAP_MEM_BYTES", neap_taskenv_need(p->run, "mem"));
    put_milli(p, "NEAP_GPUS", neap_taskenv_need(p->run, "gpu"));
}

int neap_taskenv_put(const struct neap_msg *run, const char *path,
                     const char *work, struct neap_buf *out)
{
    struct put p = { run, out, 0 };

    put(&p, "PATH", path);
    put(&p, "LANG", "C.UTF-8");
    put(&p, "NEAP_TASK_ID", run->task);
    put_text(&p, "NEAP_RUN_ID", run->task, strcspn(run->task, "."));
    put_number(&p, "NEAP_ATTEMPT", run->attempt);
    put_needs(&p);
    put_folder(&p, "NEAP_IN", work, "/in");
    put_folder(&p, "NEAP_OUT", work, "/out");
    put_folder(&p, "TMPDIR", work, "/tmp");
    put_folder(&p, "HOME", work, "/tmp");
    for (int i = 0; i < run->nenv; i++)
        neap_buf_append(out, run->env[i], strlen(run->env[i]) + 1);
    return p.count + run->nenv;
}
