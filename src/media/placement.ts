// On which worker the next participant of a meeting is at home. A small meeting stays together, so that nothing is piped; one that grows
// takes worker after worker, and beyond that each newcomer goes where there is most room.

export interface PlaceableWorker {
  readonly index: number;
  readonly transports: number;
  readonly consumers: number;
  /** Share of a core over the last seconds, 0 to 1. */
  readonly cpuShare: number;
  /** Participants of this meeting that are at home there; null: the meeting has nothing there yet. */
  readonly residents: number | null;
}

export interface PlacementLimits {
  /** Share of a core, 0 to 1, from which on a worker is full. */
  readonly workerShare: number;
  /** Consumers from which on a worker is full. */
  readonly consumersPerWorker: number;
}

/** Participants of one meeting on one worker before it takes another. More: fewer pipes. Fewer: a join storm is spread sooner. */
export const togetherUpTo = 50;

/** Consumers that a worker carries with ease, as mediasoup's guidance has it: what its strain is measured by, not a limit. */
export const easyConsumers = 500;

export const isFull = (worker: PlaceableWorker, limits: PlacementLimits): boolean =>
  worker.cpuShare >= limits.workerShare || worker.consumers >= limits.consumersPerWorker;

/** Transports count while their consumers are yet to come: in a join storm they are all there is. 1: as much as it carries with ease. */
const strain = (worker: PlaceableWorker, { workerShare }: PlacementLimits): number =>
  Math.max(Math.max(worker.consumers, worker.transports) / easyConsumers, worker.cpuShare / workerShare);

const leastStrained = (
  workers: readonly PlaceableWorker[],
  limits: PlacementLimits,
): PlaceableWorker | undefined =>
  workers.toSorted(
    (a, b) =>
      strain(a, limits) - strain(b, limits) ||
      // Where the meeting already is, before where it is not; then evenly.
      Number(a.residents === null) - Number(b.residents === null) ||
      (a.residents ?? 0) - (b.residents ?? 0) ||
      a.index - b.index,
  )[0];

/** The index of the worker, or `full` where every one is (or there is none). */
export const place = (workers: readonly PlaceableWorker[], limits: PlacementLimits): number | 'full' => {
  const open = workers.filter((worker) => !isFull(worker, limits));
  const together = open
    .filter(
      (worker) => worker.residents !== null && worker.residents < togetherUpTo && strain(worker, limits) < 1,
    )
    .toSorted((a, b) => (b.residents ?? 0) - (a.residents ?? 0) || a.index - b.index);
  return (together[0] ?? leastStrained(open, limits))?.index ?? 'full';
};

/** For whoever must be placed though all are full: those who are in a meeting are never turned away. Null: there is none. */
export const placeAnyway = (workers: readonly PlaceableWorker[], limits: PlacementLimits): number | null => {
  const placed = place(workers, limits);
  return placed === 'full' ? (leastStrained(workers, limits)?.index ?? null) : placed;
};
