// Names that cannot be guessed: 128 random bits as base64url.

import { randomBytes } from 'node:crypto';

const random = (): string => randomBytes(16).toString('base64url');

export const newMeetingId = random;
export const newParticipantId = random;
export const newWaitingId = random;
