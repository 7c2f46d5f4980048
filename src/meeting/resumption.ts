// Coming back after a socket was lost: who is away and for how long, who proves to be the same participant, and what it is told then.
// PROTOCOL.md, "Coming back".

import type { Logger } from 'pino';
import { fromBase64Url } from '../protocol/bytes.ts';
import { LatchkeyError } from '../protocol/errors.ts';
import { epochId } from '../protocol/names.ts';
import type { Answer, Ask } from '../protocol/signaling.ts';
import { encodeNotice, nowhere } from './member.ts';
import type { Member, Outlet } from './member.ts';
import type { MeetingContext, MeetingDescription } from './meetingContext.ts';
import type { Rekeying } from './rekeying.ts';

interface Surroundings {
  readonly meeting: MeetingDescription;
  readonly context: MeetingContext;
  readonly log: Logger;
  readonly rekeying: Rekeying;
  readonly members: ReadonlyMap<string, Member>;
  readonly isHere: (member: Member) => boolean;
  /** Nobody came back in time. */
  readonly onExpired: (member: Member) => void;
}

export class Resumption {
  readonly #at: Surroundings;

  constructor(at: Surroundings) {
    this.#at = at;
  }

  /** Its socket is gone: it may come back within the resume window, with all that it has. */
  away(member: Member): void {
    const { context, log, meeting, onExpired } = this.#at;
    member.outlet = nowhere;
    const { participantId: participant } = member;
    log.info({ event: 'participant.away', participant }, 'connection lost, waiting for it to come back');
    member.away = setTimeout(() => {
      context.events.resumed('expired');
      onExpired(member);
    }, meeting.timers.resumeWindowMs);
  }

  /**
   * Whoever asks holds the resume secret of this participant's lease. Who does not is told no more than that.
   * @throws LatchkeyError `resume_refused`
   */
  async prove({ participantId, proofs }: Ask<'resume'>, challenge: Uint8Array): Promise<Member> {
    const { context, isHere, meeting, members } = this.#at;
    const member = members.get(participantId);
    if (member !== undefined) {
      const { lease } = member;
      const proof = fromBase64Url(proofs.find((one) => one.lease === lease)?.proof ?? '');
      const ask = { meeting: meeting.id, lease, challenge, proof: proof ?? new Uint8Array() };
      const proven = ask.proof.length === challenge.length && (await context.custodian().verifyResume(ask));
      // It may have departed, or been moved to another lease, while the custodian was asked.
      if (proven && member.lease === lease && isHere(member)) return member;
    }
    context.events.resumed('refused');
    throw new LatchkeyError('resume_refused');
  }

  /** From now on it is reached by this outlet and by no other; what it lacks is sent. */
  resume(member: Member, outlet: Outlet, { acknowledged, confirmed, proofs }: Ask<'resume'>): void {
    const { context, isHere, log, rekeying } = this.#at;
    if (!isHere(member)) {
      outlet.end('failed', 'resume_refused');
      return;
    }
    if (member.away !== null) clearTimeout(member.away);
    member.away = null;
    const before = member.outlet;
    member.outlet = outlet;
    before.end('superseded');
    context.events.resumed('ok');
    log.info({ event: 'participant.resumed', participant: member.participantId }, 'participant resumed');
    const fingerprint = fromBase64Url(acknowledged?.fingerprint ?? '');
    if (acknowledged !== null && fingerprint !== null)
      rekeying.acknowledged(member, epochId(acknowledged.epoch), fingerprint);
    if (confirmed !== null) rekeying.confirmed(member, epochId(confirmed));
    // The admission that waits for it never reached it: no rekey to that lease would be of use.
    const { nextLease } = member;
    if (nextLease !== null && !proofs.some(({ lease }) => lease === nextLease)) {
      rekeying.lost(nextLease);
      member.readmit ??= 'lagging';
    }
    if (member.mediaLost !== null)
      outlet.sendText(encodeNotice('mediaLost', { ready: member.mediaLost === 'ready' }));
    rekeying.resumed(member);
  }

  /** What the client does not know of is closed. */
  reconcile(member: Member, { producers, consumers }: Ask<'resume'>): Answer<'resume'>['gone'] {
    const gone = member.media.reconcile(producers, consumers);
    // What went with a worker is to be made anew, which `mediaLost` tells next, and is not to be given up.
    return member.mediaLost === null ? gone : { producers: [], consumers: [] };
  }
}
