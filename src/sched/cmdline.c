/* As make does it: a line in which every character is harmless means the same
 * to execve as to a shell, and saves starting one. Everything not known to be
 * harmless goes to the shell. */
#include "sched/cmdline.h"

#include <string.h>

static const char *const default_shell[] = { "/bin/bash", "-euo", "pipefail",
                                             "-c" };

/* Sorted. Builtins and keywords of bash 5; some exist as programs too, but
 * theirs may behave otherwise. */
static const char *const reserved[] = {
    ".",         ":",        "[",       "alias",    "bg",      "bind",
    "break",     "builtin",  "caller",  "case",     "cd",      "command",
    "compgen",   "complete", "compopt", "continue", "coproc",  "declare",
    "dirs",      "disown",   "do",      "done",     "echo",    "elif",
    "else",      "enable",   "esac",    "eval",     "exec",    "exit",
    "export",    "false",    "fc",      "fg",       "fi",      "for",
    "function",  "getopts",  "hash",    "help",     "history", "if",
    "in",        "jobs",     "kill",    "let",      "local",   "logout",
    "mapfile",   "popd",     "printf",  "pushd",    "pwd",     "read",
    "readarray", "readonly", "return",  "select",   "set",     "shift",
    "shopt",     "source",   "suspend", "test",     "then",    "time",
    "times",     "trap",     "true",    "type",     "typeset", "ulimit",
    "umask",     "unalias",  "unset",   "until",    "wait",    "while",
};

static bool is_reserved(const char *word)
{
    size_t low = 0, high = sizeof reserved / sizeof *reserved;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(word, reserved[middle]);

        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static bool is_harmless(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return true;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80)
        return true;
    return strchr("@%+=:,./_-", c) != NULL; /* NUL never comes here */
}

int neap_cmdline_split(const char *line, struct neap_buf *out)
{
    size_t first = out->len;
    int count = 0;

    while (*line != '\0') {
        size_t n = 0;

        line += strspn(line, " \t");
        while (line[n] != '\0' && is_harmless((unsigned char)line[n]))
            n++;
        if (line[n] != '\0' && line[n] != ' ' && line[n] != '\t')
            return 0;
        if (n == 0)
            break;
        neap_buf_append(out, line, n);
        neap_buf_putc(out, '\0');
        count++;
        line += n;
    }
    if (count == 0)
        return 0;
    if (strchr(out->data + first, '=') != NULL ||
        is_reserved(out->data + first))
        return 0;
    return count;
}

bool neap_cmdline_default_shell(const char *const *shell, int count)
{
    int want = sizeof default_shell / sizeof *default_shell;

    if (count != want)
        return false;
    for (int i = 0; i < count; i++) {
        if (strcmp(shell[i], default_shell[i]) != 0)
            return false;
    }
    return true;
}
