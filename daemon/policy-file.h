/* SPDX-License-Identifier: Apache-2.0 */
/* The policy file: read, and its names looked up among the users and groups of this machine. */
#pragma once

#include "daemon/api/policy.h"

/*
 * Puts into force what `file` says; where there is no such file, the built-in policy. When it is
 * wrong or cannot be read, the rules that were in force stay so, the journal is told, and
 * POLICY_E_BAD returned. -ENOMEM. May block as the look-up of a name does.
 */
int policy_file_load(struct policy_in_force *policy);
