/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function per condition, so that a sentence, its priority and its MESSAGE_ID stand together
 * and a caller cannot word the same condition twice.
 */
#include "daemon/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#define ID_START_FAILED "5b1c7e0f6f0e4d5a9d0c3b7a4e2f1a01"
#define ID_LISTENER_FAILED "5b1c7e0f6f0e4d5a9d0c3b7a4e2f1a02"
#define ID_PEER_DROPPED "5b1c7e0f6f0e4d5a9d0c3b7a4e2f1a03"
#define ID_INTERNAL_ERROR "5b1c7e0f6f0e4d5a9d0c3b7a4e2f1a04"
#define ID_MALFORMED_RECORD "5b1c7e0f6f0e4d5a9d0c3b7a4e2f1a05"
#define ID_DEGRADED "5b1c7e0f6f0e4d5a9d0c3b7a4e2f1a06"
#define ID_INDEX_REFUSED "5b1c7e0f6f0e4d5a9d0c3b7a4e2f1a07"
#define ID_INDEX_FAILED "5b1c7e0f6f0e4d5a9d0c3b7a4e2f1a08"
#define ID_POLICY_REFUSED "5b1c7e0f6f0e4d5a9d0c3b7a4e2f1a09"
#define ID_POLICY_LOADED "5b1c7e0f6f0e4d5a9d0c3b7a4e2f1a0a"
#define ID_TAKEN_OVER "5b1c7e0f6f0e4d5a9d0c3b7a4e2f1a10"
#define ID_TAKEOVER_REFUSED "5b1c7e0f6f0e4d5a9d0c3b7a4e2f1a11"
#define ID_NOT_KEPT "5b1c7e0f6f0e4d5a9d0c3b7a4e2f1a12"

/* systemd.exec(5), JOURNAL_STREAM: device and inode of the stream that leads to the journal. */
static int stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	if (!stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2)
		return 0;
	return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

__attribute__((format(printf, 3, 4)))
static void log_line(int priority, const char *message_id, const char *format, ...)
{
	char line[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);

	if (stderr_is_journal())
		sd_journal_send("MESSAGE=%s", line, "PRIORITY=%i", priority, "MESSAGE_ID=%s",
				message_id, NULL);
	else
		fprintf(stderr, "lbrd: %s\n", line);
}

void log_start_failed(const char *what, const char *place, const char *why, const char *hint)
{
	log_line(LOG_ERR, ID_START_FAILED, "cannot start: %s%s%s: %s. %s", what, place ? " at " : "",
			place ? place : "", why, hint);
}

void log_listener_failed(int error)
{
	log_line(LOG_ERR, ID_LISTENER_FAILED, "the listening socket failed: %s; lbrd ends",
			strerror(error < 0 ? -error : error));
}

void log_peer_dropped(uid_t uid, pid_t pid, const char *reason)
{
	log_line(LOG_NOTICE, ID_PEER_DROPPED, "disconnected the client of uid %u, process %d: %s",
			uid, pid, reason);
}

void log_internal_error(const char *method, int error)
{
	log_line(LOG_WARNING, ID_INTERNAL_ERROR, "%s failed: %s", method,
			strerror(error < 0 ? -error : error));
}

void log_malformed_record(uint64_t count)
{
	log_line(LOG_WARNING, ID_MALFORMED_RECORD,
			"%llu malformed records in the ring buffer so far were left out",
			(unsigned long long)count);
}

void log_index_refused(const char *what, const char *why)
{
	log_line(LOG_WARNING, ID_INDEX_REFUSED, "the index of lines %s is not used: %s", what, why);
}

void log_index_failed(const char *object, const char *why)
{
	log_line(LOG_WARNING, ID_INDEX_FAILED, "no index of lines of %s: %s", object, why);
}

void log_policy_refused(const char *path, const char *why, bool lockdown)
{
	log_line(LOG_ERR, ID_POLICY_REFUSED, "the policy %s is refused: %s; %s", path, why, lockdown ?
			"only root may do anything until it is right" : "the one before stays in force");
}

void log_policy_loaded(const char *path, bool built_in)
{
	log_line(LOG_INFO, ID_POLICY_LOADED, built_in ?
			"there is no policy %s: the built-in one is in force" :
			"the policy %s is in force", path);
}

void log_taken_over(size_t n_attachments)
{
	log_line(LOG_NOTICE, ID_TAKEN_OVER, "goes on with %zu attachment%s of an earlier lbrd",
			n_attachments, n_attachments == 1 ? "" : "s");
}

void log_takeover_refused(const char *why)
{
	log_line(LOG_WARNING, ID_TAKEOVER_REFUSED, "what an earlier lbrd left is not taken over: "
			"%s. Its attachments have ended", why);
}

void log_not_kept(uint32_t attachment, int error)
{
	log_line(LOG_WARNING, ID_NOT_KEPT, "attachment #%u will not outlive lbrd: %s", attachment,
			error == -ENOSPC ? "the store of descriptors is full" : strerror(-error));
}

void log_degraded(const char *what, const char *hint)
{
	log_line(LOG_NOTICE, ID_DEGRADED, "%s. %s", what, hint);
}
