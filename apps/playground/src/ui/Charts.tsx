import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { palettes } from '../draw/colours.ts';
import type { Curves, Page } from '../page/page.ts';
import { modelNames } from '../protocol.ts';
import { modelTitles } from './words.ts';

interface ChartOf {
  readonly of: keyof Curves;
  readonly title: string;
  readonly about: string;
}

/** Loss, work and size against steps. */
export function Charts({ page }: { readonly page: Page }) {
  const isDensity = page.settings.value.task === 'density';
  const charts: readonly ChartOf[] = [
    {
      of: 'loss',
      title: 'Training loss, nats',
      about: isDensity ? 'negative log-likelihood of each batch' : 'cross-entropy of each batch',
    },
    { of: 'nfe', title: 'NFE', about: 'evaluations of the field per step, forward and backward' },
    { of: 'kept', title: 'Weights left, %', about: 'share of the parameters that is not pruned' },
  ];
  return (
    <section class="charts" aria-label="Curves">
      {charts.map((chart) => (
        <Chart key={chart.of} page={page} chart={chart} />
      ))}
    </section>
  );
}

const HEIGHT = 150;

function Chart({ page, chart }: { readonly page: Page; readonly chart: ChartOf }) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const theme = page.theme.name.value;
  const drawn = page.drawn.value;

  useEffect(() => {
    const { models, muted, grid } = palettes[theme];
    const axis = {
      stroke: muted,
      grid: { stroke: grid, width: 1 },
      ticks: { show: false },
      font: '11px "Inter Variable", sans-serif',
      size: 26,
      gap: 4,
    };
    const made = new uPlot(
      {
        width: holder.current!.clientWidth,
        height: HEIGHT,
        padding: [8, 10, 0, 0],
        cursor: { show: false },
        legend: { show: false },
        scales: { x: { time: false }, y: chart.of === 'kept' ? { range: [0, 100] } : {} },
        axes: [axis, { ...axis, size: 40 }],
        series: [
          {},
          ...modelNames.map((name) => ({
            label: modelTitles[name],
            stroke: models[name],
            width: 1.6,
            points: { show: false },
            spanGaps: true,
          })),
        ],
      },
      dataOf(page, chart.of),
      holder.current!,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: holder.current!.clientWidth, height: HEIGHT }));
    observer.observe(holder.current!);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [theme]);

  useEffect(() => {
    const waiting = requestAnimationFrame(() => plot.current?.setData(dataOf(page, chart.of)));
    return () => cancelAnimationFrame(waiting);
  }, [drawn]);

  const last = modelNames.flatMap((name) => {
    const value = page.curves.get(name)?.[chart.of].y.at(-1);
    return value === undefined ? [] : [`${modelTitles[name]} ${value.toFixed(chart.of === 'loss' ? 3 : 0)}`];
  });
  return (
    <figure class="chart">
      <figcaption>
        <b>{chart.title}</b>
        <span class="chart-about">{chart.about}</span>
      </figcaption>
      <div
        ref={holder}
        role="img"
        aria-label={`${chart.title} against steps. Last: ${last.join(', ') || 'nothing yet'}`}
      />
    </figure>
  );
}

/** Curves of all models over the steps of any. */
function dataOf(page: Page, of: keyof Curves): uPlot.AlignedData {
  const tables = modelNames.map((name): uPlot.AlignedData => {
    const curve = page.curves.get(name)?.[of];
    return [curve?.x ?? [], curve?.y ?? []];
  });
  return uPlot.join(tables);
}
