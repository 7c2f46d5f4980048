// Loaded before the server (`node --import`): has it answer the questions of mediaWatch.ts over IPC, and end with its channel.

import { answerBy } from './childProcess.ts';
import './dataFolder.ts';
import { watched } from './mediaWatch.ts';

answerBy(watched, () => process.kill(process.pid, 'SIGTERM'));
