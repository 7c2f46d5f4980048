// zod compiles its parsers where it may make functions from text, and tries that once: under a policy that forbids it the try is
// reported as a violation (Firefox shows it to people, `report-to` sends it). Imported before any schema is made.

import { z } from 'zod';

z.config({ jitless: true });
