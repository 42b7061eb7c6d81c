/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a path and chooses the view. */
#include "client/render-path.h"

#include <errno.h>
#include <stdlib.h>

#include "client/source-tree.h"

void path_renderer_deinit(struct path_renderer *renderer)
{
	instructions_forget(renderer);
	views_clear(&renderer->views);
	free(renderer->view);
	free(renderer->scratch);
	string_space_deinit(&renderer->strings);
	path_deinit(&renderer->path);
	free(renderer->items);
	free(renderer->folded);
	free(renderer->words);
}

static void forget_other_width(struct path_renderer *renderer)
{
	if (renderer->width == renderer->terminal->width)
		return;
	renderer->width = renderer->terminal->width;
	instructions_forget(renderer);
	views_clear(&renderer->views);
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

static int render_view(struct path_renderer *renderer, struct output *out)
{
	return renderer->path.has_instructions ? render_instructions(renderer, out) :
						 render_source(renderer, out);
}

/* A path that is shown for the first time. */
static int render_anew(struct path_renderer *renderer, uint64_t hash,
		       const struct json_slice *text, struct output *out)
{
	struct output *view = renderer->view;
	int r;

	if (!view)
		view = renderer->view = malloc(sizeof(*view));
	if (!view)
		return -ENOMEM;
	output_init(view, -1);
	renderer->path.runs = &renderer->runs;
	r = path_read(&renderer->path, text);
	if (r < 0)
		return r;
	if (renderer->tree)
		add_texts(renderer);
	r = render_view(renderer, view);
	if (r < 0)
		return r;
	/* It did not fit. */
	if (view->error)
		return render_view(renderer, out);
	views_add(&renderer->views, hash, text, view->data, view->length);
	output_append(out, view->data, view->length);
	return 0;
}

int render_path(struct path_renderer *renderer, const struct json_slice *text, struct output *out)
{
	uint64_t hash = views_hash(text);

	forget_other_width(renderer);
	if (views_put(&renderer->views, hash, text, out))
		return 0;
	instructions_tidy(renderer);
	return render_anew(renderer, hash, text, out);
}
