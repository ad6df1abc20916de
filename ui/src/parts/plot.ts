// The drawing of one series; loaded only where there is one to draw.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Picture } from '../api/report';
import { type Moment, measure } from './series';

const HEIGHT = 150;
const FONT = '11px system-ui, sans-serif';
const two = (n: number): string => String(n).padStart(2, '0');

/** Labels for moments, in UTC: seconds are told where the stretch is short. */
function labels(splits: number[]): string[] {
  const first = splits[0] ?? 0;
  const last = splits.at(-1) ?? 0;
  const span = last - first;
  return splits.map((at) => {
    const time = new Date(at * 1000);
    const hours = `${two(time.getUTCHours())}:${two(time.getUTCMinutes())}`;
    if (span > 2 * 86_400) return `${two(time.getUTCMonth() + 1)}-${two(time.getUTCDate())}`;
    return span < 600 ? `${hours}:${two(time.getUTCSeconds())}` : hours;
  });
}

/** Draws into `node`; colours are asked for by name, so that they follow the look. */
export function draw(
  node: HTMLElement,
  picture: Picture,
  marks: Moment[],
  group: string,
  colour: (name: string) => string,
): uPlot {
  const xs = picture.times.map((time) => Date.parse(time) / 1000);
  const ys = picture.values.map((value) => (Number.isFinite(value) ? value : null));
  const look = {
    line: colour('series'),
    band: colour('band'),
    onset: colour('onset'),
    change: colour('change'),
    text: colour('faint'),
    grid: colour('hair'),
  };
  const [from, to] = [xs[0] ?? 0, xs.at(-1) ?? 0];
  const near = marks.filter((mark) => mark.at >= from && mark.at <= to);

  const under = (u: uPlot) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    if (picture.band) {
      const top = u.valToPos(picture.band[1], 'y', true);
      const bottom = u.valToPos(picture.band[0], 'y', true);
      ctx.fillStyle = look.band;
      // A band of no height is still to be seen.
      ctx.fillRect(bbox.left, top - 1, bbox.width, Math.max(3, bottom - top + 2));
    }
    if (picture.onset) {
      const left = u.valToPos(Date.parse(picture.onset.lo) / 1000, 'x', true);
      const right = u.valToPos(Date.parse(picture.onset.hi) / 1000, 'x', true);
      ctx.fillStyle = look.onset;
      ctx.fillRect(left, bbox.top, Math.max(3, right - left), bbox.height);
    }
    ctx.restore();
  };
  const over = (u: uPlot) => {
    const { ctx, bbox } = u;
    const ratio = uPlot.pxRatio;
    ctx.save();
    ctx.strokeStyle = look.change;
    ctx.fillStyle = look.change;
    ctx.lineWidth = ratio;
    ctx.setLineDash([4 * ratio, 3 * ratio]);
    let last = Number.NEGATIVE_INFINITY;
    for (const mark of near) {
      const x = Math.round(u.valToPos(mark.at, 'x', true));
      if (x - last < 3 * ratio) continue;
      last = x;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      // A flag, so that a change is not known by its colour alone.
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x + 7 * ratio, bbox.top + 4 * ratio);
      ctx.lineTo(x, bbox.top + 8 * ratio);
      ctx.fill();
    }
    ctx.restore();
  };

  return new uPlot(
    {
      width: node.clientWidth || 320,
      height: HEIGHT,
      cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false }, sync: { key: group } },
      legend: { show: false },
      padding: [6, 8, 0, 0],
      scales: { x: { time: false }, y: { range: (_u, low, high) => reach(low, high, picture.band) } },
      axes: [
        {
          stroke: look.text,
          font: FONT,
          grid: { show: false },
          ticks: { stroke: look.grid, width: 1, size: 4 },
          values: (_u, splits) => labels(splits),
          space: 70,
          size: 26,
          incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400],
        },
        {
          stroke: look.text,
          font: FONT,
          grid: { stroke: look.grid, width: 1 },
          ticks: { show: false },
          size: 62,
          space: 32,
          values: (_u, splits) => splits.map((value) => measure(value, picture.unit)),
        },
      ],
      series: [{}, { stroke: look.line, width: 1.6, points: { size: 4, fill: look.line }, spanGaps: false }],
      hooks: { drawClear: [under], draw: [over] },
    },
    [xs, ys] as uPlot.AlignedData,
    node,
  );
}

/** The band belongs into the picture, and a flat line gets room around it. */
function reach(low: number, high: number, band: Picture['band']): [number, number] {
  const bottom = Math.min(low, band?.[0] ?? low);
  const top = Math.max(high, band?.[1] ?? high);
  const room = (top - bottom) * 0.08 || Math.abs(top) * 0.1 || 1;
  return [bottom - room, top + room];
}
