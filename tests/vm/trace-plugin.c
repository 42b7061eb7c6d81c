// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU TCG plugin: the address of every instruction that a vCPU executes while its branch records
 * are switched on, from the guest's LBR_ENABLE to its LBR_DISABLE (lbr-shared.h).
 *
 * It shares nothing with lbr-plugin.c but the recognition of these requests: no blocks, no
 * decoding of branches. That is what makes it fit to prove the other one (tests/vm/exactness).
 *
 * -plugin trace-plugin.so,log=PREFIX writes PREFIX.N of vCPU N: one 64-bit word per instruction,
 * its address with the size in place of the upper byte, or LOG_ENABLE and LOG_DISABLE. An
 * instruction that faults is logged, and again when it is restarted. PREFIX.code has, for each
 * kernel instruction translated, the same word and 16 bytes that begin with the instruction.
 */
#include <string.h>

#include "decode.h"
#include "plugin-log.h"
#include "qemu-plugin.h"

PLUGIN_EXPORT int qemu_plugin_version = PLUGIN_VERSION;

struct vcpu {
	uint64_t enabled;
	FILE *log;
};

static struct qemu_plugin_scoreboard *vcpus;
static const char *log_prefix;
static FILE *code;

static void on_instruction(unsigned int vcpu, void *data)
{
	struct vcpu *v = qemu_plugin_scoreboard_find(vcpus, vcpu);
	uint64_t word = (uintptr_t)data;

	log_words(v->log, &word, 1);
}

static void on_request(unsigned int vcpu, void *data)
{
	struct vcpu *v = qemu_plugin_scoreboard_find(vcpus, vcpu);
	uintptr_t request = (uintptr_t)data;

	if (request == LBR_ENABLE || (request == LBR_DISABLE && v->enabled))
		log_mark(v->log, request == LBR_ENABLE ? LOG_ENABLE : LOG_DISABLE);
	if (request == LBR_ENABLE || request == LBR_DISABLE)
		v->enabled = request == LBR_ENABLE;
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	qemu_plugin_u64 enabled = { .score = vcpus, .offset = offsetof(struct vcpu, enabled) };

	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t size = qemu_plugin_insn_size(insn);
		uint64_t address = qemu_plugin_insn_vaddr(insn);
		uint64_t record[3] = { address << 8 >> 8 | size << 56 };
		unsigned int request;
		uint8_t *bytes = (uint8_t *)&record[1];

		request = decode_request(bytes, qemu_plugin_insn_data(insn, bytes, 16), address);
		if (address >> 63)
			log_words(code, record, 3);
		qemu_plugin_register_vcpu_insn_exec_cond_cb(insn, on_instruction,
							    QEMU_PLUGIN_CB_NO_REGS,
							    QEMU_PLUGIN_COND_NE, enabled, 0,
							    (void *)record[0]);
		if (request)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_request,
							       QEMU_PLUGIN_CB_NO_REGS,
							       (void *)(uintptr_t)request);
	}
}

static void on_vcpu(qemu_plugin_id_t id, unsigned int vcpu)
{
	struct vcpu *v = qemu_plugin_scoreboard_find(vcpus, vcpu);

	(void)id;
	if (!v->log)
		v->log = log_open_vcpu(log_prefix, vcpu);
}

static void at_exit(qemu_plugin_id_t id, void *data)
{
	(void)id;
	(void)data;
	fflush(NULL);
}

PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
				      char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "log=", 4)) {
		fprintf(stderr, "trace-plugin: wants log=PREFIX\n");
		return -1;
	}
	log_prefix = strdup(argv[0] + 4);
	code = log_open(log_prefix, "code");
	vcpus = qemu_plugin_scoreboard_new(sizeof(struct vcpu));
	qemu_plugin_register_vcpu_init_cb(id, on_vcpu);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}
