/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the command line are shorter than those of the interface. */
#include "client/view.h"

#include <string.h>

static bool parse_view(const struct command *command, const char *text, const char **ret)
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

bool view_take_option(const struct command *command, int c, struct view *view)
{
	switch (c) {
	case OPTION_VIEW:
		return parse_view(command, optarg, &view->name);
	case OPTION_VIEW_NO_BYTES:
		view->no_bytes = true;
		return true;
	default:
		view->source_tree = optarg;
		return true;
	}
}

bool view_check(const struct command *command, const struct view *view)
{
	if (view->no_bytes && (!view->name || strcmp(view->name, "instructions"))) {
		usage_error(command, "only --view insns shows bytes: --no-bytes goes with it");
		return false;
	}
	if (view->source_tree && !view->name) {
		usage_error(command, "--source-tree is for the lines of --view source or insns");
		return false;
	}
	return true;
}
