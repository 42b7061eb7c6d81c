/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a path and chooses the view. */
#include "client/render-path.h"

#include <stdlib.h>

#include "client/source-tree.h"

void path_renderer_deinit(struct path_renderer *renderer)
{
	instructions_forget(renderer);
	free(renderer->scratch);
	string_space_deinit(&renderer->strings);
	path_deinit(&renderer->path);
	free(renderer->items);
	free(renderer->folded);
	free(renderer->words);
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
}

int render_path(struct path_renderer *renderer, const struct json_slice *text, struct output *out)
{
	int r;

	instructions_tidy(renderer);
	renderer->path.runs = &renderer->runs;
	r = path_read(&renderer->path, text);
	if (r < 0)
		return r;
	if (renderer->tree)
		add_texts(renderer);
	return renderer->path.has_instructions ? render_instructions(renderer, out) :
						 render_source(renderer, out);
}
