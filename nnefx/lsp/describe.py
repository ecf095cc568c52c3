"""What editors show of a place: hovers, hints between the text, signatures of calls."""

from lsprotocol import types

from nnefx.ir.graph import Value
from nnefx.lsp.analysis import Analysis, shape_text
from nnefx.lsp.scan import Word
from nnefx.syntax.ast import Fragment, Param, Result
from nnefx.syntax.printer import print_literal


def hover(analysis: Analysis, offset: int) -> types.Hover | None:
    """Return what the word at an offset is: an operation's declaration, or a tensor's shape."""
    word = analysis.scan.word_at(offset)
    if word is None:
        return None
    text = _about(analysis, word)
    if not text:
        return None
    content = types.MarkupContent(types.MarkupKind.Markdown, text)
    return types.Hover(content, analysis.positions.range(word.pos, word.end))


def _about(analysis: Analysis, word: Word) -> str:
    if word.role in ("op", "fragment"):
        declared = analysis.op(word.text)
        return documentation(declared) if declared else ""
    if word.role == "argument":
        called = analysis.op(word.call)
        params = {param.name: param for param in called.params} if called else {}
        if word.text in params:
            return _code(f"{word.call}({parameter(params[word.text])})")
        return ""
    if word.role == "name":
        return _about_name(analysis, word)
    return ""


def _about_name(analysis: Analysis, word: Word) -> str:
    values = analysis.values(word.scope, word.text)
    if values:
        told = _code(f"{word.text}: {shape_text(values[0])}") + _others(values)
        return told + "\nBefore the error." * analysis.is_earlier(word.scope, word.text)
    scope = analysis.scan.scopes[word.scope] if word.scope >= 0 else None
    fragment = analysis.fragments.get(scope.name) if scope else None
    declared: list[Param | Result] = [*fragment.params, *fragment.results] if fragment else []
    for item in declared:
        if item.name == word.text:
            return _code(f"{item.name}: {item.type}")
    return ""


def _others(values: tuple[Value, ...]) -> str:
    shapes = sorted({shape_text(value) for value in values[1:]} - {shape_text(values[0])})
    if not shapes:
        return ""
    more = f", and {len(shapes) - 6} others" if len(shapes) > 6 else ""
    return "\nIn other calls: " + ", ".join(f"`{shape}`" for shape in shapes[:6]) + more


def documentation(fragment: Fragment) -> str:
    """Return signature and meaning of an operation as Markdown."""
    kind = "" if fragment.body is None else "\n\n*Composite.*"
    doc = fragment.doc.strip()
    return _code(signature(fragment)) + (f"\n{doc}" if doc else "") + kind


def _code(text: str) -> str:
    return f"```nnef\n{text}\n```"


def signature(fragment: Fragment) -> str:
    """Return the head of a fragment on one line."""
    generic = ""
    if fragment.generic:
        generic = f"<? = {fragment.generic_default}>" if fragment.generic_default else "<?>"
    params = ", ".join(map(parameter, fragment.params))
    results = ", ".join(f"{result.name}: {result.type}" for result in fragment.results)
    return f"fragment {fragment.name}{generic}({params}) -> ({results})"


def parameter(param: Param) -> str:
    """Return a parameter as it is declared."""
    text = f"{param.name}: {param.type}"
    return text if param.default is None else f"{text} = {print_literal(param.default.value)}"


def inlay_hints(analysis: Analysis, start: int, end: int) -> list[types.InlayHint]:
    """Return the shapes of what is assigned between two offsets.

    In fragments a shape is given where all uses of the fragment agree on it.
    """
    hints = []
    for word in analysis.scan.words:
        if word.role != "name" or not word.defines or not start <= word.pos <= end:
            continue
        shapes = {shape_text(value) for value in analysis.values(word.scope, word.text)}
        if len(shapes) != 1:
            continue
        (shape,) = shapes
        scope = analysis.scan.scopes[word.scope]
        label = f": {shape}" if word.pos > scope.body else f" {shape[shape.index('[') :]}"
        hints.append(
            types.InlayHint(analysis.positions.position(word.end), label, types.InlayHintKind.Type)
        )
    return hints


def signature_help(analysis: Analysis, offset: int) -> types.SignatureHelp | None:
    """Return the signature of the call around an offset, and which parameter is being given."""
    call = analysis.scan.call_at(offset)
    fragment = analysis.op(call.op) if call else None
    if call is None or fragment is None:
        return None
    names = [param.name for param in fragment.params]
    active = call.number
    if call.argument is not None:
        active = names.index(call.argument) if call.argument in names else len(names)
    information = types.SignatureInformation(
        signature(fragment).removeprefix("fragment "),
        types.MarkupContent(types.MarkupKind.Markdown, fragment.doc),
        [types.ParameterInformation(parameter(param)) for param in fragment.params],
    )
    return types.SignatureHelp([information], 0, active)
