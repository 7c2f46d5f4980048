import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  arrangeGrid,
  arrangeStage,
  capacityOf,
  gapPx,
  leastTile,
  peopleCapacity,
  tallAspect,
  wideAspect,
} from '../../src/web/layout/arrange.ts';
import type { Box, Place } from '../../src/web/layout/arrange.ts';

/** Windows from a small phone's to a wall's. */
const rooms = fc.record({
  width: fc.integer({ min: 200, max: 4_000 }),
  height: fc.integer({ min: 160, max: 2_400 }),
});
const phone: Box = { width: 344, height: 600 };
const slack = 1e-6;

const isInside = ({ x, y, width, height }: Place, room: Box): boolean =>
  x >= -slack && y >= -slack && x + width <= room.width + slack && y + height <= room.height + slack;

const overlap = (a: Place, b: Place): boolean =>
  a.x < b.x + b.width - slack &&
  b.x < a.x + a.width - slack &&
  a.y < b.y + b.height - slack &&
  b.y < a.y + a.height - slack;

const assertApart = (places: readonly Place[], room: Box): void => {
  for (const [index, place] of places.entries()) {
    assert.ok(isInside(place, room), `${JSON.stringify(place)} stands outside ${JSON.stringify(room)}`);
    assert.ok(place.width > 0 && place.height > 0);
    for (const other of places.slice(index + 1)) assert.ok(!overlap(place, other));
  }
};

/** The area of a tile in a grid of so many columns, reckoned anew. */
const areaWith = (columns: number, count: number, room: Box, leastAspect: number): number => {
  const rows = Math.ceil(count / columns);
  const cell = {
    width: (room.width - gapPx * (columns - 1)) / columns,
    height: (room.height - gapPx * (rows - 1)) / rows,
  };
  if (cell.width <= 0 || cell.height <= 0) return 0;
  const widest = Math.min(cell.width, cell.height * wideAspect);
  const narrowest = Math.min(cell.width, cell.height * leastAspect);
  const aspect = Math.min(wideAspect, Math.max(leastAspect, cell.width / cell.height));
  const width = Math.min(widest, cell.width, cell.height * aspect);
  assert.ok(width >= narrowest - slack);
  return (width * width) / aspect;
};

describe('the grid of tiles', () => {
  it('keeps every tile inside the window and apart from the others', () => {
    fc.assert(
      fc.property(rooms, fc.double({ min: 0, max: 1, noNaN: true }), (room, share) => {
        const count = Math.max(1, Math.floor(capacityOf(room) * share));
        assertApart(arrangeGrid(count, room), room);
      }),
    );
  });

  it('gives all one size and a shape between 4:5 and 16:9, in wide windows 16:9', () => {
    fc.assert(
      fc.property(rooms, fc.integer({ min: 1, max: 12 }), (room, count) => {
        const [first, ...rest] = arrangeGrid(count, room);
        assert.ok(first !== undefined);
        const aspect = first.width / first.height;
        const least = room.height > room.width ? tallAspect : wideAspect;
        assert.ok(aspect >= least - slack && aspect <= wideAspect + slack, String(aspect));
        for (const { width, height } of rest) assert.deepEqual([width, height], [first.width, first.height]);
      }),
    );
  });

  it('has the number of columns that makes tiles largest', () => {
    fc.assert(
      fc.property(rooms, fc.integer({ min: 1, max: 30 }), (room, count) => {
        const [first] = arrangeGrid(count, room);
        assert.ok(first !== undefined);
        const least = room.height > room.width ? tallAspect : wideAspect;
        const areas = Array.from({ length: count }, (_, index) => areaWith(index + 1, count, room, least));
        assert.ok(first.width * first.height >= Math.max(...areas) - 0.02);
      }),
    );
  });

  it('puts two people above each other on a phone and beside each other on a desk', () => {
    const [above, below] = arrangeGrid(2, phone);
    assert.ok(above !== undefined && below !== undefined);
    assert.equal(above.x, below.x);
    const [left, right] = arrangeGrid(2, { width: 1_248, height: 660 });
    assert.ok(left !== undefined && right !== undefined);
    assert.equal(left.y, right.y);
  });

  it('centres an incomplete last row', () => {
    const places = arrangeGrid(3, { width: 1_248, height: 680 });
    const last = places.at(-1);
    assert.ok(last !== undefined);
    assert.ok(Math.abs(last.x + last.width / 2 - 624) < slack);
  });

  it('is empty for nobody', () => {
    assert.deepEqual(arrangeGrid(0, phone), []);
  });
});

describe('the stage with a shown screen', () => {
  it('keeps screens and people inside the window and apart', () => {
    fc.assert(
      fc.property(
        rooms,
        fc.integer({ min: 1, max: 2 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (room, screens, share) => {
          const count = Math.max(1, Math.floor(peopleCapacity(screens, room) * share));
          const { screens: shown, people } = arrangeStage(screens, count, room);
          assert.equal(shown.length, screens);
          assert.equal(people.length, count);
          assertApart([...shown, ...people], room);
        },
      ),
    );
  });

  it('gives the screen more room than anybody', () => {
    const area = ({ width, height }: Box) => width * height;
    for (const room of [phone, { width: 1_248, height: 680 }]) {
      const { screens, people } = arrangeStage(1, 4, room);
      const [screen] = screens.map(area);
      assert.ok(screen !== undefined && people.every((person) => area(person) < screen));
    }
  });
});

it('shows only as many people as can be told apart', () => {
  fc.assert(
    fc.property(rooms, (room) => {
      const count = capacityOf(room);
      const [first] = arrangeGrid(count, room);
      assert.ok(first !== undefined);
      const cramped = room.width < leastTile.width || room.height < leastTile.height;
      assert.ok(
        cramped || count === 1 || first.width * first.height >= leastTile.width * leastTile.height - slack,
      );
    }),
  );
});
