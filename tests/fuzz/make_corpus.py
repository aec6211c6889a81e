#!/usr/bin/env python3
"""Writes the seeds of tests/fuzz/corpus/. Files named found-* are not seeds: inputs that once failed."""
import hashlib
import pathlib
import struct
import zlib

corpus = pathlib.Path(__file__).parent / "corpus"


def write(target, name, content):
    folder = corpus / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def npy(header, elements=b"", version=1):
    text = header.encode()
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + elements


def make_npy():
    def header(descr, shape, fortran=False):
        return f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n"

    write("npy", "f4", npy(header("<f4", "(2, 3)"), bytes(24)))
    write("npy", "f8-fortran", npy(header(">f8", "(2, 1, 3)", True), bytes(48), 2))
    write("npy", "c16-scalar", npy(header("<c16", "()"), bytes(16), 3))
    write("npy", "bool", npy(header("|b1", "(7L,)"), bytes(7)))
    write("npy", "empty", npy(header("<u2", "(18446744073709551615, 0)"), b"", 2))
    write("npy", "huge", npy(header("<i8", "(4294967296, 4294967296)")))
    write("npy", "rank-8", npy(header("<f2", "(1, 1, 1, 1, 1, 1, 1, 9223372036854775807)")))
    write("npy", "objects", npy(header("|O", "(1,)"), bytes(8)))


def png(width, height, depth, colour, rows, interlaced=0, more=()):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    chunks = [chunk(b"IHDR", head), *(chunk(*one) for one in more), chunk(b"IDAT", zlib.compress(rows, 9))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + chunk(b"IEND", b"")


def make_picture():
    write("picture", "grey-1", png(9, 2, 1, 0, b"\0\xaa\x80" * 2))
    write("picture", "grey-16", png(2, 2, 16, 0, b"\1\x12\x34\x56\x78" * 2))
    write("picture", "rgb-8", png(2, 3, 8, 2, b"\4abcdef" * 3))
    write("picture", "rgba-16", png(1, 1, 16, 6, b"\0abcdefgh"))
    palette = [(b"PLTE", bytes(range(12))), (b"tRNS", b"\x80\xff")]
    write("picture", "palette-2", png(5, 2, 2, 3, b"\2\x1b\x40" * 2, more=palette))
    write("picture", "interlaced", png(3, 3, 8, 4, b"\0ab" + b"\0cd" + b"\0ef\0gh" + b"\0ijkl\0mnop" + b"\0qrstuv", 1))
    write("picture", "wide", png(1000000, 1000000, 16, 6, b""))


def make_bundle():
    rows = [(b"closs 1\nvariant l1\n", b"closs_", b"binary"), (b"closs 1\nvariant class\n", b"closs_", b"\3")]
    text_at = 80 + 96 * len(rows)
    payload_at = text_at + sum(len(key) + len(prefix) for key, prefix, _ in rows)
    table, texts, payloads = b"", b"", b""
    for key, prefix, payload in rows:
        at = text_at + len(texts)
        numbers = (at, len(key), at + len(key), len(prefix), payload_at + len(payloads), len(payload), 1)
        table += struct.pack("<8Q", *numbers, 0) + hashlib.sha256(payload).digest()
        texts += key + prefix
        payloads += payload
    start = b"closs bundle 1\n\0" + struct.pack("<4Q", payload_at + len(payloads), len(rows), payload_at, 0)
    digest = hashlib.sha256(start + table + texts).digest()
    write("bundle", "two-rows", start + digest + table + texts + payloads)
    start = b"closs bundle 1\n\0" + struct.pack("<4Q", 80, 0, 80, 0)
    write("bundle", "no-rows", start + hashlib.sha256(start).digest())


def make_entry():
    key = b"closs 1\nvariant l1 pass\nplatform P\ndevice D\n"
    for name, payload in ("program", b"binary"), ("nothing", b""):
        start = b"closs entry 1\n\0\0" + struct.pack("<2Q", 64 + len(key) + len(payload), len(key))
        digest = hashlib.sha256(start + key + payload).digest()
        write("entry", name, key + b"\0" + start + digest + key + payload)


def make_command_line():
    for name, arguments in {
        "arrays": "loss huber [[1,2],[3,4.5e-3]] [[0x1p-3,inf],[nan,-0]] --delta 0.5 --json",
        "choices": "loss mse 1 -2 --reduction mean --weight 3 --mean-over count --dtype bf16 --memory 64M",
        "schedule": "loss l1 [] [1] --schedule groups --work-group 64 --grad-input=a.npy --grad-output .5",
        "parameters": "loss smooth_l1 0 1 --param beta=1e400 --param beta=2 -v -- --help",
        "fit": "fit x.npy y.npy --loss l1 --l2 1e-3 --no-intercept --max-iterations 10 -o c.npy --help",
        "deep": "loss l1 [[[[[[[[1]]]]]]]] [[[[[[[[[]]]]]]]]] --reduction none",
        "numbers": "5e-324 1.7976931348623157e308 1e-45 3.4028236e38 9007199254740993 0.1 16T 18446744073709551615G",
    }.items():
        write("command_line", name, arguments.replace(" ", "\0").encode())


def make_json():
    numbers = b"".join(bytes([what]) + b"\1k" + struct.pack("<d", 0.1) for what in range(4))
    write("json", "numbers", numbers)
    texts = [b'"\\/\b\n\x7f', "\u00e9\u20ac\U0001d11e".encode(), b"\xed\xa0\x80\xc0\xaf\xff", b"\xf4\x90\x80\x80"]
    write("json", "texts", b"".join(b"\5" + bytes([len(text)]) + text + bytes([len(text)]) + text for text in texts))
    write("json", "nested", b"\7\1a\x08\1b\7\x08\4\x09\7\x09\x09\x09\4\1z")


def make_plan():
    """Bytes as descriptor.c takes them: caps, numbers, rank and shape, operands, factors, results, piece, places."""
    types = {"f32": 0, "f16": 1, "f64": 2, "c64": 133}

    def plan(name, loss=0, reduction=1, outputs=6, modes=(0, 0), caps=0, lengths=(0, 1, 4), masks=(0, 0), factors=(),
             strides=((0,), (0,)), dtypes=("f32", "f32"), results=(0,), piece=(0,), places=()):
        head = [caps, loss, reduction, outputs, 0, *modes, 0, 0, 0, 5, len(lengths), *lengths]
        for mask, stride, dtype in zip(masks, strides, dtypes):
            head += [types[dtype], mask, 96, *stride]
        write("plan", name, bytes(head + list(factors or (0,)) + [*results, *piece, *places]))

    plan("contiguous")
    plan("strided", strides=((4, 1), (5, 3)), dtypes=("f16", "f64"), outputs=2, modes=(1, 0))
    plan("broadcast", masks=(0, 3), reduction=2, loss=3, caps=1)
    plan("weighted", factors=(1, 0, 4, 96, 0), loss=2, reduction=1)
    plan("upstream", factors=(7, 0, 2, 96, 0, 0, 3, 0), reduction=0)
    plan("in-place", modes=(2, 2), places=(0, 0, 0, 0) * 2)
    plan("negative", strides=((5, 7), (6, 2)), results=(1, 5, 1))
    plan("complex", dtypes=("c64", "f32"), masks=(1, 0), loss=0)
    plan("empty", lengths=(8, 1, 0), masks=(1, 0))
    plan("huge", lengths=(0xE8,), strides=((6, 1), (6, 1)))
    plan("borders", lengths=(0, 0), strides=((7, 0xED, 0xEC), (7, 0xEB, 0xED)))
    plan("piece", piece=(225, 0xE8), outputs=0)
    plan("long", lengths=(13, 0), masks=(2, 0), caps=2)
    plan("shared", places=(129, 0, 129, 0, 129, 0, 129, 0, 130, 0, 131, 0, 132, 0))


if __name__ == "__main__":
    make_npy()
    make_picture()
    make_bundle()
    make_entry()
    make_command_line()
    make_json()
    make_plan()
