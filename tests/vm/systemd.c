/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's systemd, but not the host's services: it sees a unit directory of ours, which links
 * to what a service needs to run as elsewhere (the journal, the targets that units are ordered by)
 * and nothing else, so that it boots in a second. Tests add their own units to the directory.
 */
#include "systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PROGRAM "/lib/systemd/systemd"
#define UNITS "/run/systemd/system/"
#define TRANSIENT "/run/systemd/transient" /* where systemd-run puts them */
#define NOTIFY_SOCKET "/run/lbrd-vm.notify"
#define PATIENCE_MS 120000

static const char *const units[] = {
	"basic.target",
	"local-fs.target",
	"shutdown.target",
	"sockets.target",
	"sysinit.target",
	"systemd-journald-dev-log.socket",
	"systemd-journald.service",
	"systemd-journald.socket",
	"umount.target",
};

static int link_units(void)
{
	char target[256], path[256];

	mkdir("/run/systemd", 0755);
	mkdir(UNITS, 0755);
	mkdir(UNITS "sysinit.target.wants", 0755);
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		snprintf(target, sizeof(target), "/lib/systemd/system/%s", units[i]);
		snprintf(path, sizeof(path), UNITS "%s", units[i]);
		if (symlink(target, path) < 0)
			return -1;
	}
	return symlink(UNITS "systemd-journald.service",
			UNITS "sysinit.target.wants/systemd-journald.service");
}

/* Without one systemd takes this for the first boot ever, and sets the machine up. */
static void make_machine_id(void)
{
	static const char id[] = "1b6dc0de1b6dc0de1b6dc0de1b6dc0de\n";
	struct stat st;
	int fd;

	if (stat("/etc/machine-id", &st) == 0 && st.st_size >= 32)
		return;
	fd = open("/etc/machine-id", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0444);
	if (fd < 0 || write(fd, id, strlen(id)) < 0)
		perror("init: /etc/machine-id");
	close(fd);
}

int systemd_prepare(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = NOTIFY_SOCKET};
	int fd;

	if (access(PROGRAM, X_OK) < 0 || link_units() < 0)
		return -1;
	make_machine_id();
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

void systemd_exec(void)
{
	/* Only what is found in these is run; the generators would translate the host's /etc. */
	setenv("SYSTEMD_UNIT_PATH", TRANSIENT ":" UNITS, 1);
	setenv("SYSTEMD_GENERATOR_PATH", "/nonexistent", 1);
	setenv("SYSTEMD_ENVIRONMENT_GENERATOR_PATH", "/nonexistent", 1);
	setenv("NOTIFY_SOCKET", NOTIFY_SOCKET, 1);
	execl(PROGRAM, PROGRAM, "--unit=basic.target", "--log-target=journal", NULL);
}

const char *systemd_wait(int fd)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	char message[4096];
	ssize_t n;

	while (poll(&readable, 1, PATIENCE_MS) > 0) {
		n = recv(fd, message, sizeof(message) - 1, 0);
		if (n < 0)
			return "hear from systemd";
		message[n] = '\0';
		if (strstr(message, "READY=1"))
			return NULL;
	}
	errno = 0;
	return "systemd does not come up";
}
