// What a meeting does about what happens in its media room.

import type { Logger } from 'pino';
import type { RoomEvents } from '../media/room.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import type { EndReason } from '../protocol/names.ts';
import type { Audience } from './audience.ts';
import { encodeNotice } from './member.ts';
import type { Member } from './member.ts';
import type { MeetingContext } from './meetingContext.ts';
import { watchedBy } from './senders.ts';
import type { Senders } from './senders.ts';

interface Running {
  readonly member: (participantId: string) => Member | undefined;
  readonly senders: Senders;
  readonly audience: Pick<Audience, 'speakers'>;
  readonly close: (reason: EndReason, code?: ErrorCode) => void;
}

/** `running`: null until the meeting runs. */
export const roomEvents = (
  context: MeetingContext,
  log: Logger,
  running: () => Running | null,
): RoomEvents => {
  const memberOf = (participantId: string): Member | undefined => running()?.member(participantId);
  return {
    onSpeakers: (participantIds) => running()?.audience.speakers(participantIds),
    onLost: (participantId) => {
      const member = memberOf(participantId);
      if (member === undefined) return;
      member.mediaLost = 'lost';
      member.outlet.sendText(encodeNotice('mediaLost', { ready: false }));
    },
    onReopen: (participantId) => {
      const member = memberOf(participantId);
      // Null: it has asked by itself meanwhile, to send in another role.
      if (member === undefined || member.mediaLost === null) return;
      member.mediaLost = 'ready';
      member.outlet.sendText(encodeNotice('mediaLost', { ready: true }));
      context.events.mediaMoved();
    },
    onConsumersGone: (participantId, consumers) =>
      memberOf(participantId)?.outlet.sendText(
        encodeNotice('consumersLost', {
          consumers: consumers.map(({ consumerId, producerId }) => ({ consumerId, producerId })),
        }),
      ),
    onWanted: (participantId, producerId, spatialLayer) =>
      memberOf(participantId)?.outlet.sendText(encodeNotice('wanted', { producerId, spatialLayer })),
    onFailed: (cause) => log.error({ event: 'media.failed', err: cause }, 'media did not follow'),
    onDied: () => running()?.close('failed', 'worker_died'),
    watch: watchedBy(context, () => running()?.senders ?? null),
  };
};
