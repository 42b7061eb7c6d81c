/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads BPF programs and runs them on given packets, for tests. Each command prints JSON, one
 * object to a line. It stays off libbpf's newer calls: 1.1 is the oldest that we build with.
 */
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "common/cleanup.h"

static int usage(void)
{
	fputs("usage: bpf-tool load OBJECT DIRECTORY   pin each program at DIRECTORY/FUNCTION\n"
	      "       bpf-tool hold OBJECT             keep them loaded until standard input ends\n"
	      "       bpf-tool run PIN [-r REPEAT] [-c CPU] [-d PACKET-IN-HEX]\n"
	      "       bpf-tool image ID                the machine code, as it is\n"
	      "       bpf-tool leak                    memory, and end with 0\n",
	      stderr);
	return 2;
}

static int fail(const char *what, int error)
{
	fprintf(stderr, "bpf-tool: %s: %s\n", what, strerror(error < 0 ? -error : error));
	return 1;
}

static int print_program(const struct bpf_program *program)
{
	struct bpf_prog_info info = {};
	__u32 length = sizeof(info);
	int r;

	r = bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length);
	if (r < 0)
		return r;
	printf("{\"name\": \"%s\", \"id\": %u, \"tag\": \"", bpf_program__name(program), info.id);
	for (size_t i = 0; i < sizeof(info.tag); i++)
		printf("%02x", info.tag[i]);
	printf("\"}\n");
	return 0;
}

static void close_object_p(struct bpf_object **object)
{
	bpf_object__close(*object);
}

static int load(const char *path, const char *directory)
{
	_cleanup_(close_object_p) struct bpf_object *object = NULL;
	struct bpf_program *program;
	int r;

	object = bpf_object__open_file(path, NULL);
	if (!object)
		return fail(path, errno);
	r = bpf_object__load(object);
	if (r < 0)
		return fail(path, r);
	if (directory) {
		r = bpf_object__pin_programs(object, directory);
		if (r < 0)
			return fail(directory, r);
	}
	bpf_object__for_each_program(program, object) {
		r = print_program(program);
		if (r < 0)
			return fail(bpf_program__name(program), r);
	}
	fflush(stdout);
	if (!directory)
		while (getchar() != EOF)
			;
	return 0;
}

static int parse_packet(const char *hex, unsigned char *packet, size_t size)
{
	size_t length = strlen(hex) / 2;

	if (strlen(hex) % 2 || length > size)
		return -EINVAL;
	for (size_t i = 0; i < length; i++)
		if (sscanf(hex + 2 * i, "%2hhx", &packet[i]) != 1)
			return -EINVAL;
	return 0;
}

static int run(int argc, char **argv)
{
	unsigned char packet[256] = {};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = 64);
	_cleanup_close_ int fd = -1;
	cpu_set_t cpus;
	int option, r;

	while ((option = getopt(argc, argv, "r:c:d:")) != -1) {
		switch (option) {
		case 'r':
			options.repeat = atoi(optarg);
			break;
		case 'c':
			CPU_ZERO(&cpus);
			CPU_SET(atoi(optarg), &cpus);
			if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
				return fail("sched_setaffinity", errno);
			break;
		case 'd':
			r = parse_packet(optarg, packet, sizeof(packet));
			if (r < 0)
				return fail(optarg, r);
			break;
		default:
			return usage();
		}
	}
	if (optind + 1 != argc)
		return usage();
	fd = bpf_obj_get(argv[optind]);
	if (fd < 0)
		return fail(argv[optind], errno);
	r = bpf_prog_test_run_opts(fd, &options);
	if (r < 0)
		return fail("BPF_PROG_TEST_RUN", r);
	printf("{\"returnValue\": %u, \"processId\": %d, \"nanosecondsPerRun\": %u}\n",
	       options.retval, getpid(), options.duration);
	return 0;
}

static int print_image(unsigned int id)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	_cleanup_free_ void *image = NULL;
	struct bpf_prog_info info;
	__u32 length = sizeof(info), size;

	memset(&info, 0, sizeof(info));
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &length) < 0)
		return fail("BPF_OBJ_GET_INFO_BY_FD", errno);
	size = info.jited_prog_len;
	image = malloc(size);
	if (!image)
		return fail("malloc", ENOMEM);
	memset(&info, 0, sizeof(info));
	info.jited_prog_len = size;
	info.jited_prog_insns = (uintptr_t)image;
	if (bpf_obj_get_info_by_fd(fd, &info, &length) < 0)
		return fail("BPF_OBJ_GET_INFO_BY_FD", errno);
	return fwrite(image, 1, size, stdout) == size ? 0 : fail("stdout", errno);
}

static int leak(void)
{
	void *volatile memory = NULL;

	for (int i = 0; i < 10; i++)
		memory = malloc(100);
	free(memory);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "leak"))
		return leak();
	if (argc == 3 && !strcmp(argv[1], "image"))
		return print_image(atoi(argv[2]));
	if (argc == 4 && !strcmp(argv[1], "load"))
		return load(argv[2], argv[3]);
	if (argc == 3 && !strcmp(argv[1], "hold"))
		return load(argv[2], NULL);
	if (argc >= 3 && !strcmp(argv[1], "run"))
		return run(argc - 1, argv + 1);
	return usage();
}
