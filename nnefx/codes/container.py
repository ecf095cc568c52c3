"""NX0xx: containers, files and options."""

from nnefx.codes.record import Code

TABLE = (
    Code(
        "NX001",
        "no such file or folder",
        "A path that was given does not exist, or may not be read.",
        "Check the path and its permissions.",
        "nnefx check misspelt/",
    ),
    Code(
        "NX002",
        "file cannot be read or written",
        "The system refused a file: no permission, no space, a folder where a file is expected.",
        "The message has the system's own words.",
    ),
    Code(
        "NX003",
        "not a readable archive",
        "The file is no tar archive, or a damaged one. NNEF recommends tar, with optional "
        "compression (5.); gzip, bzip2 and xz are read.",
        "Pack the model again, for instance with `nnefx pack`, or unpack it into a folder.",
        "nnefx check model.zip",
    ),
    Code(
        "NX004",
        "the model lacks a file",
        "A model has its structure in a file named `graph.nnef` (5.1).",
        "Give the folder that holds `graph.nnef`, and mind its exact name.",
    ),
    Code(
        "NX005",
        "path leaves the model",
        "A label or the name of a member is a path inside the model (5.1). An absolute path, a "
        "drive, or one with `..` could read or write files that are not part of it.",
        "Use plain relative labels, such as `conv1/filter`.",
        "w = variable(shape = [1,3], label = '../other/filter');",
    ),
    Code(
        "NX006",
        "link or device in a model",
        "Links out of the folder, links in archives, and device files are not followed: they "
        "could make a model read anything on the machine.",
        "Replace the link by the file.",
    ),
    Code(
        "NX007",
        "two files with the same name",
        "Two members of the model have names that are equal, or differ in case only. Labels are "
        "compared without case (4.1.3), so it is unclear which file is meant.",
        "Rename or remove one of them.",
    ),
    Code(
        "NX008",
        "a limit is exceeded",
        "An archive that unpacks to far more than its size, a folder with a vast number of files "
        "or a text of gigabytes is refused, as it may be an attack.",
        "If the model is sound, unpack it yourself and check the folder.",
    ),
    Code(
        "NX009",
        "text is not UTF-8",
        "`graph.nnef` and `graph.quant` are text: ASCII, but for comments.",
        "Save the file as UTF-8; look at the byte that the message names.",
    ),
    Code(
        "NX010",
        "output exists already",
        "Nothing is overwritten unless it is asked for.",
        "Give another path, or `--force`.",
        "nnefx convert net.onnx -o net/",
    ),
    Code(
        "NX011",
        "output path cannot be used",
        "The folder that is to hold the output does not exist or is not a folder.",
        "Create the folder, or give another path.",
    ),
    Code(
        "NX012",
        "an optional package is missing",
        "This needs a package that is not installed with nnefx itself.",
        "Install the extra that the message names, for instance `pip install 'nnefx[onnx]'`.",
    ),
    Code(
        "NX014",
        "input data cannot be read",
        "A file given as input is no array or picture that fits.",
        "Give an .npy, .npz or .dat file of the input's shape; see `nnefx info`.",
    ),
    Code(
        "NX016",
        "configuration cannot be used",
        "`nnefx.toml`, or the table `[tool.nnefx]` of `pyproject.toml`, is no TOML, has a key "
        "that does not exist, or a value of the wrong type.",
        "See the list of keys in docs/ci.md.",
        'fail-on = "warnings"',
        'fail-on = "warning"',
    ),
    Code(
        "NX017",
        "baseline cannot be used",
        "The file given as `--baseline` is not one that nnefx wrote.",
        "Write it anew with `--update-baseline`.",
    ),
    Code(
        "NX018",
        "target is unknown or its profile is wrong",
        "`--target` takes the name of a profile (`nnefx targets` lists them) or the path of a "
        "TOML file, whose keys are described in docs/targets.md.",
        "Check the name; in a file of your own, the key that the message names.",
        "nnefx check net/ --target openvx",
        "nnefx check net/ --target openvx-nnef",
    ),
)
