// What protects this meeting, in numbers, and what does not. Always in the document, so that it can be read (by tests too) without
// being open.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { EpochInfo, MeetingStats } from '../../client/browser/api.ts';
import type { Props } from '../app.tsx';
import {
  cipherName,
  dropWords,
  dtlsName,
  fingerprintGroups,
  operatorSentence,
  since,
  wordsForTrigger,
} from '../words/keyWords.ts';
import type { DropCount } from '../words/keyWords.ts';
import { PanelFrame } from './panel.tsx';

/** Redraws once a second while it is looked at. */
const useNow = (running: boolean): number => {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!running) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, [running]);
  return now;
};

const clock = (at: number): string => new Date(at).toLocaleTimeString();

const Current = ({ epoch, now }: { epoch: EpochInfo; now: number }): JSX.Element => (
  <dl class="facts">
    <div>
      <dt>Epoch</dt>
      <dd data-epoch={epoch.epoch}>{epoch.epoch}</dd>
    </div>
    <div>
      <dt>Fingerprint</dt>
      <dd class="fingerprint" data-fingerprint={epoch.fingerprint}>
        {fingerprintGroups(epoch.fingerprint).map((group, index) => (
          <span key={index}>{group}</span>
        ))}
      </dd>
      <dd class="hint">The same for everybody: compare it by reading it aloud.</dd>
    </div>
    <div>
      <dt>Last changed</dt>
      <dd data-testid="changed">
        {since(now - epoch.at)}, at {clock(epoch.at)}: {wordsForTrigger(epoch.trigger)}
      </dd>
    </div>
  </dl>
);

const Hop = ({ hop }: { hop: MeetingStats['hop'] | undefined }): JSX.Element => {
  const { srtpCipher = null, dtlsCipher = null, tlsVersion = null } = hop ?? {};
  return (
    <dl class="facts">
      <div>
        <dt>Your hop to the server</dt>
        <dd data-hop={srtpCipher ?? ''}>
          {srtpCipher === null ? 'not known yet' : cipherName(srtpCipher)}
          {tlsVersion === null ? '' : `, ${dtlsName(tlsVersion)}`}
        </dd>
        {dtlsCipher !== null && <dd class="hint">Handshake: {dtlsCipher}</dd>}
      </div>
    </dl>
  );
};

const Frames = ({ frames }: { frames: MeetingStats['frames'] | undefined }): JSX.Element => {
  const drops = Object.keys(dropWords) as DropCount[];
  const dropped = drops.filter((drop) => (frames?.[drop] ?? 0) > 0);
  return (
    <table class="counts">
      <caption>Frames since you joined</caption>
      <tbody>
        <tr>
          <th scope="row">Sealed</th>
          <td data-testid="sealed">{frames?.sealed ?? 0}</td>
        </tr>
        <tr>
          <th scope="row">Opened</th>
          <td data-testid="opened">{frames?.opened ?? 0}</td>
        </tr>
        {dropped.map((drop) => (
          <tr key={drop}>
            <th scope="row">Dropped: {dropWords[drop]}</th>
            <td>{frames?.[drop]}</td>
          </tr>
        ))}
        {dropped.length === 0 && (
          <tr>
            <th scope="row">Dropped</th>
            <td>0</td>
          </tr>
        )}
      </tbody>
    </table>
  );
};

const Earlier = ({ epochs }: { epochs: readonly EpochInfo[] }): JSX.Element | null =>
  epochs.length === 0 ? null : (
    <section class="earlier">
      <h3>Earlier keys</h3>
      <ol>
        {epochs.map(({ epoch, at, trigger }) => (
          <li key={epoch}>
            <b>{epoch}</b>
            <span>{wordsForTrigger(trigger)}</span>
            <time dateTime={new Date(at).toISOString()}>{clock(at)}</time>
          </li>
        ))}
      </ol>
    </section>
  );

export const KeyPanel = ({ state, store }: Props): JSX.Element => {
  const open = state.panel === 'key';
  const now = useNow(open);
  const [current, ...earlier] = state.epochs;
  return (
    <PanelFrame panel="key" title="The key of this meeting" store={store} open={open}>
      {current !== undefined && <Current epoch={current} now={now} />}
      <Hop hop={state.stats?.hop} />
      <div class="claim">
        <strong data-testid="claim">{operatorSentence}</strong>
        <p>
          The server makes this meeting’s key, hands it to everybody present and forgets it. The network,
          relays, the processes that carry your packets, disks, and people who are not in the meeting cannot
          read it. Its operator could, by changing the server: this is not end-to-end encryption against them.
        </p>
      </div>
      <Frames frames={state.stats?.frames} />
      <Earlier epochs={earlier} />
    </PanelFrame>
  );
};
