#include "cluster/tail.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

/* Length of the UTF-8 character at `s`, 0 if there is none (NUL included). */
static size_t utf8_length(const unsigned char *s, size_t len)
{
    static const struct {
        unsigned char first, last; /* of the first byte */
        unsigned char low, high;   /* of the second */
        size_t length;
    } forms[] = {
        { 0x01, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 },
        { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
        { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
        { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t n = forms[i].length;

        if (s[0] < forms[i].first || s[0] > forms[i].last || n > len)
            continue;
        if (n > 1 && (s[1] < forms[i].low || s[1] > forms[i].high))
            return 0;
        for (size_t k = 2; k < n; k++) {
            if ((s[k] & 0xc0) != 0x80)
                return 0;
        }
        return n;
    }
    return 0;
}

static void make_valid(char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = utf8_length((unsigned char *)text + i, len - i);

        if (n == 0)
            text[i] = '?';
        i += n > 0 ? n : 1;
    }
}

char *neap_tail(const char *data, size_t len, bool cut)
{
    size_t start, lines = 0;
    char *text;

    if (len > 0 && data[len - 1] == '\n')
        len--;
    start = len;
    while (start > 0 && len - start < NEAP_TAIL_BYTES) {
        if (data[start - 1] == '\n' && ++lines == NEAP_TAIL_LINES)
            break;
        start--;
    }
    if ((start > 0 && data[start - 1] != '\n') || (start == 0 && cut)) {
        const char *next = memchr(data + start, '\n', len - start);

        if (next != NULL) /* else: one endless line, better half than none */
            start = (size_t)(next + 1 - data);
        else
            while (start < len && (data[start] & 0xc0) == 0x80)
                start++;
    }
    if (start == len)
        return NULL;
    text = neap_strndup(data + start, len - start);
    make_valid(text, len - start);
    return text;
}

char *neap_tail_file(const char *path)
{
    char data[NEAP_TAIL_BYTES + 2];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    off_t from = 0;
    struct stat st;
    ssize_t n;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && st.st_size > (off_t)sizeof data)
        from = st.st_size - (off_t)sizeof data;
    n = pread(fd, data, sizeof data, from);
    close(fd);
    return n > 0 ? neap_tail(data, (size_t)n, from > 0) : NULL;
}
