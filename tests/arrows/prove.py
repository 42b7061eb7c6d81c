#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that check.py finds what it is for: each breach planted in a tree of its own must be
reported, and the same tree without it must pass. usage: prove.py CHECK"""

import pathlib
import subprocess
import sys
import tempfile

SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"

# [what to check, file, its text, whether it is a breach]
CASES = [
    ["arrows", "daemon/symbol/a.c", '#include "daemon/model/b.h"', False],
    ["arrows", "daemon/symbol/a.c", '#include "bpf/record.h"', False],
    ["arrows", "daemon/symbol/a.c", '#include "daemon/trace/b.h"', True],
    ["arrows", "daemon/symbol/deeper/a.c", '#include "daemon/wire/b.h"', True],
    ["arrows", "daemon/trace/a.c", '#include "daemon/symbol/b.h"', True],
    ["arrows", "daemon/trace/a.h", '#  include "daemon/api/b.h"', True],
    ["arrows", "daemon/trace/a.c", '#include "bpf/tracer.skel.h"', False],
    ["arrows", "daemon/wire/a.c", '#include "daemon/model/b.h"', True],
    ["arrows", "daemon/wire/a.c", "#include <bpf/libbpf.h>", True],
    ["arrows", "daemon/wire/a.c", "#include <json-c/json.h>", False],
    ["arrows", "daemon/symbol/a.c", "#include <json-c/json.h>", True],
    ["arrows", "daemon/symbol/a.c", "#include <elfutils/libdw.h>", True],
    ["arrows", "daemon/index-builder/a.c", "#include <elfutils/libdw.h>", False],
    ["arrows", "daemon/index-builder/a.c", '#include "daemon/symbol/index-format.h"', False],
    ["arrows", "daemon/index-builder/a.c", '#include "daemon/symbol/symbols.h"', True],
    ["arrows", "daemon/api/a.c", '#include "daemon/trace/b.h"', False],
    ["arrows", "daemon/api/a.c", '#include "daemon/log.h"', False],
    ["arrows", "daemon/api/a.c", '#include "daemon/pipeline.h"', True],
    ["arrows", "daemon/model/a.h", '#include "daemon/symbol/b.h"', True],
    ["arrows", "daemon/main.c", '#include "daemon/api/b.h"', False],
    ["arrows", "proto/a.c", '#include "daemon/model/b.h"', True],
    ["arrows", "common/a.h", '#include "proto/b.h"', True],
    ["arrows", "client/a.c", '#include "daemon/model/b.h"', True],
    ["arrows", "client/a.c", '#include "bpf/record.h"', True],
    ["arrows", "client/a.c", '#include "a.h"', True],
    ["files", "daemon/a.c", SPDX + "int a;", False],
    ["files", "daemon/a.c", "int a;", True],
    ["files", "tests/tool", "#!/bin/sh\n", True],
    ["files", "docs/a.md", "free text", False],
    ["files", "daemon/a.c", SPDX + "\n" * 498, False],
    ["files", "daemon/a.c", SPDX + "\n" * 499, True],
    ["files", "daemon/a.c", SPDX + "/* TO" + "DO: later */", True],
    ["files", "daemon/a.c", SPDX + "\t" * 12 + "int a;", True],
    ["files", "build-x/a.c", "int a;", False],
]


def main():
    wrong = 0
    for what, name, text, breach in CASES:
        with tempfile.TemporaryDirectory() as root:
            path = pathlib.Path(root, name)
            path.parent.mkdir(parents=True)
            path.write_text(text + "\n")
            result = subprocess.run([sys.executable, sys.argv[1], what, root],
                                    capture_output=True, text=True)
        expected = (1, True) if breach else (0, False)
        if (result.returncode, name in result.stdout) != expected or result.stderr:
            print(f"{what}: {name}: {text[:60]!r}: breach {breach}, but the check says "
                  f"{result.returncode}: {result.stdout}{result.stderr}")
            wrong += 1
    sys.exit(wrong > 0)


main()
