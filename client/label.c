/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left out when there is no room: the reader of a row wants the function and the line, and
 * knows them by their ends. The rule that must not break: never wider than asked.
 */
#include "client/label.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/text.h"
#include "common/macro.h"

/* What shortening leaves of a name or a path as long as there is something else to take from. */
#define SHORTEST_NAME 12u
#define SHORTEST_FILE 6u

static unsigned int slice_width(struct json_slice s)
{
	return s.data ? text_width(s.data, s.length) : 0;
}

/* What stands around the name of an inlined function; in short it is one glyph before it. */
#define INLINED_BEGINNING "[inlined "
#define INLINED_AROUND (1 + sizeof(INLINED_BEGINNING "]") - 1) /* with the blank before it */
#define INLINED_AROUND_SHORT 1

/* The widths of the parts of a label, once they fit; 0: left out. */
struct fit {
	unsigned int name, callee, file;
	unsigned int around; /* the callee */
	bool module, source;
};

/* Takes up to `wanted` from `*width`, which is not made less than `least` by it. */
static unsigned int take(unsigned int *width, unsigned int least, unsigned int wanted)
{
	unsigned int n = *width > least ? MIN(*width - least, wanted) : 0;

	*width -= n;
	return n;
}

/*
 * Takes away, in this order: the word "inlined", the start of the names, of the path, the path, the
 * line (which says nothing without the inlined function that it is in), that function, the module.
 */
static void shrink(const struct label_parts *parts, unsigned int width, struct fit *fit)
{
	unsigned int name = slice_width(parts->name), offset = slice_width(parts->offset);
	unsigned int module = parts->module.data ? slice_width(parts->module) + 3 : 0;
	unsigned int source = parts->file.data ? slice_width(parts->line) + 3 : 0; /* " (:12)" */
	unsigned int excess, rest;

	*fit = (struct fit){
		.name = name,
		.callee = slice_width(parts->inlined),
		.file = slice_width(parts->file),
		.around = parts->inlined.data ? INLINED_AROUND : 0,
		.module = module,
		.source = source,
	};
	excess = name + offset + module + fit->around + fit->callee + source + fit->file;
	excess -= MIN(excess, width);

	if (excess && fit->around) {
		excess -= MIN(excess, INLINED_AROUND - INLINED_AROUND_SHORT);
		fit->around = INLINED_AROUND_SHORT;
	}
	excess -= take(&fit->name, SHORTEST_NAME, excess);
	excess -= take(&fit->callee, SHORTEST_NAME, excess);
	excess -= take(&fit->file, SHORTEST_FILE, excess);
	if (excess) {
		excess -= MIN(excess, fit->file);
		fit->file = 0;
	}
	if (excess && fit->source) {
		excess -= MIN(excess, source);
		fit->source = false;
	}
	if (excess) {
		excess -= MIN(excess, fit->around + fit->callee);
		fit->around = fit->callee = 0;
	}
	if (excess)
		fit->module = false;
	/* What a part left over that went as a whole is the name's. */
	rest = offset + (fit->module ? module : 0) + (fit->source ? source + fit->file : 0) +
	       fit->around + fit->callee;
	fit->name = rest < width ? MIN(name, width - rest) : 0;
}

/* Appends `s`, its start replaced by an ellipsis when it is wider than `width`. */
static unsigned int put_tail(FILE *f, const struct terminal *terminal, struct json_slice s,
			     unsigned int width)
{
	unsigned int w = 0;
	size_t n;

	if (!s.length || !width)
		return 0;
	if (slice_width(s) <= width) {
		fwrite(s.data, 1, s.length, f);
		return slice_width(s);
	}
	n = text_tail(s.data, s.length, width - 1, &w);
	fputs(terminal->glyphs.ellipsis, f);
	fwrite(s.data + s.length - n, 1, n, f);
	return w + 1;
}

int label_compose(const struct terminal *terminal, const struct label_parts *parts,
		  unsigned int width, struct label *ret)
{
	const char *const *style = terminal->styles;
	char *text = NULL;
	size_t length;
	struct fit fit;
	FILE *f = open_memstream(&text, &length);

	if (!f)
		return -ENOMEM;
	shrink(parts, width, &fit);
	ret->width = put_tail(f, terminal, parts->name, fit.name);
	fputs(style[STYLE_NONE], f);
	ret->width += put_tail(f, terminal, parts->offset, slice_width(parts->offset));
	if (fit.module) {
		fprintf(f, " %s[", style[STYLE_DIM]);
		ret->width += 3 + put_tail(f, terminal, parts->module, LABEL_UNLIMITED);
		fprintf(f, "]%s", style[STYLE_NONE]);
	}
	if (fit.around) {
		bool brief = fit.around == INLINED_AROUND_SHORT;

		fprintf(f, "%s%s%s", style[STYLE_DIM],
			brief ? terminal->glyphs.inlined : " " INLINED_BEGINNING, style[STYLE_NONE]);
		ret->width += fit.around + put_tail(f, terminal, parts->inlined, fit.callee);
		fprintf(f, "%s%s%s", style[STYLE_DIM], brief ? "" : "]", style[STYLE_NONE]);
	}
	if (fit.source) {
		fprintf(f, " (%s", style[STYLE_SOURCE]);
		ret->width += 3 + put_tail(f, terminal, parts->file, fit.file);
		ret->width += put_tail(f, terminal, parts->line, LABEL_UNLIMITED);
		fprintf(f, "%s)", style[STYLE_NONE]);
	}
	if (fclose(f) || !text) {
		free(text);
		return -ENOMEM;
	}
	ret->text = text;
	ret->length = (uint32_t)length;
	return 0;
}
