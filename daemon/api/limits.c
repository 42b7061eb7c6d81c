/* SPDX-License-Identifier: Apache-2.0 */
/* `lbrctl status --limits` prints this table; nothing else in lbrd holds such a number. */
#include "daemon/api/limits.h"

const struct limit limits[N_LIMITS] = {
	[LIMIT_USER_SHARE] = {"userShare", 50, "percent",
		"One user may have so much of what others leave of a total, so all find something."},
	[LIMIT_ROOT_SHARE] = {"rootShare", 75, "percent",
		"The same for root, who may need more than others, but never all."},
	[LIMIT_CALL_BYTES] = {"callBytes", 1 << 20, "bytes",
		"A call with a thousand targets needs a tenth of it; more is not a call."},
	[LIMIT_JSON_DEPTH] = {"jsonDepth", 16, "levels",
		"The deepest call of the interface nests four levels."},
	[LIMIT_TURN_CALLS] = {"turnCalls", 32, "calls of a connection",
		"What is sent ahead waits in the socket, and in a turn of the loop so many are answered."},
	[LIMIT_CALLS_BYTES] = {"callsBytes", 64 << 20, "bytes of unfinished calls",
		"In all, beyond 64 KB for each connection: room for dozens of the largest ones."},
	[LIMIT_CONNECTIONS] = {"connections", 1024, "connections",
		"In all. A stream needs a connection of its own; the file descriptors must last for all."},
	[LIMIT_QUEUED_REPLY_BYTES] = {"queuedReplyBytes", 4 << 20, "bytes",
		"A client that sends calls but reads no replies is not read from beyond it."},
	[LIMIT_REPLIES_BYTES] = {"repliesBytes", 64 << 20, "bytes of unread replies",
		"In all. Without it each connection could leave the largest reply unread."},
	[LIMIT_ATTACHMENTS] = {"attachments", 1024, "attachments",
		"In all. Each one holds kernel memory for its tracers."},
	[LIMIT_CONNECTION_ATTACHMENTS] = {"connectionAttachments", 256, "attachments",
		"That live as long as one connection: when it ends, all end in one turn."},
	[LIMIT_TARGETS] = {"targets", 4096, "targets per attachment",
		"Each one is a BPF program and a trampoline of its own."},
	[LIMIT_ALL_TARGETS] = {"allTargets", 16384, "attached targets",
		"In all: 4 KB of kernel memory each at the least."},
	[LIMIT_SELECTORS] = {"selectors", 1024, "selectors per call",
		"Each one may walk all programs or all kernel functions."},
	[LIMIT_OBSERVERS] = {"observers", 512, "observers",
		"In all. Half of the connections, so that there are always some for requests."},
	[LIMIT_OBSERVER_BYTES] = {"observerBytes", 8 << 20, "bytes",
		"What may wait for one observer before whole snapshots are skipped for it."},
	[LIMIT_OBSERVER_OWN] = {"observerOwn", 1 << 20, "bytes",
		"Of it, what may wait however much waits for others: a slow one takes it from nobody."},
	[LIMIT_STREAMS_BYTES] = {"streamsBytes", 1 << 30, "bytes of streams",
		"In all; then observers have but their own. What waits for many counts for each."},
	[LIMIT_OBSERVER_STALL] = {"observerStall", 30, "seconds",
		"An observer that accepts no byte for so long is disconnected."},
	[LIMIT_PACE_BYTES] = {"paceBytes", 512 << 10, "bytes",
		"While observers have so much to read, records wait in the ring, which is denser."},
	[LIMIT_PACE_STALL] = {"paceStall", 1000, "milliseconds",
		"An observer that accepts no byte for so long is not waited for."},
	[LIMIT_PACE_WAIT] = {"paceWait", 200, "milliseconds",
		"Observers that have caught up wait so long for the others, once; then these may lose."},
	[LIMIT_PACE_RING] = {"paceRing", 14 << 20, "bytes",
		"A ring that holds more is drained, whoever is behind."},
	[LIMIT_REPLAY_EVENTS] = {"replayEvents", 256, "events",
		"The latest events, kept for observers that come late."},
	[LIMIT_REPLAY_BYTES] = {"replayBytes", 8 << 20, "bytes",
		"The memory that the kept events may take."},
	[LIMIT_RING_BYTES] = {"ringBytes", 16 << 20, "bytes",
		"Holds about 20,000 snapshots of 32 branches while lbrd does not run."},
	[LIMIT_TURN_RECORDS] = {"turnRecords", 64, "records",
		"Requests are served between two turns of draining the ring."},
	[LIMIT_TURN_INTERVAL] = {"turnInterval", 1, "milliseconds",
		"Records that come closer together are taken together, which spares wake-ups to all."},
	[LIMIT_COMEBACK] = {"comeback", 5, "seconds",
		"A restarted lbrd leaves events in the ring so long for its observers to come back."},
	[LIMIT_LOCATIONS] = {"locations", 16384, "locations",
		"Named and rendered code addresses that are kept for reuse, 400 to 1,000 bytes each."},
	[LIMIT_INDEX_MEMORY] = {"indexMemory", 3ull << 30, "bytes",
		"What lbrd-index may allocate: reading a large kernel takes a tenth of it."},
	[LIMIT_INDEX_CPU] = {"indexCpu", 300, "seconds",
		"CPU time that building one index may take; a kernel takes a few."},
	[LIMIT_INDEX_TIME] = {"indexTime", 1800, "seconds",
		"Until a builder that does not end is killed. On a busy machine it takes minutes."},
	[LIMIT_INDEX_BYTES] = {"indexBytes", 512 << 20, "bytes",
		"What one index may take on disk; that of a kernel takes a twentieth."},
	[LIMIT_PATH_BYTES] = {"pathBytes", 16 << 20, "bytes",
		"Decoded and rendered runs of instructions that are kept for reuse, some KB each."},
	[LIMIT_RUN] = {"run", 4096, "instructions",
		"More without a branch taken is a gap of a path: it would fill a message by itself."},
	[LIMIT_SYMBOL_GRACE] = {"symbolGrace", 10, "seconds",
		"Names and lines of unloaded programs and modules stay for records on their way."},
	[LIMIT_ATTACH_TURN] = {"attachTurn", 5, "milliseconds",
		"Requests are served and the ring is drained between two parts of attaching."},
	[LIMIT_DUMPS] = {"dumps", 16, "dumps",
		"In all. Each one holds the code and the lines of its programs until it has been read."},
	[LIMIT_DUMP_PART] = {"dumpPart", 512, "instructions",
		"Requests are served and the ring is drained between two parts of a dump."},
	[LIMIT_DUMP_REPLY] = {"dumpReply", 4096, "instructions",
		"Without `more` a dump is one reply, made in one go: 2 ms and half a megabyte."},
	[LIMIT_DUMP_BYTES] = {"dumpBytes", 16 << 20, "bytes of code",
		"In one dump. The largest programs have a megabyte or two."},
};

static const enum limit_id totals[MAX_RESOURCES] = {
	[RESOURCE_CONNECTIONS] = LIMIT_CONNECTIONS,
	[RESOURCE_CALL_BYTES] = LIMIT_CALLS_BYTES,
	[RESOURCE_REPLY_BYTES] = LIMIT_REPLIES_BYTES,
	[RESOURCE_STREAM_BYTES] = LIMIT_STREAMS_BYTES,
	[RESOURCE_OBSERVERS] = LIMIT_OBSERVERS,
	[RESOURCE_ATTACHMENTS] = LIMIT_ATTACHMENTS,
	[RESOURCE_TARGETS] = LIMIT_ALL_TARGETS,
	[RESOURCE_DUMPS] = LIMIT_DUMPS,
};

int limit_resource(enum limit_id id)
{
	for (int i = 0; i < MAX_RESOURCES; i++)
		if (totals[i] == id)
			return i;
	return -1;
}

void limits_of_users(struct account_config *ret)
{
	*ret = (struct account_config){
		.user_percent = limit_value(LIMIT_USER_SHARE),
		.root_percent = limit_value(LIMIT_ROOT_SHARE),
	};
	for (int i = 0; i < MAX_RESOURCES; i++) {
		const struct limit *limit = &limits[totals[i]];

		ret->resources[i] = (struct resource){limit->name, limit->unit, limit->value};
	}
}
