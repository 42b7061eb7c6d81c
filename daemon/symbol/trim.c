/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a traced function runs (x86, BPF trampoline), oldest first:
 *
 *	caller → target+0              the call that is being told of
 *	target+0 → trampoline          patched in at the entry, at +4 behind an endbr64
 *	  trampoline → __bpf_tramp_enter, __bpf_prog_enter, programs at fentry … and back
 *	trampoline → target+5          the body is called: +9 behind an endbr64
 *	  the target's own branches
 *	target+n → trampoline          the return, to the instruction behind the call of the body;
 *	                               after a tail call another program makes it
 *	  trampoline → __bpf_prog_enter, programs at fexit, the last of them the tracer
 *	trampoline → caller
 *
 * The snapshot is taken in the tracer, so the record ends there, and begins wherever its depth
 * cuts. The same target may have run before, in the same record, up to its `trampoline → caller`.
 *
 * The rule that must not break: a branch that the target or anything it called made is never
 * dropped. Control flow is one unbroken line, so a half of a trampoline's run whose end is seen is
 * dropped back to its start or, when that is not in the record, back to the oldest branch.
 */
#include "daemon/symbol/trim.h"

#include <string.h>

/* The bytes of the longest call instruction. */
#define MAX_CALL_LENGTH 8
/* The longest way inside one return thunk. */
#define MAX_THUNK_LENGTH 64
#define NONE SIZE_MAX

struct view {
	struct edge *edges; /* newest first */
	size_t n;
	const struct target *target;
	uint64_t target_start; /* 0: recognized by name */
	uint64_t target_end;
	uint64_t trampoline; /* where the image starts that called the tracer; 0: not seen */
	/* Where in it the target returns to: [after_call, after_call_end); 0, 0: not known. */
	uint64_t after_call;
	uint64_t after_call_end;
};

static bool is_thunk(const struct location *location)
{
	return location->kind == LOCATION_RETURN_THUNK || location->kind == LOCATION_INDIRECT_THUNK;
}

/* Whether the hop that starts at `from` goes on where one that led to `to` arrived. */
static bool continues(const struct location *to, const struct location *from)
{
	if (!is_thunk(to) || from->kind != to->kind || from->address < to->address)
		return false;
	/* Return thunks have labels inside; the indirect ones stand side by side. */
	if (to->kind == LOCATION_RETURN_THUNK)
		return from->address - to->address < MAX_THUNK_LENGTH;
	return from->address - from->offset == to->address - to->offset;
}

size_t edges_fold(struct edge *edges, size_t n)
{
	size_t out = n;

	/* From the oldest on; what is folded is written to the end of the array. */
	for (size_t i = n; i-- > 0;) {
		struct edge *older = out < n ? &edges[out] : NULL;

		if (older && continues(older->to, edges[i].from)) {
			if (!older->through)
				older->through = older->to;
			older->to = edges[i].to;
			older->hops += edges[i].hops;
			continue;
		}
		edges[--out] = edges[i];
	}
	memmove(edges, edges + out, (n - out) * sizeof(*edges));
	return n - out;
}

static bool in_target(const struct view *view, const struct location *location)
{
	const struct target *target = view->target;

	if (view->target_start)
		return location->address >= view->target_start &&
		       location->address < view->target_end;
	if (!location->symbol || strcmp(location->symbol, target->function))
		return false;
	if (target->kind == TARGET_PROGRAM)
		return location->kind == LOCATION_BPF_PROGRAM &&
		       (!location->program_id || location->program_id == target->program_id);
	return location->kind == LOCATION_KERNEL &&
	       !strcmp(location->module ? location->module : "", target->module);
}

static enum location_kind target_kind(const struct view *view)
{
	return view->target->kind == TARGET_PROGRAM ? LOCATION_BPF_PROGRAM : LOCATION_KERNEL;
}

static uint64_t offset_in_target(const struct view *view, const struct location *location)
{
	return view->target_start ? location->address - view->target_start : location->offset;
}

static bool touches_target(const struct view *view, const struct edge *edge)
{
	return in_target(view, edge->from) || in_target(view, edge->to);
}

static uint64_t image_of(const struct location *location)
{
	return location->kind == LOCATION_TRAMPOLINE ? location->address - location->offset : 0;
}

static bool in_trampoline(const struct view *view, const struct location *location)
{
	return view->trampoline && image_of(location) == view->trampoline;
}

/* target+0 → trampoline; by way of ftrace when others have hooked the same function. */
static bool is_patched_call(const struct view *view, const struct edge *edge)
{
	uint64_t offset;

	if (!in_target(view, edge->from) || in_target(view, edge->to))
		return false;
	offset = offset_in_target(view, edge->from);
	return offset == 0 || offset == 4;
}

/* trampoline → behind the patched call. A tail call enters further on, at +11 or more. */
static bool is_body_call(const struct view *view, const struct edge *edge)
{
	uint64_t offset;

	/* The oldest edge may have lost its first hop, up to a thunk. */
	if (edge->from->kind != LOCATION_TRAMPOLINE && edge->from->kind != LOCATION_UNKNOWN &&
	    !is_thunk(edge->from))
		return false;
	if (!in_target(view, edge->to) || in_target(view, edge->from))
		return false;
	offset = offset_in_target(view, edge->to);
	return offset >= 4 && offset <= 9;
}

/* Control comes back into the trampoline from the body. */
static bool is_return(const struct view *view, const struct edge *edge)
{
	if (!in_trampoline(view, edge->to) || in_trampoline(view, edge->from))
		return false;
	if (view->after_call)
		return edge->to->address >= view->after_call &&
		       edge->to->address < view->after_call_end;
	return in_target(view, edge->from) && !is_patched_call(view, edge);
}

/*
 * trampoline → caller. What the trampoline calls looks the same, but stands behind such an edge or
 * the call of a body, seen from the newest on, and is dropped with the half that it belongs to. To
 * be asked of what is no call of a body.
 */
static bool is_leave(const struct view *view, const struct edge *edge)
{
	return in_trampoline(view, edge->from) && !in_trampoline(view, edge->to);
}

static size_t find(const struct view *view, bool (*is)(const struct view *, const struct edge *))
{
	for (size_t i = 0; i < view->n; i++)
		if (is(view, &view->edges[i]))
			return i;
	return NONE;
}

/* The newest trampoline in the record is the one that called the tracer. */
static void find_trampoline(struct view *view)
{
	for (size_t i = 0; i < view->n && !view->trampoline; i++) {
		view->trampoline = image_of(view->edges[i].to);
		if (!view->trampoline)
			view->trampoline = image_of(view->edges[i].from);
	}
}

/* Where the body returns to is the same in every run through the same image. */
static void find_after_call(struct view *view)
{
	if (!view->trampoline)
		return;
	for (size_t i = 0; i < view->n; i++) {
		const struct edge *edge = &view->edges[i];

		if (in_trampoline(view, edge->from) && is_body_call(view, edge)) {
			view->after_call = edge->from->address + 1;
			view->after_call_end = edge->from->address + MAX_CALL_LENGTH + 1;
			return;
		}
	}
	for (size_t i = 0; i < view->n; i++) {
		const struct edge *edge = &view->edges[i];

		if (is_return(view, edge)) {
			view->after_call = edge->to->address;
			view->after_call_end = edge->to->address + 1;
			return;
		}
	}
}

/*
 * Hidden addresses, and names that do not tell: what the trampoline enters a few bytes behind its
 * start is the body, and only then a target's range is known after all.
 */
static bool guess_target(struct view *view)
{
	enum location_kind wanted = target_kind(view);

	for (size_t i = 0; i < view->n; i++) {
		const struct location *from = view->edges[i].from, *to = view->edges[i].to;

		if (from->kind == LOCATION_TRAMPOLINE && to->kind == wanted && to->offset >= 4 &&
		    to->offset <= 9) {
			view->target_start = to->address - to->offset;
			view->target_end = to->address + 1;
			break;
		}
	}
	if (!view->target_start)
		return false;
	for (size_t i = 0; i < 2 * view->n; i++) {
		const struct edge *edge = &view->edges[i / 2];
		const struct location *location = i % 2 ? edge->to : edge->from;

		if (location->address >= view->target_end &&
		    location->address - location->offset == view->target_start)
			view->target_end = location->address + 1;
	}
	return true;
}

/* By kinds alone: the newest edge into the trampoline that nothing of a tracer made. */
static size_t find_return_by_kind(const struct view *view)
{
	enum location_kind wanted = target_kind(view);

	for (size_t i = 0; i < view->n; i++)
		if (in_trampoline(view, view->edges[i].to) &&
		    view->edges[i].from->kind == wanted)
			return i;
	return NONE;
}

/* At exit: the edge that leaves the target, or NONE. Everything newer is the tracer's. */
static size_t find_exit(const struct view *view)
{
	size_t touching = find(view, touches_target);

	if (touching == NONE)
		return view->target_start ? NONE : find_return_by_kind(view);
	if (in_trampoline(view, view->edges[touching].to))
		return touching;
	/* A program that was tail-called returned in the target's place: the first way back. */
	for (size_t i = touching; i-- > 0;)
		if (in_trampoline(view, view->edges[i].to) &&
		    !in_trampoline(view, view->edges[i].from))
			return i;
	return touching;
}

/* The newest edge that belongs to the story, or NONE. */
static size_t find_newest(const struct view *view)
{
	size_t call, touching;

	if (view->target->mode == TRACE_EXIT)
		return find_exit(view);
	call = find(view, is_patched_call);
	if (call != NONE)
		return call + 1 < view->n ? call + 1 : NONE;
	touching = find(view, touches_target);
	return touching;
}

static bool has_interrupt(const struct edge *edges, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (edges[i].from->kind == LOCATION_INTERRUPT ||
		    edges[i].to->kind == LOCATION_INTERRUPT)
			return true;
	return false;
}

/* From the call of the body at `i` back to the patched call; returns the last index dropped. */
static size_t drop_entry_half(struct view *view, size_t i)
{
	size_t depth = 0;

	for (; i < view->n; i++) {
		view->edges[i].dropped = true;
		if (is_body_call(view, &view->edges[i]))
			depth++;
		else if (is_patched_call(view, &view->edges[i]) && --depth == 0)
			break;
	}
	return i;
}

/* Between `trampoline → caller` at `i` and the return of the body, both of which stay. */
static size_t drop_exit_half(struct view *view, size_t i)
{
	for (i++; i < view->n; i++) {
		if (is_return(view, &view->edges[i]))
			break;
		view->edges[i].dropped = true;
		/* A program at the entry may have kept the body from running. */
		if (is_patched_call(view, &view->edges[i]))
			break;
	}
	return i;
}

enum rows_notice edges_trim(struct edge *edges, size_t n, const struct target *target)
{
	struct view view = {
		.edges = edges,
		.n = n,
		.target = target,
		.target_start = target->start,
		.target_end = target->end,
	};
	size_t newest;

	find_trampoline(&view);
	if (!view.target_start && find(&view, touches_target) == NONE)
		guess_target(&view);
	find_after_call(&view);

	newest = find_newest(&view);
	if (newest == NONE)
		return has_interrupt(edges, n) ? ROWS_POLLUTED : ROWS_NO_TARGET;
	for (size_t i = 0; i < newest; i++)
		edges[i].dropped = true;
	for (size_t i = newest; i < n; i++) {
		if (is_body_call(&view, &edges[i]))
			i = drop_entry_half(&view, i);
		else if (is_leave(&view, &edges[i]))
			i = drop_exit_half(&view, i);
	}
	return has_interrupt(edges, newest) ? ROWS_POLLUTED : ROWS_FINE;
}
