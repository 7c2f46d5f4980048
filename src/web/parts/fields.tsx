// Small parts that several screens share.

import type { ButtonHTMLAttributes, ComponentChildren, JSX } from 'preact';
import type { Device } from '../state/state.ts';
import type { Advice } from '../words/advice.ts';
import { Icon } from './icons.tsx';
import type { IconName } from './icons.tsx';

export const AdviceBox = ({
  advice,
  children,
}: {
  advice: Advice;
  children?: ComponentChildren;
}): JSX.Element => (
  <div class="advice" role="alert">
    <Icon name="warning" />
    <div>
      <strong>{advice.title}</strong>
      <p>{advice.hint}</p>
      {children}
    </div>
  </div>
);

interface DeviceSelectProps {
  readonly id: string;
  readonly label: string;
  readonly devices: readonly Device[];
  readonly chosen: string | null;
  readonly none: string;
  readonly onChoose: (id: string) => void;
}

export const DeviceSelect = ({
  id,
  label,
  devices,
  chosen,
  none,
  onChoose,
}: DeviceSelectProps): JSX.Element => {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        disabled={devices.length === 0}
        value={chosen ?? ''}
        onChange={({ currentTarget }) => onChoose(currentTarget.value)}
      >
        {devices.length === 0 && <option value="">{none}</option>}
        {devices.length > 0 && !devices.some((device) => device.id === chosen) && (
          <option value="">System’s choice</option>
        )}
        {devices.map((device) => (
          <option key={device.id} value={device.id}>
            {device.label}
          </option>
        ))}
      </select>
    </div>
  );
};

/** Kept in memory, sent as Bearer, never stored: not even by a password manager, where it can be asked not to. */
export const SecretField = ({ onInput }: { onInput: (secret: string) => void }): JSX.Element => {
  return (
    <div class="field">
      <label for="secret">API secret</label>
      <input
        id="secret"
        name="secret"
        type="password"
        autocomplete="off"
        spellcheck={false}
        aria-describedby="secret-hint"
        onInput={({ currentTarget }) => onInput(currentTarget.value)}
      />
      <p class="hint" id="secret-hint">
        The server printed it when it first started. This page forgets it when it is closed.
      </p>
    </div>
  );
};

interface RoundProps {
  readonly icon: IconName;
  readonly label: string;
  /** Under the icon, where there is room. */
  readonly caption?: string;
  readonly pressed?: boolean;
  readonly look?: 'off' | 'on' | 'leave';
  readonly busy?: boolean;
  readonly shortcut?: string;
  readonly onClick: () => void;
}

export const RoundButton = (
  props: RoundProps & Omit<ButtonHTMLAttributes, keyof RoundProps>,
): JSX.Element => {
  const { icon, label, caption, pressed, look, busy, shortcut, onClick, ...rest } = props;
  return (
    <button
      {...rest}
      type="button"
      class={`round ${look ?? ''}`}
      aria-label={label}
      aria-pressed={pressed}
      aria-busy={busy === true}
      aria-keyshortcuts={shortcut}
      title={label}
      onClick={onClick}
    >
      <Icon name={icon} />
      {caption !== undefined && <span class="caption">{caption}</span>}
    </button>
  );
};
