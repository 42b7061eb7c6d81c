/* SPDX-License-Identifier: Apache-2.0 */
/* Every sentence that lbrd writes to the journal. A healthy daemon is silent. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Each function writes one line: to the journal with its MESSAGE_ID when standard error is
 * connected to it (systemd's $JOURNAL_STREAM), else to standard error. Never fails, may block as
 * a write to standard error does. The identifiers are explained in systemd/lbrd.catalog.
 */
/* `place`, a path, may be NULL. */
void log_start_failed(const char *what, const char *place, const char *why, const char *hint);
void log_listener_failed(int error);
void log_peer_dropped(uid_t uid, pid_t pid, const char *reason);
void log_internal_error(const char *method, int error);
void log_malformed_record(uint64_t count);
/* `what`: the file, or the object whose index turned out to be damaged while it was in use. */
void log_index_refused(const char *what, const char *why);
void log_index_failed(const char *object, const char *why);
/* `lockdown`: there is no earlier policy that goes on to hold. */
void log_policy_refused(const char *path, const char *why, bool lockdown);
void log_policy_loaded(const char *path, bool built_in);
void log_taken_over(size_t n_attachments);
void log_takeover_refused(const char *why);
/* `attachment` 0: none that there is. */
void log_not_kept(uint32_t attachment, int error);
void log_degraded(const char *what, const char *hint);
