"""MindIR files without what differs from one process to the next, so that equal networks are equal files."""

from typing import Any

SCOPE = "Default"  # of every node; it would be where the network stood when its code first ran, for debuggers
REFERENCE = "REF::"  # begins the type of a node whose primitive stands in the model's list


def canonical(content: bytes) -> bytes:
    """A MindIR file that computes the same and whose bytes depend on the network alone.

    MindSpore numbers its nodes and primitives on through a process, lists the primitives in the order of their
    addresses, and notes the time and where each node stood in the program. Here they are numbered in the order in which
    they stand. The part of a name behind its last colon stays for inputs and parameters, as loading gives these names
    back. Files with several functions, whose nodes may refer to each other in more ways, stay as they are.
    """
    from mindspore.train.mind_ir_pb2 import ModelProto

    model = ModelProto()
    model.ParseFromString(content)
    if model.functions:
        return content
    _rename_nodes(model.graph)
    _sort_primitives(model)
    for attribute in model.graph.attribute:
        if attribute.name == "compile_phase":
            attribute.s = b"export"
    return model.SerializeToString(deterministic=True)


def _rename_nodes(graph: Any) -> None:
    names: dict[str, str] = {}

    def renamed(name: str, ending: str = "") -> str:
        return names.setdefault(name, f"{len(names)}{ending}")

    graph.name = "graph"
    for value in (*graph.input, *graph.parameter):
        value.name = renamed(value.name, f":{value.name.rpartition(':')[2]}")
    for node in graph.node:
        node.input[:] = [renamed(name) for name in node.input]
        node.output[:] = [renamed(name) for name in node.output]
        node.name = renamed(node.name)
        node.domain = SCOPE
    for value in graph.output:
        value.name = renamed(value.name)


def _sort_primitives(model: Any) -> None:
    """In the order in which the nodes first use them; what no node uses goes."""
    names: dict[str, str] = {}
    for node in model.graph.node:
        kind, is_reference, name = node.op_type.rpartition(REFERENCE)
        if is_reference and not kind:
            names.setdefault(name, f"{name.rpartition(':')[0]}:{len(names)}")
            node.op_type = REFERENCE + names[name]
    used = {primitive.name: primitive.SerializeToString() for primitive in model.primitives if primitive.name in names}
    del model.primitives[:]
    for name, renamed in names.items():
        if name in used:
            primitive = model.primitives.add()
            primitive.ParseFromString(used[name])
            primitive.name = renamed
