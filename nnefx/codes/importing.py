"""NX7xx: import and export."""

from nnefx.codes.record import Code
from nnefx.diagnostics import Severity

TABLE = (
    Code(
        "NX701",
        "operation or format is not supported",
        "There is no rule for the operation of the source model, or the format of the file is "
        "unknown. All operations that lack a rule are reported at once.",
        "`--from` names the format; operations may be supported by a newer version.",
    ),
    Code(
        "NX702",
        "attribute is not supported",
        "An attribute of the source model has a value that no rule handles. Attributes are never "
        "dropped silently.",
        "Change the source model, where the attribute is not needed.",
    ),
    Code(
        "NX703",
        "node does not fit its operation",
        "The node has too many or too few inputs, outputs or attributes for its operation.",
        "Check the source model with the tools of its framework.",
    ),
    Code(
        "NX704",
        "type has no counterpart in NNEF",
        "NNEF knows scalar, integer and logical tensors; strings, complex numbers, sequences and "
        "sparse tensors are not among them.",
        "Convert the tensor in the source model.",
    ),
    Code(
        "NX705",
        "value is known at run time only",
        "What is an attribute in NNEF is a tensor in the source, and its value is not a constant.",
        "Fix the shapes of the inputs with `--input-shape`, or make the value a constant.",
    ),
    Code(
        "NX706",
        "tensor without items",
        "NNEF has no tensors with an extent of 0.",
        "Remove the part of the model that computes nothing.",
    ),
    Code(
        "NX707",
        "shape of an input is not fixed",
        "NNEF has no symbolic dimensions: the shapes of all inputs are fixed.",
        "Give `--input-shape NAME:1,3,224,224` or `--dim N=1`.",
    ),
    Code(
        "NX708",
        "no such input",
        "A shape was given for an input that the model does not have.",
        "The message lists the inputs.",
    ),
    Code(
        "NX710",
        "source model cannot be read",
        "The file is damaged, or not of the format.",
        "Check it with the tools of its framework.",
    ),
    Code(
        "NX711",
        "stored tensor is damaged",
        "The data of a tensor does not have the length that its shape takes, or lies outside of "
        "its file.",
        "Save the source model again.",
    ),
    Code(
        "NX712",
        "external data outside of the folder",
        "Data files of a model lie beside it; paths that lead elsewhere are not followed.",
        "Move the data beside the model.",
    ),
    Code(
        "NX713",
        "tensor is undefined or defined twice",
        "Each tensor of the source model comes from one node, initializer or input.",
        "Check the source model with the tools of its framework.",
    ),
    Code(
        "NX714",
        "nodes depend on each other in a circle",
        "A graph is computed in order, so no node can need its own result.",
        "Check the source model.",
    ),
    Code(
        "NX715",
        "functions are nested too deeply",
        "Functions of the source model that call each other are limited in depth.",
        "Inline the functions with the tools of the framework.",
    ),
    Code(
        "NX716",
        "version of the source format is unknown",
        "The model uses a newer operator set than the installed package knows.",
        "Update the package, or convert the model to an older operator set.",
    ),
    Code(
        "NX717",
        "control flow or values known at run time only",
        "What the module does depends on the values of tensors, which a graph cannot express.",
        "Compute both sides and choose with `torch.where`, or fix the value before exporting.",
    ),
    Code(
        "NX718",
        "the framework cannot capture the module",
        "The framework's own exporter fails on the module or on its example inputs.",
        "The message has the framework's words; try its exporter by itself.",
    ),
    Code(
        "NX719",
        "module cannot be obtained",
        "`package.module:attribute` cannot be imported, is no module, or cannot be made without "
        "arguments.",
        "Check the path; let the attribute be a module, or a function that makes one.",
    ),
    Code(
        "NX720",
        "file may run code and is not loaded",
        "Pickles can run anything when they are loaded.",
        "Where you trust the file, load it yourself and export it with `torch.export.save`.",
    ),
    Code(
        "NX721",
        "module was not made from a model",
        "`from_torch_module` takes back modules of `to_torch` only, with all of their parameters.",
        "Use `from_torch` for other modules.",
    ),
    Code(
        "NX722",
        "import ran code",
        "Naming a module of a Python package imports the package, which runs its code.",
        "Do so with packages that you trust.",
        severity=Severity.INFO,
    ),
    Code(
        "NX723",
        "no such signature",
        "A SavedModel or TFLite file offers several signatures, or none of the name that is asked "
        "for.",
        "Name one of those that the message lists.",
    ),
    Code(
        "NX724",
        "computed constant is too large",
        "Constants are computed while a model is imported. A small file can repeat one item until "
        "no memory holds it.",
        "Check the shape that the node expands to.",
    ),
    Code(
        "NX730",
        "text of the net is wrong",
        "A prototxt does not parse, or has a field or a value that Caffe does not know. Line and "
        "column are those of the text.",
        "Correct the text; layers of a fork need a plugin: `--plugin FILE.py`.",
    ),
    Code(
        "NX731",
        "weights do not fit the net",
        "A blob of the file has another shape than its layer, or blobs are missing or left over.",
        "Name the weights that were trained with this net: `--weights FILE`.",
    ),
    Code(
        "NX732",
        "weights are missing",
        "Caffe keeps the weights of a net in a file of their own, and there is none beside the "
        "net.",
        "Name it with `--weights FILE`, or let weights be made up: `--weights none`.",
    ),
    Code(
        "NX733",
        "plugin cannot be used",
        "A plugin is a Python file that registers rules for layer types in a table `rules`.",
        "See docs/caffe.md for an example.",
    ),
    Code(
        "NX734",
        "note on a conversion",
        "What a converted model does not do although its source tells of it: steps before the "
        "net, layers that only judge in training.",
        "Nothing has to be done; take care that inputs are prepared as the note says.",
        severity=Severity.INFO,
    ),
)
