// Why a load could not be run to its end, in words for whoever started it.

export type FailureKind =
  /** Something that it needs is not there: the server, or the package with its media peer. */
  | 'unavailable'
  /** A process of its own died or hangs. */
  | 'broken';

export class LoadFailure extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'LoadFailure';
    this.kind = kind;
  }
}
