/* SPDX-License-Identifier: Apache-2.0 */
/* For tables and messages; asks the name service, hence never on the route of an event. */
#include "client/user.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>

void user_name(int64_t uid, char *buffer, size_t size)
{
	struct passwd *entry = getpwuid((uid_t)uid);

	if (entry)
		snprintf(buffer, size, "%s", entry->pw_name);
	else
		snprintf(buffer, size, "uid %" PRId64, uid);
}
