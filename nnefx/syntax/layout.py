"""One statement as lines: canonical spacing, and wrapping where a line is too long.

A statement is a list of tokens. Each has a spelling, which includes the space before it; so the
text of any part is the parts joined. What is too long is broken at its largest bracket: first all
of the content goes on a line of its own, then each item does.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

INDENT = "    "

_BLANK = r"(?:[ \t\n\v\f\r]|#[^\n\f]*)*"
_TYPE = rf"{_BLANK}(?:integer|scalar|logical|string|\?)?{_BLANK}"
# Types in angle brackets are one token, as in the grammar. Anything else is a character.
TOKEN = re.compile(
    r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
    rf"|<{_TYPE}>|<{_BLANK}\?{_BLANK}={_TYPE}>"
    r"""|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|->|<=|>=|==|!=|&&|\|\||[^\s#]"""
)

_OPENING = {"(": ")", "[": "]"}
_WORDS = frozenset({"if", "else", "for", "in", "yield"})
_OPERATORS = frozenset({"*", "/", "^", "<", "<=", ">", ">=", "==", "!=", "&&", "||", "->", "="})
# After these, + and - are signs, and a bracket opens no subscript and no arguments.
_OPERAND_FOLLOWS = _OPERATORS | _WORDS | {"(", "[", ",", ":", "+", "-", "!"}
# What a flat statement has nowhere outside of strings: operators, and two words side by side.
# A minus is a sign behind a separator, and in the exponents of the usual numbers; angle brackets
# may hold the type of `variable<scalar>(`.
_OPERATOR = re.compile(
    r"""[+*/^!&|:{}"]|<(?!(?:integer|scalar|logical|string)>)"""
    r"""|>(?<!<integer>)(?<!<scalar>)(?<!<logical>)(?<!<string>)|-(?<=[\w)\]\s]-)(?<![,=(\[]\s-)"""
    r"""(?<![\s,=(\[]\d[eE]-)(?<![\s,=(\[]\d\.\d[eE]-)"""
)
_ADJACENT = re.compile(r"[\w)\]']\s+[\w(\[']")

# An argument of a plain call, brackets within being nested to a depth of three, and one that is
# an array of numbers.
_ITEM_TEXT = r"[^,()\[\]']|'[^,()\[\]']*'"
_NESTED = r"[^()\[\]']"
_NESTED = rf"(?>(?:{_NESTED}|[(\[]{_NESTED}*[)\]])*)"
_NESTED = rf"[(\[](?>(?:[^()\[\]']|[(\[]{_NESTED}[)\]])*)[)\]]"
_ITEM = re.compile(rf"(?! )(?>(?:{_ITEM_TEXT}|{_NESTED})+)")
_DATA = re.compile(r"(\w+ = \[)((?:[-0-9]|true|false)[-+0-9eE.,()\[\] truefals]*)\]")


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment inside of a statement, before the token of that index.

    `trailing` tells that it stands on the line of the token before.
    """

    index: int
    text: str
    trailing: bool


@dataclass(slots=True)
class _Group:
    """A pair of brackets: the indices of both, and of the start of each item."""

    start: int
    items: list[int]
    end: int = -1


@dataclass(slots=True)
class _Layout:
    tokens: Sequence[str]
    width: int
    spelled: list[str] = field(init=False)
    groups: dict[int, _Group] = field(init=False)

    def __post_init__(self) -> None:
        self.spelled = spell(self.tokens)
        self.groups = _groups(self.tokens)

    def text(self, start: int, end: int) -> str:
        return "".join(self.spelled[start:end]).lstrip(" ")

    def lines(self, start: int, end: int, indent: str, suffix: str = "") -> list[str]:
        text = indent + self.text(start, end) + suffix
        group = self.largest(start, end) if len(text) > self.width else None
        if group is None:
            return [text]
        return [
            indent + self.text(start, group.start + 1),
            *self.content(group, indent + INDENT),
            *self.lines(group.end, end, indent, suffix),
        ]

    def largest(self, start: int, end: int) -> _Group | None:
        """Return the bracket to be broken; a lone bracket in a bracket is broken with it."""
        found = [group for group in self._outermost(start, end) if group.end > group.start + 1]
        if not found:
            return None
        group = max(found, key=lambda item: len(self.text(item.start, item.end)))
        if len(group.items) == 1:
            inner = self.largest(group.start + 1, group.end)
            if inner and set(self.tokens[inner.end : group.end]) <= {")", "]"}:
                return inner
        return group

    def _outermost(self, start: int, end: int) -> list[_Group]:
        found = []
        index = start + (self.tokens[start] in ")]")
        while index < end:
            group = self.groups.get(index)
            if group is not None:
                found.append(group)
                index = group.end
            index += 1
        return found

    def content(self, group: _Group, indent: str) -> list[str]:
        text = self.text(group.start + 1, group.end)
        if len(indent) + len(text) <= self.width:
            return [indent + text]
        if "'" not in text and '"' not in text and _is_data(self.tokens, group):
            return [indent + line.rstrip() for line in _fill(text, self.width - len(indent))]
        lines: list[str] = []
        for start, end in _spans(group):
            lines += self.lines(start, end, indent, "," if end != group.end else "")
        return lines

    def commented(self, indent: str, suffix: str, comments: Sequence[Comment]) -> list[str]:
        """Break the statement and keep comments between its items; hoist the others."""
        group = self.largest(0, len(self.tokens))
        ends = {} if group is None else {end: start for start, end in _spans(group)}
        above: dict[int, list[str]] = {}
        behind: dict[int, list[str]] = {}
        hoisted: list[str] = []
        for comment in comments:
            item = _item_of(comment, group, ends)
            if item is None:
                hoisted.append(indent + comment.text)
            elif comment.trailing and comment.index != item and item not in behind:
                behind[item] = [comment.text]
            else:
                above.setdefault(item, []).append(comment.text)
        if group is None or len(hoisted) == len(comments):
            return hoisted + self.lines(0, len(self.tokens), indent, suffix)
        inner = indent + INDENT
        lines = [*hoisted, indent + self.text(0, group.start + 1)]
        for start, end in _spans(group):
            lines += [inner + text for text in above.get(start, ())]
            lines += self.lines(start, end, inner, "," if end != group.end else "")
            lines[-1] += "".join(f"  {text}" for text in behind.get(start, ()))
        lines += [inner + text for text in above.get(group.end, ())]
        return lines + self.lines(group.end, len(self.tokens), indent, suffix)


def tokenize(text: str) -> list[str]:
    """Return the tokens of a text without comments."""
    return [_tidy(token) for token in TOKEN.findall(text)]


def plain_line(text: str) -> str | None:
    """Return a flat statement without comments in canonical spacing; None if it is not plain.

    White space separates nothing in it, so all of it goes and that of commas and `=` comes back.
    """
    if "'" not in text:
        if _OPERATOR.search(text):
            return None
        line = _compact(text)
        return line if line == text or not _ADJACENT.search(text) else None
    parts = text.split("'")
    outside = "'".join(parts[::2])
    if '"' in text or "\\" in text or _OPERATOR.search(outside):
        return None
    parts[::2] = [_compact(part) for part in parts[::2]]
    line = "'".join(parts)
    return line if line == text or not _ADJACENT.search(outside) else None


def _compact(text: str) -> str:
    return "".join(text.split()).replace(",", ", ").replace("=", " = ")


def wrap_plain(line: str, width: int, indent: str) -> list[str]:
    """Return the lines of what `plain_line` returned: those of `lay_out`, found without tokens."""
    if len(indent) + len(line) <= width:
        return [indent + line]
    start = line.index("(") + 1
    content = line[start:-2]
    items = _ITEM.findall(content)
    if len(items) < 2 or line[0] in "[(" or ", ".join(items) != content:
        return lay_out(TOKEN.findall(line)[:-1], width, indent, ";")
    inner = indent + INDENT
    if len(inner) + len(content) <= width:
        return [indent + line[:start], inner + content, f"{indent});"]
    lines = [indent + line[:start]]
    for item in items[:-1]:
        lines += _wrap_item(item, width, inner, ",")
    return [*lines, *_wrap_item(items[-1], width, inner, ""), f"{indent});"]


def _wrap_item(item: str, width: int, indent: str, suffix: str) -> list[str]:
    if len(indent) + len(item) + len(suffix) <= width:
        return [indent + item + suffix]
    array = _DATA.fullmatch(item)
    if array is None:
        return lay_out(TOKEN.findall(item), width, indent, suffix)
    inner = indent + INDENT
    data = array[2]
    fits = len(inner) + len(data) <= width
    filled = [data] if fits else [part.rstrip() for part in _fill(data, width - len(inner))]
    return [indent + array[1], *(inner + part for part in filled), f"{indent}]{suffix}"]


def lay_out(
    tokens: Sequence[str],
    width: int,
    indent: str = "",
    suffix: str = "",
    comments: Sequence[Comment] = (),
) -> list[str]:
    """Return the lines of a statement.

    Args:
        tokens: its tokens, comments left out.
        width: the longest line that is wanted; a token may be longer.
        indent: what each line begins with.
        suffix: what follows the last token on its line.
        comments: those that stood inside.
    """
    layout = _Layout(tokens, width)
    if comments:
        return layout.commented(indent, suffix, comments)
    return layout.lines(0, len(tokens), indent, suffix)


def spell(tokens: Sequence[str]) -> list[str]:
    """Return each token with the space before it, if there is one."""
    spelled: list[str] = []
    brackets: list[str] = []
    before, sign = "", False
    for token in tokens:
        space = bool(before) and not sign and _spaced(before, token, brackets)
        spelled.append(" " + token if space else token)
        sign = token in ("-", "+", "!") and (not before or before in _OPERAND_FOLLOWS)
        if token in _OPENING:
            brackets.append(token)
        elif token in ")]" and brackets:
            brackets.pop()
        before = token
    return spelled


def _spaced(before: str, token: str, brackets: list[str]) -> bool:
    if token in ",;)]" or before in "([":
        return False
    if token == ":" or before == ":":
        return before == ":" and brackets[-1:] != ["["]
    if token in _OPENING:
        return before in _OPERAND_FOLLOWS
    # A type in angle brackets belongs to what it stands behind.
    return not (token[0] == "<" and token[-1] == ">")


def _tidy(token: str) -> str:
    """Return a type in angle brackets without the spaces and comments that it may hold."""
    if token[0] != "<" or token[-1] != ">":
        return token
    bare = re.sub(r"#[^\n\f]*|\s", "", token)
    return bare.replace("=", " = ")


def _groups(tokens: Sequence[str]) -> dict[int, _Group]:
    groups: dict[int, _Group] = {}
    stack: list[_Group] = []
    for index, token in enumerate(tokens):
        if token in _OPENING:
            groups[index] = _Group(index, [index + 1])
            stack.append(groups[index])
        elif token == "," and stack:
            stack[-1].items.append(index + 1)
        elif token in ")]" and stack:
            stack.pop().end = index
    return groups


def _spans(group: _Group) -> list[tuple[int, int]]:
    """Return start and end of each item; the end is that of its comma, or of the bracket."""
    return list(zip(group.items, [*(start - 1 for start in group.items[1:]), group.end]))


def _item_of(comment: Comment, group: _Group | None, ends: dict[int, int]) -> int | None:
    """Return the start of the item that a comment belongs to, the bracket's end, or None."""
    if group is None or not group.start < comment.index <= group.end:
        return None
    if comment.index in ends and comment.trailing:
        return ends[comment.index]
    if comment.index == group.end:
        return group.end
    if comment.index not in group.items:
        return ends.get(comment.index)
    if comment.trailing and comment.index != group.items[0]:
        return ends[comment.index - 1]
    return comment.index


def _is_data(tokens: Sequence[str], group: _Group) -> bool:
    return tokens[group.start] == "[" and all(
        token[0] in "0123456789-,()[]" or token in ("true", "false")
        for token in tokens[group.start + 1 : group.end]
    )


def _fill(text: str, width: int) -> list[str]:
    """Return the items of an array in lines that are as long as they may be."""
    items = _ITEM.findall(text) if "(" in text or "[" in text else []
    if ", ".join(items) != text:
        return re.findall(rf"(?:.{{1,{max(width, 20)}}}(?= |\Z)|\S+) ?", text)
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + len(item) + 3 <= width:
            lines[-1] += f", {item}"
        else:
            lines.append(item)
    return [f"{line}," for line in lines[:-1]] + lines[-1:]
