// Makes the JavaScript interpreter's component.
//   node build.mjs TOOLS SOURCE.js WIT_FOLDER OUT.wasm
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [tools, sourcePath, witPath, output] = process.argv.slice(2);
const library = join(resolve(tools), 'node_modules/@bytecodealliance/componentize-js/src/componentize.js');
const { componentize } = await import(pathToFileURL(library));
const { component } = await componentize({
  sourcePath,
  witPath,
  worldName: 'interpreter',
  // The network is reached through omnisandbox:host/http alone.
  disableFeatures: ['http', 'fetch-event'],
});
await writeFile(output, component);
