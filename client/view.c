/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the command line are shorter than those of the interface. */
#include "client/view.h"

#include <string.h>

#include "client/options.h"

bool parse_view(const struct command *command, const char *text, const char **ret)
{
	static const char *const words[] = { "branches", "source", "insns", NULL };
	static const char *const views[] = { NULL, "source", "instructions" };
	const char *like = nearest(text, words);

	for (int i = 0; words[i]; i++) {
		if (!strcmp(text, words[i])) {
			*ret = views[i];
			return true;
		}
	}
	usage_error(command, "--view must be branches, source or insns, not '%s'%s%s%s", text,
		    like ? "; did you mean '" : "", like ? like : "", like ? "'?" : "");
	return false;
}
