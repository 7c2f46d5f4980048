// What hosts ask of the server, as the page calls it.

import type { Session } from '../session/session.ts';
import type { HostControls } from './api.ts';

export const createHostControls = (session: Session): HostControls => ({
  async setRole(participantId, role) {
    await session.request('setRole', { participantId, role });
  },
  async mute(participantId) {
    await session.request('mute', participantId === undefined ? {} : { participantId });
  },
  async stopShare(participantId) {
    await session.request('stopShare', { participantId });
  },
  async remove(participantId) {
    await session.request('remove', { participantId });
  },
  async setDoor({ locked, lobby, live }) {
    await session.request('setDoor', {
      ...(locked === undefined ? {} : { locked }),
      ...(lobby === undefined ? {} : { lobby }),
      ...(live === undefined ? {} : { live }),
    });
  },
  async admit(waitingIds) {
    await session.request('admit', waitingIds === undefined ? {} : { waitingIds: [...waitingIds] });
  },
  async turnAway(waitingIds) {
    await session.request('turnAway', { waitingIds: [...waitingIds] });
  },
  async end() {
    await session.request('endMeeting', {});
  },
});
