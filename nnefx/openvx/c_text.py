"""The texts of a C project: names, comments, and the fixed ones of header and build files."""

import re
from pathlib import PurePath
from textwrap import wrap

from nnefx.source import At, ModelAt, TextAt

_WIDTH = 100


def renamed(text: str, net: str) -> str:
    """Return C text that is written for `network` for another name, continuation lines in place."""
    lines: list[str] = []
    column, moved = 0, 0  # after the open parenthesis of a statement, and how far it moved
    for line in text.split("\n"):
        fresh = re.sub(r"\bnetwork(?=_|\b)", net, line)
        fresh = re.sub(r"\bNETWORK(?=_)", net.upper(), fresh)
        indent = len(line) - len(line.lstrip())
        if column and indent == column:
            fresh = " " * (indent + moved) + fresh.lstrip()
        else:
            column = 0
        if place := _after_open_parenthesis(line):
            column, moved = place, _after_open_parenthesis(fresh) - place
        lines.append(fresh)
    return "\n".join(lines)


def _after_open_parenthesis(line: str) -> int:
    """Return the column after the last parenthesis that the line leaves open, or 0."""
    places: list[int] = []
    for column, letter in enumerate(line, 1):
        if letter == "(":
            places.append(column)
        elif letter == ")" and places:
            places.pop()
    return places[-1] if places and places[-1] < len(line) else 0


def plain(text: str) -> str:
    """Return text that can stand inside of a C comment."""
    return text.replace("*/", "* /").replace("/*", "/ *").replace("\n", " ")


def comment(text: str, indent: str) -> list[str]:
    """Return the lines of a C comment."""
    room = _WIDTH - len(indent) - 6
    lines = wrap(plain(text), room, break_long_words=False, break_on_hyphens=False) or [""]
    return [
        indent + ("/* " if first else " * ") + line + (" */" if last else "")
        for line, first, last in zip(lines, _ends(len(lines)), reversed(_ends(len(lines))))
    ]


def _ends(count: int) -> list[bool]:
    return [True] + [False] * (count - 1)


def place(at: At | None) -> str:
    """Return where a statement was written, with the name of its file only."""
    match at:
        case None:
            return ""
        case TextAt():
            return f"  ({PurePath(str(at)).name})"
        case ModelAt(path, label):
            return f"  ({PurePath(path).name}: {label})"
        case _:
            return f"  ({PurePath(at.path).name})"


HEADER = """/* A neural net as part of an OpenVX graph; made by nnefx, do not edit.
 *
@ports@
 */
#ifndef NETWORK_H
#define NETWORK_H

#include <stddef.h>

#include <VX/vx.h>
#include <VX/vx_khr_nn.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NETWORK_INPUT_COUNT @inputs@
#define NETWORK_OUTPUT_COUNT @outputs@
#define NETWORK_WEIGHTS "@weights@"

typedef struct network network;

/* An input or output: its NNEF name and shape (outermost extent first). */
typedef struct {
    const char *name;
    size_t rank, shape[8], count;
} network_port;

extern const network_port network_inputs[];
extern const network_port network_outputs[];

/* Make a graph of its own and verify it. `weights` is the path of the weight file. */
vx_status network_create(vx_context context, const char *weights, network **result);

/* Add the nodes to an existing graph, which the caller verifies and releases. `inputs` and
 * `outputs` are tensors of the caller in the order above; NULL, or a NULL among them, lets the
 * net make its own. */
vx_status network_add(vx_graph graph, const char *weights, const vx_tensor *inputs,
                      const vx_tensor *outputs, network **result);

/* Real numbers in the order of NNEF, to and from the stored ones. */
vx_status network_write_input(network *net, size_t index, const float *values);
vx_status network_read_output(network *net, size_t index, float *values);

vx_status network_process(network *net);

/* The tensor of an NNEF name or variable label; it stays the net's. NULL if there is none. */
vx_tensor network_tensor(network *net, const char *name);

/* Write the real numbers of inputs, outputs and, in a net that was made with --debug-tensors, all
 * tensors between nodes to FOLDER/<tensor>.raw, as float32 in the order of NNEF. */
vx_status network_dump(network *net, const char *folder);

void network_release(network **net);

const char *network_status_text(vx_status status);

#ifdef __cplusplus
}
#endif
#endif
"""

BUILD_MAKE = """# make OPENVX=/path/of/openvx     (its include/ and lib/ folders)
OPENVX  ?= /usr/local
CFLAGS  ?= -O2
WARN    := -std=c99 -Wall -Wextra -Werror -pedantic
LIBS    ?= -lopenvx

@net@: main.c @net@.c @net@.h
\t$(CC) $(WARN) $(CFLAGS) -I$(OPENVX)/include main.c @net@.c -o $@ -L$(OPENVX)/lib $(LIBS) -lm

clean:
\trm -f @net@

.PHONY: clean
"""

BUILD_CMAKE = """# cmake -DOPENVX_ROOT=/path/of/openvx
cmake_minimum_required(VERSION 3.10)
project(@net@ C)
set(CMAKE_C_STANDARD 99)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(OPENVX_ROOT "/usr/local" CACHE PATH "where include/VX and lib are")
set(OPENVX_LIBRARIES openvx CACHE STRING "libraries to link")

add_library(@net@_net STATIC @net@.c)
target_include_directories(@net@_net PUBLIC ${CMAKE_CURRENT_SOURCE_DIR} ${OPENVX_ROOT}/include)
target_link_directories(@net@_net PUBLIC ${OPENVX_ROOT}/lib)
target_link_libraries(@net@_net PUBLIC ${OPENVX_LIBRARIES} m)

add_executable(@net@ main.c)
target_link_libraries(@net@ PRIVATE @net@_net)
"""
