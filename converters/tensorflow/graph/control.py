"""Calls, branches, loops, and the lists of tensors that loops write to."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnefx.converters.rules import Const
from nnefx.converters.scope import Tensor
from nnefx.converters.tensorflow.axes import ints, tensor
from nnefx.converters.tensorflow.graph.importer import MAX_STEPS
from nnefx.converters.tensorflow.graph.importer import GraphImporter as Importer
from nnefx.converters.tensorflow.graph.tables import rules
from nnefx.converters.tensorflow.moving import joined, squeezed, unsqueezed
from nnefx.ops import Reject


class Items(tuple[Tensor | None, ...]):
    """A list of tensors (TensorList, TensorArray), known item by item; None is not written yet."""

    def written(self, index: int, item: Tensor) -> "Items":
        """Return the list with one item replaced; it grows where it is too short."""
        if index < 0:
            raise Reject("index", f"index {index} is before the list", "NX304")
        longer = [*self, *[None] * (index + 1 - len(self))]
        longer[index] = item
        return Items(longer)

    def at(self, index: int) -> Tensor:
        """Return an item that has been written."""
        item = self[index] if -len(self) <= index < len(self) else None
        if item is None:
            raise Reject("index", f"item {index} of a list of {len(self)} is not written", "NX705")
        return item


def _parts(g: Importer, x: Tensor) -> list[Tensor]:
    if x.shape[0] == 1:
        return [squeezed(g, x, [0])]
    return list(g.unstack(x, axis=0)) if x.shape[0] else []


def _stacked(g: Importer, items: Sequence[Tensor]) -> Tensor:
    if len(items) == 1:
        return unsqueezed(g, items[0], 0)
    return tensor(g.stack(list(items), axis=0))


@rules.on("PartitionedCall", "StatefulPartitionedCall")
def call(g: Importer, *inputs: Any, f: str) -> Any:
    return g.called(f, inputs)


@rules.on("If", "StatelessIf")
def if_(g: Importer, condition: Const, *inputs: Any, then_branch: str, else_branch: str) -> Any:
    return g.called(then_branch if bool(np.all(condition)) else else_branch, inputs)


@rules.on("Case", "StatelessCase")
def case(g: Importer, index: Const, *inputs: Any, branches: Any) -> Any:
    number = ints(index)[0]
    return g.called(branches[number if 0 <= number < len(branches) else -1], inputs)


@rules.on("While", "StatelessWhile")
def while_(g: Importer, *inputs: Any, cond: str, body: str) -> Any:
    state = list(inputs)
    for _ in range(MAX_STEPS):
        (condition,) = g.called(cond, state)
        if condition.array is None:
            text = "how often the loop runs is only known when the model runs"
            raise Reject(None, text, "NX705")
        if not bool(condition.array.all()):
            return state
        state = g.called(body, state)
    raise Reject(None, f"the loop runs more than {MAX_STEPS} times", "NX715")


@rules.on("TensorListReserve")
def list_reserve(g: Importer, shape: Any, count: Const) -> Any:
    return [Items([None] * ints(count)[0])]


@rules.on("EmptyTensorList")
def list_empty(g: Importer, shape: Any, most: Any) -> Any:
    return [Items()]


@rules.on("TensorListFromTensor")
def list_from_tensor(g: Importer, x: Tensor, shape: Any) -> Any:
    return [Items(_parts(g, x))]


@rules.on("TensorListSetItem")
def list_set_item(
    g: Importer,
    items: Any,
    index: Const,
    item: Tensor,
    *,
    resize_if_index_out_of_bounds: bool = False,
) -> Any:
    return [items.written(ints(index)[0], item)]


@rules.on("TensorListGetItem")
def list_get_item(g: Importer, items: Any, index: Const, shape: Any = None) -> Any:
    return items.at(ints(index)[0])


@rules.on("TensorListPushBack")
def list_push_back(g: Importer, items: Any, item: Tensor) -> Any:
    return [Items([*items, item])]


@rules.on("TensorListPopBack")
def list_pop_back(g: Importer, items: Any, shape: Any = None) -> Any:
    return [Items(items[:-1]), items.at(-1)]


@rules.on("TensorListLength")
def list_length(g: Importer, items: Any) -> Any:
    return g.known(np.int32(len(items)))


@rules.on("TensorListStack")
def list_stack(g: Importer, items: Any, shape: Any = None, *, num_elements: int = -1) -> Any:
    return _stacked(g, [items.at(i) for i in range(len(items))])


@rules.on("TensorListGather")
def list_gather(g: Importer, items: Any, indices: Const, shape: Any = None) -> Any:
    return _stacked(g, [items.at(i) for i in ints(indices)])


@rules.on("TensorListConcatV2")
def list_concat(g: Importer, items: Any, shape: Any = None, lengths: Any = None) -> Any:
    every = [items.at(i) for i in range(len(items))]
    sizes = g.known(np.array([item.shape[0] for item in every]), dtype=np.int64)
    return [joined(g, every, 0), sizes]


# The arrays of TensorFlow 1: the second output, the flow, carries the items from node to node.


@rules.on("TensorArrayV3", "TensorArrayV2")
def array_new(
    g: Importer, size: Const, *, element_shape: Any = None, dynamic_size: bool = False,
    clear_after_read: bool = True, identical_element_shapes: bool = False,
    tensor_array_name: str = "",
) -> Any:  # fmt: skip
    empty = Items([None] * ints(size)[0])
    return [empty, empty]


@rules.on("TensorArrayScatterV3", "TensorArrayScatterV2")
def array_scatter(g: Importer, handle: Any, indices: Const, x: Tensor, flow: Any) -> Any:
    result = flow
    for index, item in zip(ints(indices), _parts(g, x)):
        result = result.written(index, item)
    return [result]


@rules.on("TensorArrayWriteV3", "TensorArrayWriteV2")
def array_write(g: Importer, handle: Any, index: Const, x: Tensor, flow: Any) -> Any:
    return [flow.written(ints(index)[0], x)]


@rules.on("TensorArrayReadV3", "TensorArrayReadV2")
def array_read(g: Importer, handle: Any, index: Const, flow: Any) -> Any:
    return flow.at(ints(index)[0])


@rules.on("TensorArrayGatherV3", "TensorArrayGatherV2")
def array_gather(
    g: Importer, handle: Any, indices: Const, flow: Any, *, element_shape: Any = None
) -> Any:
    return _stacked(g, [flow.at(i) for i in ints(indices)])


@rules.on("TensorArrayConcatV3")
def array_concat(g: Importer, handle: Any, flow: Any, *, element_shape_except0: Any = None) -> Any:
    return list_concat(g, flow)


@rules.on("TensorArraySizeV3", "TensorArraySizeV2")
def array_size(g: Importer, handle: Any, flow: Any) -> Any:
    return g.known(np.int32(len(flow)))
