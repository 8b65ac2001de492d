// Reads an AsyncAPI document and prints how many operations the official parser finds. Errors and warnings go to stderr.

import { readFileSync } from 'node:fs';
import parser from '@asyncapi/parser';

const WARNING = 1;
const { document, diagnostics } = await new parser.Parser().parse(readFileSync(0, 'utf8'));
for (const { severity, path, message } of diagnostics) {
  if (severity <= WARNING) console.error(path.join('.'), message);
}
if (!document) process.exit(1);
console.log(document.operations().all().length);
