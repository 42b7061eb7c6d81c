/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a path and chooses the view. */
#include "client/render-path.h"

#include <stdlib.h>

void path_renderer_deinit(struct path_renderer *renderer)
{
	path_deinit(&renderer->path);
	free(renderer->items);
	free(renderer->folded);
}

int render_path(struct path_renderer *renderer, const struct json_slice *text, struct output *out)
{
	int r = path_read(&renderer->path, text);

	if (r < 0)
		return r;
	if (!renderer->path.n_instructions)
		return render_source(renderer, out);
	render_instructions(renderer, out);
	return 0;
}
