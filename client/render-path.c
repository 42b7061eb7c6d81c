/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a path and chooses the view. */
#include "client/render-path.h"

#include <stdlib.h>

#include "client/source-tree.h"

void path_renderer_deinit(struct path_renderer *renderer)
{
	path_deinit(&renderer->path);
	free(renderer->items);
	free(renderer->folded);
}

/* Of lines that came without, for lbrd knows the text of BPF programs only. */
static void add_texts(struct path_renderer *renderer)
{
	struct path *path = &renderer->path;

	source_tree_tidy(renderer->tree);
	for (size_t i = 0; i < path->n_lines; i++)
		if (!path->lines[i].text.length)
			source_tree_find(renderer->tree, &path->lines[i].file,
					 path->lines[i].line, &path->lines[i].text);
	for (size_t i = 0; i < path->n_instructions; i++)
		code_line_add_text(&path->instructions[i], renderer->tree);
}

int render_path(struct path_renderer *renderer, const struct json_slice *text, struct output *out)
{
	int r = path_read(&renderer->path, text);

	if (r < 0)
		return r;
	if (renderer->tree)
		add_texts(renderer);
	if (!renderer->path.n_instructions)
		return render_source(renderer, out);
	render_instructions(renderer, out);
	return 0;
}
