/* What goes into a work directory and what comes out of it. */
#ifndef NEAP_STORE_PLACE_H
#define NEAP_STORE_PLACE_H

#include <stdbool.h>
#include <stdint.h>

/* An object: content by digest, and where its bytes may be had locally. */
struct neap_file_ref {
    const char *path;   /* relative, below the place; "." for a single file */
    const char *digest; /* 64 hex digits */
    int64_t size;
    bool executable;
    /* A local file that holds the bytes; NULL: in the repository. It must
     * still be the file that was hashed: */
    const char *source;
    uint64_t dev, ino;
    int64_t mtime_ns, ctime_ns;
};

struct neap_input {
    const char *place; /* "in/text/GPL-3" */
    bool dir;          /* files go below place; else exactly one file "." */
    struct neap_file_ref *file;
    int nfile;
};

enum neap_output_kind {
    NEAP_OUTPUT_FILE,
    NEAP_OUTPUT_DIR,
    NEAP_OUTPUT_GLOB,
    NEAP_OUTPUT_STDOUT
};

struct neap_output {
    const char *name;
    const char *place; /* below the work directory: "out/counts.tsv" */
    int kind;          /* enum neap_output_kind */
    bool optional;
    /* in ENDED: what was found; a file output has one file, path "."; paths
     * of a folder are below it, those of a pattern below the part of it that
     * has nothing special: out/a/x is "x" for "out/a/?", but "a/x" for
     * "out/?/x". Sorted by bytes; folders themselves are not kept. */
    bool found;
    struct neap_file_ref *file;
    int nfile;
};

#endif
