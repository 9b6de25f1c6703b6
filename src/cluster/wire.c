#include "cluster/wire.h"

#include <msgpack.h>
#include <string.h>

static const char *const type_names[] = {
    [NEAP_MSG_HELLO] = "HELLO",     [NEAP_MSG_WELCOME] = "WELCOME",
    [NEAP_MSG_LEASE] = "LEASE",     [NEAP_MSG_GRANTED] = "GRANTED",
    [NEAP_MSG_REFUSED] = "REFUSED", [NEAP_MSG_PING] = "PING",
    [NEAP_MSG_PONG] = "PONG",       [NEAP_MSG_RUN] = "RUN",
    [NEAP_MSG_STARTED] = "STARTED", [NEAP_MSG_COLLECTING] = "COLLECTING",
    [NEAP_MSG_ENDED] = "ENDED",     [NEAP_MSG_KILL] = "KILL",
    [NEAP_MSG_FREE] = "FREE",       [NEAP_MSG_FREED] = "FREED",
    [NEAP_MSG_BYE] = "BYE",
};

static const char *const cause_names[] = {
    [NEAP_END_EXIT] = "exit",     [NEAP_END_SIGNAL] = "signal",
    [NEAP_END_OOM] = "oom",       [NEAP_END_TIMEOUT] = "timeout",
    [NEAP_END_OUTPUT] = "output", [NEAP_END_INTEGRITY] = "integrity",
    [NEAP_END_KILLED] = "killed", [NEAP_END_STAGE] = "stage",
    [NEAP_END_STORE] = "store",   [NEAP_END_SPAWN] = "spawn",
    [NEAP_END_LOST] = "lost",     [NEAP_END_DISK] = "disk",
};

const char *neap_msg_type_name(int type)
{
    if (type < NEAP_MSG_HELLO || type > NEAP_MSG_BYE)
        return "?";
    return type_names[type];
}

const char *neap_end_cause_name(enum neap_end_cause cause)
{
    if ((unsigned)cause >= sizeof cause_names / sizeof *cause_names)
        return "?";
    return cause_names[cause];
}

void neap_msg_init(struct neap_msg *msg, int type)
{
    memset(msg, 0, sizeof *msg);
    msg->type = type;
    msg->stdin_input = -1;
}

void neap_msg_deinit(struct neap_msg *msg)
{
    if (msg->arena != NULL)
        msgpack_zone_free(msg->arena);
    neap_msg_init(msg, 0);
}

static int lacks(const struct neap_msg *msg, const char *what,
                 struct neap_err *err)
{
    return neap_err_set(err, NEAP_EINVAL, "a %s message lacks %s",
                        neap_msg_type_name(msg->type), what);
}

static bool is_digest(const char *text)
{
    return text != NULL && strlen(text) == 64 &&
           strspn(text, "0123456789abcdef") == 64;
}

static bool files_ok(const struct neap_file_ref *file, int count)
{
    for (int i = 0; i < count; i++) {
        if (file[i].path == NULL || !is_digest(file[i].digest))
            return false;
    }
    return true;
}

static bool outputs_ok(const struct neap_msg *msg)
{
    for (int i = 0; i < msg->noutput; i++) {
        const struct neap_output *out = &msg->output[i];

        if (out->name == NULL || !files_ok(out->file, out->nfile) ||
            (out->place == NULL && out->kind != NEAP_OUTPUT_STDOUT))
            return false;
    }
    return true;
}

static bool amounts_ok(const struct neap_wire_amount *amount, int count)
{
    for (int i = 0; i < count; i++) {
        if (amount[i].label == NULL)
            return false;
    }
    return true;
}

static int check_run(const struct neap_msg *msg, struct neap_err *err)
{
    if (msg->alloc == NULL)
        return lacks(msg, "the alloc", err);
    if (msg->argc < 1 || msg->argv[0][0] == '\0')
        return lacks(msg, "a program", err);
    if (msg->stdin_input >= msg->ninput ||
        (msg->stdin_input >= 0 && msg->input[msg->stdin_input].dir))
        return lacks(msg, "the file for its stdin", err);
    for (int i = 0; i < msg->ninput; i++) {
        const struct neap_input *in = &msg->input[i];

        if (in->place == NULL || (!in->dir && in->nfile != 1) ||
            !files_ok(in->file, in->nfile))
            return lacks(msg, "place, path or digest of an input", err);
    }
    for (int i = 0; i < msg->nenv; i++) {
        if (strchr(msg->env[i], '=') == NULL)
            return lacks(msg, "a '=' in its environment", err);
    }
    return 0;
}

/* What every user of a parsed message relies on. */
int neap_msg_check(const struct neap_msg *msg, struct neap_err *err)
{
    switch (msg->type) {
    case 0:
        return neap_err_set(err, NEAP_EINVAL, "a message has no type");
    case NEAP_MSG_HELLO:
        if (msg->node == NULL || msg->session == NULL || msg->nfacts % 2 != 0)
            return lacks(msg, "node, session or a fact's value", err);
        break;
    case NEAP_MSG_LEASE:
    case NEAP_MSG_GRANTED:
    case NEAP_MSG_REFUSED:
    case NEAP_MSG_FREE:
    case NEAP_MSG_FREED:
        if (msg->alloc == NULL)
            return lacks(msg, "the alloc", err);
        break;
    case NEAP_MSG_RUN:
    case NEAP_MSG_STARTED:
    case NEAP_MSG_COLLECTING:
    case NEAP_MSG_ENDED:
    case NEAP_MSG_KILL:
        if (msg->task == NULL)
            return lacks(msg, "the task", err);
        break;
    default:
        break;
    }
    if (!amounts_ok(msg->capacity, msg->ncapacity) ||
        !amounts_ok(msg->need, msg->nneed))
        return lacks(msg, "the label of an amount", err);
    if (!outputs_ok(msg))
        return lacks(msg, "name, place or digest of an output", err);
    return msg->type == NEAP_MSG_RUN ? check_run(msg, err) : 0;
}
