"""What each identifier of a text is, found from its tokens alone.

An editor asks in the middle of an edit, when there is no tree. So this goes by what stands around
a word: it is right where the text is, and useful where it is not.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n\f]*)
      | (?P<string>'(?:[^'\\\n]|\\.)*'?|"(?:[^"\\\n]|\\.)*"?)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>[0-9][A-Za-z0-9_.]*)
      | (?P<sign>->|<=|>=|==|!=|&&|\|\||[^\sA-Za-z0-9_])""",
    re.VERBOSE,
)
_KEYWORDS = """
version extension fragment graph tensor integer scalar logical string true false
for in if else yield shape_of length_of range_of
"""
KEYWORDS = frozenset(_KEYWORDS.split())
_OPEN, _CLOSE = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text: comment, string, word, number or sign."""

    kind: str
    text: str
    pos: int

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.pos + len(self.text)


@dataclass(frozen=True, slots=True)
class Word:
    """An identifier and what it stands for.

    Attributes:
        role: `op` (called), `fragment` (defined), `graph`, `name` (of a tensor or other value) or
            `argument` (the name of a parameter in a call).
        scope: the number of the definition that it stands in, -1 outside of all.
        defines: whether it is assigned or declared here.
        call: the operation whose argument it is.
    """

    role: str
    text: str
    pos: int
    scope: int
    defines: bool = False
    call: str = ""

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.pos + len(self.text)


@dataclass(slots=True)
class Scope:
    """A fragment or the graph: from its keyword to its closing brace (or `;`)."""

    kind: str
    name: str
    pos: int
    name_pos: int
    body: int = -1  # the opening brace
    end: int = -1


@dataclass(frozen=True, slots=True)
class Call:
    """The call around an offset: its operation, which argument it is, and that one's name."""

    op: str
    number: int
    argument: str | None


@dataclass(slots=True)
class Scan:
    """The tokens and words of a text."""

    tokens: list[Token]
    words: list[Word] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)

    def word_at(self, offset: int) -> Word | None:
        """Return the word that an offset touches."""
        index = bisect_right(self.words, offset, key=lambda word: word.pos) - 1
        if index >= 0 and self.words[index].pos <= offset <= self.words[index].end:
            return self.words[index]
        return None

    def token_before(self, offset: int) -> int:
        """Return the index of the last token that begins before an offset, -1 if there is none."""
        return bisect_right(self.tokens, offset - 1, key=lambda token: token.pos) - 1

    def scope_at(self, offset: int) -> int:
        """Return the number of the definition around an offset, -1 outside of all."""
        for number, scope in enumerate(self.scopes):
            if scope.pos <= offset and (offset <= scope.end or scope.end < 0):
                return number
        return -1

    def call_at(self, offset: int) -> Call | None:
        """Return the innermost call whose parentheses are around an offset."""
        depth = number = 0
        argument: str | None = None
        index = self.token_before(offset)
        while index >= 0:
            token = self.tokens[index]
            if token.kind == "sign":
                if token.text in _CLOSE:
                    depth += 1
                elif token.text in _OPEN:
                    op = self._called(index)
                    if depth == 0 and token.text == "(" and op:
                        return Call(op, number, argument)
                    if depth == 0 and token.text == "{":
                        return None
                    if depth:
                        depth -= 1
                    else:
                        number, argument = 0, None  # within a list: the argument is around it
                elif depth == 0 and token.text == ";":
                    return None
                elif depth == 0 and token.text == ",":
                    number += 1
                elif depth == 0 and token.text == "=" and number == 0 and argument is None:
                    before = self.tokens[index - 1] if index else None
                    argument = before.text if before and before.kind == "word" else None
            index -= 1
        return None

    def _called(self, index: int) -> str:
        """Return the operation that the parenthesis at `index` belongs to, or nothing."""
        index -= 1
        if index >= 2 and self.tokens[index].text == ">" and self.tokens[index - 2].text == "<":
            index -= 3
        if index < 0 or self.tokens[index].kind != "word" or self.tokens[index].text in KEYWORDS:
            return ""
        if index and self.tokens[index - 1].text in ("fragment", "graph"):
            return ""
        return self.tokens[index].text

    def definitions(self, scope: int) -> Iterator[Word]:
        """Yield the names that a definition declares or assigns, in order."""
        return (w for w in self.words if w.scope == scope and w.role == "name" and w.defines)

    def uses(self, word: Word) -> list[Word]:
        """Return every occurrence of what a word stands for."""
        if word.role in ("op", "fragment"):
            return [w for w in self.words if w.role in ("op", "fragment") and w.text == word.text]
        if word.role == "argument":
            number = self.fragment(word.call)
            return [
                w
                for w in self.words
                if w.text == word.text
                and (
                    (w.role == "argument" and w.call == word.call)
                    or (w.role == "name" and w.scope == number >= 0)
                )
            ]
        found = [
            w
            for w in self.words
            if w.role == word.role and w.text == word.text and w.scope == word.scope
        ]
        if word.role == "name" and self.is_parameter(word):
            name = self.scopes[word.scope].name
            found += [
                w
                for w in self.words
                if w.role == "argument" and w.call == name and w.text == word.text
            ]
        return found

    def fragment(self, name: str) -> int:
        """Return the number of the fragment of a name, -1 if there is none."""
        for number, scope in enumerate(self.scopes):
            if scope.kind == "fragment" and scope.name == name:
                return number
        return -1

    def is_parameter(self, word: Word) -> bool:
        """Tell whether a name is declared in the head of a fragment."""
        if word.scope < 0 or self.scopes[word.scope].kind != "fragment":
            return False
        body = self.scopes[word.scope].body
        return any(
            w.text == word.text and (body < 0 or w.pos < body) for w in self.definitions(word.scope)
        )


def scan(text: str) -> Scan:
    """Return the words of a text and the definitions that they stand in."""
    tokens = [Token(m.lastgroup or "", m.group(), m.start()) for m in _TOKEN.finditer(text)]
    found = Scan(tokens)
    _Walk([token for token in tokens if token.kind != "comment"], found, len(text)).run()
    return found


class _Walk:
    """One pass over the tokens without comments."""

    def __init__(self, tokens: list[Token], found: Scan, end: int) -> None:
        self.tokens = tokens
        self.found = found
        self.end = end
        self.brackets: list[tuple[str, str]] = []  # each open bracket and the operation it calls
        self.scope = -1
        self.left = False  # of the `=` of an assignment

    def run(self) -> None:
        for index, token in enumerate(self.tokens):
            if token.kind == "word":
                self.word(index, token)
            elif token.kind == "sign":
                self.sign(index, token)
        if self.scope >= 0 and self.found.scopes[self.scope].end < 0:
            self.found.scopes[self.scope].end = self.end

    def text(self, index: int) -> str:
        return self.tokens[index].text if 0 <= index < len(self.tokens) else ""

    def word(self, index: int, token: Token) -> None:
        before, after = self.text(index - 1), self.text(index + 1)
        begins = not self.brackets or before in (";", "}", "{", "")
        if token.text in ("fragment", "graph") and begins and after not in ("=", ",", ")"):
            self.begin(index, token)
        elif before in ("fragment", "graph") and self.scope >= 0 and not self.in_body:
            self.add(token, before, defines=True)
        elif token.text in KEYWORDS or self.scope < 0:
            return
        elif not self.in_body:
            fragment = self.found.scopes[self.scope].kind == "fragment"
            if not fragment or after == ":":
                self.add(token, "name", defines=fragment)
        elif after == "(" or (after == "<" and self.text(index + 3) == ">"):
            self.add(token, "op")
        elif after == "=" and self.brackets[-1][0] == "(" and not self.left:
            self.add(token, "argument", call=self.brackets[-1][1])
        else:
            begins = after == "=" and len(self.brackets) == 1  # the `;` before it is missing
            loop = before == "for" or self.loops(index)
            self.add(token, "name", defines=self.left or loop or begins)

    def loops(self, index: int) -> bool:
        """Tell whether the word is a further loop variable: `for i in a, j in b`."""
        return self.text(index + 1) == "in" and self.text(index - 1) == ","

    @property
    def in_body(self) -> bool:
        return self.scope >= 0 and self.found.scopes[self.scope].body >= 0

    def begin(self, index: int, token: Token) -> None:
        if self.scope >= 0 and self.found.scopes[self.scope].end < 0:
            self.found.scopes[self.scope].end = token.pos
        name = self.tokens[index + 1] if index + 1 < len(self.tokens) else token
        self.found.scopes.append(Scope(token.text, name.text, token.pos, name.pos))
        self.scope = len(self.found.scopes) - 1
        self.brackets = []

    def sign(self, index: int, token: Token) -> None:
        text = token.text
        if text == "{" and self.scope >= 0 and not self.in_body:
            self.found.scopes[self.scope].body = token.pos
            self.brackets = [("{", "")]
            self.left = True
        elif text in _OPEN:
            op = self.text(index - 1) if self.tokens[index - 1].kind == "word" else ""
            if self.text(index - 1) == ">" and self.text(index - 3) == "<":
                op = self.text(index - 4)
            self.brackets.append((text, op if text == "(" else ""))
        elif text == "}" or (text == ";" and not self.in_body):
            if self.scope >= 0 and self.found.scopes[self.scope].end < 0:
                self.found.scopes[self.scope].end = token.end
            self.scope, self.brackets = -1, []
        elif text in _CLOSE:
            if len(self.brackets) > self.in_body:
                self.brackets.pop()
        elif text == ";":
            self.left = True
            self.brackets = self.brackets[:1]
        elif text == "=" and self.left:
            self.left = False

    def add(self, token: Token, role: str, *, defines: bool = False, call: str = "") -> None:
        word = Word(role, token.text, token.pos, self.scope, defines, call)
        self.found.words.append(word)
