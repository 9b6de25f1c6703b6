#include "app/engine/lifeline.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

struct lifeline {
    uv_poll_t poll;
    void (*over)(void *ctx);
    void *ctx;
    int fd;
};

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct lifeline *line = poll->data;
    char text[256];
    ssize_t n;

    (void)events;
    n = status < 0 ? 0 : read(line->fd, text, sizeof text);
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
        return; /* nothing that we would understand */
    (void)uv_poll_stop(poll);
    line->over(line->ctx);
}

struct lifeline *lifeline_open(uv_loop_t *loop, int fd, void (*over)(void *ctx),
                               void *ctx)
{
    struct lifeline *line;

    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return NULL;
    line = NEAP_NEW(struct lifeline);
    line->over = over;
    line->ctx = ctx;
    line->fd = fd;
    line->poll.data = line;
    (void)uv_poll_init(loop, &line->poll, fd);
    (void)uv_poll_start(&line->poll, UV_READABLE, on_poll);
    return line;
}

static void on_closed(uv_handle_t *handle)
{
    struct lifeline *line = handle->data;

    (void)close(line->fd);
    neap_free(line);
}

void lifeline_close(struct lifeline *line)
{
    if (line != NULL)
        uv_close((uv_handle_t *)&line->poll, on_closed);
}

void lifeline_write(int fd, const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        ssize_t n = send(fd, text, left, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* its end of file says the rest */
        text += n;
        left -= (size_t)n;
    }
}
