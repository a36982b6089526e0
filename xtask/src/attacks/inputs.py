"""Writes files that `collector import` must refuse, for the attack scripts: inputs.py FOLDER

Each is named KIND~SHAPE; KIND is the word that is typed before the file, and `auto` types none. Large ones are
compressed, so that the folder stays small.
"""
import gzip
import os
import random
import sys

import pyarrow

KINDS = ("auto", "benchmark", "bundle", "cost-explorer", "cur", "discount", "focus", "price-list",
         "savings-plans", "spot-advisor", "spot-history", "spot-price-api")
MIB = 1 << 20
random.seed(13)


def zstd(path, parts):
    with pyarrow.CompressedOutputStream(path, "zstd") as out:
        for part in parts:
            out.write(part)


def small():
    yield "empty", b""
    yield "random", random.randbytes(5000)
    yield "page.html", b"<!DOCTYPE html><html><title>Sign in</title></html>"
    yield "denied.xml", b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>'
    yield "archive.zip", b"PK\x03\x04\x14\0\0\0\x08\0" + random.randbytes(500)
    yield "utf-16.csv", "instance_type,metric,value\nm5.large,x,1\n".encode("utf-16")
    yield "zeros.csv", b"\0" * 4096
    yield "cut.csv.gz", gzip.compress(b"instance_type,metric,value\nm5.large,x,1\n" * 500)[:60]
    yield "parquet-without-a-footer", b"PAR1" + random.randbytes(3000) + b"\x10\0\0\0PAR1"


def large():
    yield "deep.json.zst", [b"[" * MIB] * 8
    yield "one-field.csv.zst", [b'instance_type,metric,value\n"'] + [b"x" * MIB] * 3000
    yield "one-text.json.zst", [b'{"formatVersion":"'] + [b"x" * MIB] * 3000
    yield "columns.csv.zst", [b"a," * (MIB // 2)] * 400


folder = sys.argv[1]
for kind in KINDS:
    for shape, data in small():
        with open(os.path.join(folder, f"{kind}~{shape}"), "wb") as out:
            out.write(data)
for shape, parts in large():
    first = os.path.join(folder, f"{KINDS[0]}~{shape}")
    zstd(first, parts)
    for kind in KINDS[1:]:
        os.link(first, os.path.join(folder, f"{kind}~{shape}"))
