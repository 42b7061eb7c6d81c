#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a C file that holds a text file as a string: embed.py SYMBOL INPUT OUTPUT"""
import sys

symbol, source, target = sys.argv[1:]
escapes = {'\\': '\\\\', '"': '\\"', '\t': '\\t', '?': '\\?', '\n': '\\n'}
with open(source, encoding='utf-8') as f:
    lines = f.read().splitlines(keepends=True)
with open(target, 'w', encoding='utf-8') as f:
    f.write(f'extern const char {symbol}[];\n\nconst char {symbol}[] =\n')
    for line in lines:
        f.write('\t"' + ''.join(escapes.get(c, c) for c in line) + '"\n')
    f.write(';\n')
