// Where the tiles of a meeting stand: pure arithmetic on CSS pixels, so that a test can try every window.
// Invariants (test/web/arrange.test.ts): every tile lies inside the window, none overlaps another, all of a grid are of one
// size, and no other number of columns would make them larger.

export interface Box {
  readonly width: number;
  readonly height: number;
}

export interface Place extends Box {
  readonly x: number;
  readonly y: number;
}

/** Cameras are 16:9; in a window taller than wide a tile may be as narrow as 4:5, since phones film upright. */
export const wideAspect = 16 / 9;
export const tallAspect = 4 / 5;

/** Between tiles. */
export const gapPx = 8;
/** Below this, a face is no longer told apart: whoever does not fit is in the list of people. */
export const leastTile: Box = { width: 128, height: 72 };

interface Grid extends Box {
  readonly columns: number;
  readonly rows: number;
}

const tileOf = (columns: number, rows: number, room: Box, leastAspect: number): Box => {
  const width = (room.width - gapPx * (columns - 1)) / columns;
  const height = (room.height - gapPx * (rows - 1)) / rows;
  if (width <= 0 || height <= 0) return { width: 0, height: 0 };
  const aspect = Math.min(wideAspect, Math.max(leastAspect, width / height));
  return width / height > aspect ? { width: height * aspect, height } : { width, height: width / aspect };
};

const leastAspectIn = (room: Box): number => (room.height > room.width ? tallAspect : wideAspect);

/** The number of columns whose tiles are largest; of equals, the one that leaves the fewest places empty. */
const bestGrid = (count: number, room: Box, leastAspect: number): Grid => {
  let best: Grid = { columns: 1, rows: count, ...tileOf(1, count, room, leastAspect) };
  for (let columns = 2; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const grid = { columns, rows, ...tileOf(columns, rows, room, leastAspect) };
    const larger = grid.width * grid.height - best.width * best.height;
    const fewerEmpty = columns * rows < best.columns * best.rows;
    if (larger > 0.01 || (larger > -0.01 && fewerEmpty)) best = grid;
  }
  return best;
};

/** Places for `count` equal tiles, row by row, centred; an incomplete last row is centred too. */
export const arrangeGrid = (count: number, room: Box, leastAspect = leastAspectIn(room)): Place[] => {
  if (count === 0) return [];
  const { columns, rows, width, height } = bestGrid(count, room, leastAspect);
  const top = (room.height - rows * height - (rows - 1) * gapPx) / 2;
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / columns);
    const inRow = row === rows - 1 ? count - columns * row : columns;
    const left = (room.width - inRow * width - (inRow - 1) * gapPx) / 2;
    return {
      x: Math.max(0, left) + (index % columns) * (width + gapPx),
      y: Math.max(0, top) + row * (height + gapPx),
      width,
      height,
    };
  });
};

const fit = (space: number, size: number): number =>
  Math.max(1, Math.floor((space + gapPx) / (size + gapPx)));

/** How many tiles of at least `leastTile` fit; never fewer than one. */
export const capacityOf = (room: Box): number =>
  fit(room.width, leastTile.width) * fit(room.height, leastTile.height);

/** In a wide window, the share of its width for the people beside what somebody shows. */
const stripShare = 0.22;
/** In a tall window, the most of its height that what is shown may take. */
const mostShown = 0.6;

interface Parts {
  readonly main: Box;
  readonly strip: Place;
}

/** The two parts of a window in which screens are shown. */
const splitStage = (screens: number, room: Box): Parts => {
  const { width, height } = room;
  if (height > width) {
    const needed = screens * (width / wideAspect + gapPx) - gapPx;
    const main = { width, height: Math.min(needed, height * mostShown) };
    const y = main.height + gapPx;
    return { main, strip: { x: 0, y, width, height: Math.max(0, height - y) } };
  }
  const strip = Math.min(width, Math.max(leastTile.width, width * stripShare));
  const main = { width: Math.max(0, width - strip - gapPx), height };
  return { main, strip: { x: width - strip, y: 0, width: strip, height } };
};

/** The screens that are shown get most of the window; people stand beside them, or below them in a tall window. */
export const arrangeStage = (
  screens: number,
  people: number,
  room: Box,
): { screens: Place[]; people: Place[] } => {
  if (screens === 0) return { screens: [], people: arrangeGrid(people, room) };
  if (people === 0) return { screens: arrangeGrid(screens, room), people: [] };
  const { main, strip } = splitStage(screens, room);
  return {
    screens: arrangeGrid(screens, main, wideAspect),
    people: arrangeGrid(people, strip, leastAspectIn(room)).map((place) => ({
      ...place,
      x: place.x + strip.x,
      y: place.y + strip.y,
    })),
  };
};

/** How many people fit beside `screens` shown screens. */
export const peopleCapacity = (screens: number, room: Box): number =>
  capacityOf(screens === 0 ? room : splitStage(screens, room).strip);
