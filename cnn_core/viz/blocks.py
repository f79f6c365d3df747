"""Groups as blocks: sets of nodes that can be framed or drawn as one box."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from cnn_core.ir.node import Node

Key = Hashable


def parts(nodes: Sequence[Node], key_of: Callable[[Node], Key]) -> list[tuple[Key, list[Node]]]:
    """Divide ``nodes``, given in topological order, by ``key_of`` so that no part needs itself.

    A path may leave a group and come back.  As one box, such a group would stand both before and
    after others, so it becomes several parts with the same key, in order.
    """
    whole: dict[Key, list[Node]] = {}
    for node in nodes:
        whole.setdefault(key_of(node), []).append(node)
    part_of = {node: i for i, members in enumerate(whole.values()) for node in members}
    if _is_acyclic(_successors(nodes, part_of, len(whole))):
        return list(whole.items())
    return _cut(nodes, key_of)


def _successors(nodes: Sequence[Node], part_of: dict[Node, int], n: int) -> list[set[int]]:
    after: list[set[int]] = [set() for _ in range(n)]
    for node in nodes:
        for x in node.inputs:
            if x in part_of and part_of[x] != part_of[node]:
                after[part_of[x]].add(part_of[node])
    return after


def _is_acyclic(after: list[set[int]]) -> bool:
    n_before = [0] * len(after)
    for targets in after:
        for j in targets:
            n_before[j] += 1
    ready = [i for i, n in enumerate(n_before) if n == 0]
    done = 0
    while ready:
        done += 1
        for j in after[ready.pop()]:
            n_before[j] -= 1
            if n_before[j] == 0:
                ready.append(j)
    return done == len(after)


def _cut(nodes: Sequence[Node], key_of: Callable[[Node], Key]) -> list[tuple[Key, list[Node]]]:
    """Add node after node to the latest part of its key, or to a new one where that needs it."""
    found: list[tuple[Key, list[Node]]] = []
    after: list[set[int]] = []
    latest: dict[Key, int] = {}
    part_of: dict[Node, int] = {}
    for node in nodes:
        key = key_of(node)
        before = {part_of[x] for x in node.inputs if x in part_of}
        i = latest.get(key, -1)
        if i < 0 or _reaches(after, i, before - {i}):
            i = latest[key] = len(found)
            found.append((key, []))
            after.append(set())
        found[i][1].append(node)
        part_of[node] = i
        for j in before - {i}:
            after[j].add(i)
    return found


def _reaches(after: list[set[int]], start: int, goals: set[int]) -> bool:
    seen, stack = {start}, [start]
    while stack and goals:
        for j in after[stack.pop()] - seen:
            if j in goals:
                return True
            seen.add(j)
            stack.append(j)
    return False
