#include "cluster/shape.h"

#include <limits.h>

#include "cluster/wire.h"

#define FIELD(type, key_, kind_, member)                                \
 {                                                                      \
  .key = key_, .kind = NEAP_FIELD_##kind_, .at = offsetof(type, member) \
 }
#define RANGE(type, key_, kind_, member, min_, max_)                     \
 {                                                                       \
  .key = key_, .kind = NEAP_FIELD_##kind_, .at = offsetof(type, member), \
  .min = min_, .max = max_                                               \
 }
#define MANY(type, key_, kind_, member, count, shape_)                   \
 {                                                                       \
  .key = key_, .kind = NEAP_FIELD_##kind_, .at = offsetof(type, member), \
  .count_at = offsetof(type, count), .shape = shape_                     \
 }
#define PART(type, key_, member, shape_)                                \
 {                                                                      \
  .key = key_, .kind = NEAP_FIELD_STRUCT, .at = offsetof(type, member), \
  .shape = shape_                                                       \
 }
#define SHAPE(fields, type)                                   \
 {                                                            \
  .field = fields, .count = sizeof fields / sizeof *(fields), \
  .size = sizeof(type)                                        \
 }

static const struct neap_field amount_fields[] = {
    FIELD(struct neap_wire_amount, "l", STR, label),
    RANGE(struct neap_wire_amount, "a", I64, amount, 0, INT64_MAX),
};
static const struct neap_shape amount_shape =
    SHAPE(amount_fields, struct neap_wire_amount);

static const struct neap_field file_fields[] = {
    FIELD(struct neap_file_ref, "p", STR, path),
    FIELD(struct neap_file_ref, "h", STR, digest),
    RANGE(struct neap_file_ref, "n", I64, size, 0, INT64_MAX),
    FIELD(struct neap_file_ref, "x", BOOL, executable),
    FIELD(struct neap_file_ref, "src", STR, source),
    FIELD(struct neap_file_ref, "dev", U64, dev),
    FIELD(struct neap_file_ref, "ino", U64, ino),
    RANGE(struct neap_file_ref, "mt", I64, mtime_ns, INT64_MIN, INT64_MAX),
    RANGE(struct neap_file_ref, "ct", I64, ctime_ns, INT64_MIN, INT64_MAX),
};
static const struct neap_shape file_shape =
    SHAPE(file_fields, struct neap_file_ref);

static const struct neap_field input_fields[] = {
    FIELD(struct neap_input, "p", STR, place),
    FIELD(struct neap_input, "d", BOOL, dir),
    MANY(struct neap_input, "f", STRUCTS, file, nfile, &file_shape),
};
static const struct neap_shape input_shape =
    SHAPE(input_fields, struct neap_input);

static const struct neap_field output_fields[] = {
    FIELD(struct neap_output, "n", STR, name),
    FIELD(struct neap_output, "p", STR, place),
    RANGE(struct neap_output, "k", INT, kind, 0, NEAP_OUTPUT_STDOUT),
    FIELD(struct neap_output, "o", BOOL, optional),
    FIELD(struct neap_output, "got", BOOL, found),
    MANY(struct neap_output, "f", STRUCTS, file, nfile, &file_shape),
};
static const struct neap_shape output_shape =
    SHAPE(output_fields, struct neap_output);

static const struct neap_field usage_fields[] = {
    RANGE(struct neap_usage, "u", I64, utime_us, 0, INT64_MAX),
    RANGE(struct neap_usage, "s", I64, stime_us, 0, INT64_MAX),
    RANGE(struct neap_usage, "m", I64, mem_peak, 0, INT64_MAX),
    RANGE(struct neap_usage, "d", I64, disk_peak, 0, INT64_MAX),
    RANGE(struct neap_usage, "r", I64, read_bytes, 0, INT64_MAX),
    RANGE(struct neap_usage, "w", I64, write_bytes, 0, INT64_MAX),
};
static const struct neap_shape usage_shape =
    SHAPE(usage_fields, struct neap_usage);

#define MSG struct neap_msg

static const struct neap_field msg_fields[] = {
    RANGE(MSG, "t", INT, type, NEAP_MSG_HELLO, NEAP_MSG_BYE),
    FIELD(MSG, "task", STR, task),
    RANGE(MSG, "try", INT, attempt, 0, INT_MAX),
    FIELD(MSG, "alloc", STR, alloc),
    RANGE(MSG, "pid", I64, pid, 0, INT64_MAX),
    RANGE(MSG, "at", I64, at_ns, INT64_MIN, INT64_MAX),
    /* STARTED */
    FIELD(MSG, "so_path", STR, out_path),
    FIELD(MSG, "se_path", STR, err_path),
    /* RUN */
    FIELD(MSG, "name", STR, name),
    MANY(MSG, "argv", STRS, argv, argc, NULL),
    MANY(MSG, "env", STRS, env, nenv, NULL),
    MANY(MSG, "in", STRUCTS, input, ninput, &input_shape),
    RANGE(MSG, "stdin", INT, stdin_input, -1, INT_MAX),
    MANY(MSG, "out", STRUCTS, output, noutput, &output_shape),
    MANY(MSG, "need", STRUCTS, need, nneed, &amount_shape),
    FIELD(MSG, "timeout", DOUBLE, timeout_s),
    RANGE(MSG, "logs", INT, keep_logs, 0, 2),
    /* ENDED */
    RANGE(MSG, "cause", INT, cause, 0, NEAP_END_DISK),
    RANGE(MSG, "exit", INT, exit, 0, 255),
    RANGE(MSG, "sig", INT, signal, 0, 255),
    PART(MSG, "use", usage, &usage_shape),
    RANGE(MSG, "from", I64, started_ns, INT64_MIN, INT64_MAX),
    RANGE(MSG, "to", I64, ended_ns, INT64_MIN, INT64_MAX),
    RANGE(MSG, "staged", I64, staged_bytes, 0, INT64_MAX),
    PART(MSG, "so", out, &file_shape),
    PART(MSG, "se", err, &file_shape),
    FIELD(MSG, "tail", STR, tail),
    FIELD(MSG, "text", STR, text),
    RANGE(MSG, "kind", INT, kind, 0, NEAP_KINDS - 1),
    FIELD(MSG, "output", STR, output_name),
    /* the rest is rare */
    FIELD(MSG, "grace", DOUBLE, grace_s),
    FIELD(MSG, "nonce", U64, nonce),
    FIELD(MSG, "lease", DOUBLE, lease_s),
    FIELD(MSG, "engine", STR, engine),
    FIELD(MSG, "private", BOOL, private_engine),
    RANGE(MSG, "v", INT, version, 0, INT_MAX),
    FIELD(MSG, "node", STR, node),
    FIELD(MSG, "session", STR, session),
    MANY(MSG, "cap", STRUCTS, capacity, ncapacity, &amount_shape),
    MANY(MSG, "facts", STRS, facts, nfacts, NULL),
};

const struct neap_shape neap_shape_msg = SHAPE(msg_fields, struct neap_msg);
