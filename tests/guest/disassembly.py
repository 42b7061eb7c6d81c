# SPDX-License-Identifier: Apache-2.0
"""Other disassemblers, and what is the same instruction in the spelling of two of them."""

import os
import pathlib
import re
import subprocess
import tempfile

PREFIXES = {"lock", "rep", "repne", "repe", "repz", "repnz", "notrack", "data16", "bnd"}


def find_bpftool():
    """One that can disassemble, which Debian's cannot: $LBRD_BPFTOOL, see tests/vm/fetch."""
    path = os.environ.get("LBRD_BPFTOOL", "bpftool")
    features = subprocess.run([path, "version"], capture_output=True, text=True).stdout
    return path if "llvm" in features or "libbfd" in features else None


def join_prefixes(rows):
    """[(offset, text)] with prefixes that have a row of their own joined to what follows."""
    joined, pending = [], None
    for offset, text in rows:
        if pending:
            offset, text = pending[0], f"{pending[1]} {text}"
        pending = (offset, text) if text in PREFIXES or text.split()[-1] in PREFIXES else None
        if not pending:
            joined.append((offset, text))
    return joined


def parse_listing(output):
    rows = []
    for line in output.splitlines():
        match = re.match(r"\s*([0-9a-f]+):\s+(\S.*)", line)
        if match:
            text = re.sub(r"\s*(#.*|<[^>]*>)$", "", match[2].replace("\t", " ")).strip()
            rows.append((int(match[1], 16), re.sub(r"\s+", " ", text)))
    return join_prefixes(rows)


def objdump(code, address, intel):
    with tempfile.NamedTemporaryFile() as file:
        file.write(code)
        file.flush()
        return parse_listing(subprocess.check_output(
            ["objdump", "-D", "-b", "binary", "-m", "i386:x86-64", "--no-show-raw-insn",
             f"--adjust-vma={address:#x}", *(["-M", "intel"] if intel else []), file.name],
            text=True))


def llvm_objdump(code, address, intel):
    with tempfile.TemporaryDirectory() as directory:
        source = pathlib.Path(directory, "code.s")
        source.write_text(".text\n" + "".join(f".byte {b}\n" for b in code))
        subprocess.run(["as", "-o", f"{directory}/code.o", source], check=True)
        return parse_listing(subprocess.check_output(
            ["llvm-objdump", "-d", "--no-show-raw-insn", f"--adjust-vma={address:#x}",
             "--x86-asm-syntax=" + ("intel" if intel else "att"), f"{directory}/code.o"],
            text=True))


def numbers_modulo(text, bits):
    return re.sub(r"-?0x[0-9a-f]+|(?<![\w%])-?\d+(?!\w)",
                  lambda m: hex(int(m[0], 0) & (1 << bits) - 1), text)


def squeeze(text):
    """Without the freedom that assemblers leave: blanks, a scale of 1, a displacement of 0, a sign
    or the width of a number, a shift by one."""
    text = text.lower().replace("retq", "ret").replace("leaveq", "leave")
    text = re.sub(r"^xchg %ax,\s*%ax$|^xchg ax,\s*ax$", "nop", text)
    text = re.sub(r"^((?:sh|sa|ro)[lr][bwlq]?) (\$(?:0x)?1, ?|)(?=[^,]*$)", r"\1 ", text)
    text = re.sub(r"^((?:sh|sa|ro)[lr]) ([^,]*), ?0x1$|^((?:sh|sa|ro)[lr]) ([^,]*), ?1$",
                  lambda m: f"{m[1] or m[3]} {m[2] or m[4]}", text)
    text = re.sub(r"\*1(?=[\]+])|\+0x0(?=\])|\+0(?=\])|,1(?=\))", "", text.replace(" + ", "+"))
    text = re.sub(r"(?<![\w%])0x0(?=\()", "", text)
    text = re.sub(r"\s*,\s*", ",", text)
    text = re.sub(r"\[[^\]]*\]", lambda m: m[0].replace(" ", "").replace("-", "+-"), text)
    text = re.sub(r":\[([0-9a-fx]+)\]", r":\1", text)
    return numbers_modulo(text, 32)


def same_text(ours, theirs):
    """AT&T of the GNU tools leaves the suffix out where registers tell the size."""
    ours, theirs = squeeze(ours), squeeze(theirs)
    if ours == theirs or ("nop" in ours and "nop" in theirs):
        return True
    mine, _, my_operands = ours.partition(" ")
    other, _, other_operands = theirs.partition(" ")
    if mine in PREFIXES and mine == other:
        return same_text(my_operands, other_operands)
    return my_operands == other_operands and mine[:-1] == other and mine[-1] in "bwlq"
