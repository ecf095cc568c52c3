"""What is said about a diagnostic code beyond a single finding."""

from dataclasses import dataclass

from nnefx.diagnostics import Severity


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding.

    Attributes:
        code: `NX304`; it never changes its meaning and is never used again.
        title: what is wrong, in one line.
        text: why it matters and which rule says so.
        fix: what to do about it.
        bad: an example that has the fault. Of NX1xx to NX3xx and NX8xx it is NNEF: a whole
            document where it begins with `version`, else statements of a graph whose input is
            `x = external(shape = [1,3,8,8])` and whose output is `y`.
        good: the example put right, where the fix does not say it.
        severity: of the findings with this code.
        on: whether findings are shown without being selected.
    """

    code: str
    title: str
    text: str
    fix: str
    bad: str = ""
    good: str = ""
    severity: Severity = Severity.ERROR
    on: bool = True
