// A button for what cannot be taken back: the first press asks, the second does it. Focus goes to the harmless answer, and back to the
// button.

import type { JSX } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

interface ConfirmProps {
  readonly label: string;
  readonly question: string;
  readonly class: string;
  readonly onConfirm: () => void;
}

export const Confirm = ({ label, question, class: look, onConfirm }: ConfirmProps): JSX.Element => {
  const [asking, setAsking] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const harmless = useRef<HTMLButtonElement>(null);
  const asked = useRef(false);
  useLayoutEffect(() => {
    if (asking) harmless.current?.focus();
    else if (asked.current) button.current?.focus();
    asked.current = asking;
  }, [asking]);
  if (!asking) {
    return (
      <button ref={button} type="button" class={look} onClick={() => setAsking(true)}>
        {label}
      </button>
    );
  }
  const escape = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    setAsking(false);
  };
  const confirm = (): void => {
    setAsking(false);
    onConfirm();
  };
  return (
    <div class="confirm" role="alertdialog" aria-label={question} onKeyDown={escape}>
      <p>{question}</p>
      <div class="row">
        <button type="button" class="button small danger" onClick={confirm}>
          {label}
        </button>
        <button ref={harmless} type="button" class="button small quiet" onClick={() => setAsking(false)}>
          Cancel
        </button>
      </div>
    </div>
  );
};
