/* SPDX-License-Identifier: Apache-2.0 */
/* One unit is enough to tell this morning's attachment from last week's. */
#include "client/age.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "common/clock.h"
#include "common/macro.h"

void age_format(int64_t since, char *buffer, size_t size)
{
	int64_t seconds = MAX((int64_t)time(NULL) - since / (int64_t)NS_PER_SECOND, (int64_t)0);

	if (seconds < 120)
		snprintf(buffer, size, "%" PRId64 "s", seconds);
	else if (seconds < 120 * 60)
		snprintf(buffer, size, "%" PRId64 "m", seconds / 60);
	else if (seconds < 48 * 3600)
		snprintf(buffer, size, "%" PRId64 "h", seconds / 3600);
	else
		snprintf(buffer, size, "%" PRId64 "d", seconds / 86400);
}
