"""The extension for Visual Studio Code: its client with stand-ins, and the package of `vsce`."""

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
VSCODE = ROOT / "editors" / "vscode"

# Runs the client with stand-ins for the editor and for the library of the protocol.
DRIVE = """
const Module = require("module");
const told = [], commands = {};
let changed, command = ["nnefx", "lsp"], answer = undefined;
const vscode = {
  workspace: {
    getConfiguration: () => ({ get: (name) => (name === "command" ? command : undefined) }),
    onDidChangeConfiguration: (act) => { changed = act; return {}; },
    createFileSystemWatcher: (pattern) => pattern,
  },
  commands: {
    registerCommand: (name, act) => { commands[name] = act; return {}; },
    executeCommand: (...words) => told.push(["run", ...words]),
  },
  window: {
    showErrorMessage: async (text, ...buttons) => {
      told.push(["error", text]);
      return buttons[0];
    },
  },
};
class LanguageClient {
  constructor(id, name, server, options) { Object.assign(this, { server, options }); }
  async start() {
    if (this.server.command === "nowhere") throw new Error("spawn nowhere ENOENT");
    told.push(["start", this.server, this.options.documentSelector.map((s) => s.language)]);
  }
  async stop() { told.push(["stop"]); }
}
const load = Module._load;
Module._load = (name, ...rest) =>
  name === "vscode" ? vscode
  : name === "vscode-languageclient/node" ? { LanguageClient }
  : load(name, ...rest);
(async () => {
  const client = require(process.argv[2]);
  const subscriptions = [];
  await client.activate({ subscriptions });
  await commands["nnefx.restart"]();
  command = ["nowhere"];
  changed({ affectsConfiguration: (name) => name === "nnefx.command" });
  await new Promise((done) => setTimeout(done, 50));
  changed({ affectsConfiguration: () => false });
  await client.deactivate();
  process.stdout.write(JSON.stringify([told, subscriptions.length]));
})();
"""


@pytest.mark.skipif(not shutil.which("node"), reason="Node is not installed")
def test_client_starts_restarts_and_tells_what_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "drive.js").write_text(DRIVE, encoding="utf-8")
    done = subprocess.run(
        ["node", tmp_path / "drive.js", VSCODE / "client.js"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    told, subscriptions = json.loads(done.stdout)
    start = ["start", {"command": "nnefx", "args": ["lsp"]}, ["nnef", "nnef-quant"]]
    assert told[:3] == [start, ["stop"], start]
    assert told[3] == ["stop"]
    assert told[4][0] == "error"
    assert "'nowhere' does not start" in told[4][1]
    assert "pip install 'nnefx[lsp]'" in told[4][1]
    assert told[5:] == [["run", "workbench.action.openSettings", "nnefx.command"]]
    assert subscriptions == 2


def npm(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["npm", *words], cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.mark.skipif(
    not (shutil.which("npm") and os.environ.get("NNEFX_NPM")),
    reason="packages of npm are fetched only where NNEFX_NPM is set",
)
def test_extension_is_packaged(tmp_path: Path) -> None:
    folder = tmp_path / "vscode"
    shutil.copytree(VSCODE, folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    shutil.copy(ROOT / "LICENSE", folder)
    installed = npm(folder, "install", "--no-audit", "--no-fund")
    assert installed.returncode == 0, installed.stderr
    packaged = npm(folder, "run", "package")
    assert packaged.returncode == 0, packaged.stdout + packaged.stderr
    (package,) = folder.glob("nnef-*.vsix")
    with zipfile.ZipFile(package) as archive:
        names = set(archive.namelist())
        manifest = json.loads(archive.read("extension/package.json"))
        client = archive.read("extension/dist/client.js").decode()
    assert {"extension/LICENSE.txt", "extension/syntaxes/nnef.tmLanguage.json"} <= names
    assert f"extension/{manifest['main'].removeprefix('./')}" in names
    assert not any("node_modules" in name for name in names)
    assert 'require("vscode")' in client
    assert 'require("vscode-languageclient' not in client  # bundled
