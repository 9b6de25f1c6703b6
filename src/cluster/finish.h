/* What is left to do when a program is over: outputs and logs into the
 * repository, the work directory empty again. Blocking; any thread. */
#ifndef NEAP_CLUSTER_FINISH_H
#define NEAP_CLUSTER_FINISH_H

#include "cluster/verdict.h"
#include "store/repo.h"

struct neap_finish {
    /* in, borrowed: */
    struct neap_repo *repo;
    const char *dir, *work, *out_path, *err_path; /* of the slot */
    const struct neap_msg *run;
    struct neap_shim_ended ended;
    struct neap_verdict verdict; /* may get worse: OUTPUT, STORE */
    /* out: */
    struct neap_output *output;    /* noutput of the message; NULL: none */
    struct neap_file_ref out, err; /* path, digest: below; or NULL */
    char out_digest[NEAP_DIGEST_HEX], err_digest[NEAP_DIGEST_HEX];
    char *tail;
    const char *output_name; /* of the output that is wrong; borrowed */
    int64_t disk_used;
    struct neap_err why; /* if the verdict got worse */
    bool broken;         /* the slot's directory cannot be used again */
};

/* Is there so little to do that it need not go to the pool? */
bool neap_finish_is_cheap(const struct neap_finish *finish);
void neap_finish_do(struct neap_finish *finish);
void neap_finish_deinit(struct neap_finish *finish);

#endif
