/* What this machine has, and what it is. */
#ifndef NEAP_CLUSTER_CAPACITY_H
#define NEAP_CLUSTER_CAPACITY_H

#include <stdint.h>

#include "base/err.h"
#include "core/strmap.h"

struct neap_capacity {
    int64_t cpu;  /* 1/1000 cores: affinity, and the quota of our group */
    int64_t mem;  /* bytes: MemTotal or the limit of our group, less 5 % */
    int64_t disk; /* bytes free where the repository is */
};

/* repo:  a folder on the file system that tasks work on. */
int neap_capacity_find(const char *repo, struct neap_capacity *ret,
                       struct neap_err *err);
/* cpu.arch, cpu.model, os, kernel, hostname. */
void neap_capacity_facts(struct neap_strmap *facts);

#endif
