// Starts `nnefx lsp` for NNEF texts; everything that the editor shows comes from there.
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

async function start() {
  const settings = vscode.workspace.getConfiguration("nnefx");
  const [command, ...args] = settings.get("command");
  client = new LanguageClient(
    "nnefx",
    "NNEF",
    { command, args },
    {
      documentSelector: [{ language: "nnef" }, { language: "nnef-quant" }],
      // tensor files that come and go beside a text change what is wrong with it
      synchronize: { fileEvents: vscode.workspace.createFileSystemWatcher("**/*.{dat,quant,nnef}") },
    },
  );
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    const answer = await vscode.window.showErrorMessage(
      `NNEF: '${[command, ...args].join(" ")}' does not start: ${error.message}. ` +
        "Install it with: pip install 'nnefx[lsp]', or name it in the setting nnefx.command.",
      "Open setting",
    );
    if (answer) vscode.commands.executeCommand("workbench.action.openSettings", "nnefx.command");
  }
}

async function stop() {
  const running = client;
  client = undefined;
  if (running) await running.stop();
}

async function restart() {
  await stop();
  await start();
}

exports.activate = async (context) => {
  context.subscriptions.push(
    vscode.commands.registerCommand("nnefx.restart", restart),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("nnefx.command")) restart();
    }),
  );
  await start();
};

exports.deactivate = stop;
