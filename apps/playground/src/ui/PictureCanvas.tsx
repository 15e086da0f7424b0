import { useLayoutEffect, useRef } from 'preact/hooks';
import { palettes } from '../draw/colours.ts';
import { paint, type Scale } from '../draw/paint.ts';
import type { Page } from '../page/page.ts';
import type { ModelName } from '../protocol.ts';

/** Pixels along a side: sharp on a phone, and the same picture on every screen. */
const SIZE = 720;

/** The picture of one model. What it shows is in `label`, too. */
export function PictureCanvas({
  page,
  model,
  scale,
  label,
}: {
  readonly page: Page;
  readonly model: ModelName;
  readonly scale: Scale;
  readonly label: string;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const picture = page.pictures.value[model];
  const data = page.data.value;
  const showsData = page.showsData.value;
  const time = page.time.value;
  const { task } = page.settings.value;
  const theme = page.theme.name.value;
  useLayoutEffect(() => {
    paint(canvas.current!, { picture, data, showsData, time, task, scale }, palettes[theme]);
  }, [picture, data, showsData, time, task, scale.low, scale.high, theme]);
  return <canvas ref={canvas} width={SIZE} height={SIZE} role="img" aria-label={label} data-model={model} />;
}
