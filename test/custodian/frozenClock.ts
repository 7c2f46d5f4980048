// Preloaded into a custodian by a test: every clock that a program can read stands still at one instant.

const instant = 1_800_000_000_000;
const monotonicMs = 12_345.678;

const RealDate = Date;

class FrozenDate extends RealDate {
  // oxlint-disable-next-line typescript/no-explicit-any -- Date's own overloads
  constructor(...given: ConstructorParameters<typeof Date> | []) {
    if (given.length === 0) super(instant);
    else super(...given);
  }

  static override now(): number {
    return instant;
  }
}

globalThis.Date = FrozenDate as DateConstructor;
Object.defineProperty(Object.getPrototypeOf(performance), 'now', { value: () => monotonicMs });
Object.defineProperty(Object.getPrototypeOf(performance), 'timeOrigin', { get: () => instant - monotonicMs });

const hrtime = (): [number, number] => [12, 345_678_000];
process.hrtime = Object.assign(hrtime, { bigint: () => 12_345_678_000n });
process.uptime = () => 12.345;
