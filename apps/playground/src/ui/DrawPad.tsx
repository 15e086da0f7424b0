import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { clear, frameOf } from '../draw/canvas.ts';
import { palettes } from '../draw/colours.ts';
import { readStrokes, writeStrokes } from '../drawing.ts';
import type { Page } from '../page/page.ts';

type Point = readonly [number, number];

const SIZE = 480;
/** How far a key moves the brush. */
const STEP = 1 / 16;
const MOVES: Readonly<Record<string, Point>> = {
  ArrowLeft: [-STEP, 0],
  ArrowRight: [STEP, 0],
  ArrowUp: [0, STEP],
  ArrowDown: [0, -STEP],
};

/** Draws data by pointer, touch or keys: arrows move the brush, space puts it down and lifts it. */
export function DrawPad({ page }: { readonly page: Page }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const drawing = page.settings.value.drawing;
  const [strokes, setStrokes] = useState<readonly (readonly Point[])[]>(() => readStrokes(drawing));
  const [brush, setBrush] = useState<Point>([0, 0]);
  const [isDown, setDown] = useState(false);
  const [hasKeys, setKeys] = useState(false);
  const theme = page.theme.name.value;

  useLayoutEffect(() => {
    const palette = palettes[theme];
    const frame = frameOf(canvas.current!, 1);
    clear(frame, palette);
    const { context } = frame;
    context.strokeStyle = context.fillStyle = palette.models.dense;
    context.lineWidth = 14;
    context.lineCap = context.lineJoin = 'round';
    for (const stroke of strokes) {
      context.beginPath();
      stroke.forEach(([x, y]) => context.lineTo(frame.x(x), frame.y(y)));
      if (stroke.length === 1) context.lineTo(frame.x(stroke[0]![0]) + 0.1, frame.y(stroke[0]![1]));
      context.stroke();
    }
    if (!hasKeys) return;
    context.strokeStyle = palette.ink;
    context.lineWidth = 3;
    context.beginPath();
    context.arc(frame.x(brush[0]), frame.y(brush[1]), 12, 0, 2 * Math.PI);
    context.stroke();
  }, [strokes, brush, hasKeys, theme]);

  const finish = (): void => {
    setDown(false);
    if (strokes.length > 0) page.change({ drawing: writeStrokes(strokes) });
  };
  const begin = (at: Point): void => {
    setDown(true);
    setStrokes([...strokes, [at]]);
  };
  const extend = (at: Point): void => setStrokes([...strokes.slice(0, -1), [...strokes.at(-1)!, at]]);

  const at = (event: PointerEvent): Point => {
    const { left, top, width, height } = canvas.current!.getBoundingClientRect();
    const clamp = (x: number): number => Math.min(1, Math.max(-1, x));
    return [clamp((2 * (event.clientX - left)) / width - 1), clamp(1 - (2 * (event.clientY - top)) / height)];
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const move = MOVES[event.key];
    if (event.key === ' ') {
      if (isDown) finish();
      else begin(brush);
    } else if (move) {
      const next: Point = [
        Math.min(1, Math.max(-1, brush[0] + move[0])),
        Math.min(1, Math.max(-1, brush[1] + move[1])),
      ];
      setBrush(next);
      if (isDown) extend(next);
    } else return;
    event.preventDefault();
    setKeys(true);
  };

  return (
    <div class="draw">
      <canvas
        ref={canvas}
        width={SIZE}
        height={SIZE}
        tabIndex={0}
        role="application"
        aria-label="Drawing area. Arrow keys move the brush, space puts it down and lifts it."
        onPointerDown={(event) => {
          canvas.current!.setPointerCapture(event.pointerId);
          setKeys(false);
          begin(at(event));
        }}
        onPointerMove={(event) => {
          if (isDown && !hasKeys) extend(at(event));
        }}
        onPointerUp={finish}
        onPointerCancel={finish}
        onKeyDown={onKeyDown}
      />
      <div class="row">
        <p class="hint">Draw where points should lie.</p>
        <button
          type="button"
          class="quiet"
          disabled={strokes.length === 0}
          onClick={() => {
            setStrokes([]);
            setDown(false);
          }}
        >
          Clear
        </button>
      </div>
    </div>
  );
}
