/* SPDX-License-Identifier: Apache-2.0 */
/* Code that comes and goes while the kernel runs: BPF programs, trampolines, probe pages. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/model/location.h"
#include "daemon/symbol/bpf-program.h"
#include "daemon/symbol/life.h"

struct image {
	uint64_t start;
	uint64_t end;
	bool loose; /* `end` is an upper bound only */
	enum location_kind kind;
	uint64_t from; /* CLOCK_MONOTONIC, nanoseconds */
	uint64_t until; /* LIFE_OPEN while it is there */
	uint64_t noticed; /* by images_reap(), that it ended; 0: not yet */
	struct life *life; /* of what was cached of it */
	struct bpf_program *program; /* NULL: not known */
	size_t function; /* of the program */
	SLIST_ENTRY(image) condemned;
	char *module;
	char name[]; /* as in kallsyms */
};

SLIST_HEAD(image_list, image);

/*
 * The live ones are disjoint and sorted by address; the dead ones stand in the order of their end,
 * until images_reap() condemns them.
 */
struct images {
	struct image **live;
	size_t n_live;
	size_t capacity_live;
	struct image **dead;
	size_t n_dead;
	size_t capacity_dead;
	struct image_list condemned; /* cannot be found any more; to be freed by images_bury() */
	struct life_list *retired; /* receives the lives of what is condemned or changed */
	size_t bytes;
};

void images_init(struct images *images, struct life_list *retired);
void images_deinit(struct images *images);

struct image_news {
	uint64_t start;
	uint64_t length;
	bool loose;
	const char *name;
	const char *module;
	uint64_t time; /* since when it is there */
};

/*
 * Something came. Whatever live image it overlaps must be gone, and is ended at that time; a loose
 * one is only cut short. -ENOMEM.
 */
int images_add(struct images *images, const struct image_news *news, struct image **ret);

/* The image that starts at `start` went at `time`. */
void images_end(struct images *images, uint64_t start, uint64_t time);

/*
 * Binds a live image to its program, unless it is bound already. What was cached of it holds no
 * more. -ENOMEM.
 */
int images_bind(struct images *images, struct image *image, struct bpf_program *program,
		size_t function);

/* It turns out that the image came no earlier than `from`. -ENOMEM. */
int images_delay(struct images *images, struct image *image, uint64_t from);

/* The true end of an image that was loose. */
void images_tighten(struct image *image, uint64_t end);

/* What was cached of the image holds no more. -ENOMEM. */
int images_renew(struct images *images, struct image *image);

/* The live image that starts at `start`, or NULL. */
struct image *images_at(const struct images *images, uint64_t start);

/*
 * The image that covered `address` at `timestamp`. An ended one goes on until something else takes
 * its place: the kernel reports the end before the last CPU has left the code.
 */
struct image *images_find(const struct images *images, uint64_t address, uint64_t timestamp);

/*
 * Reports were lost since `time`: what is dead may have been replaced then, by something that came
 * and went unseen.
 */
void images_doubt_dead(struct images *images, uint64_t time);

/* Whether any image, live or dead, covers `address` at some time. */
bool images_ever(const struct images *images, uint64_t address);

/* The program of that id that an image, live or dead, is bound to; borrowed; NULL: none. */
struct bpf_program *images_program(const struct images *images, uint32_t id);

/* When the last dead image that touched [start, end) ended; 0: none did. */
uint64_t images_last_end(const struct images *images, uint64_t start, uint64_t end);

/*
 * Condemns what was dead when this was called more than `grace` before `now`: whoever was stopped
 * for longer than that still finds what stood in the records of that time.
 */
void images_reap(struct images *images, uint64_t now, uint64_t grace);

/* Frees what was condemned. The locations cached of it must have been swept out before. */
void images_bury(struct images *images);
