"""NX4xx: tensor files."""

from nnefx.codes.record import Code
from nnefx.diagnostics import Severity

_WARNING = Severity.WARNING

TABLE = (
    Code(
        "NX401",
        "tensor file is shorter than its header",
        "A tensor file begins with a header of 128 bytes (5.2).",
        "Export the tensor again; the file may have been truncated on its way.",
    ),
    Code(
        "NX402",
        "not a tensor file",
        "The first two bytes are not the magic number `4E EF` (5.2).",
        "Export the tensor again; a pointer file of git-lfs begins with other bytes, too.",
    ),
    Code(
        "NX403",
        "version of a tensor file is not 1.0",
        "The version of the format is 1.0 (5.2).",
        "Export the tensor again.",
    ),
    Code(
        "NX404",
        "rank is above 8",
        "The header of a tensor file has room for 8 extents (5.2).",
        "Reshape the tensor in the graph and in the file.",
    ),
    Code(
        "NX407",
        "bits per item are not 1 to 64",
        "Items of tensor files have 1 to 64 bits (5.2).",
        "Export the tensor again.",
    ),
    Code(
        "NX409",
        "bits per item do not fit the item type",
        "Floats have 16, 32 or 64 bits, logical values 1 or 8 (5.2).",
        "Export the tensor again; bfloat16 must be converted.",
    ),
    Code(
        "NX410",
        "data length differs from what the extents take",
        "The length in the header is that of all items, packed: extents times bits, rounded up "
        "to bytes (5.2).",
        "Export the tensor again.",
    ),
    Code(
        "NX411",
        "data is truncated",
        "The file ends before the data that its header declares.",
        "Copy the file again; look for a full disk.",
    ),
    Code(
        "NX412",
        "bytes after the data",
        "The file goes on behind the data that its header declares.",
        "Export the tensor again.",
    ),
    Code(
        "NX413",
        "header of an old writer, 4 bytes too long",
        "Early writers of 2018 put 4 bytes too many into the header. nnefx reads such files "
        "nevertheless; others take the extra bytes for data.",
        "Load and save the model: `nnefx convert OLD -o NEW`.",
    ),
    Code(
        "NX414",
        "reserved bytes of the header are not 0",
        "Bytes 84 to 127 of the header are reserved (5.2).",
        "Load and save the model.",
        severity=_WARNING,
    ),
    Code(
        "NX415",
        "deprecated parameters in the header",
        "Quantization is described by graph.quant, signed integers by item type 4, since 1.0.3 "
        "(5.2). The parameters in the header are deprecated.",
        "Load and save the model.",
        severity=_WARNING,
    ),
    Code(
        "NX416",
        "padding bits are not 0",
        "Where packed items do not fill the last byte, the rest of it is zero (5.2).",
        "Export the tensor again.",
    ),
    Code(
        "NX417",
        "NaN or infinity among the values",
        "Such a value spreads to everything that is computed from it, and often tells of a "
        "training that diverged.",
        "Look at the item that the message names.",
        severity=_WARNING,
    ),
    Code(
        "NX418",
        "extents beyond the rank are not 0",
        "Of the 8 extents in the header only as many as the rank says are used, the others are "
        "zero (5.2).",
        "Export the tensor again.",
    ),
    Code(
        "NX419",
        "extent is 0",
        "A tensor has at least one item along each dimension.",
        "Export the tensor again.",
    ),
    Code(
        "NX420",
        "array cannot be stored",
        "Tensor files hold floats of 16, 32 and 64 bits, integers, and logical values (5.2).",
        "Convert the array first.",
    ),
    Code(
        "NX421",
        "value does not fit the bits of an item",
        "Packing an array into fewer bits must not change its values.",
        "Use more bits, or clip the values.",
    ),
    Code(
        "NX422",
        "tensor is too large for the format",
        "The header counts bytes with 32 bits: a tensor file holds less than 4 GiB (5.2).",
        "Split the tensor.",
    ),
    Code(
        "NX423",
        "item type is unknown",
        "Khronos defines the item types 0 to 5; others belong to vendors (5.2).",
        "Export the tensor with a type of the standard.",
    ),
    Code(
        "NX430",
        "stored shape differs from the declared one",
        "The extents in a tensor file equal the shape of the variable (6.).",
        "Export the tensor again, or correct the declaration.",
    ),
    Code(
        "NX431",
        "stored type does not fit the declared one",
        "`scalar` is stored as float or quantized integers, `integer` as integers, `logical` as "
        "bool (5.2.1).",
        "Export the tensor with the right type, or declare `variable<integer>`.",
    ),
    Code(
        "NX432",
        "variable without data",
        "The variable with label `l` has its data in the file `l.dat` (5.1).",
        "Add the file, or correct the label.",
        "w = variable(shape = [1,3], label = 'conv1/filtre');",
    ),
    Code(
        "NX433",
        "tensor file without variable",
        "No variable has the label of this file. It does no harm but takes space, and often "
        "tells of a misspelt label.",
        "Remove the file, or correct the label.",
        severity=_WARNING,
    ),
    Code(
        "NX434",
        "other version of a tensor does not fit",
        "`label.dat.x` is another version of the data in `label.dat` (5.1), so it belongs to a "
        "variable and has the same shape.",
        "Export that version again, or remove it.",
        severity=_WARNING,
    ),
)
