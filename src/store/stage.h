/* Work directories: inputs in, outputs out. Blocking; call it in the pool
 * when bytes have to move. Nothing here leaves `workdir`: places are checked,
 * symbolic links made by a task are never followed out of it. */
#ifndef NEAP_STORE_STAGE_H
#define NEAP_STORE_STAGE_H

#include "store/folder.h"
#include "store/place.h"
#include "store/repo.h"

/* Is `place` a clean relative path (no "", ".", "..", no leading '/', at most
 * 4096 bytes)? */
bool neap_place_ok(const char *place);

/* Would staging have to copy bytes or check many files? If not, it may be
 * done on the loop. */
bool neap_stage_is_cheap(const struct neap_input *input, int count);

/* Put inputs below `workdir` (which exists). A local source: symbolic link,
 * after checking that it is still the file that was hashed; else
 * NEAP_EINTEGRITY. Returns 0; `ret_bytes`: bytes copied. */
int neap_stage_inputs(struct neap_repo *repo, const char *workdir,
                      const struct neap_input *input, int count,
                      int64_t *ret_bytes, struct neap_err *err);

/* Make parents of outputs, and output directories. */
int neap_stage_outputs(const char *workdir, const struct neap_output *output,
                       int count, struct neap_err *err);

/* Store what the task left at the declared place. `ret`: a copy of `decl`
 * with found, file and nfile filled; release with neap_collected_deinit.
 * Missing: NEAP_ENOTEXIST (0 and found = false if optional); wrong sort (a
 * directory where a file was declared …), a device or socket, a link that
 * points out of the work directory: NEAP_EPRECONDITION; the text names the
 * output and what was found. A place of kind STDOUT is left to the caller. */
int neap_collect_output(struct neap_repo *repo, const char *workdir,
                        const struct neap_output *decl, struct neap_output *ret,
                        struct neap_err *err);
void neap_collected_deinit(struct neap_output *output);

#endif
