"""Editors themselves, with the settings that editors/README.md gives, against the real server."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NOTES = Path(__file__).parents[1] / "editors" / "README.md"
FAULTY = (
    "version 1.0;\ngraph g(x) -> (y)\n{\n    x = external(shape = [1, 4]);\n    y = sofmax(x);\n}\n"
)

NEOVIM = """
vim.cmd("edit faulty.nnef")
vim.wait(20000, function() return #vim.diagnostic.get(0) > 0 end, 50)
for _, found in ipairs(vim.diagnostic.get(0)) do print(found.lnum, found.code, found.message) end
local place = vim.lsp.util.make_position_params(0, "utf-16")
place.position = { line = 3, character = 4 }
for _, answer in pairs(vim.lsp.buf_request_sync(0, "textDocument/hover", place, 9000) or {}) do
  print(answer.result.contents.value)
end
vim.cmd("silent %s/sofmax/softmax/")
vim.wait(20000, function() return #vim.diagnostic.get(0) == 0 end, 50)
print("left " .. #vim.diagnostic.get(0) .. " " .. vim.bo.filetype)
vim.cmd("qa!")
"""
EMACS = """
(when (fboundp 'package-initialize) (package-initialize))
(require 'eglot)
(load (expand-file-name "notes.el"))
(find-file "faulty.nnef")
(unless (eglot-current-server) (apply #'eglot--connect (eglot--guess-contact)))
(let ((left 200))
  (while (and (> left 0) (null (flymake-diagnostics)))
    (accept-process-output nil 0.1)
    (flymake-start)
    (setq left (1- left))))
(dolist (found (flymake-diagnostics)) (message "%s" (flymake-diagnostic-text found)))
(goto-char (point-min))
(search-forward "    x")
(message "%s" (jsonrpc-request (eglot-current-server) :textDocument/hover
                               (eglot--TextDocumentPositionParams)))
(message "mode %s" major-mode)
(eglot-shutdown (eglot-current-server))
"""


def notes(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", NOTES.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


def said(folder: Path, *command: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "HOME": str(folder), "XDG_STATE_HOME": str(folder)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "faulty.nnef").write_text(FAULTY, encoding="utf-8")
    return tmp_path


@pytest.mark.skipif(not shutil.which("nvim"), reason="Neovim is not installed")
def test_neovim_shows_findings_and_shapes(folder: Path) -> None:
    (folder / "notes.lua").write_text(notes("lua"), encoding="utf-8")
    (folder / "drive.lua").write_text(NEOVIM, encoding="utf-8")
    text = said(folder, "nvim", "--headless", "-u", "notes.lua", "-S", "drive.lua")
    assert "4 NX201 unknown operation 'sofmax'; did you mean 'softmax'?" in text
    assert "x: scalar[1, 4]" in text
    assert "left 0 nnef" in text
    assert "Error" not in text


@pytest.mark.skipif(not shutil.which("emacs"), reason="Emacs is not installed")
def test_emacs_shows_findings_and_shapes(folder: Path) -> None:
    if "no eglot" in said(
        folder, "emacs", "--batch", "--eval",
        "(progn (package-initialize) (unless (require 'eglot nil t) (message \"no eglot\")))",
    ):  # fmt: skip
        pytest.skip("this Emacs has no Eglot")
    (folder / "notes.el").write_text(notes("elisp"), encoding="utf-8")
    (folder / "drive.el").write_text(EMACS, encoding="utf-8")
    text = said(folder, "emacs", "--batch", "-l", "drive.el")
    assert "unknown operation 'sofmax'; did you mean 'softmax'?" in text
    assert "x: scalar[1, 4]" in text
    assert "mode nnef-mode" in text
