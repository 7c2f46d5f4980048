import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { IceRecovery } from '../../src/client/browser/iceRecovery.ts';
import { VirtualClock } from './virtualClock.ts';

const make = () => {
  const clock = new VirtualClock();
  const attempts: number[] = [];
  const state = { troubles: 0, refuse: false, hold: null as Promise<void> | null };
  const began = clock.monotonicMs();
  const recovery = new IceRecovery({
    clock,
    restart: async () => {
      attempts.push(clock.monotonicMs() - began);
      await state.hold;
      if (state.refuse) throw new Error('refused');
    },
    onTrouble: () => void state.troubles++,
  });
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 100) {
      clock.advance(100);
      await turn();
    }
  };
  return { recovery, attempts, state, pass };
};

describe('a connection', () => {
  it('that is disconnected for a moment only is left alone', async () => {
    const { recovery, attempts, pass } = make();
    recovery.changed('connected');
    recovery.changed('disconnected');
    await pass(1_000);
    recovery.changed('connected');
    await pass(60_000);
    assert.deepEqual(attempts, []);
  });

  it('that stays disconnected is restarted, and no more once it is well', async () => {
    const { recovery, attempts, state, pass } = make();
    recovery.changed('connected');
    recovery.changed('disconnected');
    await pass(2_000);
    assert.equal(attempts.length, 1);
    recovery.changed('connected');
    await pass(60_000);
    assert.equal(attempts.length, 1);
    assert.equal(state.troubles, 0);
  });

  it('that failed is restarted at once, again and again, and told as trouble once', async () => {
    for (const refuse of [false, true]) {
      const { recovery, attempts, state, pass } = make();
      state.refuse = refuse;
      recovery.changed('failed');
      await pass(15_000);
      assert.ok((attempts[0] ?? Infinity) <= 100);
      assert.ok(attempts.length >= 3 && attempts.length <= 4, String(attempts));
      assert.equal(state.troubles, 0);
      await pass(60_000);
      assert.equal(state.troubles, 1);
      const before = attempts.length;
      await pass(60_000);
      assert.ok(attempts.length > before, 'it goes on for as long as it lives');
      recovery.changed('connected');
      recovery.changed('failed');
      await pass(60_000);
      assert.equal(state.troubles, 2);
      recovery.close();
    }
  });

  it('is restarted on another network though it seems well, once for all that is said of it', async () => {
    const { recovery, attempts, pass } = make();
    recovery.networkChanged();
    await pass(2_000);
    assert.deepEqual(attempts, [], 'nothing was connected yet');
    recovery.changed('connected');
    for (let times = 0; times < 3; times++) recovery.networkChanged();
    await pass(60_000);
    assert.equal(attempts.length, 1);
  });

  it('that is not well is restarted at once when the server can be asked again', async () => {
    const { recovery, attempts, pass } = make();
    recovery.changed('connected');
    recovery.reachable();
    await pass(1_000);
    assert.deepEqual(attempts, []);
    recovery.changed('failed');
    await pass(1_000);
    recovery.reachable();
    await pass(100);
    assert.equal(attempts.length, 2);
  });

  it('is restarted one attempt at a time', async () => {
    const { recovery, attempts, state, pass } = make();
    let release = (): void => undefined;
    state.hold = new Promise((resolve) => (release = resolve));
    recovery.changed('failed');
    await pass(500);
    recovery.networkChanged();
    recovery.reachable();
    await pass(20_000);
    assert.equal(attempts.length, 1);
    state.hold = null;
    release();
    await pass(4_000);
    assert.equal(attempts.length, 2);
  });

  it('is let alone when it is closed, also during an attempt', async () => {
    const { recovery, attempts, state, pass } = make();
    let release = (): void => undefined;
    state.hold = new Promise((resolve) => (release = resolve));
    recovery.changed('failed');
    await pass(500);
    recovery.close();
    recovery.close();
    release();
    recovery.changed('failed');
    recovery.networkChanged();
    recovery.reachable();
    await pass(60_000);
    assert.equal(attempts.length, 1);
    assert.equal(state.troubles, 0);
  });
});
